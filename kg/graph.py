"""The graph as an object, for notebooks and scripts: `from kg import open_graph`.

Its answers are those of the service, as tables; what a table leaves out is in its `payload`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from rdflib import Dataset, Literal
from rdflib.query import ResultRow
from rdflib.term import Node

from kg.answers import DEFAULT_LIMIT
from kg.errors import BadSparql
from kg.service import Service
from kg.snapshot import Snapshot, open_snapshot
from kg.sparql.guard import inspect
from kg.sparql.hints import explain_fault
from kg.tables import Row, Table
from kg.views import DISCLAIMER, RELATION_SAID, URGENCY_SAID, Json
from kg.vocabulary import compress

BUILD_FOLDER = Path(__file__).resolve().parents[1] / "build"


class KnowledgeGraph:
    """One version of the graph, read-only: its data as rdflib has it, and the questions it answers.

    Errors are those of `kg.errors`: they say what is wrong and what would be right.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.service = Service(snapshot)

    @classmethod
    def of_folder(cls, folder: Path | str | None = None) -> "KnowledgeGraph":
        """The current version in a build folder, by default in that of this checkout."""
        return cls(open_snapshot(BUILD_FOLDER if folder is None else Path(folder)))

    @property
    def version(self) -> str:
        """The version, a hash of its content: the same version gives the same answers."""
        return self.service.version

    @property
    def dataset(self) -> Dataset:
        """All triples, in the default graph and in named graphs, with the graph's prefixes.

        `dataset.query` takes any SPARQL query and gives rdflib's own result.
        """
        return self.snapshot.dataset

    def search(self, text: str, kind: str | None = None, limit: int = 20) -> Table:
        """Entities by name, synonym or code, best first; `kind` is condition, symptom, …"""
        payload = self.service.search(text, kind, limit)
        rows = tuple(_picked(one, "id", "label", "kind", "matched") for one in payload["results"])
        return Table(rows, f"{len(rows)} entities for {text!r}", (DISCLAIMER,), payload)

    def ask(self, question: str, limit: int = DEFAULT_LIMIT) -> Table:
        """Answers to a question in words, best first, each with its sources.

        To a question for a yes or no the rows are the evidence, to a comparison the differences,
        to one for rare diseases the imported diseases that its phenotypes rank.
        NotUnderstood suggests other words.
        """
        payload = self.service.ask(question, limit)
        if "verdict" in payload:
            rows, note = tuple(_evidence(payload["verdict"])), _verdict_said(payload["verdict"])
        elif "differential" in payload:
            rows, note = tuple(_differences(payload["differential"])), ""
        elif "phenotype_ranking" in payload:
            ranked = payload["phenotype_ranking"]
            rows = tuple(map(_disease, ranked["ranking"]))
            note = f"{len(rows)} of {ranked['found']} diseases"
        else:
            rows = tuple(map(_answer, payload["answers"]))
            note = f"{len(rows)} of {payload['total']} answers"
        notes = (*_warnings(payload), *_left_out(payload), note, DISCLAIMER)
        return Table(rows, payload["canonical"], tuple(filter(None, notes)), payload)

    def entity(self, name: str) -> Table:
        """What is recorded of an entity (a CURIE, an IRI or a label), one statement a row."""
        payload = self.service.entity(name)
        notes = (payload["definition"] or "", DISCLAIMER)
        heading = f"{payload['label']} ({payload['kind'].replace('_', ' ')}), {payload['id']}"
        return Table(tuple(_statements(payload)), heading, tuple(filter(None, notes)), payload)

    def query(self, sparql: str) -> Table:
        """The solutions of a SELECT: IRIs as CURIEs, literals as Python values.

        The graph's prefixes are declared. BadSparql says what is wrong, RefusedSparql what is not
        done here.
        """
        outline = inspect(sparql)
        if outline.form != "SELECT":
            raise BadSparql(f"query takes a SELECT; for {outline.form} use dataset.query")
        try:
            result = self.dataset.query(sparql)
        except SyntaxError as error:
            raise explain_fault(str(error), sparql) from None
        names = [str(variable) for variable in result.vars or ()]
        rows = tuple(
            dict(zip(names, map(_python, cast(ResultRow, row)), strict=True)) for row in result
        )
        return Table(rows, f"{len(rows)} solutions", (DISCLAIMER,), {"variables": names})

    def __repr__(self) -> str:
        index = self.service.index
        counts = f"{len(index.entities):,} entities, {len(index.claims):,} facts"
        return f"Etiograph, version {self.version}: {counts}. {DISCLAIMER}"


# -- rows ------------------------------------------------------------------------------------


def _picked(payload: Json, *names: str) -> Row:
    return {name: payload[name] for name in names}


def _answer(item: Json) -> Row:
    sources = [source["id"] for one in item["criteria"] for source in one["sources"]]
    return {
        **_picked(item, "rank"),
        **_picked(item["entity"], "id", "label"),
        **_picked(item, "score", "match"),
        "not_recorded": [c["criterion"] for c in item["criteria"] if c["status"] == "not_recorded"],
        "red_flags": [flag["entity"]["label"] for flag in item["red_flags"]],
        "sources": list(dict.fromkeys(sources)),
    }


def _disease(item: Json) -> Row:
    """A disease ranked by phenotype, with the terms that are recorded of it."""
    met = [term["label"] for term in item["terms"] if term["annotations"] and not term["absent"]]
    entity = _picked(item["entity"], "id", "label")
    return {**_picked(item, "rank"), **entity, **_picked(item, "score"), "recorded": met}


def _evidence(verdict: Json) -> Iterator[Row]:
    for side in ("supporting", "contradicting", "related"):
        for item in verdict[side]:
            claim = item.get("claim")
            if claim:
                about, relation = claim["subject"], RELATION_SAID[claim["relation"]]
                row = _statement(claim["id"], relation, claim["value"]["label"], claim)
            else:
                about, row = item["presentation"]["condition"], _presented(item["presentation"])
            yield {"side": side, "condition": about["label"], **row}


def _verdict_said(verdict: Json) -> str:
    return f"{verdict['verdict'].replace('_', ' ')}: {verdict['note']}"


def _differences(told: Json) -> Iterator[Row]:
    labels = {one["id"]: one["label"] for one in told["candidates"]}
    for row in told["rows"]:
        cells = {labels[cell["condition"]]: cell["status"] for cell in row["cells"]}
        yield {"feature": row["feature"], **cells, "bits": row["bits"]}


def _statements(payload: Json) -> Iterator[Row]:
    """Claims about an entity, then what others say of it, then how it presents."""
    for direction, key, other in (
        ("", "relations", "value"),
        ("inverse: ", "inverse_relations", "subject"),
    ):
        for relation, claims in payload[key].items():
            for claim in claims:
                said = direction + RELATION_SAID[relation]
                yield _statement(claim["id"], said, claim[other]["label"], claim)
    yield from map(_presented, payload["presentations"])


def _presented(shown: Json) -> Row:
    symptoms = " and ".join(one["label"] for one in shown["symptom"])
    regions = " and ".join(one["label"] for one in shown["region"])
    value = f"{symptoms} in the {regions}" if regions else symptoms
    return _statement(shown["id"], "presents with", value, shown)


def _statement(identifier: str, relation: str, value: str, payload: Json) -> Row:
    source = payload["source"]
    return {
        "relation": relation,
        "value": value,
        "grade": payload["grade"],
        "id": identifier,
        "source": source["title"],
        "url": source["url"],
    }


def _warnings(payload: Json) -> Iterator[str]:
    for flag in (*payload["mentioned_red_flags"], *payload["red_flags"]):
        todo = f": {URGENCY_SAID[flag['urgency']]}" if flag["urgency"] else ""
        general = " (most conditions come with it)" if flag.get("general") else ""
        yield f"Red flag: {flag['entity']['label']}{general}{todo}"


def _left_out(payload: Json) -> Iterator[str]:
    if payload["ignored"]:
        yield f"Not understood, and left out: {', '.join(payload['ignored'])}"
    for item in payload["contradicted"]:
        yield f"Left out, the opposite is recorded: {item['entity']['label']}"
    if payload["suppressed"]:
        labels = [item["entity"]["label"] for item in payload["suppressed"]]
        more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
        yield f"Not shown, but with red flags: {', '.join(labels[:5])}{more}"


def _python(term: Node | None) -> object:
    if term is None:
        return None
    if isinstance(term, Literal):
        value = term.toPython()
        return str(value) if isinstance(value, Literal) else value
    return compress(str(term))
