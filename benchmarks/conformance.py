"""Runs the W3C's SPARQL 1.0 and 1.1 tests over HTTP against this service and Oxigraph's server.

    .venv/bin/python benchmarks/conformance.py RDF_TESTS [--only PATTERN]

RDF_TESTS is a checkout of github.com/w3c/rdf-tests; PATTERN a regular expression that the names
(`sparql11/bind/bind01`) of the tests to run contain. Oxigraph's server is the peer with the same
engine: it comes as `pip install oxigraph`, and without it this service is run alone. Prints what
passed for each group, then every failure of this service and every difference between the two,
with its reason from REASONS; one without a reason makes the exit status 1.
"""

import argparse
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from answers import Answer, Graph, Outcome, compare, read_answer
from pyoxigraph import (
    NamedNode,
    RdfFormat,
    parse,
)
from running import Server, free_port
from w3c import Case, Exchange, Suite

SD = "http://www.w3.org/ns/sparql-service-description#"
# Properties of a service description: all but the last have IRIs, all are of an sd:Service.
OF_SERVICE = "endpoint supportedLanguage feature resultFormat inputFormat defaultDataset"
ANSWER_SECONDS = 30
SERVER_ERROR = 500

# Why tests fail, mostly in both services: they share the engine.
REASONS = {
    "the engine binds ?g within GRAPH ?g, where SPARQL joins it with the pattern afterwards": """
        sparql10/graph/graph-variable-scope sparql10/graph/graph-optional
        sparql11/aggregates/agg-empty-group-count-graph sparql11/bindings/graph
        sparql11/negation/graph-minus""",
    "the engine's paths of length zero start only at terms that are in the graph": """
        sparql11/property-path/zero_or_more_set_start sparql11/property-path/zero_or_more_set_end
        sparql11/property-path/zero_or_one_set_start sparql11/property-path/zero_or_one_set_end""",
    "the engine stores numbers by value: 01 and 1, 1.0 and 1 are one term": """
        sparql10/open-world/open-eq-01 sparql10/expr-builtin/dawg-str-1
        sparql10/expr-builtin/dawg-str-2 sparql10/expr-builtin/sameTerm-simple
        sparql10/expr-builtin/sameTerm-eq sparql10/expr-builtin/sameTerm-not-eq
        sparql10/expr-equals/eq-graph-1 sparql10/expr-equals/eq-graph-2
        sparql10/distinct/distinct-1 sparql10/distinct/distinct-9
        sparql11/csv-tsv-res/csv03""",
    "dates without a time zone are compared as XSD 1.1 says; the test has XSD 1.0": """
        sparql10/open-world/date-2""",
    "the engine gives GROUP_CONCAT of one language its tag": """
        sparql11/aggregates/agg-groupconcat-04 sparql11/aggregates/agg-groupconcat-06""",
    "the engine gives BNODE(x) the same node in every solution": """
        sparql11/functions/bnode01""",
    "the engine reads true and false in lower case only (the test is proposed, not approved)": """
        sparql10/expr-builtin/case-insensitive-booleans""",
    "the engine reads `<?a&&?b>` as operators, where the longest token is an IRI": """
        sparql10/syntax-sparql3/syn-bad-26""",
    "the syntax is accepted, but the query calls a function that nobody has": """
        sparql11/syntax-query/test_4 sparql10/syntax-sparql1/syntax-expr-05
        sparql10/syntax-sparql1/syntax-order-05 sparql10/syntax-sparql1/syntax-order-06
        sparql10/syntax-sparql2/syntax-function-01 sparql10/syntax-sparql2/syntax-function-02
        sparql10/syntax-sparql2/syntax-function-03 sparql10/syntax-sparql2/syntax-function-04""",
}
EXPLAINED = {name: reason for reason, names in REASONS.items() for name in names.split()}


@dataclass(frozen=True, slots=True)
class Service:
    """A running service and the paths of its doors."""

    name: str
    port: int
    doors: dict[str, str]

    def address(self, exchange: Exchange) -> str:
        return f"http://127.0.0.1:{self.port}{self.doors[exchange.door]}{exchange.path}"


def main() -> None:
    """Start both services on the suite's data, run the tests, print, exit with 1 for surprises."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tests", type=Path, help="a checkout of w3c/rdf-tests")
    parser.add_argument("--only", default="", help="a pattern in the names of the tests to run")
    options = parser.parse_args()
    if not (options.tests / "sparql").is_dir():
        parser.error(f"{options.tests} is no checkout of w3c/rdf-tests")
    suite = Suite(options.tests)
    cases = [case for case in suite.cases if re.search(options.only, case.key)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data = folder / "suite.nq"
        data.write_bytes(suite.dataset())
        services = [stack.enter_context(our_service(data))]
        peer = find_oxigraph()
        if peer:
            services.append(stack.enter_context(oxigraph(peer, data, folder)))
        outcomes = [[run(case, service) for service in services] for case in cases]
    print_table(cases, outcomes)
    if not peer:
        print("\nOxigraph's server is not there to compare: pip install oxigraph")
    raise SystemExit(print_findings(cases, outcomes))


# -- Services ------------------------------------------------------------------------------


@contextmanager
def our_service(data: Path) -> Iterator[Service]:
    port = free_port()
    command = [sys.executable, "server.py", "--data", str(data)]
    server = Server(command, port, "/health", {"HOST": "127.0.0.1", "PORT": str(port)})
    with running(server):
        yield Service("Etiograph", port, {"query": "/sparql", "graphs": "/rdf-graphs"})


@contextmanager
def oxigraph(binary: str, data: Path, folder: Path) -> Iterator[Service]:
    port, store = free_port(), str(folder / "oxigraph")
    load = [binary, "load", "--location", store, "--file", str(data)]
    subprocess.run(load, check=True, capture_output=True)  # noqa: S603 - found by name
    bind = ["--bind", f"127.0.0.1:{port}"]
    with running(Server([binary, "serve-read-only", "--location", store, *bind], port, "/")):
        yield Service("Oxigraph", port, {"query": "/query", "graphs": "/store"})


@contextmanager
def running(server: Server) -> Iterator[None]:
    """A server while it is needed."""
    try:
        server.start().close()
        yield
    finally:
        server.stop()


def find_oxigraph() -> str | None:
    """The peer's program, beside this Python or on the path."""
    beside = Path(sys.executable).parent
    return shutil.which("oxigraph", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")


def send(service: Service, exchange: Exchange) -> tuple[int, str, bytes]:
    """The status, media type and body that come back."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=ANSWER_SECONDS)
    path = service.doors[exchange.door] + exchange.path
    try:
        connection.request(exchange.method, path, exchange.body, dict(exchange.headers))
        response = connection.getresponse()
        return response.status, response.headers.get_content_type(), response.read()
    finally:
        connection.close()


# -- Running -------------------------------------------------------------------------------


def run(case: Case, service: Service) -> Outcome:
    """The outcome of a test: that of the exchange that failed, or the remark of one."""
    outcome = Outcome(True)
    for exchange in case.exchanges:
        if case.inapplicable and service.name == "Oxigraph":
            continue  # it would follow SERVICE to other machines
        outcome = converse(exchange, service)
        if not outcome.passed:
            break
        if case.kind == "ServiceDescriptionTest":
            outcome = description(case, exchange, service)
    return outcome


def converse(exchange: Exchange, service: Service) -> Outcome:
    try:
        status, media_type, body = send(service, exchange)
    except (OSError, http.client.HTTPException) as error:
        return Outcome(False, f"no answer: {error!r}", broken=True)
    if status not in exchange.statuses:
        said = body.decode(errors="replace")[:300]
        return Outcome(False, f"status {status}: {said}", broken=status >= SERVER_ERROR)
    if exchange.expected is None and not exchange.form:
        return Outcome(True)
    accepted = dict(exchange.headers).get("Accept", media_type)
    if media_type != accepted:
        return Outcome(False, f"asked for {accepted}, got {media_type}")
    try:
        return judge(exchange, read_answer(body, media_type, service.address(exchange)))
    except (SyntaxError, ValueError) as error:
        return Outcome(False, f"unreadable {media_type}: {error}")


def judge(exchange: Exchange, answer: Answer) -> Outcome:
    if exchange.form not in ("", answer.form):
        return Outcome(False, f"a {answer.form} result where {exchange.form} is expected")
    if exchange.expected is None:
        return Outcome(True)
    expected = exchange.expected
    return compare(expected, read_answer(expected.body, expected.media_type, expected.base), answer)


def description(case: Case, exchange: Exchange, service: Service) -> Outcome:
    """Whether the service description is as the test wants it."""
    here = service.address(exchange)
    graph = Graph(parse(send(service, exchange)[2], RdfFormat.TURTLE, base_iri=here))
    addresses = {str(q.object) for q in graph.quads if q.predicate.value == SD + "endpoint"}
    if not graph.quads:
        return Outcome(False, "the description is empty")
    if case.name == "has-endpoint-triple" and f"<{here}>" not in addresses:
        return Outcome(False, f"the endpoint is {here}, the description says {addresses}")
    if case.name == "conforms-to-schema":
        faults = sorted(schema_faults(graph))
        return Outcome(not faults, ", ".join(faults))
    return Outcome(True)


def schema_faults(graph: Graph) -> Iterator[str]:
    """Statements of the description whose subject or object is not of its kind."""
    *with_iris, _ = names = OF_SERVICE.split()
    services = {quad.subject for quad in graph.quads if quad.object == NamedNode(SD + "Service")}
    if not services:
        yield "no sd:Service"
    for quad in graph.quads:
        name = quad.predicate.value.removeprefix(SD)
        if name in with_iris and not isinstance(quad.object, NamedNode):
            yield f"sd:{name} {quad.object} is not an IRI"
        if name in names and quad.subject not in services:
            yield f"{quad.subject} has sd:{name} and is not an sd:Service"


# -- Report --------------------------------------------------------------------------------


def print_table(cases: list[Case], outcomes: list[list[Outcome]]) -> None:
    groups: dict[str, list[int]] = defaultdict(list)
    for place, case in enumerate(cases):
        suite = case.group.partition("/")[0]
        groups[case.group].append(place)
        groups[f"all {suite}"].append(place)
        if case.approved:
            groups[f"approved {suite}"].append(place)
    names = ("Etiograph", "Oxigraph")[: len(outcomes[0])] if outcomes else ()
    print(f"{'':<36}{'tests':>6}{'n/a':>6}", *(f"{name:>10}" for name in names))
    for group, places in sorted(groups.items(), key=lambda item: ("/" not in item[0], item[0])):
        tried = [place for place in places if not cases[place].inapplicable]
        passed = [sum(outcomes[p][n].passed for p in tried) for n in range(len(names))]
        counts = (f"{count:>10}" for count in passed)
        print(f"{group:<36}{len(places):>6}{len(places) - len(tried):>6}", *counts)


def print_findings(cases: list[Case], outcomes: list[list[Outcome]]) -> int:
    """Print what is not as it should be; 1 if something of it is unexplained."""
    reasons = Counter(case.inapplicable for case in cases if case.inapplicable)
    refused = Counter(
        case.inapplicable
        for case, (first, *_) in zip(cases, outcomes, strict=True)
        if case.inapplicable and case.exchanges and first.passed
    )
    print("\nNot applicable:")
    for reason, count in reasons.items():
        also = f" ({refused[reason]} tried and refused)" if refused[reason] else ""
        print(f"  {count:>4}  {reason}{also}")
    remarks = Counter(first.why for first, *_ in outcomes if first.passed and first.why)
    for remark, count in remarks.items():
        print(f"\nPassed although {remark}: {count}")
    print("\nFailures, and differences between the services:")
    found = [print_finding(case, each) for case, each in zip(cases, outcomes, strict=True)]
    return 0 if all(found) else 1


def print_finding(case: Case, outcomes: list[Outcome]) -> bool:
    """Print what is to say of a test; whether it is explained.

    What this service alone fails never is, nor a status of 5xx from it.
    """
    passed = {outcome.passed for outcome in outcomes}
    reason = EXPLAINED.get(case.key)
    if passed == {True} and reason is None:
        return True
    ours, alone = outcomes[0], not outcomes[0].passed and True in passed
    explained = reason is not None and False in passed and not alone and not ours.broken
    marks = " ".join("pass" if outcome.passed else "FAIL" for outcome in outcomes)
    print(f"  {marks}  {case.key}: {reason if explained else 'unexplained'}")
    if not explained:
        said = [outcome.why for outcome in outcomes if not outcome.passed] or ["passes after all"]
        print(*(f"      {why.strip()}" for why in said), sep="\n")
    return explained


if __name__ == "__main__":
    main()
