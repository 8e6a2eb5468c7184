"""Finds entities by what people call them, or by a code of another vocabulary.

The exact name comes first, then names that begin so, then those that hold the words, and a
misspelling after all that is spelt so.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from kg.errors import BadParameter, UnknownEntity
from kg.index import Index
from kg.names import Names, Typed, read
from kg.records import Entity, Mapping
from kg.views import Json, Views
from kg.vocabulary import TOP_CLASSES, compress, is_iri

MAX_LENGTH = 200
MAX_LIMIT = 100
KINDS = (*TOP_CLASSES.values(), "group")
_STRENGTHS = ("exact", "close", "narrow", "broad")
_ALSO_CALLED = {"ICD10CM": ("ICD10", "ICD"), "HP": ("HPO",), "MESH": ("MSH",)}
_ICD = re.compile(r"(?:icd(?:10(?:cm)?)?)?([a-z][0-9][0-9a-z]{1,5})")


class Hit(IntEnum):
    """How an entity was found; a lower one comes first."""

    IDENTIFIER = 0
    LABEL = 1
    SYNONYM = 2
    MAPPING = 3
    LABEL_PREFIX = 4
    SYNONYM_PREFIX = 5
    MAPPING_NEAR = 6
    LABEL_WORD = 7
    SYNONYM_WORD = 8
    PART = 9
    TYPO = 10


@dataclass(frozen=True, slots=True)
class Found:
    """An entity and how it was found: by a name, as which `name` counts, or by a mapping."""

    entity: str
    hit: Hit
    name: int | None = None
    mapping: Mapping | None = None


class Search:
    """Searches the names, identifiers and cross-references of one index."""

    def __init__(self, index: Index, views: Views) -> None:
        self._index = index
        self._views = views
        self._names = Names(index.entities.values())
        self._codes = Codes(index.entities.values())
        self._ids = {identifier.lower(): identifier for identifier in index.entities}
        self._of_kind: dict[str, set[str]] = defaultdict(set)
        self._below: dict[str, set[str]] = defaultdict(set)
        for entity in index.entities.values():
            self._of_kind[entity.kind].add(entity.id)
            for ancestor in (entity.id, *entity.broader):
                self._below[ancestor].add(entity.id)

    def search(
        self, text: str, kind: str | None = None, limit: int = 20, under: str | None = None
    ) -> list[Json]:
        """Entities that a name, an identifier or a cross-reference leads to, best first.

        Each is `{…reference, matched, hit, synonym, mapping}`: the name that fits and how, scope
        and type of a synonym, id and strength of a mapping. `under` names an entity: only that
        and what is a kind or a part of it are given.
        """
        wanted = self._wanted(text, kind, limit, under)
        return self._payload(self._search(text.strip()), wanted, limit)

    def autocomplete(
        self, text: str, kind: str | None = None, limit: int = 10, under: str | None = None
    ) -> list[Json]:
        """Entities of whose names a word begins with the text; misspelt only if there is none."""
        wanted = self._wanted(text, kind, limit, under)
        spelt = self._payload(self._spelt(text.strip(), read(text)), wanted, limit)
        return spelt or self._payload(self._misspelt(read(text)), wanted, limit)

    def _wanted(
        self, text: str, kind: str | None, limit: int, under: str | None
    ) -> Collection[str]:
        """The entities that may be found; BadParameter for a parameter that is wrong."""
        _check(text, kind, limit)
        wanted: Collection[str] = self._index.entities
        if under is not None:
            wanted = self._under(under)
        return wanted if kind is None else self._of_kind[kind].intersection(wanted)

    def _under(self, under: str) -> set[str]:
        identifier = compress(under) if is_iri(under) else under
        for top in self._index.top_classes:
            if top.id == identifier:
                return self._of_kind[top.kind]
        try:
            return self._below[self._index.resolve(under).id]
        except UnknownEntity as error:
            raise BadParameter(f"under: {error}", error.suggestions) from error

    def _search(self, text: str) -> Iterator[Found]:
        typed = read(text)
        yield from self._spelt(text, typed)
        for number in sorted(self._names.with_part(typed)):
            yield self._named(number, Hit.PART)
        if not self._is_known(text, typed):
            yield from self._misspelt(typed)

    def _is_known(self, text: str, typed: Typed) -> bool:
        """Whether the text is certainly spelt as it is meant."""
        return bool(
            self._identified(text)
            or self._codes.exact(text)
            or self._codes.near(text)
            or self._names.called(typed)
            or self._names.with_words(typed, begun=False)
        )

    def _spelt(self, text: str, typed: Typed) -> Iterator[Found]:
        names, codes = self._names, self._codes
        identified = self._identified(text)
        if identified is not None:
            yield Found(identified, Hit.IDENTIFIER)
        yield from self._ranked(names.called(typed), Hit.LABEL, Hit.SYNONYM)
        yield from _mapped(codes.exact(text), Hit.MAPPING)
        yield from self._ranked(names.beginning(typed), Hit.LABEL_PREFIX, Hit.SYNONYM_PREFIX)
        yield from _mapped(codes.near(text), Hit.MAPPING_NEAR)
        held = names.with_words(typed, begun=True)
        yield from self._ranked(held, Hit.LABEL_WORD, Hit.SYNONYM_WORD)

    def _misspelt(self, typed: Typed) -> Iterator[Found]:
        for number in self._names.misspelt(typed):
            yield self._named(number, Hit.TYPO)

    def _ranked(self, numbers: Iterable[int], label: Hit, synonym: Hit) -> Iterator[Found]:
        for number in sorted(numbers):
            yield self._named(number, synonym if self._names[number].synonym else label)

    def _named(self, number: int, hit: Hit) -> Found:
        return Found(self._names[number].entity, hit, name=number)

    def _identified(self, text: str) -> str | None:
        text = text.removeprefix("<").removesuffix(">")
        return self._ids.get((compress(text) if is_iri(text) else text).lower())

    def _payload(self, found: Iterable[Found], wanted: Collection[str], limit: int) -> list[Json]:
        """The first `limit` entities, each as it was found best."""
        best: dict[str, Found] = {}
        for one in found:
            if one.entity in wanted and one.entity not in best:
                best[one.entity] = one
                if len(best) == limit:
                    break
        return [self._shown(one) for one in best.values()]

    def _shown(self, found: Found) -> Json:
        reference = self._views.reference(found.entity)
        name = None if found.name is None else self._names[found.name]
        synonym = name.synonym if name else None
        mapping = found.mapping
        return {
            **reference,
            "matched": name.text if name else reference["label"],
            "hit": found.hit.name.lower(),
            "synonym": synonym and {"scope": synonym.scope, "type": synonym.type or None},
            "mapping": mapping and {"id": mapping.id, "strength": mapping.strength},
        }


class Codes:
    """The cross-references of all entities, by code, with or without its vocabulary."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._by_code: dict[str, list[tuple[Mapping, str]]] = defaultdict(list)
        icd: set[str] = set()
        for entity in entities:
            for mapping in entity.mappings:
                for code in _spellings(mapping.id):
                    self._by_code[code].append((mapping, entity.id))
                if mapping.id.startswith("ICD10CM:"):
                    icd.add(_compact(mapping.id.partition(":")[2]))
        for mapped in self._by_code.values():
            mapped.sort(key=lambda item: (_STRENGTHS.index(item[0].strength), item[1]))
        self._icd = sorted(icd)

    def exact(self, text: str) -> list[tuple[Mapping, str]]:
        """The mappings to this code, exact ones first, each with its entity."""
        text = text.removeprefix("<").removesuffix(">")
        return self._by_code.get(_compact(compress(text) if is_iri(text) else text), [])

    def near(self, text: str) -> list[tuple[Mapping, str]]:
        """The mappings to ICD-10 codes below this one; if nothing is mapped so, to one above."""
        code = _ICD.fullmatch(_compact(text))
        if code is None:
            return []
        wanted = code[1]
        start = bisect_left(self._icd, wanted)
        below = self._icd[start : bisect_left(self._icd, wanted + "~")]
        above = [wanted[:end] for end in range(len(wanted) - 1, 2, -1)]
        nearest = below or [one for one in above if one in self._by_code][:1]
        return [mapped for one in nearest for mapped in self._by_code[one]]


def _spellings(curie: str) -> set[str]:
    """How a code is written; alone only where it has a letter, for a bare number says nothing."""
    prefix, _, local = curie.partition(":")
    found = {_compact(called + local) for called in (prefix, *_ALSO_CALLED.get(prefix, ()))}
    return found if local.isdigit() else found | {_compact(local)}


def _compact(code: str) -> str:
    return re.sub(r"[^a-z0-9]", "", code.lower())


def _mapped(mapped: Iterable[tuple[Mapping, str]], hit: Hit) -> Iterator[Found]:
    for mapping, entity in mapped:
        yield Found(entity, hit, mapping=mapping)


def _check(text: str, kind: str | None, limit: int) -> None:
    if not text.strip():
        raise BadParameter("q is empty: give a word to look for")
    if len(text) > MAX_LENGTH:
        raise BadParameter(f"q may have at most {MAX_LENGTH} characters")
    if kind is not None and kind not in KINDS:
        raise BadParameter(f"kind {kind!r} is not one of {', '.join(KINDS)}", KINDS)
    if not 1 <= limit <= MAX_LIMIT:
        raise BadParameter(f"limit must be from 1 to {MAX_LIMIT}, not {limit}")
