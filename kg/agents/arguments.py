"""What the tools take: models whose JSON schemas are what a model reads.

A docstring is what a model is told of the tool; limits keep results small enough for it.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kg.search import KINDS, MAX_LENGTH

MAX_ANSWERS = 20
MAX_TEXT = 1000
MAX_QUERY = 20_000
CANDIDATES = (2, 10)


def _as_list(value: Any) -> Any:
    """A list that a client sent as the text of one, as some do."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


class Arguments(BaseModel):
    """What a tool takes; an argument that it does not know is an error."""

    model_config = ConfigDict(extra="forbid")


class SearchArguments(Arguments):
    """Finds conditions, symptoms, regions, treatments and other entities by name, synonym or code.

    Gives ids for fetch. For a question use ask."""

    query: str = Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description="A name, synonym, code (I73.9) or CURIE; not a whole question",
        examples=["claudication"],
    )
    kind: Literal[KINDS] | None = Field(None, description="Only entities of this kind")  # type: ignore[valid-type]
    vocabulary: str | None = Field(
        None,
        max_length=MAX_LENGTH,
        description="Instead of the leg graph, an imported vocabulary (hp, mondo, …), or all",
    )
    limit: int = Field(10, ge=1, le=50, description="How many results at most")


class FetchArguments(Arguments):
    """Everything recorded of an entity, a source, a claim, a presentation or an imported term.

    Ids of sources stand in brackets. Also gives the rest of an answer of ask."""

    id: str = Field(
        min_length=1,
        max_length=2 * MAX_TEXT,
        description="An id of a result: of an entity (etio:Calf), a source (etio:S125), a claim, a "
        "presentation, or the `rest` or `whole` of an answer (/ask?q=…); also an IRI or a label",
        examples=["etio:PlantarFasciitis"],
    )
    limit: int = Field(12, ge=1, le=200, description="How many items of each list of the text")


class AskArguments(Arguments):
    """Answers a question about the legs in plain English, ranked, with sources.

    Causes of complaints (with age, sex, risk factors, what is absent), treatments, prevention, risk
    factors, symptoms, red flags, tests, complications, what relieves. Tell warning signs first."""

    question: str = Field(
        min_length=1,
        max_length=MAX_TEXT,
        description="In plain English, as a person would write it",
        examples=["causes of calf cramps relieved by rest"],
    )
    limit: int = Field(5, ge=1, le=MAX_ANSWERS, description="How many answers")
    offset: int = Field(0, ge=0, description="How many answers to skip")
    proofs: bool = Field(
        False, description="With the triples behind each answer, and an ASK query for them"
    )


class VerifyArguments(Arguments):
    """What the sources say for and against a statement.

    Supported, contradicted, mixed, or not recorded, which does not make it false. Give a sentence,
    or subject, property and object."""

    sentence: str | None = Field(
        None, max_length=MAX_TEXT, description="The statement", examples=["gout causes toe pain"]
    )
    subject: str | None = Field(None, description="Instead of a sentence: CURIE, IRI or label")
    property: str | None = Field(None, description="such as etio:treatedBy")
    object: str | None = Field(None, description="CURIE, IRI or label")


class DifferentialArguments(Arguments):
    """What is recorded of one condition and not of another, and what to ask to tell them apart.

    Give candidates, or a question in plain English of which the best answers are taken."""

    candidates: Annotated[
        Annotated[list[str], Field(min_length=CANDIDATES[0], max_length=CANDIDATES[1])] | None,
        BeforeValidator(_as_list),
        Field(description="Conditions by label or CURIE", examples=[["gout", "pseudogout"]]),
    ] = None
    question: str | None = Field(
        None,
        max_length=MAX_TEXT,
        description="Instead of candidates: complaints, of which the best answers are told apart",
    )
    limit: int = Field(
        5, ge=CANDIDATES[0], le=CANDIDATES[1], description="How many answers to a question"
    )
    rows: int = Field(8, ge=1, le=60, description="How many differences at most")


class SparqlArguments(Arguments):
    """Runs a SPARQL 1.1 query over the graph, within limits of time, memory and size.

    It only reads; SERVICE is refused."""

    query: str = Field(
        min_length=1,
        max_length=MAX_QUERY,
        description="SPARQL 1.1, reading only; etio:, rdfs:, skos: and the like are declared",
        examples=["SELECT ?label { ?region etio:partOf etio:Calf ; rdfs:label ?label }"],
    )
    limit: int = Field(50, ge=1, le=500, description="How many rows or triples at most")
    timeout: float = Field(5.0, gt=0, le=10, description="Seconds until the query is stopped")
