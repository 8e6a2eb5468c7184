"""The tools: what each takes, what it does, and its result; knows nothing of how they are called.

All only read. A tool raises the errors of `kg.errors`; every result begins with the disclaimer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from kg.agents import briefs, imported
from kg.agents.arguments import (
    Arguments,
    AskArguments,
    DifferentialArguments,
    FetchArguments,
    SearchArguments,
    SparqlArguments,
    VerifyArguments,
)
from kg.agents.documents import Documents
from kg.agents.result import Result
from kg.agents.solutions import QuerySolutions
from kg.agents.texts import text_of
from kg.errors import BadParameter, UnknownEntity
from kg.service import Service
from kg.sparql.pool import QueryPool
from kg.structure import to_json
from kg.views import Json, Views

_ASK = "/ask?"
"""How the id of a part of an answer begins."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its name and title, what it takes, and what its result holds."""

    name: str
    title: str
    arguments: type[Arguments]
    result: Mapping[str, str]
    """Name → JSON type, of what is always there beside disclaimer and version."""
    run: Callable[[Any], Result]

    @property
    def description(self) -> str:
        """What a model is told of it."""
        return " ".join((self.arguments.__doc__ or "").split())

    @property
    def schema(self) -> Json:
        """The JSON schema of its arguments."""
        schema = self.arguments.model_json_schema()
        del schema["description"], schema["title"]
        return schema


_DOCUMENT = {"id": "string", "title": "string", "url": "string", "text": "string"}
_COMPARED = {"candidates": "array", "rows": "array", "total_rows": "integer"}
_CHECKED = {"verdict": "string", "statement": "string", "totals": "object"}


class Tools:
    """The tools over one snapshot, which is held as it is, whatever becomes of its files."""

    def __init__(self, service: Service, pool: QueryPool) -> None:
        self.service = service
        self._views = Views(service.index)
        self._documents = Documents(service.index, service.version)
        self._solutions = QuerySolutions(pool, service)

    def all(self) -> list[Tool]:
        """Every tool, those for finding first."""
        compare, query = self.differential, self.sparql
        return [
            Tool("search", "Find entities", SearchArguments, {"results": "array"}, self.search),
            Tool("fetch", "Read one thing in full", FetchArguments, _DOCUMENT, self.fetch),
            Tool("ask", "Answer a question", AskArguments, {"question": "string"}, self.ask),
            Tool("verify", "Check a statement", VerifyArguments, _CHECKED, self.verify),
            Tool(
                "differential", "Tell conditions apart", DifferentialArguments, _COMPARED, compare
            ),
            Tool("sparql", "Query the graph", SparqlArguments, {"truncated": "boolean"}, query),
        ]

    def search(self, given: SearchArguments) -> Result:
        if given.vocabulary is not None:
            return self._search_imports(given)
        found = self.service.search(given.query, given.kind, given.limit)["results"]
        results = [{**_result(one), **self._most_urgent(one["id"])} for one in found]
        hint = "" if results else "Nothing is called so. Use one word or name; for a question, ask."
        if hint and self.service.imports:
            hint += " Imported vocabularies are searched with vocabulary: all."
        return Result.as_json(
            {**briefs.framed(self.service.version, hint=hint), "results": results}
        )

    def _search_imports(self, given: SearchArguments) -> Result:
        if given.kind is not None:
            raise BadParameter("kind is of the leg graph: leave it out, or vocabulary")
        found = self.service.search_terms(given.query, given.vocabulary, given.limit)["results"]
        results = [
            {**_result(one), **({"obsolete": True} if one["obsolete"] else {})} for one in found
        ]
        return Result.as_json({**briefs.framed(self.service.version), "results": results})

    def _most_urgent(self, identifier: str) -> Json:
        flags = self._views.red_flags(identifier)
        return {"red_flags": len(flags), "most_urgent": flags[0]["urgency"]} if flags else {}

    def fetch(self, given: FetchArguments) -> Result:
        if given.id.startswith(_ASK):
            return self._fetch_answer(given.id)
        try:
            return Result.as_json(self._documents.of(given.id, given.limit))
        except UnknownEntity as error:
            try:
                term = self.service.term(given.id)
            except UnknownEntity:
                raise error from None
        return Result.as_json(imported.document(term, given.limit))

    def _fetch_answer(self, identifier: str) -> Result:
        """A part of an answer; one answer alone comes whole, with its proof."""
        values = {name: found[0] for name, found in parse_qs(identifier[len(_ASK) :]).items()}
        try:
            named = {"question": values.pop("q"), **values}
            asked = AskArguments.model_validate(named)
        except (KeyError, ValueError):
            raise BadParameter(
                f"{identifier!r} is no part of an answer: give a `rest` or `whole` as it is"
            ) from None
        whole = asked.limit == 1
        payload = self.service.ask(asked.question, asked.limit, asked.offset)
        brief = self._brief(payload, asked.question, proofs=whole, whole=whole)
        kept = ("rank", "id", "label", "score", "match", "proof")
        data = briefs.framed(
            self.service.version,
            warning_signs=brief.get("warning_signs"),
            red_flags=brief.get("red_flags"),
            id=identifier,
            title=payload["canonical"],
            url=identifier,
            text=text_of(brief),
            metadata={
                "kind": "answer",
                "total": payload["total"],
                **({"rest": brief["rest"]} if "rest" in brief else {}),
                "answers": [
                    {name: item[name] for name in kept if name in item}
                    for item in brief.get("answers", ())
                ],
            },
        )
        return Result.as_json(data)

    def _brief(self, payload: Json, text: str, *, proofs: bool, whole: bool = False) -> Json:
        flags = self._views.red_flags
        return briefs.answer(payload, text, flags, proofs=proofs, whole=whole)

    def ask(self, given: AskArguments) -> Result:
        payload = self.service.ask(given.question, given.limit, given.offset)
        return Result.of(self._brief(payload, given.question, proofs=given.proofs))

    def verify(self, given: VerifyArguments) -> Result:
        payload = self.service.verify(given.model_dump(exclude_none=True))
        return Result.of(briefs.verdict(payload, self._views.red_flags))

    def differential(self, given: DifferentialArguments) -> Result:
        if (given.candidates is None) == (given.question is None):
            raise BadParameter("give either candidates (two to ten conditions) or a question")
        if given.question is None:
            data: Json = {"candidates": given.candidates}
        else:
            asked = self.service.reader.read(given.question).question
            data = {"question": to_json(asked, self._views), "limit": given.limit}
        return Result.of(briefs.differential(self.service.differential(data), given.rows))

    def sparql(self, given: SparqlArguments) -> Result:
        return self._solutions.of(given.query, given.limit, given.timeout)


def _result(found: Json) -> Json:
    """A result of a search, in the shape that known clients expect."""
    return {
        "id": found["id"],
        "title": found["label"],
        "url": found["iri"],
        "kind": found["kind"],
        "matched": found["matched"],
    }
