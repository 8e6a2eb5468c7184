"""Runs services for the benchmarks: starts them, puts load on them, stops them.

    python running.py URL ACCEPT MARK CONNECTIONS SECONDS

is the load generator where `wrk` is not installed. Only what a benchmark needs whatever it
measures belongs here.
"""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 900
STOP_SECONDS = 15
TIMEOUT_SECONDS = 10
SHOWN_COMPLAINT = 1000
KILOBYTES_OF_MB = 1024 if sys.platform != "darwin" else 1024 * 1024
WRK = shutil.which("wrk")
GENERATOR = "wrk" if WRK else "http.client"

WRK_SCRIPT = """
local ffi = require("ffi")
ffi.cdef "typedef struct { long s, ns; } moment; int clock_gettime(int, moment *);"
local clock, now = ffi.os == "OSX" and 6 or 1, ffi.new("moment")
local path, accept, mark, count, threads = "", "", "", 0, {}
starts = {}
function setup(thread) table.insert(threads, thread) end
function init(args)
  path, mark = args[1], args[3]
  wrk.headers["Accept"] = args[2]
end
function request()
  ffi.C.clock_gettime(clock, now)
  count = count + 1
  starts[count] = tonumber(now.s) * 1e3 + tonumber(now.ns) / 1e6
  return wrk.format("GET", mark == "" and path or path .. mark .. count)
end
function done(summary)
  local failed = summary.errors.status + summary.errors.timeout
  print(string.format("\\n%d %d", summary.requests, failed))
  print(table.concat(threads[1]:get("starts"), " "))
end
"""


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass
class Server:
    """A server process on this machine; `ready` is a path it answers once it can be used."""

    command: list[str]
    port: int
    ready: str
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = None

    def start(self) -> http.client.HTTPConnection:
        """Start it; a connection to it, once it answers."""
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - read when the server has failed
        self.process = subprocess.Popen(  # noqa: S603 - commands of the benchmarks
            self.command,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=self.log,
            start_new_session=True,  # so that `cpu_seconds` finds its children
        )
        return self._answering()

    def _answering(self) -> http.client.HTTPConnection:
        assert self.process  # noqa: S101 - start() has made it
        given_up = time.monotonic() + START_SECONDS
        while time.monotonic() < given_up and self.process.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("GET", self.ready)
                connection.getresponse().read()
            except ConnectionError:
                time.sleep(0.01)
            else:
                return connection
        self.stop()
        raise SystemExit(f"this did not start: {' '.join(self.command)}\n{self._complaint()}")

    def _complaint(self) -> str:
        assert self.log  # noqa: S101 - start() has made it
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-SHOWN_COMPLAINT:]

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def cpu_seconds(self) -> float:
        """The processor time of its session, to a hundredth; always 0 where there is no /proc."""
        assert self.process  # noqa: S101 - only asked of a started server
        ticks = sum(
            int(fields[11]) + int(fields[12]) for _, fields in _in_session(self.process.pid)
        )
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """MB of memory of its session, what is shared counted once; 0 where there is no /proc."""
        assert self.process  # noqa: S101 - only asked of a started server
        kilobytes = 0
        for folder, _ in _in_session(self.process.pid):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                told = (folder / "smaps_rollup").read_text(encoding="utf-8")
                kilobytes += int(told.partition("\nPss:")[2].split(maxsplit=1)[0])
        return kilobytes // 1024

    def settles(self, seconds: float = 30) -> bool:
        """Whether it becomes idle in time: some go on with queries whose clients have left."""
        given_up = time.monotonic() + seconds
        before = self.cpu_seconds()
        while time.monotonic() < given_up:
            time.sleep(0.1)
            after = self.cpu_seconds()
            if after - before < 0.03:
                return True
            before = after
        return False


def _in_session(leader: int) -> Iterator[tuple[Path, list[str]]]:
    """The folder in /proc and the state of each process of a session, its name left out."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[3]) == leader:
            yield path.parent, fields


def program(name: str, package: str) -> str:
    """A program on the PATH or beside this Python."""
    beside = Path(sys.executable).with_name(name)
    found = shutil.which(name) or (str(beside) if beside.exists() else None)
    if found is None:
        raise SystemExit(f"{name} is not installed; it is in {package}")
    return found


def run(*command: str) -> int:
    """Run a command that must succeed; returns its peak of memory in MB."""
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(  # noqa: S603 - commands of the benchmarks
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=told
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            complaint = told.read().decode(errors="replace")[-SHOWN_COMPLAINT:]
            raise SystemExit(f"this failed: {' '.join(command)}\n{complaint}")
    return used.ru_maxrss // KILOBYTES_OF_MB


def service(**environment: str) -> Server:
    """The service of this checkout, on a free port; it is up when SPARQL is loaded too."""
    port = free_port()
    settings = {"HOST": "127.0.0.1", "PORT": str(port), **environment}
    return Server([sys.executable, "server.py"], port, "/ready", settings)


def get(connection: http.client.HTTPConnection, path: str, accept: str) -> bytes:
    """The body at `path`; any status but 200 ends the benchmark."""
    connection.request("GET", path, headers={"Accept": accept})
    response = connection.getresponse()
    body = response.read()
    if response.status != http.HTTPStatus.OK:
        raise SystemExit(f"{path} answered {response.status}: {body[:200]!r}")
    return body


@dataclass
class Load:
    """What came of load: requests answered and failed, in how many seconds.

    `times` are the milliseconds of each if there was one connection.
    """

    requests: int = 0
    failed: int = 0
    seconds: float = 0.0
    times: list[float] = field(default_factory=list)

    def add(self, other: "Load") -> None:
        self.requests += other.requests
        self.failed += other.failed
        self.seconds += other.seconds
        self.times += other.times


def load(url: str, accept: str, mark: str, connections: int, seconds: int, folder: Path) -> Load:
    """GET `url` for some seconds over so many connections, from a process of its own.

    Where `mark` is given, every request has it and a counter appended to its address.
    `folder` is for temporary files.
    """
    if WRK is None:
        command = [sys.executable, __file__, url, accept, mark, str(connections), str(seconds)]
    else:
        script = folder / "load.lua"
        script.write_text(WRK_SCRIPT, encoding="utf-8")
        parts = urlsplit(url)
        shape = ["-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT_SECONDS}s"]
        asked = [f"{parts.scheme}://{parts.netloc}", "--", f"{parts.path}?{parts.query}"]
        command = [WRK, *shape, "-s", str(script), *asked, accept, mark]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    *_, totals, starts = ran.stdout.splitlines()
    answered, failed = (int(total) for total in totals.split())
    # wrk asks its script for one request before it begins
    moments = sorted(float(start) for start in starts.split())[1:]
    if len(moments) <= connections:
        return Load(0, failed, seconds)
    # to the last answer: what was under way at the end would make slow answers seem slower
    spent = (moments[-1] - moments[0]) / 1000
    alone = pairwise(moments) if connections == 1 else ()
    times = [later - earlier for earlier, later in alone]
    return Load(answered - failed, failed, spent, times)


class _Generator:
    """Load without wrk: a thread for each connection, as many as one interpreter can drive."""

    def __init__(self, url: str, accept: str, mark: str, seconds: float) -> None:
        self._parts = urlsplit(url)
        self._headers = {"Accept": accept}
        self._mark = mark
        begun = time.perf_counter()
        self._end = begun + seconds
        self.starts: list[float] = [begun * 1000]
        self.answered: list[bool] = []

    def drive(self) -> None:
        """Ask over one connection until the time is over."""
        host, port = str(self._parts.hostname), self._parts.port
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        path = f"{self._parts.path}?{self._parts.query}"
        while (now := time.perf_counter()) < self._end:
            self.starts.append(now * 1000)
            unique = f"{self._mark}{len(self.starts)}-{id(connection)}" if self._mark else ""
            self.answered.append(self._answers(connection, path + unique))
        self.starts.append(time.perf_counter() * 1000)

    def _answers(self, connection: http.client.HTTPConnection, path: str) -> bool:
        try:
            connection.request("GET", path, headers=self._headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return False
        return response.status == http.HTTPStatus.OK

    def report(self) -> None:
        """Print what the script of wrk prints."""
        print(f"{len(self.answered)} {self.answered.count(False)}")
        print(*(f"{start:.4f}" for start in self.starts))


def main() -> None:
    """Generate load as the arguments say."""
    url, accept, mark, connections, seconds = sys.argv[1:]
    generator = _Generator(url, accept, mark, float(seconds))
    threads = [threading.Thread(target=generator.drive) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    generator.report()


if __name__ == "__main__":
    main()
