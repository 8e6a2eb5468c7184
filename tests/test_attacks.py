"""Requests meant to hurt, sent to the running service; after each, nothing may have changed."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from kg.errors import KgError
from kg.snapshot import open_snapshot
from kg.sparql.guard import MAX_LENGTH, inspect
from kg.sparql.pool import PoolSettings, QueryPool
from tests.attacking import (
    NORMAL,
    QUERY_SECONDS,
    READ_SIZE,
    WITHIN,
    Answer,
    Listener,
    Running,
    Unharmed,
    all_at_once,
    form,
    query_url,
    request,
)
from tests.conftest import ROOT

pytestmark = pytest.mark.service
MUCH = 5_000_000
FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"
PRODUCT = "?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o"
NEVER = "FILTER(STRLEN(CONCAT(STR(?a), STR(?d), STR(?g), STR(?j), STR(?m))) < 0)"
ANY = "(!<x:x>|^!<x:x>)"


def doubled(times: int, start: str = "0123456789", step: str = "CONCAT(@, @)") -> str:
    """BINDs that double a string a number of times; the last variable is ?v."""
    names = [f"?v{number}" for number in range(times)] + ["?v"]
    steps = [f"BIND({step.replace('@', old)} AS {new})" for old, new in pairwise(names)]
    return " ".join((f'BIND("{start}" AS {names[0]})', *steps))


ENDLESS = {
    "count": f"SELECT (COUNT(*) AS ?x) {{ {PRODUCT} }}",
    "count of three": "SELECT (COUNT(*) AS ?x) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "ask": f"ASK {{ {PRODUCT} {NEVER} }}",
    "filter": f"SELECT * {{ {PRODUCT} {NEVER} }}",
    "distinct": f"SELECT (COUNT(DISTINCT ?a) AS ?x) {{ {PRODUCT} }}",
    "group": f"SELECT ?a (COUNT(*) AS ?x) {{ {PRODUCT} }} GROUP BY ?a ?d ?g",
    "concat": f"SELECT (GROUP_CONCAT(STR(?a)) AS ?x) {{ {PRODUCT} }}",
    "construct": f"CONSTRUCT {{ ?a ?b ?c }} {{ {PRODUCT} {NEVER} }}",
    "describe": f"DESCRIBE ?a {{ {PRODUCT} {NEVER} }}",
    "order": f"SELECT * {{ {PRODUCT} }} ORDER BY ?c ?f DESC(?i) ?l ?o LIMIT 1",
    "offset": f"SELECT * {{ {PRODUCT} }} OFFSET 999999999999",
    "uuid": f"SELECT (COUNT(DISTINCT ?u) AS ?x) {{ {PRODUCT} BIND(UUID() AS ?u) }}",
    "optional": "SELECT (COUNT(*) AS ?x) { ?a ?b ?c OPTIONAL { ?d ?e ?f OPTIONAL { ?g ?h ?i } } }",
    "doubled": f"SELECT (STRLEN(?v) AS ?x) {{ {doubled(26)} }}",
    "doubled more": f"SELECT (STRLEN(?v) AS ?x) {{ {doubled(40)} }}",
    "replaced": "SELECT (STRLEN(?v) AS ?x) { " + doubled(40, step='REPLACE(@, ".", "$0$0")') + " }",
    "encoded": "SELECT ?v { " + doubled(20, step='ENCODE_FOR_URI(CONCAT(@, "é%", @))') + " }",
    "path": f"SELECT (COUNT(*) AS ?x) {{ ?a ({ANY}*)* ?b . ?c (({ANY}/{ANY}*)*)+ ?d }}",
    "regex": r'ASK { ?a ?b ?c FILTER(REGEX(STR(?c), "(\\p{L}{1,100}){1,100}x")) }',
    "long pattern": f'ASK {{ {doubled(19)} FILTER(REGEX("abc", ?v)) }}',
    "pattern of a variable": f"SELECT * {{ {PRODUCT} FILTER(REGEX(STR(?a), STR(?o))) }}",
}
DEMANDING = {
    "backtracking": 'ASK { BIND("' + "a" * 100_000 + 'b" AS ?c) FILTER(REGEX(?c, "(a+)+$")) }',
    "nested groups": 'ASK { FILTER(REGEX("a", "' + "(" * 50_000 + "a" + ")" * 50_000 + '")) }',
    "html": "PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> SELECT (STRDT(?v, rdf:HTML) "
    f"AS ?x) {{ {doubled(14, '<div>')} }}",
    "decimal": f"SELECT (xsd:decimal(?v) * 2 AS ?x) {{ {doubled(17)} }}",
    "decimal kept": f"SELECT (STRDT(?v, xsd:decimal) AS ?x) {{ {doubled(17)} }}",
    "all rows": "SELECT ?a { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "all triples": "CONSTRUCT { ?a ?b ?f . ?d ?e ?c } { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
}
NESTS: dict[str, tuple[str, str, str, str, str]] = {
    "group": ("SELECT * {", "{", "?s ?p ?o", "}", "}"),
    "parentheses": ("ASK { FILTER(", "(", "1", ")", ")}"),
    "not": ("ASK { FILTER(", "!", "true", "", ")}"),
    "not in parentheses": ("ASK { FILTER(", "!(", "true", ")", ")}"),
    "minus sign": ("ASK { FILTER(", "- ", "1", "", ")}"),
    "or": ("SELECT * { FILTER(", "?a||", "?a", "", ")}"),
    "sum": ("SELECT * { FILTER(", "1+", "1", "", ")}"),
    "equals": ("SELECT * { FILTER(", "(1=", "1", ")", ")}"),
    "union": ("SELECT * {", "{}UNION", "{}", "", "}"),
    "nested union": ("SELECT * {", "{{} UNION ", "{}", "}", "}"),
    "optional": ("SELECT * {", "OPTIONAL{?a ?b ?c}", "", "", "}"),
    "nested optional": ("SELECT * {", "OPTIONAL{", "?a ?b ?c", "}", "}"),
    "sub-select": ("SELECT * {", "{SELECT*", "{}", "}", "}"),
    "minus": ("SELECT * {", "MINUS{?a ?b ?c}", "", "", "}"),
    "nested minus": ("SELECT * {", "MINUS{", "?a ?b ?c", "}", "}"),
    "collections": ("SELECT * {", "(", "1", ")", " ?p ?o}"),
    "collection": ("SELECT * {(", "1 ", "", "", ") ?p ?o}"),
    "blank nodes": ("SELECT * { ?s ?p ", "[<x:p>", "1", "]", "}"),
    "blank node list": ("SELECT * { ?s ?p ", "[],", "1", "", "}"),
    "quoted triples": ("SELECT * {", "<<", "?s", "?p ?o>>", " ?p ?o}"),
    "quoted objects": ("SELECT * {", "<<?s ?p ", "?o", ">>", " ?p ?o}"),
    "path sequence": ("SELECT * { ?s ", "<x:p>/", "<x:p>", "", " ?o}"),
    "path alternative": ("SELECT * { ?s ", "<x:p>|", "<x:p>", "", " ?o}"),
    "path inverse": ("SELECT * { ?s ", "^", "<x:p>", "", " ?o}"),
    "path stars": ("SELECT * { ?s ", "(", "<x:p>", ")*", " ?o}"),
    "exists": ("SELECT * {", "FILTER EXISTS{", "?s ?p ?o", "}", "}"),
    "if": ("SELECT * { BIND(", "IF(true,", "1", ",1)", " AS ?x)}"),
    "call": ("SELECT * { BIND(", "STR(", "1", ")", " AS ?x)}"),
    "in": ("SELECT * { FILTER(", "1 IN(", "1", ")", ")}"),
    "patterns": ("SELECT * {", "?a ?b ?c.", "", "", "}"),
    "values": ("SELECT * {", "VALUES ?x{1}", "", "", "}"),
    "row": ("SELECT * { VALUES ?x{", "1 ", "", "", "}}"),
    "having": ("SELECT * {} HAVING ", "(1)", "", "", ""),
    "columns": ("SELECT ", "(1 AS ?x)", "", "", "{}"),
    "prefixes": ("", "PREFIX a:<x:>", "", "", "ASK {}"),
    "words": ("", "SELEC ", "", "", ""),
    "unclosed": ("SELECT *", "{", "", "", ""),
    "closed only": ("SELECT *", "}", "", "", ""),
    "angles": ("SELECT * {", "<", "", "", "}"),
    "quotes": ("SELECT * { ?s ?p ", "'", "", "", "}"),
}
"""What is nested → text before, an opening part, the middle, a closing part, text after."""
CALLS = [
    "SERVICE <@> {?s ?p ?o}",
    "service silent <@> {?s ?p ?o}",
    "SeRvIcE\t<@> {?s ?p ?o}",
    "{ SELECT * { SERVICE <@> {?s ?p ?o} } }",
    "OPTIONAL { GRAPH ?g { SERVICE <@> {} } }",
    "FILTER EXISTS { SERVICE <@> {?s ?p ?o} }",
    "VALUES ?w {<@>} SERVICE ?w {?s ?p ?o}",
    "BIND(<@> AS ?w) SERVICE SILENT ?w {?s ?p ?o}",
    "SERVICESILENT<@> {?s ?p ?o}",
    "SERVICE:x {?s ?p ?o}",
    "SERVICE#<x>\n<@> {?s ?p ?o}",
    "?s ?p ?o .SERVICE<@>{?s ?p ?o}",
    "?s ?p 1SERVICE<@>{?s ?p ?o}",
    "?s ?p 1.SERVICE<@>{?s ?p ?o}",
    "?s ?p trueSERVICE<@> {}",
    "?s ?p etio:a\\#\nSERVICE<@> {}",
    "?s ?p 'x'@en.SERVICE<@> {}",
    "?s ?p '''\\'''' . SERVICE <@> {}",
    "?s ?p <x:a\\u003E> . SERVICE <@> {}",
    "?s ?p <x:\\u003e SERVICE <@> {} >",
    "?s ?p ?o #\rSERVICE <@> {}",
    "FILTER(?a<?b)SERVICE<@>{}",
    "\ufeffSERVICE <@> {}",
    "ſERVICE <@> {}",
]
LOOK_ALIKES = [
    "\\u0053ERVICE <@> {}",
    "SERV\\U00000049CE <@> {}",
    "SERVİCE <@> {}",
    '?s ?p "\\u0022 . SERVICE <@> {} #"',
    "?s ?p ?oSERVICE<@> {}",
    "?s ?p etio:xSERVICE<@> {}",
    "?s ?p etio:.SERVICE<@> {}",
    '?s ?p "x"@enSERVICE<@> {}',
    '?s ?p "x"^^xsd:aSERVICE<@> {}',
    "?s ?p 'a\rb' . SERVICE <@> {} # '",
    "?s ?p ?o #\u2028SERVICE <@> {}",
    "?s ?p ?o #\x0cSERVICE <@> {}",
]
"""What no engine that keeps to the grammar takes for a call; it must not become one either."""
UPDATES = [
    "INSERT DATA { <a:b> <a:b> <a:b> }",
    "DELETE WHERE { ?s ?p ?o }",
    "delete{?s ?p ?o}where{?s ?p ?o}",
    "PREFIX a: <http://a/>\nWITH a:g DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
    "DROP ALL",
    "CLEAR DEFAULT",
    "CREATE GRAPH <a:b>",
    "COPY DEFAULT TO <a:b>",
    "MOVE DEFAULT TO <a:b>",
    "ADD DEFAULT TO <a:b>",
    "LOAD SILENT <file:///etc/passwd> INTO GRAPH <a:b>",
    "\ufeffDROP ALL",
    "DROP/**/ALL",
    "#SELECT\nDROP ALL",
    "PREFIX select: <x:> DROP ALL",
    "INSERT DATA { <a:b> <a:b> <a:b> } ; SELECT * {}",
]
AFTERTHOUGHTS = [
    "ASK {} ; DROP ALL",
    "ASK {} DROP ALL",
    "SELECT * {} ; INSERT DATA { <a:b> <a:b> <a:b> }",
    "D\\u0052OP ALL",
]
"""A query with something behind it, or what is no keyword: not SPARQL."""


@pytest.fixture(scope="module")
def service(small_build: Path) -> Iterator[Running]:
    running = Running(
        small_build,
        ETIOGRAPH_QUERY_TIMEOUT=QUERY_SECONDS,
        ETIOGRAPH_QUERY_MEMORY=512,
        ETIOGRAPH_CLIENT_SECONDS=MUCH,
    )
    running.wait()
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def unharmed(service: Running) -> Iterator[None]:
    """After every test: normal answers, the same data, the memory given back."""
    before = Unharmed(service)
    yield
    before.check()


@pytest.fixture
def trap() -> Iterator[Listener]:
    """A server that nothing may connect to."""
    listener = Listener()
    yield listener
    listener.close()
    assert listener.connections == 0


def surprises(
    service: Running, attacks: Mapping[str, str], *expected: int
) -> dict[str, tuple[int, float, str]]:
    """Those attacks with another status than expected, or a late answer."""
    answers = all_at_once(service, list(attacks.values()))
    return {
        name: (answer.status, answer.seconds, answer.text[:200])
        for name, answer in zip(attacks, answers, strict=True)
        if answer.status not in expected or answer.seconds > WITHIN
    }


def nested(parts: tuple[str, str, str, str, str], times: int) -> str:
    before, opening, middle, closing, after = parts
    return f"{before}{opening * times}{middle}{closing * times}{after}"


def filled(parts: tuple[str, str, str, str, str]) -> str:
    """Nested as deep as the longest text allows."""
    around = len(nested(parts, 0))
    return nested(parts, (MAX_LENGTH - around) // len(parts[1] + parts[3]))


# -- queries that never end, that eat memory, that crash -----------------------------------


def test_endless_queries_are_stopped_in_time(service: Running) -> None:
    assert surprises(service, ENDLESS, 503) == {}


def test_a_stopped_query_is_a_problem_that_says_when_to_come_back(service: Running) -> None:
    for name in ("count", "doubled more"):
        answer = service.ask(ENDLESS[name])
        assert answer.problem.startswith("the query ")
        assert int(answer.headers["retry-after"]) >= 1


def test_demanding_queries_are_answered_or_stopped(service: Running) -> None:
    assert surprises(service, DEMANDING, 200, 503) == {}


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_typed_literals_are_not_parsed_by_who_shows_them(service: Running, accept: str) -> None:
    path = query_url(DEMANDING["html"]) + "&explain=empty" * (accept != "text/html")
    answer = service.get(path, accept=accept)
    assert answer.status in (200, 503)
    assert answer.seconds < WITHIN


def test_others_are_answered_while_attacks_run(service: Running) -> None:
    attacks = [
        ENDLESS["count"],
        ENDLESS["regex"],
        DEMANDING["backtracking"],
        filled(NESTS["words"]),
    ]
    threads = [threading.Thread(target=service.ask, args=(text, "127.0.0.3")) for text in attacks]
    for thread in threads:
        thread.start()
    answers = []
    while any(thread.is_alive() for thread in threads):
        answers.append(service.ask(NORMAL[1], "127.0.0.4"))
        time.sleep(0.05)
    assert {answer.status for answer in answers} == {200}
    assert sorted(answer.seconds for answer in answers)[len(answers) // 2] < 0.5


@pytest.mark.parametrize("name", ["comment", "spaces", "literal", "values", "in", "prefixes"])
def test_a_long_text_is_refused_before_it_is_parsed(service: Running, name: str) -> None:
    for size in (300_000, 1_500_000, 20_000_000):
        text = {
            "comment": "ASK {} #" + "x" * size,
            "spaces": "ASK {" + " " * size + "}",
            "literal": 'ASK { ?s ?p "' + "x" * size + '" }',
            "values": "ASK { VALUES ?x { " + "1 " * (size // 2) + "} }",
            "in": "ASK { FILTER(1 IN (" + "1," * (size // 2) + "1)) }",
            "prefixes": "PREFIX a:<x:>" * (size // 13) + "ASK {}",
        }[name]
        for answer in (service.ask(text), service.post("/sparql", form(query=text), FORM)):
            assert answer.status == 413
            assert answer.seconds < 1.0
    assert service.get(f"/sparql?query={'x' * 20_000}").status == 414
    assert service.get(f"/sparql?query={'x' * 2_000_000}").status in (414, 431)


def chunked(text: bytes, kind: str = QUERY) -> bytes:
    """A request whose body comes in chunks, its length not announced."""
    parts = [text[start : start + READ_SIZE] for start in range(0, len(text), READ_SIZE)]
    head = request("GET", "/sparql", {"content-type": kind, "transfer-encoding": "chunked"})
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head.replace(b"GET", b"POST", 1) + body + b"0\r\n\r\n"


def test_a_body_of_unknown_length_has_the_same_limits(service: Running) -> None:
    assert service.send(chunked(b"ASK {}")).status == 200
    for size in (300_000, 1_500_000, 20_000_000):
        assert service.send(chunked(b"ASK {} #" + b"x" * size)).status == 413


@pytest.mark.parametrize("times", [190, 1000])
def test_nested_queries_kill_nobody(service: Running, times: int) -> None:
    attacks = {name: nested(parts, times) for name, parts in NESTS.items()}
    assert surprises(service, attacks, 200, 400, 503) == {}


def test_nested_queries_of_the_greatest_length_kill_nobody(service: Running) -> None:
    attacks = {name: filled(parts) for name, parts in NESTS.items()}
    assert surprises(service, attacks, 200, 400, 413, 503) == {}


def test_deep_brackets_are_named_as_the_reason(service: Running) -> None:
    for name in ("group", "exists", "if", "call", "collections"):
        answer = service.ask(nested(NESTS[name], 1000))
        assert answer.status == 400
        assert "nested too deeply" in answer.problem


# -- reaching out, reading files, writing ---------------------------------------------------


@pytest.mark.parametrize("call", CALLS)
def test_no_call_to_a_service_leaves(service: Running, trap: Listener, call: str) -> None:
    text = f"SELECT * WHERE {{ {call.replace('@', f'http://127.0.0.1:{trap.port}/')} }}"
    assert every_way(service, text) == [403, 403, 403]


@pytest.mark.parametrize("call", LOOK_ALIKES)
def test_what_looks_like_a_call_is_none(service: Running, trap: Listener, call: str) -> None:
    text = f"SELECT * WHERE {{ {call.replace('@', f'http://127.0.0.1:{trap.port}/')} }}"
    assert set(every_way(service, text)) <= {200, 400, 403}


def every_way(service: Running, text: str) -> list[int]:
    """The statuses of a query by GET, as a body, and in a form."""
    posted = service.post("/sparql", form(query=text), FORM)
    return [service.get(query_url(text)).status, service.ask(text).status, posted.status]


def test_an_unchecked_call_reaches_nothing(
    small_build: Path, trap: Listener, tmp_path: Path
) -> None:
    """Should a text get past the check, the worker has no socket to open and no file to read."""
    secret = tmp_path / "secret.ttl"
    secret.write_text("<x:s> <x:p> 'secret' .", encoding="utf-8")
    pool = QueryPool(open_snapshot(small_build).source, PoolSettings(timeout=QUERY_SECONDS))
    try:
        for iri in (f"http://127.0.0.1:{trap.port}/", secret.as_uri()):
            text = f"SELECT * FROM <{iri}> {{ SERVICE <{iri}> {{ ?s ?p ?o }} }}"
            with pytest.raises(KgError):
                pool.query(replace(inspect("SELECT ?s { ?s ?p ?o }"), text=text))
    finally:
        pool.close()


def test_graphs_from_outside_are_empty(service: Running, trap: Listener, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ttl"
    secret.write_text("<x:s> <x:p> 'secret' .", encoding="utf-8")
    anything = "{ { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"
    for iri in (f"http://127.0.0.1:{trap.port}/", secret.as_uri(), str(secret), "../secret.ttl"):
        texts = [f"SELECT * {clause} <{iri}> {anything}" for clause in ("FROM", "FROM NAMED")]
        texts.append(f"BASE <{tmp_path.as_uri()}/> SELECT * FROM <secret.ttl> {anything}")
        answers = list(map(service.ask, texts))
        for name in ("default-graph-uri", "named-graph-uri"):
            path = f"{query_url(f'SELECT * {anything}')}&{name}={quote(iri, safe='')}"
            answers.append(service.get(path))
        for answer in answers:
            assert answer.status == 400 or json.loads(answer.body)["results"]["bindings"] == []
        assert service.get(f"/rdf-graphs?graph={quote(iri, safe='')}").status in (400, 404)


@pytest.mark.parametrize("text", UPDATES)
def test_updates_are_refused_however_they_come(service: Running, text: str) -> None:
    assert every_way(service, text) == [403, 403, 403]
    assert set(as_updates(service, text)) == {403}


@pytest.mark.parametrize("text", AFTERTHOUGHTS)
def test_what_follows_a_query_is_not_executed(service: Running, text: str) -> None:
    assert every_way(service, text) == [400, 400, 400]
    assert set(as_updates(service, text)) == {403}


def as_updates(service: Running, text: str) -> list[int]:
    """The statuses of a text that comes as an update, with and without a query."""
    given = [
        ("/sparql", form(update=text), FORM),
        ("/sparql", form(update=text, query="ASK {}"), FORM),
        (f"/sparql?update={quote(text)}", b"ASK {}", QUERY),
        ("/sparql?query=ASK%7B%7D", text.encode(), UPDATE),
        ("/sparql", text.encode(), "APPLICATION/SPARQL-UPDATE; charset=utf-8"),
    ]
    posted = [service.post(path, body, kind).status for path, body, kind in given]
    return [*posted, service.get(f"/sparql?update={quote(text)}").status]


def test_other_methods_and_types_write_nothing(service: Running) -> None:
    triple = b"<a:b> <a:b> <a:b> ."
    for method in ("PUT", "POST", "PATCH", "DELETE"):
        for path in ("/rdf-graphs?default", "/rdf-graphs?graph=a:b", "/prefixes", "/health"):
            answer = service.send(request(method, path, {"content-type": "text/turtle"}, triple))
            assert answer.status == 405
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x", "", "*/*"):
        assert service.post("/sparql", b"DROP ALL", kind).status == 415


# -- paths, headers, values -----------------------------------------------------------------

UPWARDS = [
    "../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%252f..%252fserver.py", "..%5c..%5cserver.py", "..\\..\\server.py", "//etc/passwd",
    "%2fetc%2fpasswd", "file:///etc/passwd", "%00", "x%00.css", "%c0%ae%c0%ae/server.py",
    "....//....//server.py", ".;/server.py", "%ff", "%", "%zz", "server.py", "CURRENT",
    "manifest.json", "\u202e", "%E2%80%AE", "é", "a" * 5000, "A/" * 2000, ".",
    "style.css%2f..%2f..",
]  # fmt: skip
PLACES = ["/", "/page/", "/id/", "/api/v1/entities/", "/api/v1/queries/", "/ontology.", "/static/",
          "/static/%2e%2e/", "/api/v1/entities?iri="]  # fmt: skip
HOSTILE = [
    '">', "\\", "}", "\n", "\\u0022", '"', "'", "<", "} UNION { ?s ?p ?o }", "> ?p ?o . <x:",
    '" . ?s ?p ?o . "', "\0", "\u202e", "e" + "\u0301" * 500, "<script>alert(1)</script>",
    '" onmouseover="x', "javascript:alert(1)", "<svg onload=alert(1)>", "{{7*7}}", "%s%n",
    "\r\nX-Injected: 1", "?condition", "etio:Claudication> ?p ?o . <x:", "etio:Calf\\",
    "http://x/\"><", "http://x/ y", "http://x/\\u003e", "_:b", "a" * 5000, "=1+1", "😀", "\ufffe",
    "\x1b[31m", "NaN", "   ",
]  # fmt: skip
RAW = ["%ff", "%fe%ff", "%ed%a0%80", "%c0%a7", "\u202e", "é", "%e2%80", "%00%0d%0a"]
"""Values that are not UTF-8, or not percent-encoded, in a URL."""
LOOK_UPS = [
    "/ask?q=", "/ask?q=causes+of+", "/search?q=", "/api/v1/search?q=", "/api/v1/autocomplete?q=",
    "/api/v1/search?q=calf&kind=", "/api/v1/entities?iri=", "/api/v1/entities/", "/page/", "/id/",
    "/api/v1/proof?subject=etio:Calf&property=etio:partOf&object=", "/nowhere/",
    "/api/v1/proof?subject=etio:Calf&object=etio:Leg&property=", "/sparql?query=",
    "/sparql?query=ASK%7B%7D&format=", "/sparql?query=ASK%7B%7D&timeout=", "/rdf-graphs?graph=",
    "/prefixes?format=", "/ontology?format=", "/ask?q=cramp&limit=",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_no_path_leads_outside(service: Running, place: str) -> None:
    for path in UPWARDS:
        answer = service.get(place + path)
        assert answer.status in (308, 400, 404, 422), (place, path)
        assert "root:" not in answer.text
        assert "import " not in answer.text


def parameters(service: Running) -> list[str]:
    """The URL of every named query up to the value of each of its parameters."""
    found = []
    for query in json.loads(service.get("/api/v1/queries").body)["queries"]:
        examples = {each["name"]: each["example"] for each in query["parameters"]}
        for name in examples:
            others = urlencode({key: text for key, text in examples.items() if key != name})
            found.append(f"/api/v1/queries/{query['name']}?{others}&{name}=")
    return found


def check_harmless(answer: Answer, url: str) -> None:
    """It is no crash, and nothing of the request stands in a page as markup."""
    assert 200 <= answer.status < 500, (answer.status, url, answer.text)
    assert answer.seconds < 1.0, url
    assert "x-injected" not in answer.headers
    if "html" in answer.headers.get("content-type", ""):
        for markup in ("<script>alert", "<svg onload", '" onmouseover="', 'href="javascript:'):
            assert markup not in answer.text, url
    if answer.headers.get("content-security-policy"):
        assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_values_are_data(service: Running, accept: str) -> None:
    for place in (*LOOK_UPS, *parameters(service)):
        for value in (*map(quote, HOSTILE), *RAW):
            check_harmless(service.get(place + value, accept=accept), place + value)


def test_no_value_widens_a_named_query(service: Running) -> None:
    for place in parameters(service):
        for value in map(quote, HOSTILE):
            answer = service.get(place + value)
            assert answer.status == 422 or json.loads(answer.body)["total"] == 0


def test_long_values_are_answered_at_once(service: Running) -> None:
    values = ["a" * 15_000, "e%CC%81" * 2000, "%E2%80%AE" * 1500, "a+" * 7000, "%22" * 5000,
              "causes+of+" * 1500, "pain+and+" * 1500]  # fmt: skip
    for place in LOOK_UPS:
        for value in values:
            check_harmless(service.get(place + value), place + value[:20])
        assert service.get(place + "a" * 1_000_000).status in (414, 431)


def test_texts_that_are_not_unicode_are_refused(service: Running) -> None:
    for bad in (b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xa7", b"\xe2\x80", "é".encode("latin-1")):
        text = b'SELECT * { ?s ?p "' + bad + b'" }'
        assert service.ask(text).status == 400
        assert service.post("/sparql", b"query=" + text, FORM).status == 400
        encoded = "".join(f"%{byte:02x}" for byte in bad)
        path = f"/sparql?query=SELECT%20*%20%7B%20?s%20?p%20%22{encoded}%22%20%7D"
        assert service.get(path).status in (200, 400)
    for odd in ("\0", "\u202e", "\ufffe", "a" + "\u0301" * 100_000):
        assert service.ask(f'SELECT * {{ ?s ?p "{odd}" }}').status in (200, 400)
    assert service.ask('SELECT * { ?s ?p "\\uD800" }').status == 400


HEADERS = ["host", "x-forwarded-host", "x-forwarded-for", "x-forwarded-proto", "accept", "range",
           "x-forwarded-prefix", "forwarded", "if-none-match", "if-modified-since", "if-range",
           "content-type", "content-length", "cookie", "origin", "referer", "x-original-url",
           "x-http-method-override", "expect", "upgrade", "accept-encoding"]  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_rubbish_in_a_header_is_refused_or_ignored(service: Running, name: str) -> None:
    values = ['"><script>alert(1)</script>', "' onmouseover='x", "javascript:alert(1)", "é", "",
              "127.0.0.1:99999", "[::1", "..", "%0d%0aX-Injected: 1", "a" * 8000]  # fmt: skip
    for value in values:
        for path in ("/sparql", "/", "/ask?q=cramp", "/id/Calf", "/static/style.css", "/nowhere"):
            sent = request("GET", path, {"accept": "text/html", name: value})
            check_harmless(service.send(sent), path)


def test_headers_have_a_limit(service: Running) -> None:
    floods: list[dict[str, str]] = [
        {"x-a": "a" * 100_000},
        {"x-a": "a" * 1_000_000},
        {f"x-a{number}": "a" * 100 for number in range(1000)},
        {"accept": ",".join(f"a/b{number};q=0.{number % 9}" for number in range(4000))},
        {"if-none-match": ",".join(f'"{number}"' for number in range(6000))},
        {"range": "bytes=" + ",".join(f"{number}-{number}" for number in range(6000))},
    ]
    for headers in floods:
        for path in ("/", "/ontology.ttl", "/sparql?query=ASK%7B%7D"):
            answer = service.send(request("GET", path, headers))
            assert answer.status in (200, 400, 406, 416, 431)
            assert answer.seconds < 0.5, (next(iter(headers)), path)


MALFORMED = [
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /\r\n\r\n",
    b"\0\1\2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nASK {}",
    b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nASK {}",
    b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 6\r\n\r\nASK {}",
    b"POST /sparql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\nASK {}",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200,
]


@pytest.mark.parametrize("message", MALFORMED)
def test_what_is_no_http_is_refused(service: Running, message: bytes) -> None:
    answer = service.send(message)
    assert answer.status in (400, 413)
    assert answer.seconds < 1.0


def test_a_parameter_given_twice_hurts_nobody(service: Running) -> None:
    assert service.get("/sparql?query=ASK%7B%7D&query=DROP+ALL").status == 400
    for path in ("/ask?q=cramp&q=%3Cscript%3E", "/sparql?query=ASK%7B%7D&format=json&format=x",
                 "/api/v1/queries/symptoms_of?condition=gout&condition=etio:Clot"):  # fmt: skip
        check_harmless(service.get(path), path)
    many = "&".join(f"a{number}=" for number in range(60_000))
    assert service.post("/sparql", f"query=ASK{{}}&{many}".encode(), FORM).seconds < 2.0
    graphs = "&".join(f"default-graph-uri=x:{number}" for number in range(20_000))
    answer = service.post("/sparql", f"query=ASK{{}}&{graphs}".encode(), FORM)
    assert answer.seconds < WITHIN


def test_formulas_in_tables_are_documented(service: Running) -> None:
    assert "formula" in (ROOT / "README.md").read_text(encoding="utf-8")
    path = query_url('SELECT ("=1+1" AS ?x) {}')
    assert service.get(f"{path}&format=csv").body == b"x\r\n=1+1\r\n"
