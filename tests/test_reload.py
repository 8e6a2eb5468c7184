"""A new snapshot takes the old one's place under load, and no request fails."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.builder.run import build
from tests.attacking import Running
from tests.conftest import quietly, small_root
from tests.test_attacks_faults import note

pytestmark = pytest.mark.service
PATHS = (
    "/sparql?query=SELECT+*+{+?s+?p+?o+}+LIMIT+5",
    "/ask?q=calf+cramps",
    "/health",
    "/api/v1/entities/etio:Calf",
)


@contextlib.contextmanager
def load(running: Running) -> Iterator[list[tuple[str, int]]]:
    """Four clients that ask until the end of the block; what was not answered with 200."""
    ended = threading.Event()
    failed: list[tuple[str, int]] = []

    def ask(path: str, number: int) -> None:
        count = 0
        while not ended.is_set():
            count += 1
            query = f"{path}+%23{count}" if "query" in path else path
            answer = running.get(query, f"127.0.0.{number}")
            if answer.status != 200:
                failed.append((query, answer.status))

    threads = [
        threading.Thread(target=ask, args=(path, number)) for number, path in enumerate(PATHS, 2)
    ]
    for thread in threads:
        thread.start()
    yield failed
    ended.set()
    for thread in threads:
        thread.join()


def version(running: Running) -> str:
    return str(running.get("/health").json["version"])


def becomes(running: Running, expected: str) -> bool:
    """Whether the version is served within ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if version(running) == expected:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = small_root(tmp_path / "root")
    build(root / "build", root, reasoner=False, say=quietly)
    return root


def test_a_new_snapshot_is_served_without_a_failed_request(project: Path) -> None:
    with Running(project / "build", ETIOGRAPH_CLIENT_SECONDS=1000) as running:
        first = version(running)
        processes = len(running.tree())
        query = "/sparql?query=ASK+{+?s+dcterms:title+?t+FILTER(STR(?t)+=+%22A+new+title%22)+}"
        assert running.get(query).json["boolean"] is False
        with load(running) as failed:
            time.sleep(0.3)
            note(project, "A new title")
            second = build(project / "build", project, reasoner=False, say=quietly)["version"]
            assert second != first
            assert becomes(running, second)
            time.sleep(0.3)
            (project / "build" / "CURRENT").write_text(f"{first}\n")
            os.kill(running.process.pid, signal.SIGHUP)
            assert becomes(running, first)
            (project / "build" / "CURRENT").write_text(f"{second}\n")
            assert becomes(running, second)
            time.sleep(6)  # what was replaced is ended now
        assert failed == []
        assert running.get(query).json["boolean"] is True
        assert len(running.tree()) == processes
        assert running.stop() == 0


def test_files_are_read_again_when_told(tmp_path: Path) -> None:
    file = tmp_path / "data.ttl"
    file.write_text("<x:s> <x:p> 1 .")
    with Running(tmp_path, "--data", str(file)) as running:
        query = "/sparql?query=SELECT+(COUNT(*)+AS+?n)+{+?s+?p+?o+}&format=csv"
        assert running.get(query).text == "n\r\n1\r\n"
        first = version(running)
        file.write_text("<x:s> <x:p> 1, 2 .")
        os.kill(running.process.pid, signal.SIGHUP)
        until = time.monotonic() + 10
        while version(running) == first and time.monotonic() < until:
            time.sleep(0.05)
        assert running.get(query).text == "n\r\n2\r\n"
        file.write_text("<x:s> <x:p> ")
        os.kill(running.process.pid, signal.SIGHUP)
        while running.get("/health").json["status"] == "ok" and time.monotonic() < until:
            time.sleep(0.05)
        assert "data.ttl cannot be loaded" in running.get("/health").json["faults"][0]
        assert running.get(query).text == "n\r\n2\r\n"
        assert running.stop() == 0
