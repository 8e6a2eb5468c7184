"""The API described: a page with every operation of `/openapi.json`, and `/llms.txt` for models."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote, urlencode

from flask import Flask, Response, current_app, make_response, render_template

from kg.views import Json
from web.description import own_address
from web.serving import service

SHORT = 80
"""Characters of a body that is shown in one line."""
QUERY = "SELECT * WHERE { etio:Calf ?p ?o }"


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of an operation."""

    name: str
    place: str
    help: str
    required: bool
    example: str
    default: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """What can be asked at an address with a method, and what comes back."""

    id: str
    method: str
    path: str
    tag: str
    summary: str
    fields: tuple[Field, ...]
    body_type: str
    body: str
    answer: str
    types: tuple[str, ...]

    @property
    def example(self) -> str:
        """The path and query with every example as value."""
        path = self.path
        for field in self.fields:
            path = path.replace(f"{{{field.name}}}", quote(field.example, safe=":"))
        given = {f.name: f.example for f in self.fields if f.place == "query" and f.example}
        return f"{path}?{urlencode(given, safe=':')}" if given else path

    @property
    def can_be_opened(self) -> bool:
        """Whether a link is enough to try it."""
        return self.method == "get"

    def command(self, base: str) -> str:
        """The example for the command line."""
        words = ["curl", shlex.quote(base.rstrip("/") + self.example)]
        if self.body:
            words += ["-H", shlex.quote(f"Content-Type: {self.body_type}")]
            words += ["-d", shlex.quote(self.body)]
        return " ".join(words)


def add_docs(app: Flask) -> None:
    """`/docs` and `/llms.txt`."""

    @app.get("/docs")
    def docs() -> str:
        response = make_response(current_app.view_functions["openapi_document"]())
        document = response.get_json()
        operations = sorted(operations_of(document), key=lambda o: _order(document, o.tag))
        groups = [(tag, list(found)) for tag, found in groupby(operations, lambda o: o.tag)]
        return render_template("docs.html", groups=groups, base=own_address())

    @app.get("/llms.txt")
    def llms() -> Response:
        now = service()
        text = render_template(
            "llms.txt",
            base=own_address(),
            counts=now.health()["counts"],
            imports=[entry["description"] for entry in now.snapshot.imports.values()],
        )
        return Response(text, mimetype="text/plain")


def operations_of(document: Json) -> list[Operation]:
    """The operations that an OpenAPI document describes, in its order."""
    return [
        _operation(document, path, method, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


def _order(document: Json, tag: str) -> int:
    tags = [item["name"] for item in document["tags"]]
    return tags.index(tag) if tag in tags else len(tags)


def _operation(document: Json, path: str, method: str, described: Json) -> Operation:
    body_type, body = _body(described.get("requestBody", {}))
    answer = _resolved(document, described["responses"]["200"])
    parameters = (_resolved(document, item) for item in described.get("parameters", ()))
    return Operation(
        id=described["operationId"],
        method=method,
        path=path,
        tag=described["tags"][0],
        summary=described["summary"],
        fields=tuple(map(_field, parameters)),
        body_type=body_type,
        body=body,
        answer=answer["description"],
        types=tuple(answer.get("content", ())),
    )


def _resolved(document: Json, item: Json) -> Json:
    """What a `$ref` within the document stands for."""
    if "$ref" not in item:
        return item
    found: Json = document
    for key in item["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return found


def _field(parameter: Json) -> Field:
    schema = parameter["schema"]
    several = schema.get("type") == "array"
    notes = [parameter.get("description", ""), "may be repeated" if several else "", _span(schema)]
    return Field(
        name=parameter["name"],
        place=parameter["in"],
        help="; ".join(filter(None, notes)),
        required=parameter.get("required", False),
        example=str(parameter.get("example", "")),
        default=str(schema.get("default", "")),
        choices=tuple(map(str, schema.get("enum", ()))),
    )


def _span(schema: Mapping[str, Any]) -> str:
    """The least and the most of a number."""
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    if "minimum" in schema:
        return f"from {schema['minimum']}"
    return f"at most {schema['maxLength']} characters" if "maxLength" in schema else ""


def _body(described: Json) -> tuple[str, str]:
    """The media type of a body and an example of it; both are '' where none is sent."""
    for media_type, content in described.get("content", {}).items():
        if "example" in content:
            text = json.dumps(content["example"])
            return media_type, text if len(text) < SHORT else json.dumps(
                content["example"], indent=2
            )
        return media_type, QUERY
    return "", ""
