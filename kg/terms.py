"""Describes a term of an imported vocabulary: what it is, where it stands, what is stated of it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from kg.imports import STATEMENTS, Catalogue, Imports
from kg.index import Index
from kg.records import Mapping as CrossReference
from kg.views import DISCLAIMER, Json, Views


class Terms:
    """The terms of all imports, joined with the leg graph by its cross-references."""

    def __init__(self, imports: Imports, index: Index, views: Views, version: str) -> None:
        self._imports = imports
        self._views = views
        self._version = version
        self._known = lru_cache(maxsize=20_000)(self._find_known)
        self._legs: dict[str, list[tuple[str, CrossReference]]] = {}
        for entity in index.entities.values():
            for mapping in entity.mappings:
                self._legs.setdefault(mapping.id, []).append((entity.id, mapping))

    def describe(self, text: str) -> Json:
        """The payload of `/api/v1/terms/{curie}`; UnknownEntity if there is no such term.

        `place` is a way from the top down; `statements` are those about the term, `stated_in` those
        whose value it is: the first of each, with their number. `leg_entities` are the entities of
        the leg graph that are mapped to it, by strength.
        """
        catalogue, number = self._imports.find(text)
        identifier, definition, comment, replaced_by = catalogue.rows(
            "SELECT id, definition, comment, replaced_by FROM term WHERE number = ?", number
        )[0]
        children, count = catalogue.children(number)
        return {
            **catalogue.reference(number),
            "definition": definition,
            "comment": comment,
            "replaced_by": self._known(replaced_by) if replaced_by else None,
            "synonyms": _records(
                catalogue, ("text", "scope", "type"),
                "SELECT text, scope, type FROM name WHERE term = ? AND scope != 'label' "
                "ORDER BY number", number,
            ),
            "codes": _records(
                catalogue, ("id", "relation"),
                "SELECT code, relation FROM code WHERE term = ? ORDER BY relation, code", number,
            ),
            "place": catalogue.place(number),
            "parents": catalogue.parents(number),
            "children": children,
            "children_total": count,
            "relations": self._relations(catalogue, number),
            "leg_entities": self.leg_entities(identifier),
            "statements": self._statements("subject", identifier),
            "stated_in": self._statements("value", identifier),
            "vocabulary": self.vocabulary(catalogue),
            "version": self._version,
            "disclaimer": DISCLAIMER,
        }  # fmt: skip

    def vocabulary(self, catalogue: Catalogue) -> Json:
        """Whose term it is: `{name, title, version, date, licence, homepage, note}`."""
        about = catalogue.entry["description"]
        keys = ("name", "title", "version", "date", "licence", "homepage", "note")
        return {key: about[key] or None for key in keys}

    def leg_entities(self, identifier: str) -> list[Json]:
        """The entities of the leg graph that are mapped to a term, each with the strength."""
        return [
            {**self._views.reference(entity), "strength": mapping.strength}
            for entity, mapping in self._legs.get(identifier, ())
        ]

    def places(self, mappings: Sequence[CrossReference]) -> list[Json]:
        """Where the counterparts of an entity stand: `{strength, term, place, vocabulary}`."""
        found = []
        for mapping in mappings:
            if located := self._imports.located(mapping.id):
                catalogue, number = located
                found.append({
                    "strength": mapping.strength,
                    "term": catalogue.reference(number),
                    "place": catalogue.place(number),
                    "vocabulary": self.vocabulary(catalogue),
                })  # fmt: skip
        return found

    def _relations(self, catalogue: Catalogue, number: int) -> list[Json]:
        rows = catalogue.rows(
            "SELECT property, value FROM relation WHERE term = ? ORDER BY property, value", number
        )
        return [{"property": row[0], "value": self._known(row[1])} for row in rows]

    def _find_known(self, identifier: str) -> Json:
        """A reference to a term, be it imported or not; payloads share it, nothing changes it."""
        known = self._imports.reference(identifier)
        return known or {
            "id": identifier,
            "iri": None,
            "label": None,
            "kind": None,
            "obsolete": None,
        }

    def _statements(self, role: str, identifier: str) -> Json:
        """`{total, rows}` of the statements that have a term in a role, most frequent first."""
        total, rows = 0, []
        for catalogue in self._imports.catalogues.values():
            (count,) = catalogue.rows(
                f"SELECT count(*) FROM annotation WHERE {role} = ?",  # noqa: S608 - a column
                identifier,
            )[0]
            total += count
            rows += [
                self.statement(catalogue, row)
                for row in catalogue.rows(
                    f"{STATEMENT} WHERE {role} = ? ORDER BY excluded, share DESC, number LIMIT ?",
                    identifier, STATEMENTS,
                )
            ]  # fmt: skip
        return {"total": total, "rows": rows}

    def statement(self, catalogue: Catalogue, row: Sequence[Any]) -> Json:
        """A row of STATEMENT with its terms looked up."""
        number, subject, relation, value, excluded, frequency, share, source, note = row
        return {
            "id": f"{catalogue.name}/r{number}",
            "subject": self._known(subject),
            "relation": relation,
            "value": self._known(value),
            "excluded": bool(excluded),
            "frequency": self.frequency(frequency, share),
            "sources": [part.strip() for part in source.split(";") if part.strip()],
            "note": note,
            "import": catalogue.name,
        }

    def frequency(self, text: str, share: float | None) -> Json | None:
        """`{as_written, label, share}`; None where none is recorded."""
        if not text:
            return None
        known = self._known(text)["label"]
        return {"as_written": text, "label": known or text, "share": share}


STATEMENT = (
    "SELECT number, subject, relation, value, excluded, frequency, share, source, note "
    "FROM annotation"
)
"""The columns of a statement, as `Terms.statement` takes them."""


def _records(
    catalogue: Catalogue, keys: Sequence[str], query: str, number: int
) -> list[Mapping[str, Any]]:
    return [dict(zip(keys, row, strict=True)) for row in catalogue.rows(query, number)]
