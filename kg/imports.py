"""What stands beside the leg graph in a snapshot: the terms of imported vocabularies and tables.

Nothing is held in memory: a look-up is a few rows of SQLite.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from kg import layout
from kg.catalogue import match_expression
from kg.errors import BadParameter, SnapshotError, UnknownEntity
from kg.phenotypes import Phenotypes
from kg.views import Json
from kg.vocabulary import compress, is_iri
from kg.words import fold, tokens

CHILDREN = 200
STATEMENTS = 50
"""How many children or statements of a term a payload holds; their number is told beside."""
MAX_LENGTH = 200
MAX_LIMIT = 100
_BUSY = 4000
"""Names that a search looks at, at most: shorter ones come first."""

_TERMS = "SELECT t.id, t.iri, t.label, t.obsolete FROM term t"

Row = tuple[Any, ...]


class Catalogue:
    """The terms of one import; `entry` is its `import.json`."""

    def __init__(self, path: Path, entry: Mapping[str, Any]) -> None:
        self.name = str(entry["description"]["name"])
        self.entry = entry
        self._path = path / layout.TERMS
        size = self._path.stat().st_size
        address = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(address, uri=True, check_same_thread=False)
            self._connection.execute(f"PRAGMA mmap_size = {size}")
        except sqlite3.Error as error:
            raise SnapshotError(f"{self._path} cannot be opened: {error}") from error

    @property
    def prefix(self) -> str:
        return str(self.entry["description"]["prefix"])

    def rows(self, text: str, *values: object) -> list[Row]:
        """The rows of a query."""
        return self._connection.execute(text, values).fetchall()

    def number(self, identifier: str) -> int | None:
        """The number of the term with this CURIE, IRI or alternative id."""
        for query in (
            "SELECT number FROM term WHERE id = ?",
            "SELECT number FROM term WHERE iri = ?",
            "SELECT term FROM code WHERE code = ? AND relation = 'alternative'",
        ):
            if rows := self.rows(query, identifier):
                return int(rows[0][0])
        return None

    def called(self, text: str) -> int | None:
        """The term of which this is the label, or else its only exact synonym of all."""
        found = self.rows(
            "SELECT term, scope FROM name JOIN term t ON t.number = term "
            "WHERE folded = ? AND NOT obsolete AND scope IN ('label', 'exact') "
            "ORDER BY name.number",
            fold(text),
        )
        labelled = {row[0] for row in found if row[1] == "label"} or {row[0] for row in found}
        return int(labelled.pop()) if len(labelled) == 1 else None

    def search(self, text: str, *, begun: bool) -> Iterator[tuple[int, str, str]]:
        """Term, name and how it was found, best first: by id or code, whole name, words."""
        number = self.number(text) or self.number(compress(text) if is_iri(text) else text.upper())
        if number is not None:
            yield number, text, "identifier"
        whole = self.rows(
            "SELECT term, text, scope FROM name WHERE folded = ? ORDER BY number", fold(text)
        )
        yield from ((row[0], row[1], "label" if row[2] == "label" else "synonym") for row in whole)
        for code, term in self.rows("SELECT code, term FROM code WHERE code = ?", text):
            yield term, code, "code"
        words = tokens(text)
        if words:
            rows = self._connection.execute(
                "SELECT name.term, name.text FROM words JOIN name ON name.number = words.rowid "
                "WHERE words MATCH ? ORDER BY words.rowid LIMIT ?",
                (match_expression(words, begun=begun), _BUSY),
            )
            yield from ((row[0], row[1], "words") for row in rows)

    def reference(self, number: int) -> Json:
        """`{id, iri, label, kind, obsolete}` of a term by number."""
        row = self.rows("SELECT id, iri, label, obsolete FROM term WHERE number = ?", number)[0]
        return _reference(self.name, row)

    def references(self, query: str, number: int, limit: int) -> list[Json]:
        """The terms that a query over `parent` gives, by label."""
        text = f"{_TERMS} JOIN parent ON {query} ORDER BY t.label, t.id LIMIT ?"
        return [_reference(self.name, row) for row in self.rows(text, number, limit)]

    def parents(self, number: int) -> list[Json]:
        """Those right above a term."""
        return self.references("t.number = parent WHERE term = ?", number, CHILDREN)

    def children(self, number: int) -> tuple[list[Json], int]:
        """Those right below a term, the first of them, and how many there are."""
        (count,) = self.rows("SELECT count(*) FROM parent WHERE parent = ?", number)[0]
        return self.references("t.number = term WHERE parent = ?", number, CHILDREN), count

    def place(self, number: int) -> list[Json]:
        """A shortest way from the top down to a term, itself aside."""
        below: dict[int, int] = {}
        level = [number]
        while level:
            found = []
            for term in level:
                above = self._above(term)
                if not above:
                    return self._way(term, number, below)
                for parent in above:
                    if parent != number and parent not in below:
                        below[parent] = term
                        found.append(parent)
            level = found
        return []

    def _above(self, number: int) -> list[int]:
        found = self.rows("SELECT parent FROM parent WHERE term = ? ORDER BY parent", number)
        return [row[0] for row in found]

    def _way(self, top: int, number: int, below: Mapping[int, int]) -> list[Json]:
        way = []
        while top != number:
            way.append(self.reference(top))
            top = below[top]
        return way


def _reference(name: str, row: Sequence[Any]) -> Json:
    return {"id": row[0], "iri": row[1], "label": row[2], "kind": name, "obsolete": bool(row[3])}


class Imports:
    """All imports of a snapshot; empty where there are none."""

    def __init__(self, path: Path, entries: Mapping[str, Any]) -> None:
        self._path = path / layout.IMPORTS
        self._entries = entries

    def __bool__(self) -> bool:
        return bool(self._entries)

    @cached_property
    def catalogues(self) -> dict[str, Catalogue]:
        """The catalogue of each import, by name."""
        return {name: Catalogue(self._path / name, entry) for name, entry in self._entries.items()}

    @property
    def annotated(self) -> str:
        """The name of the import with disease annotations by phenotype; '' if there is none."""
        folders = self._path.glob(f"*/{layout.PHENOTYPES}")
        return min((folder.parent.name for folder in folders), default="")

    @cached_property
    def phenotypes(self) -> Phenotypes | None:
        """What ranks diseases by phenotype; None where no disease annotations are imported."""
        name = self.annotated
        return Phenotypes.open(self._path / name / layout.PHENOTYPES) if name else None

    def described(self) -> list[Json]:
        """What each import is: `{name, title, version, date, licence, …, counts, imported}`."""
        return [
            {
                **{key: value or None for key, value in entry["description"].items()},
                "counts": entry["counts"],
                "outside_of_el": entry["outside"],
                "imported": entry["imported"],
            }
            for entry in self._entries.values()
        ]

    def find(self, text: str) -> tuple[Catalogue, int]:
        """The term that a CURIE, an IRI or a label names; UnknownEntity if there is none."""
        text = text.strip().removeprefix("<").removesuffix(">")
        identifier = compress(text) if is_iri(text) else text
        for catalogue in self._likely(identifier):
            for spelling in dict.fromkeys((identifier, text)):
                if (number := catalogue.number(spelling)) is not None:
                    return catalogue, number
        for catalogue in self.catalogues.values():
            if (number := catalogue.called(text)) is not None:
                return catalogue, number
        near = [hit["label"] for hit in self.search(text[:MAX_LENGTH], limit=3)] if text else []
        raise UnknownEntity(f"no imported term is called {text!r}", near)

    def _likely(self, identifier: str) -> list[Catalogue]:
        """All catalogues, those of the identifier's own vocabulary first."""
        prefix = identifier.partition(":")[0]
        return sorted(self.catalogues.values(), key=lambda one: one.prefix != prefix)

    def reference(self, identifier: str) -> Json | None:
        """`{id, iri, label, kind, obsolete}` of a term by its id, or None."""
        found = self.located(identifier)
        return found[0].reference(found[1]) if found else None

    def located(self, identifier: str) -> tuple[Catalogue, int] | None:
        """The term with this id, or None."""
        for catalogue in self._likely(identifier):
            if (number := catalogue.number(identifier)) is not None:
                return catalogue, number
        return None

    def search(
        self, text: str, name: str | None = None, limit: int = 20, *, begun: bool = True
    ) -> list[Json]:
        """Terms of one import or of all, best first: `{…reference, matched, hit}`."""
        _check(text, limit)
        found = [
            (place, order, hit)
            for order, catalogue in enumerate(self._wanted(name))
            for place, hit in enumerate(_hits(catalogue, text, limit, begun=begun))
        ]
        found.sort(key=lambda one: (_HITS.index(one[2]["hit"]), one[0], one[1]))
        return [hit for _, _, hit in found[:limit]]

    def _wanted(self, name: str | None) -> Iterable[Catalogue]:
        if name in (None, "all"):
            return self.catalogues.values()
        by_prefix = {one.prefix: one for one in self.catalogues.values() if one.prefix}
        wanted = self.catalogues.get(str(name)) or by_prefix.get(str(name))
        if wanted is None:
            known = ", ".join(self.catalogues) or "none"
            raise BadParameter(f"no vocabulary {name!r} is imported; imported are: {known}")
        return (wanted,)


_HITS = ("identifier", "label", "synonym", "code", "words")


def _hits(catalogue: Catalogue, text: str, limit: int, *, begun: bool) -> list[Json]:
    best: dict[int, Json] = {}
    for number, matched, hit in catalogue.search(text.strip(), begun=begun):
        if number not in best:
            best[number] = {"matched": matched, "hit": hit}
            if len(best) == limit:
                break
    return [{**catalogue.reference(number), **how} for number, how in best.items()]


def _check(text: str, limit: int) -> None:
    if not text.strip():
        raise BadParameter("q is empty: give a word to look for")
    if len(text) > MAX_LENGTH:
        raise BadParameter(f"q may have at most {MAX_LENGTH} characters")
    if not 1 <= limit <= MAX_LIMIT:
        raise BadParameter(f"limit must be from 1 to {MAX_LIMIT}, not {limit}")
