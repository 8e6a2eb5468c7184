"""Real SPARQL engines in processes of their own: the Oxigraph server and Virtuoso.

Each runs on free ports with its data in a private folder, and is empty until something is loaded.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from kg.remote_load import Remote, load_remote
from kg.snapshot import Snapshot

OXIGRAPH = Path(sys.executable).with_name("oxigraph")
VIRTUOSO = shutil.which("virtuoso-t")
START_SECONDS = 60.0
STOP_SECONDS = 30.0

VIRTUOSO_INI = """
[Database]
DatabaseFile = virtuoso.db
ErrorLogFile = virtuoso.log
LockFile = virtuoso.lck
TransactionFile = virtuoso.trx
xa_persistent_file = virtuoso.pxa
FileExtend = 200
MaxCheckpointRemap = 2000
TempStorage = TempDatabase
[TempDatabase]
DatabaseFile = virtuoso-temp.db
TransactionFile = virtuoso-temp.trx
[Parameters]
ServerPort = 127.0.0.1:{sql}
DisableUnixSocket = 1
CaseMode = 2
NumberOfBuffers = 20000
MaxDirtyBuffers = 12000
TransactionAfterImageLimit = 1000000000
DirsAllowed = .
VADInstallDir = .
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = .
ServerThreads = 10
[SPARQL]
ResultSetMaxRows = {rows}
"""


@dataclass(frozen=True)
class Engine:
    """A running engine: where it is asked, and how it is loaded."""

    name: str
    remote: Remote

    def load(self, snapshot: Snapshot) -> None:
        """Load a snapshot, replacing what was loaded before."""
        load_remote(snapshot, self.remote, say=lambda _: None)


@contextlib.contextmanager
def oxigraph() -> Iterator[Engine]:
    """An empty Oxigraph server; its data live in memory."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [str(OXIGRAPH), "serve", "--bind", f"127.0.0.1:{port}"]
    with _folder() as folder, _process(command, folder):
        _wait(lambda: _answers(f"{address}/query?query=ASK%7B%7D"))
        remote = Remote(f"{address}/query", f"{address}/update", f"{address}/store")
        yield Engine("oxigraph", remote)


@contextlib.contextmanager
def virtuoso(max_rows: int = 1_000_000) -> Iterator[Engine]:
    """An empty Virtuoso; `max_rows` are the rows it gives at most, 10,000 as it is installed."""
    if VIRTUOSO is None:
        raise RuntimeError("virtuoso-t is not installed")
    http, sql = free_port(), free_port()
    address = f"http://127.0.0.1:{http}"
    with _folder() as folder:
        settings = VIRTUOSO_INI.format(http=http, sql=sql, rows=max_rows)
        (folder / "virtuoso.ini").write_text(settings, encoding="utf-8")
        with _process([VIRTUOSO, "+foreground", "+configfile", "virtuoso.ini"], folder):
            _wait(lambda: _answers(f"{address}/sparql?query=ASK%7B%7D"))
            yield Engine("virtuoso", _virtuoso_at(address))


def _virtuoso_at(address: str) -> Remote:
    """Its addresses, with the password of a new Virtuoso."""
    return Remote(
        f"{address}/sparql",
        f"{address}/sparql-auth",
        f"{address}/sparql-graph-crud-auth",
        user="dba",
        password="dba",  # noqa: S106
    )


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _process(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError("the engine did not come up")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except (URLError, OSError):
        return False
    return True
