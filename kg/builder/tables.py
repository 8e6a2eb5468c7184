"""Reads the curated tables: tab-separated, a header row, no quoting, `;` between values in a cell.

The cross-references are a table of the SSSOM format: comment lines stand before its header.

No row is dropped: every fault is collected and reported with file, line and reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kg.errors import OntologyError
from kg.vocabulary import (
    FREQUENCIES,
    MAPPING_PROPERTIES,
    PUBLISHER_KINDS,
    RELATION_PROPERTIES,
    URGENCIES,
    VOCABULARIES,
)

PRESENTATION_COLUMNS = (
    "presentation_id",
    "condition",
    "symptom",
    "region",
    "quality",
    "timing",
    "laterality",
    "triggered_by",
    "aggravated_by",
    "relieved_by",
    "frequency",
    "source_id",
)
FACT_COLUMNS = ("fact_id", "condition", "relation", "value", "urgency", "note", "source_id")
SOURCE_COLUMNS = ("source_id", "url", "publisher", "publisher_kind", "copy_of", "title")
MAPPING_COLUMNS = (
    "subject_id",
    "subject_label",
    "predicate_id",
    "object_id",
    "object_label",
    "mapping_justification",
    "comment",
)
FREE_TEXT_COLUMNS = frozenset(
    {
        "url",
        "publisher",
        "copy_of",
        "title",
        "note",
        "subject_label",
        "object_label",
        "comment",
    }
)
RELATIONS = frozenset({*RELATION_PROPERTIES, "subtype_of"})
JUSTIFICATIONS = frozenset({"semapv:ManualMappingCuration"})


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
    """The curated tables, read and checked against themselves (not yet against the terms)."""

    presentations: list[Row]
    facts: list[Row]
    sources: list[Row]
    mappings: list[Row]
    problems: list[str] = field(default_factory=list)


def read_tables(ontology: Path) -> Tables:
    """Read the tables of the folder `ontology`; OntologyError lists every faulty row."""
    folder = ontology / "facts"
    problems: list[str] = []
    tables = Tables(
        presentations=_read(folder / "presentations.tsv", PRESENTATION_COLUMNS, problems),
        facts=_read(folder / "facts.tsv", FACT_COLUMNS, problems),
        sources=_read(folder / "sources.tsv", SOURCE_COLUMNS, problems),
        mappings=_read(ontology / "mappings.sssom.tsv", MAPPING_COLUMNS, problems),
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
        problems += _check_urgency(row)
        problems += _check_choice(row, "source_id", known_sources)
    for row in tables.mappings:
        problems += _check_mapping(row)
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
    above = next((n for n, line in enumerate(lines) if not line.startswith("#")), 0)
    if lines[above].rstrip("\r").split("\t") != list(columns):
        where = f"{name}:{above + 1}"
        raise OntologyError([f"{where}: the header must be: {' '.join(columns)} (tab-separated)"])
    rows = list(_rows(name, lines, above + 1, columns, problems))
    if columns[0] != "subject_id":
        problems += _repeated_ids(rows, columns[0])
    return rows


def _rows(
    name: str, lines: list[str], start: int, columns: tuple[str, ...], problems: list[str]
) -> Iterator[Row]:
    for number, line in enumerate(lines[start:], start=start + 1):
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


def _check_urgency(row: Row) -> Iterator[str]:
    if not row["urgency"]:
        return
    yield from _check_choice(row, "urgency", URGENCIES)
    if row["relation"] != "has_red_flag":
        yield row.problem(f"urgency: only a has_red_flag row has one, not {row['relation']}")


def strength_of(mapping: Row) -> str:
    """How close a cross-reference is: a key of MAPPING_PROPERTIES."""
    return mapping["predicate_id"].removeprefix("skos:").removesuffix("Match")


def _check_mapping(row: Row) -> Iterator[str]:
    yield from _check_filled(row, ("subject_id", "object_id", "object_label"))
    predicates = [f"skos:{strength}Match" for strength in MAPPING_PROPERTIES]
    yield from _check_choice(row, "predicate_id", predicates)
    yield from _check_choice(row, "mapping_justification", JUSTIFICATIONS)
    prefix, colon, local = row["object_id"].partition(":")
    if not (colon and local and prefix in VOCABULARIES):
        known = ", ".join(sorted(VOCABULARIES))
        yield row.problem(f"object_id: {row['object_id']!r} is not an identifier of {known}")


def _check_url(row: Row) -> Iterator[str]:
    url = row["url"]
    if url and not (url.startswith(("http://", "https://")) and " " not in url):
        yield row.problem(f"url: {url!r} is not an http address")
