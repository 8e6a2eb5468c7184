"""What the service is and holds, for programs: the data in VoID and DCAT, the queries in SHACL."""

import math
import threading
import time
from http import HTTPStatus

from flask import Flask, Response, abort, request
from rdflib import Graph
from werkzeug.wrappers import Response as BaseResponse

from kg.description import describe_dataset, describe_queries
from kg.errors import EngineTimeout, QueryFailed, QueryTimeout, ServiceBusy
from kg.figures import Statistics, count
from kg.sparql.pool import Solutions
from kg.sparql.results import GRAPH_FORMATS
from kg.vocabulary import ETIO, expand, is_iri
from web.negotiation import chosen_key
from web.serving import Serving, client, serving

RDFLIB_FORMATS = {"turtle": "turtle", "nt": "nt", "jsonld": "json-ld", "rdfxml": "xml"}
"""The name in rdflib of each of GRAPH_FORMATS."""
COUNT_SECONDS = 5.0
"""How long one query for figures may take; of large data, some are left out."""
WAIT_SECONDS = 2.0
"""How long a request waits for figures that another is counting."""
RETRY_SECONDS = 60.0
"""How long figures that are not complete are given out."""
EXAMPLES = ("etio:PlantarFasciitis", "etio:Calf", "etio:Cramp")


def add_description(app: Flask) -> None:
    """`/.well-known/void` and `/sparql-examples`."""
    figures = Figures()

    @app.get("/.well-known/void")
    def void() -> BaseResponse:
        base, now = own_address(), serving()
        statistics, complete = figures.of(now)
        manifest = now.service.snapshot.manifest if now.service else None
        examples = _examples(now)
        response = sent(describe_dataset(base, statistics, now.version, manifest, examples))
        if not complete:
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/sparql-examples")
    def sparql_examples() -> BaseResponse:
        service = serving().service
        queries = service.queries() if service else ()
        return sent(describe_queries(queries, f"{own_address()}sparql"))


def own_address() -> str:
    """The address of the service as the client has it; one that is no address is refused."""
    if not request.host or not is_iri(request.root_url):
        abort(HTTPStatus.BAD_REQUEST, "the Host header does not name a host")
    return request.root_url


def sent(graph: Graph) -> Response:
    """A graph in the format that the request wants."""
    form = chosen_key(GRAPH_FORMATS, request.args.get("format"))
    body = graph.serialize(format=RDFLIB_FORMATS[form], encoding="utf-8")
    return Response(body, content_type=f"{GRAPH_FORMATS[form]}; charset=utf-8")


class Figures:
    """The figures of what is served, counted once for each version."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[str, Statistics, float] | None = None

    def of(self, now: Serving) -> tuple[Statistics, bool]:
        """The figures, and whether they are complete; ServiceBusy while they are being counted."""
        found = self._found(now)
        if found is None and self._lock.acquire(timeout=WAIT_SECONDS):
            try:
                found = self._found(now) or self._count(now)
            finally:
                self._lock.release()
        if found is None:
            raise ServiceBusy("the data is being counted")
        return found

    def _found(self, now: Serving) -> tuple[Statistics, bool] | None:
        if self._kept is None:
            return None
        version, statistics, until = self._kept
        if version != now.version or time.monotonic() > until:
            return None
        return statistics, until == math.inf

    def _count(self, now: Serving) -> tuple[Statistics, bool]:
        """Counts; figures that are not complete are kept for a while, as they cost the most."""
        counter = _Counter(now)
        statistics = count(counter.select, str(ETIO) if now.service else "")
        until = time.monotonic() + RETRY_SECONDS if counter.gave_up else math.inf
        self._kept = now.version, statistics, until
        return statistics, not counter.gave_up


class _Counter:
    """Runs queries until one takes too much; after that there are no rows."""

    def __init__(self, now: Serving) -> None:
        self._pool = now.pool
        self._client = client()
        self.gave_up = False

    def select(self, text: str) -> Solutions:
        """The rows of a SELECT, or none."""
        if not self.gave_up:
            try:
                return self._pool.select(text, self._client, COUNT_SECONDS)
            except (QueryTimeout, QueryFailed, EngineTimeout):
                self.gave_up = True
        return [], []


def _examples(now: Serving) -> list[str]:
    """Entities of the leg graph to begin with; of other data nothing is known beforehand."""
    if now.service is None:
        return []
    return [expand(example) for example in EXAMPLES if example in now.service.index.entities]
