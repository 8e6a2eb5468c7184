"""Named queries: SPARQL files with their parameters described in `#+` comment lines (YAML).

A value is bound to its variable as an RDF term; see `kg.sparql.guard.bind`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import yaml
from rdflib import Dataset, Literal, URIRef
from rdflib.query import ResultRow
from rdflib.term import Identifier, Node

from kg.errors import BadParameter, OntologyError, UnknownEntity, UnknownQuery
from kg.index import Index
from kg.sparql.guard import bind
from kg.views import Json
from kg.vocabulary import compress, expand, is_curie, is_iri

TYPES = ("iri", "text")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A variable that a caller binds: `iri` takes a CURIE, IRI or label; `text` a string.

    `kind` narrows an iri to entities of that kind; without it any CURIE or IRI will do.
    """

    name: str
    type: str
    help: str
    example: str
    kind: str | None


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query file: what it answers, its parameters and its text."""

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    text: str

    def describe(self) -> Json:
        """The query as `/api/v1/queries` lists it."""
        return {
            "name": self.name,
            "summary": self.summary,
            "parameters": [
                {"name": p.name, "type": p.type, "kind": p.kind, "help": p.help,
                 "example": p.example}
                for p in self.parameters
            ],
            "sparql": self.text,
        }  # fmt: skip


Select = Callable[[str], tuple[list[str], list[list[Node | None]]]]
"""Runs a SELECT: columns and rows of RDF terms."""


def select_from(dataset: Dataset) -> Select:
    """Runs queries in this process, over an rdflib dataset."""

    def select(text: str) -> tuple[list[str], list[list[Node | None]]]:
        result = dataset.query(text)
        rows: list[list[Node | None]] = [list(cast(ResultRow, solution)) for solution in result]
        return [str(variable) for variable in result.vars or ()], rows

    return select


class Queries:
    """The named queries of a folder, with values for their parameters."""

    def __init__(self, folder: Path, index: Index) -> None:
        self._index = index
        self._queries = {path.stem: read_query(path) for path in sorted(folder.glob("*.rq"))}

    def all(self) -> list[NamedQuery]:
        return list(self._queries.values())

    def get(self, name: str) -> NamedQuery:
        """The query of this name; UnknownQuery lists the names there are."""
        if name not in self._queries:
            raise UnknownQuery(f"there is no query {name!r}", list(self._queries))
        return self._queries[name]

    def run(self, name: str, values: Mapping[str, str], select: Select) -> Json:
        """`{query, parameters, variables, rows, total}`; IRIs in rows are CURIEs where they can be.

        BadParameter or UnknownEntity tell what is wrong with a value.
        """
        query = self.get(name)
        unknown = sorted(set(values) - {p.name for p in query.parameters})
        if unknown:
            names = [p.name for p in query.parameters]
            raise BadParameter(
                f"{name} has no parameter {unknown[0]!r}; it has {', '.join(names)}", names
            )
        bindings = {p.name: self._bind(p, values.get(p.name, "")) for p in query.parameters}
        terms = {parameter: term.n3() for parameter, term in bindings.items()}
        variables, solutions = select(bind(query.text, terms))
        rows = [dict(zip(variables, map(_plain, row), strict=True)) for row in solutions]
        return {
            "query": name,
            "parameters": {name: compress(str(value)) for name, value in bindings.items()},
            "variables": variables,
            "rows": rows,
            "total": len(rows),
        }

    def _bind(self, parameter: Parameter, text: str) -> Identifier:
        if not text.strip():
            raise BadParameter(
                f"{parameter.name} is missing: {parameter.help}, for example {parameter.example}"
            )
        if parameter.type == "text":
            return Literal(text)
        if parameter.kind is None:
            return URIRef(_full_iri(text))
        try:
            entity = self._index.resolve(text)
        except UnknownEntity as error:
            raise BadParameter(f"{parameter.name}: {error}", error.suggestions) from None
        if entity.kind != parameter.kind:
            raise BadParameter(
                f"{parameter.name} must be a {parameter.kind}, but {entity.label!r} is a "
                f"{entity.kind}"
            )
        return URIRef(entity.iri)


def _full_iri(text: str) -> str:
    if is_curie(text):
        return expand(text)
    if not is_iri(text):
        raise BadParameter(f"{text!r} is neither a CURIE nor an IRI")
    return text


def _plain(value: Node | None) -> str | int | float | bool | None:
    """A term as JSON shows it: an IRI as a CURIE, a literal as its value."""
    if value is None:
        return None
    if isinstance(value, Literal):
        python = value.toPython()
        return python if isinstance(python, int | float | bool) else str(value)
    return compress(str(value))


def read_query(path: Path) -> NamedQuery:
    """Read a query file; OntologyError says what its header lacks."""
    text = path.read_text(encoding="utf-8")
    header = "\n".join(line[2:] for line in text.splitlines() if line.startswith("#+"))
    try:
        data = yaml.safe_load(header)
        parameters = tuple(
            Parameter(name, item["type"], item["help"], str(item["example"]), item.get("kind"))
            for name, item in (data.get("parameters") or {}).items()
        )
        query = NamedQuery(path.stem, data["summary"], parameters, text)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise OntologyError(
            [f"{path.name}: the #+ header is not as it should be: {error!r}"]
        ) from None
    for parameter in parameters:
        if parameter.type not in TYPES or f"?{parameter.name}" not in text:
            raise OntologyError([f"{path.name}: parameter {parameter.name} is not usable"])
    return query
