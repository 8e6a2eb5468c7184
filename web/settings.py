"""What can be set from outside, and what was set; a new setting is a line of SETTINGS.

The README's table has the same lines. `server.py` alone reads the environment and hands it in.
"""

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from kg.sparql.pool import PoolSettings
from kg.sparql.turns import Shares

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 1024 * 1024
PREFIX = "ETIOGRAPH_"
LOGS = ("auto", "json", "text", "off")
"""How events and requests are logged; `auto` is text on a terminal and JSON elsewhere."""
_CREDENTIALS = re.compile(r"(?<=//)[^/@]*(?=@)")


class Setting(NamedTuple):
    """What can be set: a default tells its type too.

    `shown` is the default as people read it, where that differs; `among` are all values of a text,
    `least` the smallest number.
    """

    name: str
    default: str | int | float
    help: str
    shown: str = ""
    among: tuple[str, ...] = ()
    least: float = 0


POOL = PoolSettings()
SETTINGS = (
    Setting("HOST", "127.0.0.1", "address to serve at"),
    Setting("PORT", 8000, "port to serve at"),
    Setting("ETIOGRAPH_FOLDER", str(ROOT / "build"), "folder of snapshots", "build"),
    Setting("ETIOGRAPH_DATA", "", "RDF files to serve instead, as --data gives them"),
    Setting("ETIOGRAPH_DATA_MEMORY", 8192, "most MB that loading RDF files may take"),
    Setting("ETIOGRAPH_DATA_SECONDS", 600.0, "most seconds that loading may take"),
    Setting("ETIOGRAPH_WORKERS", 1, "processes that answer requests, each with its query workers",
            least=1),
    Setting("ETIOGRAPH_CACHE", 64, "MB of answers kept for those who ask again; 0 keeps none"),
    Setting("ETIOGRAPH_PROXIES", 0, "trusted proxies in front that set X-Forwarded-*"),
    Setting("ETIOGRAPH_DRAIN", 0.0, "seconds of not being ready before SIGTERM ends the service"),
    Setting("ETIOGRAPH_RATE", 0, "requests a minute of one client; 0 is any number"),
    Setting("ETIOGRAPH_RATE_BURST", 20, "of these, requests in one second", least=1),
    Setting("ETIOGRAPH_LOG", "auto", "json, text, off (errors alone); auto is text on a terminal",
            among=LOGS),
    Setting("ETIOGRAPH_LOG_CLIENTS", 0, "1 logs the addresses of clients"),
    Setting("ETIOGRAPH_LOG_QUESTIONS", 0, "1 logs the texts of questions and queries"),
    Setting("ETIOGRAPH_QUERY_TIMEOUT", 10.0, "most seconds of a query", least=0.1),
    Setting("ETIOGRAPH_QUERY_MEMORY", 1024, "most MB of memory of a query", least=1),
    Setting("ETIOGRAPH_QUERY_ROWS", 100_000, "most rows or triples of a result", least=1),
    Setting("ETIOGRAPH_QUERY_SIZE", 64, "most MB of a result", least=1),
    Setting("ETIOGRAPH_QUERY_WORKERS", POOL.workers, "queries that run at a time",
            "processors + 2", least=1),
    Setting("ETIOGRAPH_QUERY_QUEUE", POOL.shares.queue, "queries that may wait for their turn"),
    Setting("ETIOGRAPH_QUERY_WAIT", POOL.shares.wait, "most seconds of waiting"),
    Setting("ETIOGRAPH_CLIENT_RUNNING", POOL.shares.running, "queries of one client at a time",
            least=1),
    Setting("ETIOGRAPH_CLIENT_SECONDS", POOL.shares.seconds,
            "query seconds a minute of one client", least=1),
    Setting("ETIOGRAPH_SPARQL_ENDPOINT", "", "SPARQL 1.1 engine that answers instead"),
    Setting("ETIOGRAPH_SPARQL_USER", "", "user name at that engine"),
    Setting("ETIOGRAPH_SPARQL_PASSWORD", "", "password at that engine"),
)  # fmt: skip
"""Everything that can be set, in the order of the README."""
NAMES = frozenset(setting.name for setting in SETTINGS)
_LOCAL_NAMES = [name.removeprefix(PREFIX) for name in sorted(NAMES) if name.startswith(PREFIX)]


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    host: str = "127.0.0.1"
    port: int = 8000
    folder: Path = ROOT / "build"
    data: tuple[Path, ...] = ()
    workers: int = 1
    cache: int = 64 * MEGABYTE
    proxies: int = 0
    drain: float = 0.0
    rate: int = 0
    burst: int = 20
    log: str = "auto"
    log_clients: bool = False
    log_questions: bool = False
    pool: PoolSettings = POOL
    endpoint: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Take SETTINGS from an environment; SystemExit names what is unknown or wrong."""
        part = {name.removeprefix(PREFIX): value for name, value in effective(environment).items()}
        endpoint = {
            "endpoint": part["SPARQL_ENDPOINT"],
            "user": part["SPARQL_USER"],
            "password": part["SPARQL_PASSWORD"],
        }
        return cls(
            host=part["HOST"],
            port=part["PORT"],
            folder=Path(part["FOLDER"]),
            data=tuple(map(Path, filter(None, part["DATA"].split(os.pathsep)))),
            workers=part["WORKERS"],
            cache=part["CACHE"] * MEGABYTE,
            proxies=part["PROXIES"],
            drain=part["DRAIN"],
            rate=part["RATE"],
            burst=part["RATE_BURST"],
            log=part["LOG"],
            log_clients=bool(part["LOG_CLIENTS"]),
            log_questions=bool(part["LOG_QUESTIONS"]),
            pool=_pool(part),
            endpoint=endpoint if endpoint["endpoint"] else None,
        )


def _pool(part: Mapping[str, Any]) -> PoolSettings:
    return PoolSettings(
        timeout=part["QUERY_TIMEOUT"],
        max_rows=part["QUERY_ROWS"],
        max_bytes=part["QUERY_SIZE"] * MEGABYTE,
        memory=part["QUERY_MEMORY"] * MEGABYTE,
        workers=part["QUERY_WORKERS"],
        load_memory=part["DATA_MEMORY"] * MEGABYTE,
        load_seconds=part["DATA_SECONDS"],
        shares=Shares(
            part["CLIENT_RUNNING"],
            part["CLIENT_SECONDS"],
            part["QUERY_QUEUE"],
            part["QUERY_WAIT"],
        ),
    )


def effective(environment: Mapping[str, str]) -> dict[str, Any]:
    """The value of every setting; SystemExit names a key that is none, and a wrong value."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in NAMES:
            near = get_close_matches(name.removeprefix(PREFIX), _LOCAL_NAMES, n=1)
            perhaps = f"; did you mean {PREFIX}{near[0]}?" if near else ""
            raise SystemExit(f"error: there is no setting {name}{perhaps}")
    return {setting.name: _value(setting, environment) for setting in SETTINGS}


def _value(setting: Setting, environment: Mapping[str, str]) -> Any:
    text = environment.get(setting.name) or str(setting.default)
    if isinstance(setting.default, str):
        if setting.among and text not in setting.among:
            wanted = ", ".join(setting.among)
            raise SystemExit(f"error: {setting.name} must be one of {wanted}, not {text!r}")
        return text
    try:
        value = type(setting.default)(text)
    except ValueError:
        value = -1
    if math.isfinite(value) and value >= setting.least:
        return value
    raise SystemExit(f"error: {setting.name} must be a number from {setting.least:g}, not {text!r}")


def changed(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that differ from their defaults, without secrets."""
    values = effective(environment)
    return {
        setting.name: _masked(setting, values[setting.name])
        for setting in SETTINGS
        if values[setting.name] != setting.default
    }


def table(environment: Mapping[str, str]) -> Iterator[str]:
    """The lines that show every setting with its value, its default and what it is."""
    values = effective(environment)
    shown = [
        (
            setting.name,
            str(_masked(setting, values[setting.name])) or "-",
            setting.shown or str(setting.default) or "-",
            setting.help,
        )
        for setting in SETTINGS
    ]
    rows = [("SETTING", "VALUE", "DEFAULT", "IS"), *shown]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for *cells, meaning in rows:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        yield "  ".join((*padded, meaning))


def _masked(setting: Setting, value: Any) -> Any:
    """The value as it may be shown."""
    if setting.name.endswith("PASSWORD"):
        return "***" if value else ""
    return _CREDENTIALS.sub("***", value) if isinstance(value, str) else value
