"""Faults and floods: hostile files, damaged snapshots, killed processes, greedy clients."""

import contextlib
import gzip
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kg import layout
from kg.builder.run import build
from kg.errors import OntologyError
from kg.snapshot import open_snapshot
from tests.attacking import (
    MEGABYTE,
    NORMAL,
    QUERY_SECONDS,
    Answer,
    Listener,
    Running,
    State,
    Unharmed,
    connect,
    pss,
    query_url,
    request,
)
from tests.conftest import ROOT, quietly, small_root
from tests.test_attacks import ENDLESS, MUCH, NESTS, filled

pytestmark = pytest.mark.service
ONE_ROW = "SELECT (1 AS ?x) {}"
LOAD_SECONDS = 20.0
LOAD_MEMORY = 1500 * MEGABYTE


@pytest.fixture
def service(small_build: Path) -> Iterator[Running]:
    """A service with the usual shares for each client."""
    running = Running(small_build, ETIOGRAPH_QUERY_TIMEOUT=QUERY_SECONDS)
    running.wait()
    yield running
    running.stop()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with a snapshot of its own."""
    root = small_root(tmp_path / "root")
    build(root / "build", root, reasoner=False, say=quietly)
    return root


@pytest.fixture
def over(project: Path) -> Iterator[Running]:
    """A service over the project's snapshots."""
    running = Running(project / "build", ETIOGRAPH_QUERY_TIMEOUT=QUERY_SECONDS)
    running.wait()
    yield running
    running.stop()


def eventually(holds: Callable[[], bool], seconds: float = 8.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


# -- files from outside ---------------------------------------------------------------------

RDF_XML = (
    '<?xml version="1.0"?>\n%s<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:x="http://x/">%s</rdf:RDF>'
)
SAID = '<rdf:Description rdf:about="http://x/s"><x:p>%s</x:p></rdf:Description>'
LAUGHS = "".join(
    f'<!ENTITY l{level} "{f"%sl{level - 1};" * 10}">' for level in range(1, 11)
)  # each ten times the one before


def doctype(entities: str) -> str:
    return f"<!DOCTYPE rdf:RDF [{entities}]>"


def hostile_files(port: int, secret: Path) -> dict[str, tuple[str, bytes]]:
    """Files that must not be fetched for, nor take all time and memory: name and content."""
    site = f"http://127.0.0.1:{port}/"
    laughs = '<!ENTITY l0 "ha">' + LAUGHS % (("&",) * 100)
    hidden = '<!ENTITY l0 "ha">' + LAUGHS % (("&#38;",) * 100)
    texts = {
        "context.jsonld": f'{{"@context": "{site}", "@id": "x:s", "p": "o"}}',
        "contexts.jsonld": f'{{"@context": [{{"p": "x:p"}}, "{site}"], "p": "o"}}',
        "import.jsonld": f'{{"@context": {{"@import": "{site}"}}, "p": "o"}}',
        "inner.jsonld": f'{{"x:p": {{"@context": "{secret.as_uri()}", "@id": "x:s", "q": 1}}}}',
        "file.rdf": RDF_XML % (doctype(f'<!ENTITY e SYSTEM "{secret}">'), SAID % "&e;"),
        "site.rdf": RDF_XML % (doctype(f'<!ENTITY e SYSTEM "{site}">'), SAID % "&e;"),
        "dtd.rdf": RDF_XML % (f'<!DOCTYPE rdf:RDF SYSTEM "{site}">', SAID % "o"),
        "parameter.rdf": RDF_XML % (doctype(f'<!ENTITY % e SYSTEM "{site}"> %e;'), SAID % "o"),
        "laughs.rdf": RDF_XML % (doctype(laughs), SAID % "&l10;"),
        "hidden.rdf": RDF_XML % (doctype(hidden), SAID % "&l10;"),
        "late.rdf": RDF_XML % (f"<!--{'x' * 2_000_000}-->{doctype(laughs)}", SAID % "&l10;"),
        "single.rdf": RDF_XML % (doctype(laughs.replace('"', "'")), SAID % "&l10;"),
        "quadratic.rdf": RDF_XML % (doctype(f'<!ENTITY e "{"h" * 1000}">'), SAID % ("&e;" * MUCH)),
        "deep.rdf": RDF_XML % ("", "<rdf:Description><x:p>" * 500_000),
        "deep.jsonld": "[" * 1_000_000,
        "deeper.jsonld": '{"x:p":' * 1_000_000,
        "deep.ttl": "<x:s> <x:p> " + "[ <x:p> " * 1_000_000,
        "list.ttl": "<x:s> <x:p> " + "(" * 1_000_000,
        "quoted.ttl": "<< " * 1_000_000,
        "graphs.trig": "{" * 1_000_000,
        "formulas.n3": "{" * 1_000_000,
        "rubbish.nt": "\0\1\2",
        "open.ttl": '<x:s> <x:p> "' + "x" * 50_000_000,
        "broken.nq": "<x:s> <x:p> <x:o> .\n" * 1000 + "<x:s> <x:p>",
    }
    files = {name: (name, text.encode()) for name, text in texts.items()}
    files["utf16.rdf"] = ("utf16.rdf", texts["laughs.rdf"].encode("utf-16"))
    files["bytes.ttl"] = ("bytes.ttl", b'<x:s> <x:p> "\xff\xed\xa0\x80" .')
    files["bomb.nt.gz"] = ("bomb.nt.gz", gzip.compress(b"#" + bytes(300 * MEGABYTE), 9))
    files["bombs.ttl.gz"] = ("bombs.ttl.gz", gzip.compress(bytes(MEGABYTE), 9) * 2000)
    files["cut.nt.gz"] = ("cut.nt.gz", gzip.compress(b"<x:s> <x:p> <x:o> .\n" * 100_000)[:-200])
    files["plain.nt.gz"] = ("plain.nt.gz", b"<x:s> <x:p> <x:o> .\n")
    return files


def loaded(running: Running) -> tuple[str, float, int]:
    """How loading ends ("served" or the error), after how long, and the most memory it took."""
    started = time.monotonic()
    most = 0
    while running.process.poll() is None and time.monotonic() < started + LOAD_SECONDS:
        most = max(most, running.memory())
        if running.get("/health").status == 200:
            return "served", time.monotonic() - started, most
        time.sleep(0.05)
    seconds = time.monotonic() - started
    if running.process.poll() is None:
        running.kill()
        return "did not end", seconds, most
    return running.process.communicate()[1].decode(), seconds, most


HOSTILE_FILES = list(hostile_files(1, Path("/x")))


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_a_hostile_file_is_refused_or_served_within_limits(tmp_path: Path, name: str) -> None:
    trap = Listener()
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden", encoding="utf-8")
    file, content = hostile_files(trap.port, secret)[name]
    (tmp_path / file).write_bytes(content)
    running = Running(
        tmp_path,
        "--data",
        str(tmp_path / file),
        ETIOGRAPH_DATA_MEMORY=1024,
        ETIOGRAPH_DATA_SECONDS=8,
    )
    said, seconds, most = loaded(running)
    if said == "served":
        assert "hidden" not in running.ask("SELECT * { ?s ?p ?o } LIMIT 10").text
        running.stop()
    else:
        assert running.process.returncode == 1
        assert said.startswith("error: ")
        assert len(said.splitlines()) == 1
    assert seconds < LOAD_SECONDS
    assert most < LOAD_MEMORY
    assert trap.connections == 0
    trap.close()


def test_nothing_is_served_if_one_of_the_files_is_broken(tmp_path: Path) -> None:
    (tmp_path / "good.ttl").write_text("<x:s> <x:p> <x:o> .", encoding="utf-8")
    (tmp_path / "bad.ttl").write_text("<x:s> <x:p> <x:o>", encoding="utf-8")
    for name in ("bad.ttl", "missing.ttl", "name.txt", "."):
        files = (str(tmp_path / "good.ttl"), str(tmp_path / name))
        running = Running(tmp_path, "--data", *files)
        said, _, _ = loaded(running)
        assert said.startswith("error: ")
        assert len(said.splitlines()) == 1
        assert running.process.returncode == 1


def test_imports_are_not_followed(tmp_path: Path) -> None:
    trap = Listener()
    address = f"http://127.0.0.1:{trap.port}/other"
    imports = f"<x:o> <http://www.w3.org/2002/07/owl#imports> <{address}> ."
    (tmp_path / "importing.ttl").write_text(imports, encoding="utf-8")
    running = Running(tmp_path, "--data", str(tmp_path / "importing.ttl"))
    running.wait()
    assert b'"1"' in running.ask("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }").body
    running.stop()
    assert trap.connections == 0
    trap.close()


def test_an_ontology_that_imports_from_elsewhere_is_not_built(project: Path) -> None:
    trap = Listener()
    terms = next((project / "ontology" / "terms").glob("*.ttl"), None) or next(
        (project / "ontology").glob("*.ttl")
    )
    imports = f"[] <http://www.w3.org/2002/07/owl#imports> <http://127.0.0.1:{trap.port}/> ."
    terms.write_text(f"{terms.read_text(encoding='utf-8')}\n{imports}\n", encoding="utf-8")
    with contextlib.suppress(OntologyError):
        build(project / "build", project, reasoner=False, say=quietly)
    assert trap.connections == 0
    trap.close()


# -- builds that are killed or fail ----------------------------------------------------------

BUILD = """
import resource, sys
from pathlib import Path
from kg.builder.run import build
root, limit = Path(sys.argv[1]), int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
print("ready", flush=True)
build(root / "build", root, reasoner=False, say=lambda _: None)
"""
KILLS = 30


def started_build(root: Path, file_limit: int = 0) -> "subprocess.Popen[bytes]":
    """A build in a process of its own, all modules loaded."""
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(root), str(file_limit)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def note(root: Path, text: str) -> None:
    """Change the project, so that the next build has another version."""
    sources = root / "ontology" / "facts" / "sources.tsv"
    lines = sources.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split("\t")
    cells[lines[0].split("\t").index("title")] = text
    sources.write_text("\n".join([lines[0], "\t".join(cells), *lines[2:], ""]), encoding="utf-8")


def test_a_killed_build_leaves_a_whole_snapshot(project: Path, over: Running) -> None:
    chance = random.Random(1)  # noqa: S311 - the moments are to be the same each time
    before = State.of(over)
    seconds = 0.3
    versions = set()
    for kill in range(KILLS):
        note(project, f"title {kill}")
        process = started_build(project)
        started = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.0, 1.1 * seconds))
            seconds = time.monotonic() - started
        process.kill()
        process.communicate()
        versions.add(open_snapshot(project / "build").version)
        assert over.get("/health").status == 200
    assert State.of(over).answers == before.answers
    note(project, "the last title")
    last = build(project / "build", project, reasoner=False, say=quietly)["version"]
    assert eventually(lambda: over.health()["version"] == last)
    assert over.health()["status"] == "ok"


def test_a_full_disk_leaves_the_old_snapshot(project: Path, over: Running) -> None:
    version = open_snapshot(project / "build").version
    note(project, "another title")
    process = started_build(project, file_limit=20_000)
    _, said = process.communicate(timeout=20)
    assert process.returncode != 0
    assert b"too large" in said
    assert open_snapshot(project / "build").version == version
    assert [path.name for path in (project / "build").glob(".new-*")] == []
    assert over.health()["version"] == version


BREAKS: dict[str, tuple[str, Callable[[str], str], str]] = {
    "a file that is no Turtle": ("schema.ttl", lambda text: text + "\n<< broken", "schema.ttl"),
    "a class that can have no instance": (
        "schema.ttl",
        lambda text: (
            text
            + "\netio:Symptom <http://www.w3.org/2000/01/rdf-schema#subClassOf> etio:Condition ."
        ),
        "can have no instance",
    ),
    "a row with a wrong column": (
        "facts/facts.tsv",
        lambda text: text.replace("treated_by", "treeted_by", 1),
        "facts.tsv:",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_ontology_is_refused_and_the_old_graph_goes_on(
    project: Path, over: Running, name: str
) -> None:
    file, broken, said = BREAKS[name]
    path = project / "ontology" / file
    path.write_text(broken(path.read_text(encoding="utf-8")), encoding="utf-8")
    before = State.of(over)
    with pytest.raises(OntologyError) as caught:
        build(project / "build", project, reasoner=False, say=quietly)
    assert any(said in problem for problem in caught.value.problems), caught.value.problems
    os.kill(over.process.pid, signal.SIGHUP)
    time.sleep(0.3)
    assert State.of(over) == before
    assert over.health()["status"] == "ok"


# -- snapshots that are damaged --------------------------------------------------------------


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def missing(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES = [truncated, zeroed, flipped, missing, emptied]


def damaged_copy(folder: Path, name: str, damage: Callable[[Path], None], file: str) -> None:
    """A newer snapshot with a damaged file, made the current one."""
    version = (folder / layout.CURRENT).read_text(encoding="utf-8").strip()
    shutil.copytree(folder / version, folder / name)
    damage(folder / name / file)
    (folder / layout.CURRENT).write_text(name, encoding="utf-8")


def files_of(folder: Path) -> list[str]:
    """A file of each kind in the current snapshot."""
    path = open_snapshot(folder).path
    store = max((path / layout.STORE).glob("*.sst"), key=lambda file: file.stat().st_size)
    named = [layout.MANIFEST, layout.INDEX, layout.PROOFS, layout.QUADS, layout.TRIPLES]
    return [*named, str(store.relative_to(path)), f"{layout.RELEASE}/{layout.RELEASE_OWL}"]


def test_a_damaged_snapshot_is_refused_by_name_and_the_old_one_goes_on(
    project: Path, over: Running
) -> None:
    folder = project / "build"
    version = over.health()["version"]
    before = State.of(over)
    for file in files_of(folder):
        for damage in DAMAGES:
            name = f"{damage.__name__}-{Path(file).name}"
            damaged_copy(folder, name, damage, file)
            os.kill(over.process.pid, signal.SIGHUP)
            # a manifest may still be JSON with a bit flipped: another file is named then
            said = name if (damage, file) == (flipped, layout.MANIFEST) else f"{name}/{file}"
            assert eventually(lambda: said in str(over.health()["faults"])), said  # noqa: B023
            health = over.health()
            assert (health["status"], health["version"]) == ("degraded", version)
            (folder / layout.CURRENT).write_text(version, encoding="utf-8")
    assert State.of(over) == before
    os.kill(over.process.pid, signal.SIGHUP)
    assert eventually(lambda: over.health()["status"] == "ok")


def test_a_damaged_snapshot_at_the_start_gives_way_to_an_older_one(project: Path) -> None:
    folder = project / "build"
    version = open_snapshot(folder).version
    for damage in DAMAGES:
        damaged_copy(folder, damage.__name__, damage, layout.QUADS)
        running = Running(folder)
        running.wait()
        health = running.health()
        assert (health["status"], health["version"]) == ("degraded", version)
        assert layout.QUADS in health["faults"][0]
        State.of(running)
        running.stop()
        (folder / layout.CURRENT).write_text(version, encoding="utf-8")


POINTERS = [b"", b"../../..", b"/etc", b"nothing", b"\0", b"\xff", b"x" * 9999]


@pytest.mark.parametrize("content", POINTERS)
def test_a_pointer_to_nothing_is_refused(project: Path, over: Running, content: bytes) -> None:
    version = over.health()["version"]
    (project / "build" / layout.CURRENT).write_bytes(content)
    assert eventually(lambda: over.health()["status"] == "degraded")
    assert over.health()["version"] == version
    State.of(over)


@pytest.mark.parametrize("content", [b"nothing", b"\xff", None])
def test_a_start_without_a_pointer_serves_what_is_whole(
    project: Path, content: bytes | None
) -> None:
    version = open_snapshot(project / "build").version
    pointer = project / "build" / layout.CURRENT
    pointer.unlink()
    if content is not None:
        pointer.write_bytes(content)
    running = Running(project / "build")
    running.wait()
    assert (running.health()["status"], running.health()["version"]) == ("degraded", version)
    running.stop()


def test_another_format_or_no_whole_snapshot_is_refused_in_a_line(project: Path) -> None:
    folder = project / "build"
    manifest = open_snapshot(folder).path / layout.MANIFEST
    content = json.loads(manifest.read_text(encoding="utf-8"))
    for found in (layout.FORMAT + 1, layout.FORMAT - 1, "4", None):
        manifest.write_text(json.dumps({**content, "format": found}), encoding="utf-8")
        said, _, _ = loaded(Running(folder))
        assert said.startswith("error: ")
        assert f"has format {found}" in said
        assert len(said.splitlines()) == 1


# -- processes that are killed -------------------------------------------------------------


def in_flight(running: Running, count: int) -> tuple[list[threading.Thread], list[Answer]]:
    """Endless queries that run by now, each of a client of its own, and where answers go."""
    answers: list[Answer] = []

    def send(number: int) -> None:
        answers.append(running.ask(ENDLESS["count"], f"127.0.2.{number + 1}"))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: len(busy(running)) == count)
    return threads, answers


def busy(running: Running) -> list[int]:
    """The workers that have used processor time."""
    return [pid for pid in running.workers() if processor_ticks(pid) > 10]


def processor_ticks(pid: int) -> int:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    return 0


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join()


def test_a_killed_worker_loses_only_its_own_query(service: Running) -> None:
    unharmed = Unharmed(service)
    threads, answers = in_flight(service, 2)
    killed = busy(service)[0]
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: len(answers) == 1, 0.5)
    assert answers[0].status == 503
    assert answers[0].seconds < QUERY_SECONDS - 0.2
    again = service.ask(ONE_ROW)
    assert (again.status, again.seconds < 0.1) == (200, True), again.seconds
    join(threads)
    assert "stopped after" in answers[1].problem
    unharmed.check()


def test_all_workers_killed_at_once_are_replaced_at_once(service: Running) -> None:
    unharmed = Unharmed(service)
    count = len(service.workers())
    for _ in range(5):
        threads, answers = in_flight(service, 2)
        killed = service.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: not any(map(pss, killed)), 1.0)  # noqa: B023 - called at once
        again = [service.ask(ONE_ROW) for _ in range(count + 1)]
        assert {answer.status for answer in again} == {200}
        assert max(answer.seconds for answer in again) < 0.2
        join(threads)
        assert {answer.status for answer in answers} == {503}
    assert len(service.workers()) <= count
    unharmed.check()


def test_a_killed_keeper_is_replaced(service: Running) -> None:
    unharmed = Unharmed(service)
    for _ in range(3):
        threads, answers = in_flight(service, 2)
        os.kill(service.keeper(), signal.SIGKILL)
        assert {service.ask(ONE_ROW).status for _ in range(10)} == {200}
        join(threads)
        assert {answer.status for answer in answers} <= {200, 503}
        assert {service.ask(ONE_ROW).status for _ in range(10)} == {200}
    unharmed.check()


def test_killed_as_a_whole_it_starts_again_with_the_same_answers(small_build: Path) -> None:
    running = Running(small_build)
    running.wait()
    state = State.of(running)
    running.kill()
    again = Running(small_build)
    print(f"up again after {again.wait():.2f} s")
    assert State.of(again) == state
    again.stop()


@pytest.mark.parametrize("which", [0, 1])
def test_no_process_outlives_a_killed_service(small_build: Path, which: int) -> None:
    """Be it the first process or the one that serves: an orphan would keep the port."""
    running = Running(small_build)
    running.wait()
    tree = running.tree()
    server = next(pid for pid in tree[1:] if running.keeper() in tree and pid != tree[0])
    os.kill((tree[0], server)[which], signal.SIGKILL)
    ended = eventually(lambda: not any(Path(f"/proc/{pid}/stat").exists() for pid in tree[1:]))
    for pid in tree:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    running.process.communicate(timeout=10)
    assert ended


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_what_runs(small_build: Path, told: signal.Signals) -> None:
    running = Running(small_build, ETIOGRAPH_QUERY_TIMEOUT=QUERY_SECONDS)
    running.wait()
    idle = contextlib.ExitStack()
    for _ in range(50):
        idle.enter_context(connect(running.port))
    threads, answers = in_flight(running, 2)
    tree = running.tree()
    started = time.monotonic()
    running.process.send_signal(told)
    time.sleep(0.3)
    assert running.get("/health").status in (0, 503)
    running.process.communicate(timeout=15)
    seconds = time.monotonic() - started
    join(threads)
    idle.close()
    assert [answer.status for answer in answers] == [503, 503]
    assert all("stopped after" in answer.problem for answer in answers)
    assert seconds < 10
    assert running.process.returncode == 0
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in tree[1:]))


# -- slow and greedy clients ------------------------------------------------------------------


@contextlib.contextmanager
def dripping(port: int, message: bytes, count: int, start: int = 1) -> Iterator[None]:
    """Connections that send a message from `start` on a byte a second."""
    stopped = threading.Event()
    with contextlib.ExitStack() as held:
        connections = [held.enter_context(connect(port)) for _ in range(count)]
        for connection in connections:
            connection.sendall(message[:start])

        def drip() -> None:
            place = start
            while not stopped.wait(1.0):
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.send(message[place : place + 1] or b"a")
                place += 1

        thread = threading.Thread(target=drip)
        thread.start()
        yield
        stopped.set()
        thread.join()


def timed(running: Running, seconds: float) -> list[Answer]:
    """A good client's answers while something else goes on."""
    answers: list[Answer] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answers.append(running.ask(f"{NORMAL[1]} # {len(answers)}", "127.0.0.9"))
        answers.append(running.get("/ask?q=calf%20cramps", "127.0.0.9"))
        time.sleep(0.05)
    return answers


def check_served(answers: list[Answer], median: float, worst: float) -> None:
    seconds = sorted(answer.seconds for answer in answers)
    print(f"{Counter(answer.status for answer in answers)}", end=" ")
    print(f"{len(seconds)} answers, median {seconds[len(seconds) // 2]:.3f} s, {seconds[-1]:.3f} s")
    assert {answer.status for answer in answers} == {200}
    assert seconds[len(seconds) // 2] < median
    assert seconds[-1] < worst


def test_slow_and_idle_clients_keep_nobody_waiting(service: Running) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    unharmed = Unharmed(service)
    with contextlib.ExitStack() as held:
        for _ in range(2000):
            held.enter_context(connect(service.port))
        head = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "
        body = request("POST", "/sparql", {"content-type": "application/sparql-query"}, b"a" * 999)
        start = body.index(b"\r\n\r\n") + 4
        held.enter_context(dripping(service.port, head, 250))
        held.enter_context(dripping(service.port, body, 250, start))
        answers = timed(service, 5.0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check_served(answers, 0.1, 1.0)
    unharmed.check()


def test_slow_senders_are_let_go(service: Running) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "
    body = request("POST", "/sparql", {"content-type": "application/sparql-query"}, b"a" * 1000)
    slow = [connect(service.port), connect(service.port)]
    slow[0].sendall(head)
    slow[1].sendall(body[:-900])
    started = time.monotonic()
    for connection in slow:
        connection.settimeout(25)
        with contextlib.suppress(ConnectionError):
            while connection.recv(4096):
                pass
        connection.close()
    assert time.monotonic() - started < 25


def test_clients_that_do_not_read_keep_nobody_waiting(service: Running) -> None:
    unharmed = Unharmed(service)
    large = query_url("SELECT ?a ?d { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } LIMIT 90000")
    with contextlib.ExitStack() as deaf:
        for number in range(40):
            connection = deaf.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.bind((f"127.0.3.{number + 1}", 0))
            connection.connect(("127.0.0.1", service.port))
            connection.sendall(request("GET", large))
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        check_served(timed(service, 5.0), 0.1, 1.0)
    unharmed.check()


GREED = {
    "endless": (ENDLESS["count"], 10.0),
    "memory": (ENDLESS["doubled more"], 10.0),
    "words": (filled(NESTS["words"]), 6.0),
    "brackets": (filled(NESTS["closed only"]), 6.0),
}


@pytest.mark.parametrize("name", GREED)
def test_twenty_greedy_clients_leave_the_others_their_share(service: Running, name: str) -> None:
    """At first all clients are alike; once the greedy ones are known, others come before them."""
    text, seconds = GREED[name]
    unharmed = Unharmed(service)
    deadline = time.monotonic() + seconds
    greedy: list[Answer] = []

    def attack(number: int) -> None:
        while time.monotonic() < deadline:
            greedy.append(service.ask(text, f"127.0.4.{number + 1}"))
            time.sleep(0.01)

    threads = [threading.Thread(target=attack, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    time.sleep(QUERY_SECONDS + 0.5)
    answers = timed(service, seconds - QUERY_SECONDS - 0.5)
    join(threads)
    statuses = Counter(answer.status for answer in greedy)
    print(f"greedy clients got {dict(statuses)}")
    assert set(statuses) <= {400, 413, 429, 503}
    assert all("retry-after" in each.headers for each in greedy if each.status in (429, 503))
    check_served(answers, 0.5, QUERY_SECONDS + 1.0)
    unharmed.check()


def test_one_client_has_a_share_and_no_more(small_build: Path) -> None:
    running = Running(
        small_build, ETIOGRAPH_QUERY_TIMEOUT=QUERY_SECONDS, ETIOGRAPH_CLIENT_SECONDS=4
    )
    running.wait()
    statuses = [running.ask(ENDLESS["count"], "127.0.5.1").status for _ in range(3)]
    assert statuses == [503, 503, 429]
    refused = running.ask(ONE_ROW, "127.0.5.1")
    assert refused.status == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert running.ask(ONE_ROW, "127.0.5.2").status == 200
    assert running.get("/ask?q=calf%20cramps", "127.0.5.1").status == 200
    running.stop()
