"""Checks a statement, in words or as a triple, against what the sources say: for it and against it.

The words are those of the ontology around a fixed list of relations; what is not understood is
refused. Where words have several meanings every one is checked, and each piece of evidence says
which statement it is about.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kg.errors import BadParameter, UnknownEntity
from kg.index import Index
from kg.lexicon import Lexicon
from kg.matching import OPPOSITES, Matcher
from kg.questions import Criterion, Finding
from kg.records import Claim, Presentation
from kg.statements import SAID, ClaimReader, Statement
from kg.views import DISCLAIMER, Json, Views
from kg.vocabulary import GRADES

MAX_EVIDENCE = 50


_CLIMBS = {"treated_by": "treatment", "prevented_by": "treatment", "affects_structure": "region"}
"""Relations that go on from a value of this kind to what it involves or is part of."""

_KEYS = ("sentence", "subject", "property", "object")

NOTES = {
    "supported": "A source says that it may be so; none is recorded that says the opposite.",
    "contradicted": "What is recorded says the opposite; no source is recorded that says it.",
    "mixed": "Sources stand on both sides, or it differs from condition to condition.",
    "not_recorded": "Neither this nor its opposite is recorded: that does not make it false.",
}

_GRADES = tuple(GRADES)


@dataclass(slots=True)
class _Evidence:
    supporting: list[Json] = field(default_factory=list)
    contradicting: list[Json] = field(default_factory=list)
    related: list[Json] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if self.supporting:
            return "mixed" if self.contradicting else "supported"
        return "contradicted" if self.contradicting else "not_recorded"

    def add(self, other: "_Evidence") -> None:
        self.supporting += other.supporting
        self.contradicting += other.contradicting
        self.related += other.related


class ClaimChecker:
    """Checks statements over one index."""

    def __init__(self, matcher: Matcher, lexicon: Lexicon, views: Views, version: str) -> None:
        self._index = matcher.index
        self._version = version
        self._views = views
        self._matcher = matcher
        self._reader = ClaimReader(matcher.index, lexicon)

    def check(self, data: object) -> Json:
        """The verdict on `{sentence}` or `{subject, property, object}`, with both sides.

        BadParameter, NotUnderstood or UnknownEntity tell why there is none.
        """
        statements = self._read(data)
        evidence, readings = _Evidence(), []
        for statement in statements:
            found = self._weigh(statement)
            evidence.add(found)
            readings.append({"statement": self._said(statement), "verdict": found.verdict})
        sides = {
            name: getattr(evidence, name) for name in ("supporting", "contradicting", "related")
        }
        note = NOTES[evidence.verdict]
        if statements[0].negated:
            note = f"The statement denies: what would support it is listed as against it. {note}"
        return {
            "verdict": evidence.verdict,
            "statement": readings[0]["statement"],
            "negated": statements[0].negated,
            "readings": readings,
            **{name: items[:MAX_EVIDENCE] for name, items in sides.items()},
            "totals": {name: len(items) for name, items in sides.items()},
            "note": note,
            "version": self._version,
            "disclaimer": DISCLAIMER,
        }

    def _read(self, data: object) -> list[Statement]:
        known = _texts(data)
        if "sentence" in known:
            return self._reader.sentence(known["sentence"])
        try:
            return self._reader.triple(*(known[key] for key in _KEYS[1:]))
        except UnknownEntity as error:
            raise BadParameter(str(error), error.suggestions) from None

    def _said(self, statement: Statement) -> str:
        label = self._index.label
        about = [_finding_said(statement.given, self._index)] if statement.given else []
        about += [label(statement.condition)] if statement.condition else []
        value = label(statement.value)
        if statement.relation == "symptom":
            value = _finding_said(statement.asked, self._index)
        said = f"{' of '.join(about)} {SAID[statement.relation]} {value}"
        return f"It is not so that {said}" if statement.negated else said

    def _weigh(self, statement: Statement) -> _Evidence:
        found = self._shown(statement) if statement.asked else self._claimed(statement)
        if statement.negated:
            found.supporting, found.contradicting = found.contradicting, found.supporting
        return found

    # -- claims ----------------------------------------------------------------------------

    def _claimed(self, statement: Statement) -> _Evidence:
        found, said = _Evidence(), self._said(statement)
        subject, value = str(statement.condition), statement.value
        for claim in self._between(subject, value):
            view = self._views.claim(claim)
            item = {"statement": said, "kind": "claim", "claim": view, "source": view["source"]}
            says = claim.relation == statement.relation and self._says(claim, subject, value)
            (found.supporting if says else found.related).append(item)
        return found

    def _between(self, subject: str, value: str) -> list[Claim]:
        """The claims that relate a condition and a value, or what is narrower or wider than it."""
        about, wider = self._index.claims_about, self._index.broader(value)
        forth = [
            claim
            for claim in about.get(subject, ())
            if claim.value in wider or value in self._index.broader(claim.value)
        ]
        back = [claim for claim in about.get(value, ()) if claim.value == subject]
        return list({claim.id: claim for claim in (*forth, *back)}.values())

    def _says(self, claim: Claim, subject: str, value: str) -> bool:
        """Whether a claim of the relation relates the two; what is confused is so both ways."""
        about = {claim.subject, *claim.heirs}
        if claim.relation == "confused_with" and value in about and claim.value == subject:
            return True
        return subject in about and self._climbs(claim, value)

    def _climbs(self, claim: Claim, value: str) -> bool:
        """Whether what a claim says of its value follows for another: naproxen, so an NSAID."""
        entity = self._index.entity(claim.value)
        if value == entity.id or value in entity.ancestors:
            return True
        climbs = claim.relation in _CLIMBS
        return climbs and value in self._index.broader(entity.id)

    # -- presentations ---------------------------------------------------------------------

    def _shown(self, statement: Statement) -> _Evidence:
        finding = Finding.of([*statement.given, *statement.asked])
        entailing = self._matcher.entailing([finding])
        found = _Evidence()
        found.supporting = [
            self._presented(statement, one)
            for one in sorted(entailing, key=_strength)
            if statement.condition in (None, *one.conditions)
        ]
        for one, role in self._opposing(statement).values():
            against = [
                self._views.reference(value)
                for value in one.recorded[role]
                if self._speaks(role, value, statement.value)
            ]
            because = {"role": role, "values": against}
            found.contradicting.append({**self._presented(statement, one), "because": because})
        if statement.condition and not found.supporting:
            found.related = [*self._nearly(statement, finding), *self._claimed(statement).related]
        return found

    def _presented(self, statement: Statement, one: Presentation) -> Json:
        view = self._views.presentation(one)
        said = self._said(statement)
        return {
            "statement": said,
            "kind": "presentation",
            "presentation": view,
            "source": view["source"],
        }

    def _nearly(self, statement: Statement, finding: Finding) -> list[Json]:
        """What is recorded more generally, or nearby, where nothing is as stated."""
        match = self._matcher.match(str(statement.condition), finding)
        if match is None or match.status.name != "COMPATIBLE":
            return []
        return [self._presented(statement, one) for one in match.presentations]

    def _speaks(self, role: str, value: str, factor: str) -> bool:
        wider = self._index.broader(factor)
        if role in ("quality", "timing"):
            return bool(wider.intersection(self._index.entity(value).contradicts_relief_by))
        return value in wider

    def _opposing(self, statement: Statement) -> dict[str, tuple[Presentation, str]]:
        """The presentations (by id) that record the opposite, with the role in which they do.

        As in matching: what brings on or worsens any symptom of a condition there speaks against
        relief, and only what is as general as what is stated speaks against it.
        """
        found: dict[str, tuple[Presentation, str]] = {}
        roles = OPPOSITES.get(statement.relation, ())
        for condition in self._concerned(statement) if roles else ():
            rows = self._index.presentations_of.get(condition, [])
            about = [one for one in rows if _entails(one, statement.given)]
            regions = [c for c in statement.given if c.role == "region"]
            near = [one for one in rows if self._is_near(one, regions)]
            for one in near if statement.relation == "relieved_by" else about:
                for role in roles:
                    if any(self._speaks(role, v, statement.value) for v in one.recorded[role]):
                        found[one.id] = one, role
            if statement.relation == "relieved_by":
                found |= self._denied(about, statement.value)
        return found

    def _denied(
        self, rows: Sequence[Presentation], factor: str
    ) -> dict[str, tuple[Presentation, str]]:
        """Presentations that are such, 'at rest', that a factor cannot relieve them, if all are."""
        denied = {
            one.id: (one, role)
            for one in rows
            for role in ("quality", "timing")
            if any(self._speaks(role, value, factor) for value in one.recorded[role])
        }
        return denied if len(denied) == len(rows) else {}

    def _concerned(self, statement: Statement) -> list[str]:
        if statement.condition is not None:
            return [statement.condition]
        given = self._matcher.entailing([Finding.of(statement.given)])
        return list(dict.fromkeys(one.condition for one in given))

    def _is_near(self, one: Presentation, regions: Iterable[Criterion]) -> bool:
        """Whether a presentation may be in the regions: it has none, or one that overlaps."""
        recorded = one.recorded["region"]
        return not recorded or all(
            any(self._index.shared(c.value, other) for other in recorded) for c in regions
        )


def _strength(one: Presentation) -> tuple[int, str]:
    return _GRADES.index(one.grade), one.id


def _entails(one: Presentation, criteria: Iterable[Criterion]) -> bool:
    return all(c.value in one.entailed[c.role] for c in criteria)


def _finding_said(criteria: Iterable[Criterion], index: Index) -> str:
    said = "a symptom"
    for criterion in criteria:
        label = index.label(criterion.value)
        if criterion.role == "symptom":
            said = label
        else:
            said += f" in the {label}" if criterion.role == "region" else f", {label}"
    return said


def _texts(data: object) -> Mapping[str, str]:
    """A request as it must be: either a sentence, or the three parts of a triple."""
    if not isinstance(data, Mapping) or set(data) not in ({_KEYS[0]}, set(_KEYS[1:])):
        raise BadParameter(f"send an object with sentence, or with {', '.join(_KEYS[1:])}", _KEYS)
    parts: dict[str, Any] = dict(data)
    for key, value in parts.items():
        if not isinstance(value, str) or not value.strip():
            raise BadParameter(f"{key} must be a text")
    return parts
