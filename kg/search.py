"""Finds entities by what people call them: the exact name first, then beginnings, then parts."""

from collections.abc import Iterable
from contextlib import suppress
from enum import IntEnum

from kg.errors import BadParameter, UnknownEntity
from kg.index import Index
from kg.views import Json, Views
from kg.vocabulary import TOP_CLASSES
from kg.words import fold

MAX_LENGTH = 200
MAX_LIMIT = 100
KINDS = (*TOP_CLASSES.values(), "group")


class Hit(IntEnum):
    """How a name matched; a lower one comes first."""

    IDENTIFIER = 0
    LABEL = 1
    SYNONYM = 2
    LABEL_PREFIX = 3
    SYNONYM_PREFIX = 4
    LABEL_WORD = 5
    SYNONYM_WORD = 6
    PART = 7


class Search:
    """Searches the labels, synonyms and identifiers of one index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._views = Views(index)
        self._names = [
            (fold(name), name, rank > 0, entity.id, entity.kind)
            for entity in index.entities.values()
            for name, rank in entity.names()
        ]

    def search(self, text: str, kind: str | None = None, limit: int = 20) -> list[Json]:
        """Entities whose label, synonym, CURIE or IRI matches: `{…reference, matched, hit}`."""
        return self._found(text, kind, limit, last=Hit.PART)

    def autocomplete(self, text: str, kind: str | None = None, limit: int = 10) -> list[Json]:
        """Entities of whose names a word begins with the text."""
        return self._found(text, kind, limit, last=Hit.SYNONYM_WORD)

    def _found(self, text: str, kind: str | None, limit: int, last: Hit) -> list[Json]:
        _check(text, kind, limit)
        best: dict[str, tuple[Hit, int, str]] = {}
        for hit, name, identifier in self._hits(text, kind):
            found = (hit, len(name), name)
            if hit <= last and found < best.get(identifier, (Hit.PART + 1, 0, "")):
                best[identifier] = found
        ranked = sorted(best, key=lambda identifier: (*best[identifier], identifier))
        return [
            {
                **self._views.reference(identifier),
                "matched": best[identifier][2],
                "hit": best[identifier][0].name.lower(),
            }
            for identifier in ranked[:limit]
        ]

    def _hits(self, text: str, kind: str | None) -> Iterable[tuple[Hit, str, str]]:
        if ":" in text:
            with suppress(UnknownEntity):
                entity = self._index.resolve(text)
                yield Hit.IDENTIFIER, entity.label, entity.id
        words = fold(text)
        if not words:
            return
        plain = " ".join(text.lower().split())
        for folded, name, is_synonym, identifier, its_kind in self._names:
            if kind is not None and its_kind != kind:
                continue
            hit = _hit(words, folded, is_synonym) or _hit(plain, name.lower(), is_synonym)
            if hit is not None:
                yield hit, name, identifier


def _hit(words: str, name: str, is_synonym: bool) -> Hit | None:
    if name == words:
        return Hit.SYNONYM if is_synonym else Hit.LABEL
    if name.startswith(words):
        return Hit.SYNONYM_PREFIX if is_synonym else Hit.LABEL_PREFIX
    if f" {words}" in name:
        return Hit.SYNONYM_WORD if is_synonym else Hit.LABEL_WORD
    return Hit.PART if words in name else None


def _check(text: str, kind: str | None, limit: int) -> None:
    if not text.strip():
        raise BadParameter("q is empty: give a word to look for")
    if len(text) > MAX_LENGTH:
        raise BadParameter(f"q may have at most {MAX_LENGTH} characters")
    if kind is not None and kind not in KINDS:
        raise BadParameter(f"kind {kind!r} is not one of {', '.join(KINDS)}", KINDS)
    if not 1 <= limit <= MAX_LIMIT:
        raise BadParameter(f"limit must be from 1 to {MAX_LIMIT}, not {limit}")
