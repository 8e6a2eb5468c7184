"""Reads a statement, in words or as a triple, into what it claims, or refuses it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import product

from kg.errors import BadParameter, NotUnderstood
from kg.index import Index
from kg.lexicon import Lexicon
from kg.questions import Criterion, Finding, in_parts
from kg.views import RELATION_SAID
from kg.vocabulary import COLUMN_PROPERTIES, RELATION_PROPERTIES, compress, is_curie, is_iri
from kg.words import fold_word, phrase

_Words = tuple[str, ...]
MAX_LENGTH = 500
EXAMPLES = (
    "claudication is relieved by rest",
    "gout is treated with colchicine",
    "pain in the calf is worse with walking",
    "smoking is a risk factor for peripheral artery disease",
)
_PASSIVE = {
    "relieved_by": "relieved by|relieved with|relieved on|helped by|helped with|eased by|"
    "eased with|soothed by|alleviated by|improved by|improved with|better|better with|better by|"
    "better on|better after|better when|better in|better at|get better with|get better when|"
    "made better by",
    "aggravated_by": "aggravated by|worsened by|exacerbated by|made worse by|worse|worse with|"
    "worse by|worse on|worse after|worse when|worse in|worse at|worse during|get worse with|"
    "get worse when|get worse in|get worse at|get worse on|get worse after|get worse during",
    "triggered_by": "triggered by|brought on by|provoked by|set off by|induced by|caused by",
    "region": "in|felt in|located in|occur in|affect",
    "timing": "at|occur at|come at|come in|come on at|start in|start at",
    "quality": "described as|feel|feel like",
    "symptom": "present with|present as|show|have symptom|cause",
    "treated_by": "treated by|treated with|helped by|helped with|managed by|managed with|"
    "treatable by|treatable with",
    "prevented_by": "prevented by|prevented with",
    "has_cause": "caused by|due to|result from|result of|come from",
    "has_risk_factor": "have risk factor|more likely with",
    "has_complication": "lead to|cause|result in|complicated by|have complication",
    "has_red_flag": "have red flag|have warning sign",
    "diagnosed_by": "diagnosed by|diagnosed with|detected by|detected with|found by|confirmed by",
    "affects_structure": "affect|damage",
    "confused_with": "confused with|mistaken for|be mistaken for",
}
"""Relation or role → how it is said between its subject and its object."""
_ACTIVE = {
    "relieved_by": "relieve|ease|help|help with|soothe|improve|alleviate|make better",
    "aggravated_by": "worsen|aggravate|exacerbate|make worse",
    "triggered_by": "trigger|bring on|provoke|set off|cause",
    "symptom": "symptom of|sign of|caused by|due to",
    "treated_by": "treat|help|help with|treatment for|treatment of|used to treat|used for",
    "prevented_by": "prevent|protect against|reduce risk of|lower risk of",
    "has_cause": "cause|cause of",
    "has_risk_factor": "risk factor for|risk factor of|risk for|raise risk of|raise risk for|"
    "increase risk of|increase risk for",
    "has_complication": "complication of|consequence of",
    "has_red_flag": "red flag of|red flag for|warning sign of|warning sign for",
    "diagnosed_by": "diagnose|detect|confirm|test for|used to diagnose|show",
    "confused_with": "mimic",
}
"""The same, where the object comes first: rest relieves claudication."""
SAID = {
    **RELATION_SAID,
    "relieved_by": "may be relieved by",
    "aggravated_by": "may be worse with",
    "triggered_by": "may be triggered by",
    "region": "may be felt in",
    "timing": "may come, or be worse, at this time:",
    "quality": "may be described as",
    "laterality": "may come on this side:",
    "symptom": "may present with",
}
_AUXILIARIES = frozenset(phrase("is are was were be been does do can could may might get also it"))
_NEGATIONS = frozenset(phrase("not never isnt arent wasnt doesnt dont cannot cant couldnt wont"))
_CONDITION = frozenset({"condition"})
_LINKS = ({"of"}, {"from"}, {"in"}, {"with"}, {"by"}, {"due", "to"})
_FREE_ROLES = ("symptom", "region", "timing", "laterality", "quality")
_KINDS = {
    "relieved_by": ("factor", "treatment"),
    "aggravated_by": ("factor", "treatment", "timing"),
    "triggered_by": ("factor", "treatment", "risk_factor", "condition", "symptom"),
}
"""What may stand in a role, though it does so nowhere yet."""


def _phrases() -> dict[tuple[str, ...], list[tuple[str, bool]]]:
    found: dict[tuple[str, ...], list[tuple[str, bool]]] = {}
    for table, is_active in ((_PASSIVE, False), (_ACTIVE, True)):
        for relation, texts in table.items():
            for text in texts.split("|"):
                words = tuple("have" if w == "has" else fold_word(w) for w in text.split())
                found.setdefault(words, []).append((relation, is_active))
    return found


_RELATIONS = _phrases()
_LONGEST = max(map(len, _RELATIONS))
_PROPERTIES = {
    compress(str(iri)): name for name, iri in {**RELATION_PROPERTIES, **COLUMN_PROPERTIES}.items()
} | {"etio:hasSymptom": "symptom", "etio:presentsIn": "region"}


@dataclass(frozen=True, slots=True)
class Statement:
    """What is to be checked: of a condition, of what a finding describes, or of both together.

    `relation` is a relation of claims, or a role of presentations; `asked` is empty for a claim
    and else what must stand in a presentation beside what is `given`.
    """

    relation: str
    value: str
    condition: str | None
    given: tuple[Criterion, ...] = ()
    asked: tuple[Criterion, ...] = ()
    negated: bool = False


class ClaimReader:
    """Reads statements over one index."""

    def __init__(self, index: Index, lexicon: Lexicon) -> None:
        self._index = index
        self._lexicon = lexicon
        self._values: dict[str, set[str]] = {}
        for claim in index.claims.values():
            known = self._values.setdefault(claim.relation, set())
            known.update(index.broader(claim.value))

    def sentence(self, text: str) -> list[Statement]:
        """Every meaning of a statement or a yes-no question; NotUnderstood where there is none."""
        if len(text) > MAX_LENGTH:
            raise NotUnderstood(f"a statement may have at most {MAX_LENGTH} characters", EXAMPLES)
        words = _words(text)
        if not words:
            raise NotUnderstood("the statement is empty", EXAMPLES)
        for left, relation, right in _splits(words):
            subject, negated = _bare(left)
            found = self._statements(subject, _RELATIONS[relation], right)
            found = found or self._beside(subject, _RELATIONS[relation], right)
            if found:
                return [replace(one, negated=negated) for one in found]
        raise self._fault(words)

    def triple(self, subject: str, relation: str, value: str) -> list[Statement]:
        """The meanings of a triple; subject and value are a CURIE, an IRI or a label."""
        about, other = self._index.resolve(subject), self._index.resolve(value)
        if about.kind == "condition":
            sides: list[tuple[str | None, tuple[Criterion, ...]]] = [(about.id, ())]
        else:
            sides = [(None, self._parts([Criterion("symptom", about.id)]))]
        found = [
            one
            for name in self._relations_of(relation)
            for condition, given in sides
            if (one := self._one(name, condition, given, other.id)) is not None
        ]
        if not found:
            raise BadParameter(f"{about.label!r}, a {about.kind}, cannot stand before {relation}")
        return found

    def _relations_of(self, text: str) -> list[str]:
        name = compress(text) if is_iri(text) and not is_curie(text) else text
        if name in _PROPERTIES:
            return [_PROPERTIES[name]]
        if name in SAID and name != "subtype_of":
            return [name]
        said = _RELATIONS.get(_bare(_words(text))[0], ())
        known = [relation for relation, is_active in said if not is_active]
        if not known:
            raise BadParameter(f"{text!r} is not a property that can be checked", [*_PROPERTIES])
        return known

    def _statements(
        self, left: _Words, relations: Iterable[tuple[str, bool]], right: _Words
    ) -> list[Statement]:
        found = []
        for relation, is_active in relations:
            subject, value = (right, left) if is_active else (left, right)
            for condition, given in self._subjects(subject):
                if relation == "symptom":
                    found += self._presents(condition, given, value)
                    continue
                for entity in self._objects(relation, value):
                    one = self._one(relation, condition, given, entity)
                    found += [one] if one else []
        return list(dict.fromkeys(found))

    def _beside(
        self, left: _Words, relations: Iterable[tuple[str, bool]], right: _Words
    ) -> list[Statement]:
        """Readings of last resort.

        Claims about what is no condition: none is recorded, but the converse may be. And a
        condition as a symptom of another: one that it is caused by, or that leads to it.
        """
        found = []
        for relation, is_active in relations:
            subject, value = (right, left) if is_active else (left, right)
            abouts = self._named(subject, None if relation in RELATION_PROPERTIES else _CONDITION)
            for about, other in product(abouts, self._named(value, _CONDITION)):
                if relation in RELATION_PROPERTIES:
                    found.append(Statement(relation, other, about))
                elif relation == "symptom":
                    found.append(Statement("has_cause", about, other))
                    found.append(Statement("has_complication", other, about))
        return list(dict.fromkeys(found))

    def _one(
        self, relation: str, condition: str | None, given: tuple[Criterion, ...], value: str
    ) -> Statement | None:
        if relation in RELATION_PROPERTIES:
            fits = condition is not None and not given
            return Statement(relation, value, condition) if fits else None
        kind = self._index.entity(value).kind
        if kind == "timing" and relation == "aggravated_by":
            relation = "timing"  # the tables have one column for when it comes and is worse
        if relation == "symptom" and (kind != "symptom" or condition is None):
            return None
        asked = self._parts([Criterion(relation, value)])
        return Statement(relation, value, condition, given, asked)

    def _presents(
        self, condition: str | None, given: tuple[Criterion, ...], words: _Words
    ) -> list[Statement]:
        asked = self._finding(words)
        if condition is None or given or not asked:
            return []
        return [Statement("symptom", asked[0].value, condition, (), asked)]

    def _subjects(self, words: _Words) -> list[tuple[str | None, tuple[Criterion, ...]]]:
        """What words describe: conditions of that name, and a finding; else one of a condition."""
        found: list[tuple[str | None, tuple[Criterion, ...]]] = []
        found += [(condition, ()) for condition in self._named(words, _CONDITION)]
        if finding := self._finding(words):
            found.append((None, finding))
        for place in range(1, 0 if found else len(words)):
            found += self._of_condition(words[:place], words[place:])
            found += self._of_condition(words[place:], words[:place])
        return found

    def _of_condition(
        self, symptom: _Words, condition: _Words
    ) -> Iterator[tuple[str, tuple[Criterion, ...]]]:
        for link in _LINKS:
            if len(condition) > len(link) and link == set(condition[: len(link)]):
                condition = condition[len(link) :]
        conditions = self._named(condition, _CONDITION)
        finding = self._finding(symptom) if conditions else ()
        yield from ((one, finding) for one in conditions if finding)

    def _finding(self, words: _Words) -> tuple[Criterion, ...]:
        """The criteria that words describe from first to last, a symptom among them; or none."""
        criteria, place = [], 0
        while place < len(words):
            found = self._lexicon.match(words, place, _FREE_ROLES)
            if found is not None:
                criteria.append(Criterion(found.role, found.value))
                place += found.length
            elif criteria and words[place] in ("in", "of", "on", "at"):
                place += 1
            else:
                return ()
        return self._parts(criteria) if any(c.role == "symptom" for c in criteria) else ()

    def _parts(self, criteria: Iterable[Criterion]) -> tuple[Criterion, ...]:
        return Finding.of(in_parts(criteria, self._index)).criteria

    def _objects(self, relation: str, words: _Words) -> list[str]:
        if words and words[0] in ("i", "you"):
            words = words[1:]
        if relation in RELATION_PROPERTIES:
            named = self._named(words, None)
            usual = [one for one in named if one in self._values.get(relation, ())]
            return usual or named
        found = self._lexicon.whole(words, (relation,))
        if found is not None:
            return [found.value, *found.others]
        return self._named(words, _KINDS.get(relation, ()))

    def _named(self, words: _Words, kinds: Collection[str] | None) -> list[str]:
        """The entities that the words name best, of some kinds."""
        ranks = {
            one: rank
            for one, rank in self._index.called(words).items()
            if kinds is None or self._index.entity(one).kind in kinds
        }
        best = min(ranks.values(), default=0)
        return sorted(one for one in ranks if ranks[one] == best)

    def _fault(self, words: _Words) -> NotUnderstood:
        for left, relation, right in _splits(words):
            said = " ".join(relation)
            for side in (_bare(left)[0], right):
                if not self._subjects(side) and not self._named(side, None):
                    part = " ".join(side)
                    name = repr(part) if part else "something"
                    return NotUnderstood(
                        f"{name}, beside {said!r}, is not understood", self._near(part)
                    )
            return NotUnderstood(f"{said!r} does not fit between these two", EXAMPLES)
        return NotUnderstood("no relation, such as 'is relieved by', is understood here", EXAMPLES)

    def _near(self, text: str) -> Sequence[str]:
        labels = [entity.label for entity in self._index.entities.values()]
        return get_close_matches(text[:40], labels, 3) or EXAMPLES


def _words(text: str) -> _Words:
    return tuple("have" if word in ("has", "had") else word for word in phrase(text))


def _splits(words: _Words) -> Iterator[tuple[_Words, _Words, _Words]]:
    """The words before, in and after each relation that is said in them; the longest first."""
    if "make" in words and words[-1] in ("worse", "better"):
        place = words.index("make")
        yield words[:place], ("make", words[-1]), words[place + 1 : -1]
    for length in range(_LONGEST, 0, -1):
        for place in range(1, len(words) - length):
            said = words[place : place + length]
            if said in _RELATIONS:
                yield words[:place], said, words[place + length :]


def _bare(words: _Words) -> tuple[_Words, bool]:
    """The words without auxiliaries around them, and whether one of those denies."""
    loose = _AUXILIARIES | _NEGATIONS
    start, end = 0, len(words)
    while start < end and words[start] in loose:
        start += 1
    while end > start and words[end - 1] in loose:
        end -= 1
    around = [*words[:start], *words[end:]]
    denials = [word for word in around if word in _NEGATIONS]
    if len(denials) > 1:
        raise NotUnderstood("a statement that denies twice is not understood", EXAMPLES)
    return words[start:end], bool(denials)
