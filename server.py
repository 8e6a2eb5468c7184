"""The service: settings from the environment, the Flask application, and the server that runs it.

python server.py                 the leg graph, from build/
python server.py --data FILE…    SPARQL over any RDF files instead
"""

import argparse
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import orjson
from flask import Flask, jsonify, redirect, request, url_for
from flask.json.provider import DefaultJSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from kg.errors import KgError, SnapshotError
from kg.layout import MANIFEST
from kg.snapshot import current_version
from kg.sparql.pool import PoolSettings
from kg.sparql.turns import Shares
from kg.views import DISCLAIMER, RELATION_SAID, SYNONYM_TYPE_SAID, URGENCY_SAID
from web.answers import add_answers
from web.browse import add_browse
from web.compare import add_compare
from web.description import add_description
from web.docs import add_docs
from web.gateway import MAX_BODY, Gateway
from web.home import add_home
from web.lookups import add_entities, add_queries
from web.overview import add_overview
from web.pages import add_ontology, add_pages, page_of
from web.problems import add_problems
from web.reasoning import add_reasoning
from web.serving import Current, current, over_files, over_folder, serving
from web.sparql import add_sparql

ROOT = Path(__file__).resolve().parent
MEGABYTE = 1024 * 1024
STOP_SECONDS = 8
"""How long running requests may take to finish once the service is told to stop."""
ORPHAN_SECONDS = 0.2
CONNECTIONS = 8192
"""Open connections at a time, most of them idle."""
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Etiograph-Truncated, Retry-After",
}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
CONDITIONS = frozenset({"If-None-Match", "If-Modified-Since", "Range"})


class Setting(NamedTuple):
    """What can be set in the environment: a default tells its type too."""

    name: str
    default: str | int | float
    help: str


POOL = PoolSettings()
SETTINGS = (
    Setting("HOST", "127.0.0.1", "address to serve at"),
    Setting("PORT", 8000, "port to serve at"),
    Setting("ETIOGRAPH_FOLDER", str(ROOT / "build"), "folder of snapshots"),
    Setting("ETIOGRAPH_DATA", "", "RDF files to serve instead, as --data gives them"),
    Setting("ETIOGRAPH_DATA_MEMORY", 8192, "most MB that loading RDF files may take"),
    Setting("ETIOGRAPH_DATA_SECONDS", 600.0, "most seconds that loading may take"),
    Setting("ETIOGRAPH_CACHE", 64, "MB of answers kept for those who ask again; 0 keeps none"),
    Setting("ETIOGRAPH_PROXIES", 0, "trusted proxies in front that set X-Forwarded-*"),
    Setting("ETIOGRAPH_QUERY_TIMEOUT", 10.0, "most seconds of a query"),
    Setting("ETIOGRAPH_QUERY_MEMORY", 1024, "most MB of memory of a query"),
    Setting("ETIOGRAPH_QUERY_ROWS", 100_000, "most rows or triples of a result"),
    Setting("ETIOGRAPH_QUERY_SIZE", 64, "most MB of a result"),
    Setting("ETIOGRAPH_QUERY_WORKERS", POOL.workers, "queries that run at a time"),
    Setting("ETIOGRAPH_QUERY_QUEUE", POOL.shares.queue, "queries that may wait for their turn"),
    Setting("ETIOGRAPH_QUERY_WAIT", POOL.shares.wait, "most seconds of waiting"),
    Setting("ETIOGRAPH_CLIENT_RUNNING", POOL.shares.running, "queries of one client at a time"),
    Setting(
        "ETIOGRAPH_CLIENT_SECONDS", POOL.shares.seconds, "query seconds a minute of one client"
    ),
    Setting("ETIOGRAPH_SPARQL_ENDPOINT", "", "SPARQL 1.1 engine that answers instead"),
    Setting("ETIOGRAPH_SPARQL_USER", "", "user name at that engine"),
    Setting("ETIOGRAPH_SPARQL_PASSWORD", "", "password at that engine"),
)
"""Everything that can be set, in the order of the README."""


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    host: str = "127.0.0.1"
    port: int = 8000
    folder: Path = ROOT / "build"
    data: tuple[Path, ...] = ()
    cache: int = 64 * MEGABYTE
    proxies: int = 0
    pool: PoolSettings = POOL
    endpoint: Mapping[str, Any] | None = None

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read SETTINGS; SystemExit names one that is not a number where it should be."""
        read = {setting.name: _read(setting) for setting in SETTINGS}
        part = {name.removeprefix("ETIOGRAPH_"): value for name, value in read.items()}
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
            cache=part["CACHE"] * MEGABYTE,
            proxies=part["PROXIES"],
            pool=PoolSettings(
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
            ),
            endpoint=endpoint if endpoint["endpoint"] else None,
        )


def _read(setting: Setting) -> Any:
    text = os.environ.get(setting.name) or str(setting.default)
    if isinstance(setting.default, str):
        return text
    with contextlib.suppress(ValueError):
        value = type(setting.default)(text)
        if value >= 0:
            return value
    raise SystemExit(f"error: {setting.name} must be a number from 0, not {text!r}")


class _Json(DefaultJSONProvider):
    """JSON as orjson writes it; what it refuses (half a surrogate) the standard library writes."""

    sort_keys = False

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """The text of a payload."""
        try:
            return orjson.dumps(obj).decode()
        except TypeError:
            return super().dumps(obj, **kwargs)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; a KgError tells why there is nothing to serve."""
    settings = settings or Settings.from_environment()
    if settings.data:
        held = over_files(settings.data, settings.pool)
    else:
        held = over_folder(settings.folder, settings.pool, settings.endpoint)
    app = Flask(__name__, template_folder="web/templates", static_folder="web/static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
    app.json = _Json(app)
    app.url_map.strict_slashes = False
    app.extensions["etiograph"] = held
    app.jinja_env.globals.update(
        disclaimer=DISCLAIMER,
        page_of=page_of,
        said=lambda relation: RELATION_SAID[relation],
        urgency_said=URGENCY_SAID,
        synonym_type_said=SYNONYM_TYPE_SAID,
        legs=not settings.data,
    )
    app.jinja_env.filters["words"] = lambda text: str(text).replace("_", " ")
    app.context_processor(lambda: {"version": serving().version})
    _add_routes(app, legs=not settings.data)
    app.after_request(_finish)
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count, x_prefix=count
        )
    gc.freeze()  # the index lives as long as the service: collections need not walk it
    return app


def _add_routes(app: Flask, *, legs: bool) -> None:
    add_problems(app)
    add_sparql(app)
    add_description(app)
    if legs:
        add_pages(app)
        add_answers(app)
        add_compare(app)
        add_browse(app)
        add_overview(app)
        add_docs(app)
        add_home(app)
        add_ontology(app)
        add_entities(app)
        add_queries(app)
        add_reasoning(app)
    else:
        app.add_url_rule("/", "home", lambda: redirect(url_for("sparql")))

    @app.get("/health")
    def health() -> BaseResponse:
        response = jsonify(_health(current()))
        response.headers["Cache-Control"] = "no-store"
        return response


def _health(held: Current) -> dict[str, Any]:
    """State and figures of what is served, and what is wrong with it."""
    now = held.serving
    faults = [fault for fault in (now.fault, held.refused, now.pool.fault()) if fault]
    figures = (
        now.service.health()
        if now.service
        else {"counts": {"quads": now.pool.ready().get("quads")}}
    )
    return {
        **figures,
        "status": "degraded" if faults else "ok",
        "version": now.version,
        "faults": faults,
        "disclaimer": DISCLAIMER,
    }


def _finish(response: BaseResponse) -> BaseResponse:
    """Headers of every response, and 304 where the client has it already."""
    headers = response.headers
    headers.extend(SECURITY_HEADERS)
    if request.method == "OPTIONS":
        headers.extend(PREFLIGHT_HEADERS)
    if request.method in ("GET", "HEAD") and response.status_code in (200, 304):
        headers.add("Vary", "Accept")
        if not response.is_streamed and "no-store" not in headers.get("Cache-Control", ""):
            response.add_etag()
            if CONDITIONS.intersection(request.headers.keys()):
                response.make_conditional(request)
    if response.status_code == 304 or request.method == "HEAD":
        response.close()  # no body is sent: a file behind it would stay open
    return response


# -- running -------------------------------------------------------------------------------


def create_gateway() -> Gateway:
    """What granian runs in its worker."""
    settings = Settings.from_environment()
    try:
        app = create_app(settings)
    except KgError as error:
        sys.exit(f"error: {error}")
    held: Current = app.extensions["etiograph"]
    threading.Thread(target=held.watch, daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return Gateway(app, held, settings.cache)


def _end_with_parent() -> None:
    """Should granian's first process be killed, its worker must not keep the port."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(ORPHAN_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _free_address(host: str, port: int) -> str:
    """The IP address of `host`; OSError where it is unknown or another program has the port.

    granian shares a port silently, so that half of the requests would go elsewhere.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server((address[0], port), family=family).close()
    except (OSError, OverflowError) as error:
        raise OSError(f"HOST={host} PORT={port} cannot be served: {error}") from error
    return str(address[0])


def _arguments() -> None:
    """The command line becomes a setting, which the server's worker reads."""
    parser = argparse.ArgumentParser(description="Serves the leg graph, or any RDF files.")
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", help="RDF files (.ttl, .nq, .rdf, … or .gz) to serve"
    )
    options = parser.parse_args()
    if options.data:
        os.environ["ETIOGRAPH_DATA"] = os.pathsep.join(options.data)


def _what(settings: Settings) -> str:
    """What is served, in words; SnapshotError or DataError if it is not there."""
    if settings.data:
        for path in settings.data:
            if not path.is_file():
                raise KgError(f"{path} is no file")
        return ", ".join(path.name for path in settings.data)
    try:
        return f"version {current_version(settings.folder)}"
    except SnapshotError:
        if next(settings.folder.glob(f"*/{MANIFEST}"), None) is None:
            raise
        return "a snapshot without a pointer to it"


def main() -> None:
    """Serve in the foreground under granian until interrupted."""
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server.mp import MPServer

    class Server(MPServer):
        """granian answers SIGHUP with new workers; ours replace what they serve."""

        def signal_handler_reload(self, *_: int | FrameType | None) -> None:
            for worker in self.wrks:
                os.kill(worker.inner.pid, signal.SIGHUP)

    _arguments()
    settings = Settings.from_environment()
    try:
        what = _what(settings)
        address = _free_address(settings.host, settings.port)
    except (KgError, OSError) as error:
        sys.exit(f"error: {error}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(
        f"Etiograph, {what}, is at http://{shown}:{settings.port}/  (Ctrl-C stops it)", flush=True
    )
    Server(
        "server:create_gateway",
        address=address,
        port=settings.port,
        interface=Interfaces.RSGI,
        factory=True,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=65_536),
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.error,
        working_dir=ROOT,
    ).serve()


if __name__ == "__main__":
    main()
