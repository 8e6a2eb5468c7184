"""A result of a tool, as data and as text; both begin with the disclaimer."""

import json
from dataclasses import dataclass

from kg.agents.texts import text_of
from kg.views import Json


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gives: as data, and as text."""

    data: Json
    text: str

    @classmethod
    def of(cls, data: Json) -> "Result":
        """A brief with its text."""
        return cls(data, text_of(data))

    @classmethod
    def as_json(cls, data: Json) -> "Result":
        """What known clients of search and fetch parse from the text."""
        return cls(data, json.dumps(data, ensure_ascii=False))
