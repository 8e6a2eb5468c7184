"""SPARQL for a model: a query runs in the pool's processes alone, and its result is cut to fit.

Never evaluate a query here: only a worker can be stopped, and only a worker is shut off.
"""

import json
from typing import Any

from kg.agents.briefs import framed
from kg.agents.result import Result
from kg.service import Service
from kg.sparql.empty import explain_empty
from kg.sparql.guard import Outline, inspect
from kg.sparql.pool import QueryPool
from kg.views import Json
from kg.vocabulary import compress

MAX_CHARACTERS = 16_000
"""Of the rows, or of the Turtle, that are given."""
_CLIENT = "agent"
_NUMBERS = ("integer", "decimal", "double", "float")


class QuerySolutions:
    """Runs queries in a pool over the snapshot of a service."""

    def __init__(self, pool: QueryPool, service: Service) -> None:
        self._pool = pool
        self._service = service

    def of(self, query: str, rows: int, seconds: float) -> Result:
        """The result of a query: `{variables, rows}`, `{boolean}` or `{turtle}`, and `truncated`.

        Rows are lists in the order of `variables`: IRIs as CURIEs, numbers as such, None where
        unbound. `empty` says why there are none. Errors are those of `QueryPool.query`.
        """
        outline = inspect(query)
        form = "json" if outline.form in ("SELECT", "ASK") else "turtle"
        result = self._pool.query(outline, form, seconds, client=_CLIENT, max_rows=rows)
        text = result.body.decode()
        if form == "turtle":
            parts: Json = {"turtle": text[:MAX_CHARACTERS]}
            cut = len(text) > MAX_CHARACTERS
        elif outline.form == "ASK":
            parts, cut = {"boolean": json.loads(text)["boolean"]}, False
        else:
            parts, cut = _table(json.loads(text))
            if not parts["rows"]:
                parts["empty"] = self._why_empty(outline, seconds)
        data = framed(self._service.version)
        data |= {**parts, "truncated": result.truncated or cut}
        return Result(data, _said(data))

    def _why_empty(self, outline: Outline, seconds: float) -> Json:
        prefixes = self._pool.ready()["prefixes"]

        def select(text: str) -> tuple[list[str], list[list[Any]]]:
            return self._pool.select(text, _CLIENT, seconds)

        return explain_empty(outline, select, self._service.index, prefixes)


def _table(document: Json) -> tuple[Json, bool]:
    """`{variables, rows}` of a SPARQL JSON result, and whether rows were left out."""
    variables = document["head"]["vars"]
    rows: list[list[Any]] = []
    left = MAX_CHARACTERS
    for binding in document["results"]["bindings"]:
        row = [_plain(binding[name]) if name in binding else None for name in variables]
        left -= len(json.dumps(row))
        if left < 0:
            return {"variables": variables, "rows": rows}, True
        rows.append(row)
    return {"variables": variables, "rows": rows}, False


def _plain(term: Json) -> Any:
    """A term as a model reads it: the CURIE of an IRI, a number, or a text."""
    if term["type"] == "uri":
        return compress(term["value"])
    if term["type"] == "bnode":
        return f"_:{term['value']}"
    if term["type"] == "triple":
        return [_plain(term["value"][name]) for name in ("subject", "predicate", "object")]
    if term.get("datatype", "").rpartition("#")[2] in _NUMBERS:
        try:
            return json.loads(term["value"])
        except ValueError:
            return term["value"]
    return term["value"]


def _said(data: Json) -> str:
    lines = [data["disclaimer"]]
    if "turtle" in data:
        lines.append(data["turtle"])
    elif "boolean" in data:
        lines.append("yes" if data["boolean"] else "no")
    else:
        lines.append("\t".join(data["variables"]))
        lines += ["\t".join(map(_cell, row)) for row in data["rows"]]
        lines += [data["empty"]["reason"] or ""] if "empty" in data else []
    if data["truncated"]:
        lines.append("There is more: ask for less, or add a LIMIT and an OFFSET.")
    return "\n".join([*lines, f"Version {data['version']}."])


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
