"""What is served at the moment, and its replacement by something newer while requests go on."""

import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from flask import current_app, g, request

from kg import layout
from kg.errors import DataError, KgError, SnapshotError
from kg.service import Service
from kg.snapshot import open_newest, open_snapshot
from kg.sparql.counts import Counts
from kg.sparql.data import content_version
from kg.sparql.pool import PoolSettings, QueryPool
from kg.vocabulary import PREFIXES
from web.clients import network_of

LOOK_SECONDS = 1.0
"""How often the folder is looked at for a new snapshot."""
RETIRE_SECONDS = 5.0
"""How long a request may hold on to what was replaced before it sends its query."""
log = logging.getLogger("etiograph")


@dataclass(frozen=True)
class Serving:
    """A graph and what answers over it; `service` is None for data that is not the leg graph.

    `fault` says why this is not the newest there is, `damage` what is wrong with its files.
    """

    version: str
    pool: QueryPool
    service: Service | None = None
    fault: str | None = None
    damage: list[str] = field(default_factory=list)

    @property
    def prefixes(self) -> Mapping[str, str]:
        """Those that a query need not declare."""
        if self.service is not None:
            return PREFIXES
        return cast(Mapping[str, str], self.pool.ready()["prefixes"])

    def finish(self) -> None:
        """Do what pages need not wait for: hold the graph for SPARQL, and check the files that a
        large snapshot is opened without."""
        assert self.service is not None  # there is no snapshot without it  # noqa: S101
        for do in (self.pool.ready, self.service.snapshot.check_rest):
            try:
                do()
            except (DataError, SnapshotError) as error:
                self.damage.append(str(error))
                log.error("%s", error, extra={"event": "damaged"})

    def retire(self) -> None:
        """Let requests that began with it finish, then end its processes."""
        time.sleep(RETIRE_SECONDS)
        while self.pool.is_busy:
            time.sleep(0.1)
        self.pool.close()


@dataclass
class Current:
    """Holds what is served, and looks for something newer.

    `load` makes a Serving, or raises a KgError; `mark` changes when there may be something newer.
    `counts` are of the queries of everything that was served; `reloads` and `refusals` tell how
    often something newer was taken, or was not whole; `refused` says why, of the last.
    """

    serving: Serving
    load: Callable[[], Serving]
    mark: Callable[[], object]
    counts: Counts = field(default_factory=Counts)
    refused: str | None = None
    reloads: int = 0
    refusals: int = 0
    is_draining: bool = False
    _told: threading.Event = field(default_factory=threading.Event)

    def reload(self) -> None:
        """Look now, whether or not the mark has changed."""
        self._told.set()

    def drain(self) -> None:
        """Not be ready any more: the service is about to end."""
        self.is_draining = True

    def unready(self) -> list[str]:
        """Why requests should go elsewhere, if there are reasons."""
        pool = self.serving.pool
        draining = "the service is about to end" if self.is_draining else None
        loading = "the graph is being loaded for SPARQL" if pool.is_loading else None
        reasons = (draining, loading, pool.fault(), *self.serving.damage)
        return [reason for reason in reasons if reason]

    def watch(self) -> None:
        """Look for something newer, and after the pool, for ever."""
        seen = self.mark()
        while True:
            told = self._told.wait(LOOK_SECONDS)
            self._told.clear()
            self._rest()
            mark = self.mark()
            if told or mark != seen:
                seen = mark
                self._replace()

    def _rest(self) -> None:
        try:
            self.serving.pool.let_go()
        except (KgError, EOFError) as error:  # the next query tries again, and tells its client
            log.error("no worker can be started: %s", error, extra={"event": "lost"})

    def _replace(self) -> None:
        try:
            new = self.load()
        except (KgError, OSError) as error:
            self.refused = str(error)
            self.refusals += 1
            log.error(
                "what was found new is refused, and the old goes on: %s",
                error,
                extra={"event": "refused"},
            )
            return
        old, self.serving, self.refused = self.serving, new, None
        self.reloads += 1
        log.warning("version %s is served now", new.version, extra={"event": "reload"})
        gc.freeze()
        threading.Thread(target=old.retire, daemon=True).start()


def over_folder(
    folder: Path, settings: PoolSettings, endpoint: Mapping[str, Any] | None
) -> Current:
    """The current snapshot of a build folder, or at the start the newest that is whole.

    With a remote `endpoint`, SPARQL is answered by that; SnapshotError if there is no snapshot.
    """

    counts = Counts()

    def load(*, strict: bool = True) -> Serving:
        snapshot, fault = (open_snapshot(folder), None) if strict else open_newest(folder)
        if strict:  # the old is served meanwhile
            snapshot.check_rest()
        remote = {**endpoint, "version": snapshot.version} if endpoint else None
        pool = QueryPool(remote or snapshot.source, settings, counts)
        service = Service(snapshot)  # while the pool loads
        if strict:
            pool.ready()
        serving = Serving(snapshot.version, pool, service, fault)
        threading.Thread(target=serving.finish, daemon=True).start()
        return serving

    def mark() -> object:
        try:
            return (folder / layout.CURRENT).read_bytes()
        except OSError:
            return None

    return Current(load(strict=False), load, mark, counts)


def over_files(paths: tuple[Path, ...], settings: PoolSettings) -> Current:
    """RDF files of any content; DataError tells what is wrong with one."""
    counts = Counts()

    def load() -> Serving:
        source = {"files": [str(path) for path in paths], "memory": settings.load_memory}
        version = content_version(paths)
        pool = QueryPool(source, settings, counts)
        pool.ready()
        return Serving(version, pool)

    return Current(load(), load, lambda: None, counts)


def current() -> Current:
    """What the application holds."""
    return cast(Current, current_app.extensions["etiograph"])


def serving() -> Serving:
    """What this request is answered from, the same from its beginning to its end."""
    if "serving" not in g:
        g.serving = current().serving
    return cast(Serving, g.serving)


def service() -> Service:
    """The service over the leg graph."""
    found = serving().service
    assert found is not None  # its routes are not there without it  # noqa: S101
    return found


def client() -> str:
    """Whose share of query time a request takes."""
    return network_of(request.remote_addr or "")
