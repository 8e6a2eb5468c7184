"""Replicas of the service on loopback behind a real nginx, run by deploy/nginx.conf itself.

Only ports and paths of that file are changed here, so that what is tested is what is deployed.
"""

import http
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.attacking import ROOT, exchange, request
from tests.loading import until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
CONFIGURATION = ROOT / "deploy" / "nginx.conf"
START_SECONDS = 60.0
SHOWN = 2000
_PORTS = iter(range(20_000 + os.getpid() % 10_000, 32_000))
"""Below those that systems give to outgoing connections; each is handed out once."""
SETTINGS = {  # one machine asks for all clients, more than a single one may
    "ETIOGRAPH_CLIENT_RUNNING": "1000",
    "ETIOGRAPH_CLIENT_SECONDS": "100000",
    "ETIOGRAPH_QUERY_WORKERS": "2",
    "ETIOGRAPH_QUERY_QUEUE": "64",
    "ETIOGRAPH_QUERY_WAIT": "10",
    "ETIOGRAPH_PROXIES": "1",
}


def lasting_port() -> int:
    """A free port that no outgoing connection is given: it is still free for a second start."""
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        return listener.connect_ex(("127.0.0.1", port)) != 0


def status(port: int, path: str) -> int:
    """What a server answers there; 0 if there is none."""
    return exchange(port, request("GET", path), "127.0.0.1", 10).status


class Replica:
    """A service that keeps its port when it is started again.

    Its code is in `root`, its output goes into a file in `folder`.
    """

    def __init__(
        self, snapshots: Path, folder: Path, root: Path = ROOT, **settings: object
    ) -> None:
        self.port = lasting_port()
        self._root = root
        self._log = folder / f"replica-{self.port}.log"
        self._environment = {
            **{key: value for key, value in os.environ.items() if key != "HOST"},
            **SETTINGS,
            "PORT": str(self.port),
            "ETIOGRAPH_FOLDER": str(snapshots),
            **{name: str(value) for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "server.py"],
                cwd=self._root,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a process group, which signals go to
            )

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + START_SECONDS
        while status(self.port, "/ready") != http.HTTPStatus.OK:
            assert time.monotonic() < end, self.log()
            assert self._process is not None
            assert self._process.poll() is None, self.log()
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes but the keeper's, which end with them."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it without a chance to finish anything."""
        self.signal(signal.SIGKILL)
        self._ended()

    def stop(self) -> int:
        """Tell its first process to end, and wait for the rest; its status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._ended()

    def close(self) -> None:
        """Leave nothing of it, in whatever state it is."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def log(self) -> str:
        """The end of what it has written."""
        text = self._log.read_text(encoding="utf-8") if self._log.exists() else ""
        return text[-SHOWN:]

    def _ended(self) -> int:
        assert self._process is not None
        return self._process.wait(START_SECONDS)


def rendered(port: int, replicas: Sequence[int], folder: Path) -> str:
    """deploy/nginx.conf with these ports; what it writes goes below `folder`."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/tmp/", f"{folder}/")  # noqa: S108
    text = re.sub(r"/dev/std(out|err)", rf"{folder}/std\1", text)
    for number, replica in enumerate(replicas, 1):
        text = text.replace(f"replica-{number}:8000", f"127.0.0.1:{replica}")
    # Its workers would be another user's, who may not enter the folder.
    return f"user root;\n{text}" if os.geteuid() == 0 else text


class Nginx:
    """The gateway in front of replicas."""

    def __init__(self, replicas: Sequence[Replica], folder: Path) -> None:
        self.port = lasting_port()
        self._folder = folder
        self._configuration = folder / "nginx.conf"
        ports = [replica.port for replica in replicas]
        self._configuration.write_text(rendered(self.port, ports, folder), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *more: str) -> list[str]:
        assert NGINX is not None
        places = ["-c", str(self._configuration), "-p", str(self._folder)]
        return [NGINX, *places, "-e", str(self._folder / "stderr"), *more]

    def start(self) -> None:
        self._process = subprocess.Popen(self.command("-g", "daemon off;"))
        until(lambda: status(self.port, "/ready") > 0, "nginx did not come up")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(START_SECONDS)

    def requests(self) -> list[dict[str, Any]]:
        """What it has logged of each request."""
        lines = (self._folder / "stdout").read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def output(self) -> str:
        """All that it has written."""
        return "".join((self._folder / f"std{name}").read_text() for name in ("out", "err"))

    def used(self, replica: Replica, since: int) -> bool:
        """Whether the replica has answered any request since so many were logged."""
        where = f"127.0.0.1:{replica.port}"
        return any(
            line["upstream"].endswith(where) and line["status"] == http.HTTPStatus.OK
            for line in self.requests()[since:]
        )

    def retried(self, replica: Replica, since: int) -> int:
        """Requests, since so many were logged, that the replica failed and another was given."""
        failed = f"127.0.0.1:{replica.port}, "
        return sum(failed in line["upstream"] for line in self.requests()[since:])

    def wait_for(self, replica: Replica) -> None:
        """Until requests go to the replica again."""
        since = len(self.requests())
        until(lambda: self.used(replica, since), f"nothing is sent to {replica.port}")


@contextmanager
def stack(snapshots: Path, folder: Path) -> Iterator[tuple[Nginx, list[Replica]]]:
    """Three replicas that answer, and nginx in front of them; nothing is left afterwards."""
    replicas = [Replica(snapshots, folder) for _ in range(3)]
    nginx = Nginx(replicas, folder)
    try:
        for replica in replicas:
            replica.start()
        for replica in replicas:
            replica.wait()
        nginx.start()
        yield nginx, replicas
    finally:
        nginx.stop()
        for replica in replicas:
            replica.close()
