"""Grades statements by who makes them: the kind of publisher, and how many independent ones.

high      two or more independent publishers of a trusted kind
moderate  one publisher of a trusted kind
low       a charity, or two or more independent publishers of another kind
very_low  one publisher of another kind

A publisher is independent of the body whose text it copies only if it is that body: `copy_of` in
sources.tsv says whose text a source repeats. The grade is about provenance alone: it does not say
how good the publisher's own evidence is.
"""

from collections import defaultdict
from collections.abc import Iterable

from kg.builder.tables import Row, Tables

TRUSTED = frozenset({"government", "medical_society", "hospital", "university", "reference"})

Statement = tuple[str, str, str]


def grade(publishers: Iterable[tuple[str, str]]) -> str:
    """The grade of a statement from `(independent publisher, kind)` of each of its sources."""
    found = set(publishers)
    trusted = {publisher for publisher, kind in found if kind in TRUSTED}
    if trusted:
        return "high" if len(trusted) > 1 else "moderate"
    if len({publisher for publisher, _ in found}) > 1 or any(k == "charity" for _, k in found):
        return "low"
    return "very_low"


class Grades:
    """The grade of every statement of the tables.

    Rows state the same when they agree in condition, relation and value, or, for presentations,
    in condition, symptom and region.
    """

    def __init__(self, tables: Tables) -> None:
        publishers = {
            row["source_id"]: (row["copy_of"] or row["publisher"], row["publisher_kind"])
            for row in tables.sources
        }
        self._by_statement: dict[Statement, set[tuple[str, str]]] = defaultdict(set)
        for row in tables.facts:
            self._by_statement[_fact(row)].add(publishers[row["source_id"]])
        for row in tables.presentations:
            for region in row.values("region") or [""]:
                statement = _presentation(row, region)
                self._by_statement[statement].add(publishers[row["source_id"]])

    def of_fact(self, row: Row) -> str:
        """The grade of the statement that a row of facts.tsv makes."""
        return grade(self._by_statement[_fact(row)])

    def of_presentation(self, row: Row, region: str) -> str:
        """The grade of a presentation in one of the regions of its row ('' where none is named)."""
        return grade(self._by_statement[_presentation(row, region)])


def _fact(row: Row) -> Statement:
    return row["condition"], row["relation"], row["value"]


def _presentation(row: Row, region: str) -> Statement:
    return row["condition"], f"presents with {row['symptom']}", region
