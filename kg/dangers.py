"""What an answer must not keep silent about: dangers, and how little is recorded.

Every condition with red flags that a limit, a filter or a contradiction keeps from the answers is
listed all the same, and so is every red flag that the question itself mentions.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from kg.index import Index
from kg.matching import Matcher
from kg.questions import ANSWER_ROLES, RELATION_ASKED, Criterion, Finding, Question
from kg.records import Claim
from kg.views import URGENCY_ORDER, Json, Views

_PROVOKING = ("triggered_by", "aggravated_by")
"""Roles in which a fall or a bite is something that happened."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A condition that a question matches; the reason holds if it is not among the answers.

    Such as "beyond the limit", or "contradicted: worse with rest"; `rank` is None for one that
    has no place in the ranking.
    """

    condition: str
    reason: str
    rank: int | None = None


class Dangers:
    """Finds the dangers that a question mentions, and those that its answers leave out."""

    def __init__(self, index: Index, views: Views) -> None:
        self._index = index
        self._views = views
        self._share = cache(self._find_share)
        self._flagged: dict[str, list[Claim]] = defaultdict(list)
        for claim in index.claims.values():
            if claim.relation == "has_red_flag":
                self._flagged[claim.value].append(claim)
        self._defined = {
            entity.id: _criteria(entity.defined_as)
            for entity in index.entities.values()
            if entity.kind == "symptom" and entity.defined_as
        }
        """Symptom → the criteria that together mean the same."""

    def suppressed(self, matched: Iterable[Matched], shown: Collection[str]) -> list[Json]:
        """The conditions with red flags that match but are not shown, most urgent first.

        `{entity, urgency, red_flags, reason, rank}`; of a condition that is given twice, the
        first counts. Of equal urgency, the better ranked come first.
        """
        hidden: dict[str, Matched] = {}
        for item in matched:
            if item.condition not in shown:
                hidden.setdefault(item.condition, item)
        found = [self._suppressed(item) for item in hidden.values()]
        return sorted(
            (item for item in found if item["red_flags"]),
            key=lambda item: (
                URGENCY_ORDER[item["urgency"]],
                item["rank"] is None,
                item["rank"] or 0,
                item["entity"]["label"],
            ),
        )

    def mentioned(self, question: Question) -> list[Json]:
        """The red flags that a question is about, most urgent first.

        Those that a present finding entails, or that the subject, a risk factor of the person or
        what provokes a symptom is a kind of: `{entity, urgency, general, findings, conditions}`.
        `findings` are counted from 1 and empty for what is no finding; `conditions` are those for
        which it is a red flag (`{entity, urgency, notes, sources}`). `general` says that more
        than half of all conditions present with it (pain): these come last, and of equal urgency
        what fewer conditions present with comes first.
        """
        found: dict[str, list[int]] = {flag: [] for flag in self._named(question)}
        for number, finding in enumerate(question.findings, start=1):
            for flag in () if finding.absent else self._entailed(finding):
                found.setdefault(flag, []).append(number)
        ordered = sorted(found, key=lambda flag: (self._share(flag), self._index.label(flag)))
        flags = [self._mentioned(flag, found[flag]) for flag in ordered]
        return sorted(flags, key=lambda flag: (flag["general"], URGENCY_ORDER[flag["urgency"]]))

    def entailed_symptoms(self, finding: Finding) -> frozenset[str]:
        """Every symptom (CURIE) that a finding is, with what follows from definitions."""
        return frozenset(c.value for c in self._closure(finding) if c.role == "symptom")

    def _suppressed(self, item: Matched) -> Json:
        red_flags = self._views.red_flags(item.condition)
        return {
            "entity": self._views.reference(item.condition),
            "urgency": red_flags[0]["urgency"] if red_flags else None,
            "red_flags": red_flags,
            "reason": item.reason,
            "rank": item.rank,
        }

    def _mentioned(self, flag: str, findings: list[int]) -> Json:
        conditions = [self._flagged_for(flag, subject) for subject in self._subjects(flag)]
        conditions.sort(key=lambda item: (URGENCY_ORDER[item["urgency"]], item["entity"]["label"]))
        return {
            "entity": self._views.reference(flag),
            "urgency": conditions[0]["urgency"],
            "general": self._share(flag) > 0.5,
            "findings": findings,
            "conditions": conditions,
        }

    def _subjects(self, flag: str) -> list[str]:
        return list(dict.fromkeys(claim.subject for claim in self._flagged[flag]))

    def _flagged_for(self, flag: str, subject: str) -> Json:
        claims = [claim for claim in self._flagged[flag] if claim.subject == subject]
        return {
            "entity": self._views.reference(subject),
            "urgency": min((c.urgency or None for c in claims), key=URGENCY_ORDER.__getitem__),
            "notes": sorted({claim.note for claim in claims if claim.note}),
            "sources": self._views.sources(claim.source for claim in claims),
        }

    def _find_share(self, flag: str) -> float:
        """The share of conditions with presentations that present with a red flag."""
        conditions = self._index.conditions_with("symptom", flag)
        return len(conditions) / max(1, len(self._index.presentations_of))

    def _named(self, question: Question) -> Iterator[str]:
        """Red flags that the question names outside its findings."""
        named = [question.subject] if question.subject else []
        for value in (*named, *question.person.risk_factors):
            yield from sorted(self._index.broader(value) & self._flagged.keys())

    def _entailed(self, finding: Finding) -> list[str]:
        provoking = {c.value for c in self._closure(finding) if c.role in _PROVOKING}
        return sorted((self.entailed_symptoms(finding) | provoking) & self._flagged.keys())

    def _closure(self, finding: Finding) -> set[Criterion]:
        """All criteria that follow: from each one alone, and from definitions both ways.

        Numbness in the perineum is saddle numbness, and calf pain is pain in the leg.
        """
        said: set[Criterion] = set()
        new = set(finding.criteria)
        while new:
            said |= {Criterion(c.role, wide) for c in new for wide in self._index.broader(c.value)}
            known = {c.value for c in said if c.role == "symptom"}
            meant = {symptom for symptom, parts in self._defined.items() if parts <= said}
            parts = [self._defined[symptom] for symptom in known & self._defined.keys()]
            new = {Criterion("symptom", symptom) for symptom in meant}.union(*parts) - said
        return said


def _criteria(defined: dict[str, tuple[str, ...]]) -> frozenset[Criterion]:
    return frozenset(Criterion(role, value) for role, values in defined.items() for value in values)


def coverage_of(
    question: Question, candidates: Collection[str], index: Index, matcher: Matcher
) -> Json:
    """`{candidates, recorded}`: of how many of the candidates what is asked for is recorded at all.

    Of findings, `recorded` counts for each role asked the conditions with a presentation about
    such a finding (its symptom and place, or one more general) from which anything follows in
    that role; of a question about a subject, for the relation or role that answers it, those of
    which anything of it is recorded. What is not recorded is unknown, not absent.
    """
    if question.ask in RELATION_ASKED:
        relation = RELATION_ASKED[question.ask]
        recorded = {relation: _claimed(relation, candidates, index)}
    else:
        recorded = {
            role: len(conditions.intersection(candidates))
            for role, conditions in _recorded(question, matcher).items()
        }
    return {"candidates": len(candidates), "recorded": recorded}


def _claimed(relation: str, candidates: Iterable[str], index: Index) -> int:
    return sum(
        any(claim.relation == relation for claim in index.claims_about.get(candidate, ()))
        for candidate in candidates
    )


def _recorded(question: Question, matcher: Matcher) -> dict[str, set[str]]:
    """Role → the conditions of which it is recorded where a presentation is about a finding."""
    answer = ANSWER_ROLES.get(question.ask)
    found: dict[str, set[str]] = {}
    for finding in question.present or (Finding(()),):
        roles = [*(c.role for c in finding.criteria), *([answer] if answer else ())]
        for role in dict.fromkeys(roles):
            found.setdefault(role, set()).update(matcher.conditions_recording(role, finding))
    return found
