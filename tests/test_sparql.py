"""Ad-hoc SPARQL: what is refused, what is stopped, and what a worker cannot do even if fooled."""

import http.server
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyoxigraph as ox
import pytest

from kg.errors import (
    BadSparql,
    QueryFailed,
    QueryTimeout,
    QueryTooLong,
    RefusedSparql,
    ServiceBusy,
)
from kg.service import Service
from kg.sparql.counts import Event
from kg.sparql.guard import MAX_DEPTH, inspect
from kg.sparql.keeper import FIRST_FILES
from kg.sparql.pool import GROWN_BYTES, Graphs, PoolSettings, QueryPool
from kg.sparql.processes import NICENESS, PATIENCE
from kg.sparql.turns import Shares

ENDLESS = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
LONG = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f FILTER(STR(?c) != STR(?f)) }"
"""More than half a second over the small graph."""
TRIVIAL = "SELECT (1 AS ?x) {}"
MANY = 20


@pytest.fixture(scope="module")
def pool(small: Service) -> Iterator[QueryPool]:
    settings = PoolSettings(
        timeout=1.0,
        max_rows=50,
        max_bytes=20_000,
        memory=256 * 1024 * 1024,
        workers=2,
        shares=Shares(running=100, seconds=1000, queue=4, wait=0.2),
    )
    pool = QueryPool(small.snapshot.source, settings)
    yield pool
    pool.close()


@pytest.fixture
def single(small: Service) -> Iterator[QueryPool]:
    """With one worker, of which nobody else knows."""
    pool = QueryPool(small.snapshot.source, PoolSettings(workers=1))
    yield pool
    pool.close()


@pytest.fixture
def on_disk(small: Service) -> Iterator[QueryPool]:
    pool = QueryPool({"store": str(small.snapshot.store_path)}, PoolSettings(workers=1))
    yield pool
    pool.close()


def rows(pool: QueryPool, query: str) -> list[dict[str, dict[str, str]]]:
    bindings = json.loads(pool.query(query).body)["results"]["bindings"]
    assert isinstance(bindings, list)
    return bindings


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("SELECT * { ?s ?p ?o }", "SELECT"),
        ("# SERVICE in a comment\nselect * { ?s ?p 'SERVICE <x>' }", "SELECT"),
        ("PREFIX service: <http://select/> ASK { ?s <http://insert/SERVICE> ?o }", None),
        ("PREFIX a: <http://x/> ASK { a:service a:insert ?service }", "ASK"),
        ("BASE <http://insert/>\nPREFIX : <x>\nCONSTRUCT WHERE { :a :b ?c }", "CONSTRUCT"),
        ('SELECT * { ?s ?p """SERVICE " <x> {""" }', "SELECT"),
        ("DESCRIBE <http://x/service>", "DESCRIBE"),
    ],
)
def test_service_in_a_name_string_or_comment_is_no_call(query: str, form: str | None) -> None:
    if form is None:
        with pytest.raises(RefusedSparql):
            inspect(query)
    else:
        assert inspect(query).form == form


@pytest.mark.parametrize(
    "call",
    [
        "SERVICE <http://127.0.0.1:1/> {?s ?p ?o}",
        "service silent <http://127.0.0.1:1/> {?s ?p ?o}",
        "{ SELECT * { SERVICE <http://127.0.0.1:1/> {?s ?p ?o} } }",
        "?s ?p ?o .SERVICE<http://127.0.0.1:1/>{?s ?p ?o}",
        "?s ?p 1SERVICE<http://127.0.0.1:1/>{?s ?p ?o}",
        "?s ?p ?o . SERVICE:x{?s ?p ?o}",
        "SERVICESILENT<http://127.0.0.1:1/>{?s ?p ?o}",
        "?s ?p etio:a\\#\nSERVICE<http://127.0.0.1:1/>{?s ?p ?o}",
        "SeRvIcE ?where {?s ?p ?o}",
        "?s ?p 'x'@en.SERVICE<http://127.0.0.1:1/>{}",
        "FILTER(?a<?b)SERVICE<http://127.0.0.1:1/>{}",
    ],
)
def test_service_calls_are_refused(call: str) -> None:
    with pytest.raises(RefusedSparql):
        inspect("PREFIX etio: <https://w3id.org/etiograph/> SELECT * WHERE { " + call + " }")


@pytest.mark.parametrize(
    "update",
    [
        "INSERT DATA { <a:b> <a:b> <a:b> }",
        "delete where { ?s ?p ?o }",
        "DROP ALL",
        "CLEAR DEFAULT",
        "LOAD <file:///etc/passwd>",
        "PREFIX a: <http://a/>\nWITH a:g DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
        "CREATE GRAPH <a:b>",
    ],
)
def test_updates_are_refused(update: str) -> None:
    with pytest.raises(RefusedSparql):
        inspect(update)


def test_an_update_after_a_query_changes_nothing(pool: QueryPool) -> None:
    with pytest.raises(BadSparql):
        pool.query("SELECT * { ?s ?p ?o } ; INSERT DATA { <a:b> <a:b> <a:b> }")
    assert json.loads(pool.query("ASK { <a:b> ?p ?o }").body)["boolean"] is False


def test_too_long_and_too_deep_are_refused_before_parsing() -> None:
    with pytest.raises(QueryTooLong):
        inspect("SELECT * { } #" + "x" * 300_000)
    with pytest.raises(BadSparql, match="nested too deeply"):
        inspect("SELECT * " + "{" * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1))
    assert inspect("SELECT * " + "{" * MAX_DEPTH + "}" * MAX_DEPTH).form == "SELECT"


def test_a_text_without_a_query_is_refused() -> None:
    with pytest.raises(BadSparql, match="no SELECT, ASK, CONSTRUCT or DESCRIBE"):
        inspect("hello")


def test_an_endless_query_is_stopped_and_the_next_one_answers(pool: QueryPool) -> None:
    started = time.monotonic()
    with pytest.raises(QueryTimeout, match="after 1 s"):
        pool.query(ENDLESS)
    assert time.monotonic() - started < 2.0
    assert rows(pool, TRIVIAL)[0]["x"]["value"] == "1"


def test_a_caller_may_shorten_the_time_but_not_lengthen_it(pool: QueryPool) -> None:
    with pytest.raises(QueryTimeout, match=r"after 0\.2 s"):
        pool.query(ENDLESS, timeout=0.2)
    with pytest.raises(QueryTimeout, match="after 1 s"):
        pool.query(ENDLESS, timeout=60)


def test_a_query_that_eats_memory_is_lost_alone(pool: QueryPool) -> None:
    with pytest.raises((QueryFailed, QueryTimeout)):
        pool.query(doubled(40))
    assert rows(pool, TRIVIAL)


def test_deep_expressions_do_not_crash_the_service(pool: QueryPool) -> None:
    for text in ("!" * 200_000 + "true", "-" * 100_000 + "1", "1" + "+1" * 60_000):
        with suppress(BadSparql, QueryTooLong, QueryTimeout, QueryFailed):
            pool.query(f"ASK {{ FILTER({text}) }}")
        assert rows(pool, TRIVIAL)


def test_a_worker_killed_from_outside_is_replaced(pool: QueryPool) -> None:
    pool.ready()
    for worker in pool._idle:
        os.kill(worker.pid, signal.SIGKILL)
    time.sleep(0.05)
    for _ in range(3):
        assert rows(pool, TRIVIAL)


def test_a_keeper_killed_from_outside_is_replaced(pool: QueryPool) -> None:
    pool._keeper._process.kill()
    with pytest.raises(QueryTimeout):
        pool.query(ENDLESS, timeout=0.2)
    assert rows(pool, TRIVIAL)


def doubled(times: int) -> str:
    """A query that needs 8 bytes times two to that power, for an answer of one row."""
    doubling = "".join(f" BIND(CONCAT(?a{n}, ?a{n}) AS ?a{n + 1})" for n in range(times))
    return f'SELECT (STRLEN(?a{times}) AS ?n) {{ BIND("aaaaaaaa" AS ?a0){doubling} }}'


def test_a_worker_that_has_grown_is_let_go(single: QueryPool) -> None:
    assert rows(single, TRIVIAL)
    [before] = single._idle
    assert rows(single, TRIVIAL)
    assert single._idle == [before]
    assert rows(single, doubled(21))[0]["n"]["value"] == str(8 << 21)
    assert single._idle != [before]
    assert single.counts.read()[Event.RENEWED] == 1


def test_over_a_store_on_disk_it_is_let_go_when_idle(
    on_disk: QueryPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rows(on_disk, doubled(21))
    [grown] = on_disk._idle
    assert grown.grown > GROWN_BYTES
    on_disk.let_go()
    assert on_disk._idle == [grown]
    monkeypatch.setattr("kg.sparql.pool.IDLE_SECONDS", 0.0)
    on_disk.let_go()
    [fresh] = on_disk._idle
    assert fresh is not grown
    assert rows(on_disk, TRIVIAL)
    on_disk.let_go()
    assert on_disk._idle == [fresh]
    assert on_disk.counts.read()[Event.RENEWED] == 1


def test_a_query_yields_by_the_time_it_has_a_processor_not_by_that_it_waits(
    single: QueryPool,
) -> None:
    assert rows(single, TRIVIAL)
    [worker] = single._idle
    seen: set[int] = set()

    def wake() -> None:
        seen.update(priorities(worker.pid))
        os.kill(worker.pid, signal.SIGCONT)

    os.kill(worker.pid, signal.SIGSTOP)
    wakes = threading.Timer(PATIENCE * 2, wake)
    wakes.start()
    assert rows(single, TRIVIAL)
    wakes.join()
    assert seen == {os.getpriority(os.PRIO_PROCESS, 0)}
    assert single._idle == [worker]
    assert single.counts.read()[Event.RENEWED] == 0


def test_a_long_query_yields_and_its_worker_goes_on(single: QueryPool) -> None:
    assert rows(single, TRIVIAL)
    [worker] = single._idle
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    seen: set[int] = set()
    answered = threading.Event()

    def look() -> None:
        while not answered.wait(0.02):
            seen.update(priorities(worker.pid))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        assert int(rows(single, LONG)[0]["n"]["value"]) > 1_000_000
    finally:
        answered.set()
        looking.join()
    assert seen == {ours, ours + NICENESS}
    assert rows(single, TRIVIAL)
    assert single._idle == [worker]
    assert set(priorities(worker.pid)) == {ours}
    assert single.counts.read()[Event.RENEWED] == 0


def priorities(pid: int) -> list[int]:
    """Of each thread of a process."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [os.getpriority(os.PRIO_PROCESS, int(thread.name)) for thread in threads]


def test_when_all_workers_are_taken_the_caller_is_told(pool: QueryPool) -> None:
    def run(client: str) -> None:
        with pytest.raises(QueryTimeout):
            pool.query(ENDLESS, client=client)

    threads = [threading.Thread(target=run, args=(client,)) for client in "ab"]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    with pytest.raises(ServiceBusy):
        pool.query(TRIVIAL)
    for thread in threads:
        thread.join()
    assert rows(pool, TRIVIAL)


def test_rows_and_bytes_are_limited_and_it_is_said(pool: QueryPool) -> None:
    limited = pool.query("SELECT ?s { ?s ?p ?o }")
    assert limited.truncated
    assert len(json.loads(limited.body)["results"]["bindings"]) == 50
    wide = pool.query("SELECT * { ?s ?p ?o . ?s ?q ?r . ?s ?t ?u . ?s ?v ?w }")
    assert wide.truncated
    assert len(wide.body) < 21_000
    assert not pool.query("SELECT ?s { ?s ?p ?o } LIMIT 50").truncated
    assert pool.query("CONSTRUCT { ?s ?p ?o } { ?s ?p ?o }").truncated


def test_errors_of_syntax_name_the_place(pool: QueryPool) -> None:
    with pytest.raises(BadSparql, match=r"line 2, column 7: expected .*\"{\".* \(near '\?x'\)"):
        pool.query("SELECT *\nWHERE ?x")


@pytest.mark.parametrize(
    ("query", "reason", "suggestions"),
    [
        ("SELECT * { ?s foo:bar ?o }", "the prefix foo: is not declared", ("obo:", "foaf:")),
        ("SELECT * { ?s ?p ?o", "the '{' at line 1, column 10 is not closed", ()),
        ("SELECT * { ?s ?p ?o } }", "the '}' at line 1, column 23 is not opened", ()),
        ('SELECT * {\n?s ?p "abc }', "the string that begins at line 2, column 7", ()),
        ("SELECT * { ?s ?p ?o FILTR(?o > 1) }", "'FILTR' is no keyword", ("FILTER",)),
        ("SELCT * { ?s ?p ?o }", "no SELECT, ASK, CONSTRUCT or DESCRIBE", ("SELECT",)),
        ("SELECT ?x (COUNT(?y) AS ?n) { ?x ?p ?y }", "neither grouped by nor aggregated", ()),
        ("SELECT * { ?s ?p ?o } GROUP BY ?s", "cannot stand with GROUP BY", ()),
        ("SELECT * { <a> ?p ?o }", "<a> is not absolute", ()),
    ],
)
def test_what_is_wrong_with_a_query_is_said(
    pool: QueryPool, query: str, reason: str, suggestions: tuple[str, ...]
) -> None:
    with pytest.raises(BadSparql) as caught:
        pool.query(query)
    assert reason in str(caught.value)
    assert caught.value.suggestions == suggestions


def test_columns_of_select_star_come_in_the_order_of_the_text(pool: QueryPool) -> None:
    for _ in range(3):
        head = pool.query("SELECT * { ?zebra ?apple ?mango }", "csv").body.split(b"\r\n")[0]
        assert head == b"zebra,apple,mango"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("csv", b"l,n,e\r\ncalf,1,\r\n"),
        ("tsv", b'?l\t?n\t?e\n"calf"@en\t1\t\n'),
    ],
)
def test_tables_as_text(pool: QueryPool, form: str, expected: bytes) -> None:
    query = "SELECT ?l ?n ?e { etio:Calf rdfs:label ?l BIND(1 AS ?n) }"
    assert pool.query(query, form).body == expected


def test_tables_as_xml_escape_markup(pool: QueryPool) -> None:
    body = pool.query('SELECT ("<a&b>" AS ?x) {}', "xml").body.decode()
    assert "<literal>&lt;a&amp;b&gt;</literal>" in body


def test_graphs_in_every_format(pool: QueryPool) -> None:
    for form, part in (
        ("turtle", b"etio:Calf"),
        ("nt", b"<https://w3id.org/etiograph/Calf>"),
        ("jsonld", b'"@id"'),
        ("rdfxml", b"<rdf:RDF"),
    ):
        result = pool.query("CONSTRUCT WHERE { etio:Calf rdfs:label ?l }", form)
        assert part in result.body


def test_a_format_of_the_wrong_kind_is_refused(pool: QueryPool) -> None:
    with pytest.raises(BadSparql, match="ASK has no result in 'turtle'"):
        pool.query("ASK {}", "turtle")


def test_the_protocols_graphs_choose_the_dataset(pool: QueryPool) -> None:
    sources = "https://w3id.org/etiograph/graph/sources"
    query = "SELECT (COUNT(*) AS ?n) { ?s dcterms:publisher ?o }"
    within = pool.query(query, graphs=Graphs(default=(sources,)))
    assert json.loads(within.body)["results"]["bindings"][0]["n"]["value"] == "3"
    outside = pool.query(query, graphs=Graphs(named=(sources,)))
    assert json.loads(outside.body)["results"]["bindings"][0]["n"]["value"] == "0"


def test_from_reads_no_file_and_no_address(pool: QueryPool, tmp_path: Path) -> None:
    (tmp_path / "x.ttl").write_text("<a:s> <a:p> <a:o> .")
    for graph in (f"file://{tmp_path}/x.ttl", "http://127.0.0.1:1/x"):
        assert rows(pool, f"SELECT * FROM <{graph}> {{ ?s ?p ?o }}") == []


def test_a_worker_reaches_no_socket_even_without_the_guard(pool: QueryPool) -> None:
    assert asked_by_a_fooled_worker(pool) == []


def asked_by_a_fooled_worker(pool: QueryPool) -> list[str]:
    """What a server is asked for: the guard is passed by, the query goes straight to a worker."""
    hits: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST  # noqa: N815

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    query = f"SELECT * {{ SERVICE <{address}> {{ ?s ?p ?o }} }}"
    with pytest.raises(QueryFailed):
        pool.query(replace(inspect("SELECT * {}"), text=query, star=None))
    server.shutdown()
    server.server_close()
    return hits


@pytest.fixture
def many_files(tmp_path: Path) -> Iterator[QueryPool]:
    """Over a store of more files than the engine opens with it, as that of a large graph has."""
    store = ox.Store(str(tmp_path))
    for number in range(MANY):
        lines = f'<x:{number}> <x:is> "{number}" .\n<x:{number}> <x:is> "{number}" <x:g> .'
        store.bulk_load(lines, format=ox.RdfFormat.N_QUADS)
    del store
    assert len(list(tmp_path.glob("*.sst"))) > FIRST_FILES * 2
    pool = QueryPool({"store": str(tmp_path)}, PoolSettings(workers=1))
    yield pool
    pool.close()


def test_all_files_of_a_large_store_are_read(many_files: QueryPool) -> None:
    for number in range(MANY):
        assert len(rows(many_files, f"SELECT * {{ <x:{number}> ?p ?o }}")) == 1
        assert len(rows(many_files, f'SELECT * {{ GRAPH ?g {{ ?s ?p "{number}" }} }}')) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's filter of system calls")
def test_nor_does_a_worker_that_may_open_files(many_files: QueryPool) -> None:
    assert asked_by_a_fooled_worker(many_files) == []


def test_a_store_on_disk_answers_the_same(on_disk: QueryPool, pool: QueryPool) -> None:
    query = "SELECT ?s ?l { ?s rdfs:label ?l } ORDER BY ?s ?l LIMIT 20"
    assert on_disk.query(query).body == pool.query(query).body
    with pytest.raises(QueryTimeout):
        on_disk.query(ENDLESS, timeout=0.3)
    assert on_disk.query(query).body == pool.query(query).body
