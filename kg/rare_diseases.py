"""Answers "rare diseases with exercise-induced cramp but without weakness" from annotations.

The words become terms of the Human Phenotype Ontology, by their own names or by the leg graph's
cross-references; the diseases are ranked by `kg.phenotypes`, and each annotation comes with its
frequency and its source. What a name was taken for is always said.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from kg.answers import MAX_LIMIT
from kg.errors import BadParameter, NotUnderstood
from kg.imports import Catalogue, Imports
from kg.index import Index
from kg.phenotypes import Phenotypes
from kg.terms import STATEMENT, Terms
from kg.views import Json
from kg.words import ARTICLES, phrase, tokens

PREFIX = "HP:"
QUESTION = re.compile(
    r"(?:(?:what|which|list|show|find|give)(?: (?:me|all|are|the|of))* )?"
    r"(?:(?:rare|genetic|inherited|hereditary|mendelian|orphan)[ ,]+(?:and |or )?)+"
    r"(?:conditions?|diseases?|disorders?|syndromes?|causes?)"
    r"(?: (?:that|which|who))?"
    r" (?:with|of|having|have|causing|cause|show|showing|presenting with|present with|featuring|"
    r"feature|characteri[sz]ed by|associated with|include|including) (.+)",
    re.IGNORECASE,
)
"""A question that asks for diseases by phenotype, with what it says of the phenotypes."""
_TURN = re.compile(
    r"\b(?:(?:but |and )?(?P<absent>without|no|not|lacking|never)|but (?:with|has|have|is))\b",
    re.IGNORECASE,
)
"""Where a text goes over from what is present to what is absent, or back."""
_BETWEEN = re.compile(r"\s*(?:[,;]|\b(?:and|or|plus|with|but)\b)\s*", re.IGNORECASE)
MOST_MEANINGS = 5
MOST_HITS = 50
_SMALL = ARTICLES | {"in", "of", "on", "at", "to", "with", "for", "from", "by"}
_STRENGTHS = ("exact", "close", "narrow", "broad")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a piece of the text was taken for; `how` is exact, mapped or words."""

    text: str
    term: str
    how: str
    others: tuple[str, ...] = ()


class RareDiseases:
    """Reads and answers such questions; `terms` and `index` join the imports to the leg graph."""

    def __init__(self, imports: Imports, terms: Terms, index: Index) -> None:
        self._imports = imports
        self._terms = terms
        self._index = index

    @property
    def can_answer(self) -> bool:
        """Whether disease annotations and the terms that they use are imported."""
        return bool(self._imports) and self._imports.phenotypes is not None and self._hp is not None

    @cached_property
    def _hp(self) -> Catalogue | None:
        catalogues = self._imports.catalogues.values()
        return next((one for one in catalogues if f"{one.prefix}:" == PREFIX), None)

    @cached_property
    def _statements(self) -> Catalogue:
        """The catalogue whose statements the ranking counts by row."""
        return self._imports.catalogues[self._imports.annotated]

    def asked(self, text: str) -> str | None:
        """What a question says of phenotypes, if it asks for rare diseases; else None."""
        found = QUESTION.fullmatch(" ".join(text.split()).strip(" ?.!"))
        return found[1] if found else None

    def answer(self, said: str, limit: int) -> Json:
        """The ranking for phenotypes in words: that of `rank`, with `read_as`.

        NotUnderstood names a piece that is no phenotype, with what is near.
        """
        present: list[Meaning] = []
        absent: list[Meaning] = []
        for piece, is_absent in _pieces(said, self._is_name):
            (absent if is_absent else present).append(self._meaning(piece))
        if not present:
            raise NotUnderstood("no phenotype is said to be present: say what the disease shows")
        ranking = self.rank([one.term for one in present], [one.term for one in absent], limit)
        return {
            "read_as": [
                {
                    "text": one.text,
                    "term": self._imports.reference(one.term),
                    "how": one.how,
                    "absent": one in absent,
                    "others": [self._imports.reference(other) for other in one.others],
                }
                for one in (*present, *absent)
            ],
            **ranking,
        }

    def rank(self, present: Sequence[str], absent: Sequence[str], limit: int) -> Json:
        """Diseases by phenotypes (CURIEs or names); BadParameter for one that is none.

        `{present, absent, implied, whole, found, diseases, ranking, annotations_of}`; every
        annotation has its frequency and sources.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise BadParameter(f"limit must be from 1 to {MAX_LIMIT}, not {limit}")
        found = self._phenotypes.rank(
            [self._identified(one) for one in present],
            [self._identified(one) for one in absent],
            limit,
        )
        found.pop("disclaimer")
        for answer in found["ranking"]:
            answer["entity"] = self._imports.reference(answer.pop("id"))
            answer.pop("label")
            for term in answer["terms"]:
                term["annotations"] = [self._annotation(one["row"]) for one in term["annotations"]]
        return {**found, "annotations_of": self._terms.vocabulary(self._statements)}

    @property
    def _phenotypes(self) -> Phenotypes:
        if self._imports.phenotypes is None or self._hp is None:
            raise BadParameter("no disease annotations are imported: `python -m kg import hp`")
        return self._imports.phenotypes

    def _annotation(self, row: int) -> Json:
        rows = self._statements.rows(f"{STATEMENT} WHERE number = ?", row)
        return self._terms.statement(self._statements, rows[0])

    # -- words to terms --------------------------------------------------------------------

    def _identified(self, text: str) -> str:
        """The current id of a term that an id, an alternative id or a name means."""
        try:
            return self._meaning(text).term
        except NotUnderstood as error:
            raise BadParameter(str(error), error.suggestions) from None

    def _is_name(self, text: str) -> bool:
        """Whether a text as a whole is a name of a phenotype: some have `and` or a comma."""
        return self._hp is not None and self._hp.called(text) is not None

    def _meaning(self, text: str) -> Meaning:
        return self._named(text) or self._mapped(text) or self._worded(text)

    def _named(self, text: str) -> Meaning | None:
        catalogue = self._hp
        assert catalogue is not None  # without it there is no ranking  # noqa: S101
        number = catalogue.number(text.upper()) if ":" in text else catalogue.number(text)
        number = number or catalogue.called(text)
        if number is None:
            return None
        found = catalogue.rows("SELECT id, replaced_by FROM term WHERE number = ?", number)[0]
        return Meaning(text, found[1] or found[0], "exact")

    def _mapped(self, text: str) -> Meaning | None:
        """The counterpart of an entity of the leg graph that is called so."""
        words = phrase(text)
        called = self._index.called(words) or self._index.called(_turned(words))
        mappings = sorted(
            (_STRENGTHS.index(mapping.strength), called[entity], mapping.id)
            for entity in called
            for mapping in self._index.entities[entity].mappings
            if mapping.id.startswith(PREFIX)
        )
        if not mappings or self._imports.reference(mappings[0][2]) is None:
            return None
        return Meaning(text, mappings[0][2], "mapped")

    def _worded(self, text: str) -> Meaning:
        """The phenotype with the shortest name that holds all the words."""
        hits = self._fitting(text)
        if not hits:
            near = [hit for word in phrase(text) for hit in self._hits(word, begun=True)[:2]]
            labels = list(dict.fromkeys(hit["label"] for hit in near))
            raise NotUnderstood(f"{text!r} is no phenotype that is known", labels[:MOST_MEANINGS])
        first, *others = hits
        return Meaning(text, first, "words", tuple(others))

    def _fitting(self, text: str) -> list[str]:
        """The phenotypes that hold all the words, those with few others and many diseases first."""
        assert self._hp is not None  # noqa: S101
        words = " ".join(word for word in tokens(text) if word not in _SMALL)
        found = {
            hit["id"]: (len(tokens(hit["matched"])), information)
            for hit in (self._hits(words, begun=False) if words else ())
            if (information := self._phenotypes.information(hit["id"])) is not None
        }
        return sorted(found, key=lambda one: (found[one], one))[:MOST_MEANINGS]

    def _hits(self, text: str, *, begun: bool) -> list[Json]:
        assert self._hp is not None  # noqa: S101
        return self._imports.search(text, self._hp.name, MOST_HITS, begun=begun)


def _turned(words: tuple[str, ...]) -> tuple[str, ...]:
    """`pain in calf` as `calf pain`."""
    at = next((place for place, word in enumerate(words) if word in ("in", "of")), 0)
    return words[at + 1 :] + words[:at]


def _pieces(said: str, is_name: Callable[[str], bool]) -> Iterator[tuple[str, bool]]:
    """The pieces of a text that each name a phenotype, and whether each is denied."""
    for part, is_absent in _turns(said):
        left = part
        while left:
            piece, left = _first(left, is_name)
            if piece:
                yield piece, is_absent


def _turns(said: str) -> Iterator[tuple[str, bool]]:
    at, is_absent = 0, False
    for found in _TURN.finditer(said):
        yield said[at : found.start()].strip(" ,;"), is_absent
        at, is_absent = found.end(), found["absent"] is not None
    yield said[at:].strip(" ,;"), is_absent


def _first(text: str, is_name: Callable[[str], bool]) -> tuple[str, str]:
    """The first piece and the rest: as far as it is one name, else to the first break."""
    breaks = [(found.start(), found.end()) for found in _BETWEEN.finditer(text)]
    for start, end in [(len(text), len(text)), *reversed(breaks)]:
        if is_name(text[:start]):
            return text[:start], text[end:]
    start, end = breaks[0] if breaks else (len(text), len(text))
    return text[:start].strip(), text[end:]
