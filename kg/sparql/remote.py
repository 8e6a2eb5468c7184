"""Has a remote SPARQL 1.1 engine evaluate, through SPARQLWrapper.

Runs in a worker process: one byte a second defeats every time-out of a client library, so the pool
kills the process at the deadline. Tables are asked for as JSON and graphs as N-Triples, whatever
the caller wants, and written again here: the same bytes leave, whichever engine answered.
"""

import http.client
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NoReturn
from urllib.error import HTTPError, URLError

import pyoxigraph as ox
from SPARQLWrapper import JSON, POST, TURTLE, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import QueryBadFormed, SPARQLWrapperException

from kg.errors import EngineFailed, EngineTimeout
from kg.sparql.guard import is_absolute, tokenize, with_columns
from kg.sparql.results import Limits, Written, write_result
from kg.sparql.worker import query_store
from kg.vocabulary import ALL_GRAPH, NAMED_GRAPHS

RETRY_SECONDS = (0.1, 0.3)
"""How long to wait before each further attempt; a read may be repeated."""
MARGIN_SECONDS = 0.2
"""How long before the deadline the engine's time is over, so that this can still be said."""
PASSING = (502, 503, 504)
MAX_BYTES = 256 * 1024 * 1024
TABLE_TYPE = "application/sparql-results+json"
GRAPH_TYPE = "application/n-triples"
CUT = "X-SPARQL-MaxRows"
"""The header by which Virtuoso says that it has cut an answer off."""
SHOWN = 300


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An engine that sends its readers elsewhere is not the one that was named."""

    def redirect_request(self, *_: Any) -> None:
        return None


class RemoteEvaluator:
    """Evaluates at `source["endpoint"]`; called with a query and the header that the pool sends."""

    def __init__(self, source: Mapping[str, str], prefixes: Mapping[str, str]) -> None:
        self._source = source
        self._prefixes = prefixes
        self._grammar = ox.Store()
        urllib.request.install_opener(urllib.request.build_opener(_NoRedirect))

    def __call__(self, text: str, how: dict[str, Any]) -> Written:
        if how["dump"] is not None:
            return self._dump(how)
        parsed = query_store(  # a SyntaxError is worded as everywhere
            self._grammar, text, base_iri=how["base"], prefixes=dict(self._prefixes)
        )
        is_graph = isinstance(parsed, ox.QueryTriples)
        sent = self._complete(text, how["start"], how["base"])
        if how["star"] is not None and isinstance(parsed, ox.QuerySolutions):
            found = {variable.value for variable in parsed.variables}
            columns = [name for name in how["variables"] if name in found]
            sent = with_columns(sent, how["star"] + len(sent) - len(text), columns)
        answer, cut = self._fetch(sent, how, is_graph=is_graph)
        result = _graph(answer) if is_graph else _table(answer)
        limits = Limits(how["rows"], how["size"])
        written = write_result(result, how["format"], limits, self._prefixes)
        return Written(written.body, written.truncated or cut)

    def _dump(self, how: dict[str, Any]) -> Written:
        """A whole graph, counted: an engine may cut a long answer without a word."""
        pattern = f"GRAPH <{how['dump'] or ALL_GRAPH}> {{ ?s ?p ?o }}"
        count = f"SELECT (COUNT(*) AS ?n) WHERE {{ {pattern} }}"
        expected = _number(self._fetch(count, how, is_graph=False)[0])
        graph = f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ {pattern} }}"
        triples = _graph(self._fetch(graph, how, is_graph=True)[0])
        if len(triples) != expected:
            raise EngineFailed(
                f"the SPARQL engine gives {len(triples)} of the {expected} triples of this graph"
            )
        limits = Limits(expected, MAX_BYTES)
        return write_result(triples, how["format"], limits, self._prefixes)

    def _complete(self, text: str, start: int, base: str | None) -> str:
        """The query with a BASE if it needs one, and the prefixes that it does not declare.

        ValueError for the names by which Virtuoso calls its own functions.
        """
        tokens = tokenize(text)
        iris = [token.text for token in tokens if token.kind == "iri"]
        if any(iri.lower().startswith(("<bif:", "<sql:")) for iri in iris):
            raise ValueError("functions of the SPARQL engine's own are not for queries")
        is_relative = any(not is_absolute(iri) for iri in iris)
        words = [token.text for token in tokens if token.kind == "word"]
        declared = {
            name.rstrip(":") for keyword, name in pairwise(words) if keyword.upper() == "PREFIX"
        }
        used = {word.partition(":")[0] for word in words if ":" in word} - declared
        known = [name for name in self._prefixes if name in used]
        prefixes = "".join(f"PREFIX {name}: <{self._prefixes[name]}>\n" for name in known)
        beginning = f"BASE <{base}>\n" if base and is_relative else ""
        return f"{beginning}{text[:start]}{prefixes}{text[start:]}"  # BASE stands before PREFIX

    def _client(self, text: str, how: Mapping[str, Any], *, is_graph: bool) -> Any:
        client = SPARQLWrapper(self._source["endpoint"])
        client.setMethod(POST)
        client.setOnlyConneg(True)
        client.setReturnFormat(TURTLE if is_graph else JSON)
        client.addCustomHttpHeader("Accept", GRAPH_TYPE if is_graph else TABLE_TYPE)
        client.setQuery(text)
        if self._source.get("user"):
            client.setCredentials(self._source["user"], self._source["password"])
        default, named = _dataset(how)
        for iri in default:
            client.addParameter("default-graph-uri", iri)
        for iri in named:
            client.addParameter("named-graph-uri", iri)
        return client

    def _fetch(self, text: str, how: Mapping[str, Any], *, is_graph: bool) -> tuple[bytes, bool]:
        """The body of the answer, and whether the engine says that it is cut off."""
        until = time.monotonic() + how["seconds"] - MARGIN_SECONDS
        client = self._client(text, how, is_graph=is_graph)
        for pause in (*RETRY_SECONDS, None):
            client.timeout = max(
                0.05, until - time.monotonic()
            )  # setTimeout takes whole seconds only
            try:
                return _read(client, GRAPH_TYPE if is_graph else TABLE_TYPE)
            except _Passing as error:
                if pause is None or time.monotonic() + pause > until:
                    raise EngineFailed(f"the SPARQL engine {error}") from None
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


def _table(answer: bytes) -> ox.QuerySolutions | ox.QueryBoolean:
    try:
        return ox.parse_query_results(answer, format=ox.QueryResultsFormat.JSON)
    except (SyntaxError, ValueError) as error:
        raise EngineFailed(f"the SPARQL engine's answer is no table: {error}") from None


def _number(answer: bytes) -> int:
    """The one value of a table."""
    table = _table(answer)
    values = [row[0] for row in table] if isinstance(table, ox.QuerySolutions) else []
    if len(values) != 1 or not isinstance(values[0], ox.Literal):
        raise EngineFailed("the SPARQL engine does not count")
    return int(values[0].value)


def _graph(answer: bytes) -> list[ox.Triple]:
    try:
        return [quad.triple for quad in ox.parse(answer, format=ox.RdfFormat.N_TRIPLES)]
    except (SyntaxError, ValueError) as error:
        raise EngineFailed(f"the SPARQL engine's answer is no graph: {error}") from None


class _Passing(Exception):
    """A failure that may be over at the next attempt."""


def _dataset(how: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[str]]:
    """Default and named graphs: the caller's, those in the query's text, or all of ours.

    Engines differ in what their default graph is, so ours is always named.
    """
    if how["dump"] is not None:
        return (str(ALL_GRAPH),), (*map(str, NAMED_GRAPHS), str(ALL_GRAPH))
    if how["default_graphs"] or how["named_graphs"]:
        return how["default_graphs"], how["named_graphs"]
    if how["names_graphs"]:
        return (), ()
    return (str(ALL_GRAPH),), tuple(map(str, NAMED_GRAPHS))


def _read(client: Any, expected: str) -> tuple[bytes, bool]:
    """The body of the answer, and whether the engine says that it is cut off.

    EngineTimeout, EngineFailed, or ValueError for a query that the engine refuses.
    """
    try:
        with client.query().response as response:
            found = (response.headers.get("Content-Type") or "nothing").partition(";")[0].strip()
            if found != expected:
                raise EngineFailed(f"the SPARQL engine answers with {found}, not {expected}")
            cut = CUT in response.headers
            body: bytes = response.read(MAX_BYTES + 1)
    except TimeoutError:
        raise EngineTimeout("the SPARQL engine does not answer in time") from None
    except QueryBadFormed as error:
        raise ValueError(f"the SPARQL engine refuses the query: {_brief(error)}") from None
    except SPARQLWrapperException as error:
        raise EngineFailed(f"the SPARQL engine fails: {type(error).__name__}") from None
    except HTTPError as error:
        _fail(error)
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise EngineTimeout("the SPARQL engine does not answer in time") from None
        raise _Passing(f"cannot be reached: {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Passing(f"broke off: {error!r}") from None
    if len(body) > MAX_BYTES:
        raise EngineFailed(f"the SPARQL engine's answer is over {MAX_BYTES} bytes")
    return body, cut


def _fail(error: HTTPError) -> NoReturn:
    status = f"{error.code} {error.reason}".strip()
    kind: Callable[[str], Exception] = _Passing if error.code in PASSING else EngineFailed
    prefix = "" if error.code in PASSING else "the SPARQL engine "
    raise kind(f"{prefix}answers {status}") from None


def _brief(error: Exception) -> str:
    """What the engine said, without the wrapping of the library."""
    text = " ".join(str(error).replace("\\n", " ").split())
    return text[:SHOWN]
