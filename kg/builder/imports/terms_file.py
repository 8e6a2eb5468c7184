"""Writes the catalogue of an import: terms, names to search, statements."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

from kg.catalogue import FORMAT, INDEXES, SCHEMA, SCOPES, Name, Statement, Term, words_to_index
from kg.words import fold

BATCH = 10_000
Row = tuple[object, ...]


def write_terms(path: Path, terms: Sequence[Term], statements: Iterable[Statement]) -> None:
    """Write a new file; parents and relations to terms that are not there are left out of it."""
    connection = sqlite3.connect(path)
    try:
        with connection:
            connection.executescript(
                f"PRAGMA page_size = 8192; PRAGMA journal_mode = OFF; {SCHEMA}"
            )
            _insert(connection, "meta", 2, [("format", str(FORMAT))])
            _write(connection, terms)
            _insert(connection, "annotation", 9, _statement_rows(statements))
            connection.executescript(INDEXES)
        connection.executescript("INSERT INTO words (words) VALUES ('optimize'); ANALYZE;")
    finally:
        connection.close()


def _write(connection: sqlite3.Connection, terms: Sequence[Term]) -> None:
    numbers = {term.id: number for number, term in enumerate(terms, 1)}
    _insert(connection, "term", 8, _term_rows(terms))
    named = sorted(_names(terms), key=_place)
    _insert(connection, "name", 6, (
        (row, numbers[term.id], name.text, fold(name.text), name.scope, name.type)
        for row, (term, name) in enumerate(named, 1)
    ))  # fmt: skip
    connection.executemany(
        "INSERT INTO words (rowid, text) VALUES (?, ?)",
        ((row, words_to_index(name.text)) for row, (_, name) in enumerate(named, 1)),
    )
    _insert(connection, "code", 3, (
        (code, numbers[term.id], relation) for term in terms for code, relation in term.codes
    ))  # fmt: skip
    _insert(connection, "parent", 2, (
        (numbers[term.id], numbers[parent])
        for term in terms for parent in term.parents if parent in numbers
    ))  # fmt: skip
    _insert(connection, "relation", 3, (
        (numbers[term.id], name, value) for term in terms for name, value in term.relations
    ))  # fmt: skip


def _insert(connection: sqlite3.Connection, table: str, columns: int, rows: Iterable[Row]) -> None:
    places = ", ".join("?" * columns)
    connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - ours


def _term_rows(terms: Iterable[Term]) -> Iterator[Row]:
    for number, term in enumerate(terms, 1):
        yield (
            number, term.id, term.iri, term.label, term.definition, term.comment,
            int(term.obsolete), term.replaced_by,
        )  # fmt: skip


def _names(terms: Iterable[Term]) -> Iterator[tuple[Term, Name]]:
    for term in terms:
        yield term, Name(term.label, "label")
        for synonym in term.synonyms:
            yield term, synonym


def _place(named: tuple[Term, Name]) -> tuple[object, ...]:
    """The order in which names are shown that fit equally well."""
    term, name = named
    return term.obsolete, SCOPES.index(name.scope), len(name.text), name.text.lower(), term.id


def _statement_rows(statements: Iterable[Statement]) -> Iterator[Row]:
    numbers = count(0)
    for s in statements:
        yield (
            next(numbers), s.subject, s.relation, s.value, int(s.excluded), s.frequency, s.share,
            s.source, s.note,
        )  # fmt: skip
