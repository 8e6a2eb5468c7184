"""Reads the curated tables: tab-separated, a header row, no quoting, `;` between values in a cell.

No row is dropped: every fault is collected and reported with file, line and reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kg.errors import OntologyError
from kg.vocabulary import FREQUENCIES, PUBLISHER_KINDS, RELATION_PROPERTIES

PRESENTATION_COLUMNS = (
    "presentation_id",
    "condition",
    "symptom",
    "region",
    "quality",
    "timing",
    "triggered_by",
    "aggravated_by",
    "relieved_by",
    "frequency",
    "source_id",
)
FACT_COLUMNS = ("fact_id", "condition", "relation", "value", "note", "source_id")
SOURCE_COLUMNS = ("source_id", "url", "publisher", "publisher_kind", "title")
FREE_TEXT_COLUMNS = frozenset({"url", "publisher", "title", "note"})
RELATIONS = frozenset({*RELATION_PROPERTIES, "subtype_of"})


@dataclass(frozen=True)
class Row:
    """One line of a table: where it stands and its cells by column."""

    file: str
    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def values(self, column: str) -> list[str]:
        """The `;`-separated values of a cell; an empty cell has none."""
        return [value for value in self.cells[column].split(";") if value]

    def problem(self, reason: str) -> str:
        return f"{self.file}:{self.line}: {reason}"


@dataclass
class Tables:
    """The three curated tables, read and checked against themselves (not yet against the terms)."""

    presentations: list[Row]
    facts: list[Row]
    sources: list[Row]
    problems: list[str] = field(default_factory=list)


def read_tables(folder: Path) -> Tables:
    """Read presentations.tsv, facts.tsv and sources.tsv; OntologyError lists every faulty row."""
    problems: list[str] = []
    tables = Tables(
        presentations=_read(folder / "presentations.tsv", PRESENTATION_COLUMNS, problems),
        facts=_read(folder / "facts.tsv", FACT_COLUMNS, problems),
        sources=_read(folder / "sources.tsv", SOURCE_COLUMNS, problems),
    )
    known_sources = {row["source_id"] for row in tables.sources}
    for row in tables.sources:
        problems += _check_choice(row, "publisher_kind", PUBLISHER_KINDS)
        problems += _check_filled(row, ("publisher", "title"))
        problems += _check_url(row)
    for row in tables.presentations:
        problems += _check_choice(row, "frequency", FREQUENCIES)
        problems += _check_filled(row, ("condition", "symptom"))
        problems += _check_choice(row, "source_id", known_sources)
    for row in tables.facts:
        problems += _check_choice(row, "relation", RELATIONS)
        problems += _check_filled(row, ("condition", "value"))
        problems += _check_choice(row, "source_id", known_sources)
    if problems:
        raise OntologyError(problems)
    return tables


def _read(path: Path, columns: tuple[str, ...], problems: list[str]) -> list[Row]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise OntologyError([f"{path}: the file is missing"]) from None
    except UnicodeDecodeError as error:
        raise OntologyError([f"{path}: not UTF-8: {error}"]) from None
    name = path.name
    if lines[0].rstrip("\r").split("\t") != list(columns):
        raise OntologyError([f"{name}:1: the header must be: {' '.join(columns)} (tab-separated)"])
    rows = list(_rows(name, lines, columns, problems))
    problems += _repeated_ids(rows, columns[0])
    return rows


def _rows(
    name: str, lines: list[str], columns: tuple[str, ...], problems: list[str]
) -> Iterator[Row]:
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            if number != len(lines):
                problems.append(f"{name}:{number}: the line is empty")
            continue
        cells = line.rstrip("\r").split("\t")
        if len(cells) != len(columns):
            problems.append(
                f"{name}:{number}: {len(cells)} cells, but {len(columns)} columns are needed"
            )
            continue
        row = Row(name, number, dict(zip(columns, cells, strict=True)))
        problems += _check_cells(row)
        yield row


def _check_cells(row: Row) -> Iterator[str]:
    for column, cell in row.cells.items():
        values = [cell] if column in FREE_TEXT_COLUMNS else cell.split(";")
        if any(value != value.strip() for value in values):
            yield row.problem(f"{column}: white space around {cell!r}")
        elif not cell.isprintable():
            yield row.problem(f"{column}: a control character in {cell!r}")
        elif cell and "" in values:
            yield row.problem(f"{column}: an empty value between semicolons in {cell!r}")
        elif len(set(values)) != len(values):
            yield row.problem(f"{column}: the same value twice in {cell!r}")


def _repeated_ids(rows: list[Row], column: str) -> Iterator[str]:
    first: dict[str, int] = {}
    for row in rows:
        identifier = row[column]
        if not (identifier.isascii() and identifier.isalnum()):
            yield row.problem(f"{column}: {identifier!r} is not an id of letters and digits")
        elif identifier in first:
            yield row.problem(f"{column}: {identifier} is already on line {first[identifier]}")
        first.setdefault(identifier, row.line)


def _check_choice(row: Row, column: str, choices: object) -> Iterator[str]:
    known: frozenset[str] = frozenset(choices)  # type: ignore[call-overload]
    if row[column] in known:
        return
    hint = f"; one of {', '.join(sorted(known))}" if len(known) < 20 else " (no such id)"
    yield row.problem(f"{column}: {row[column]!r} is not known{hint}")


def _check_filled(row: Row, columns: tuple[str, ...]) -> Iterator[str]:
    for column in columns:
        if not row[column]:
            yield row.problem(f"{column}: the cell is empty")
        elif ";" in row[column] and column not in FREE_TEXT_COLUMNS:
            yield row.problem(f"{column}: one value is allowed, not {row[column]!r}")


def _check_url(row: Row) -> Iterator[str]:
    url = row["url"]
    if url and not (url.startswith(("http://", "https://")) and " " not in url):
        yield row.problem(f"url: {url!r} is not an http address")
