"""The service: settings from the environment, the Flask application, and the server that runs it.

python server.py                 the leg graph, from build/
python server.py --data FILE…    SPARQL over any RDF files instead
python server.py --settings      what is set, and what can be

Nothing else reads the environment.
"""

import argparse
import gc
import logging
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from flask import Flask, jsonify, redirect, request, url_for
from flask.json.provider import DefaultJSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from kg.errors import KgError, SnapshotError
from kg.layout import MANIFEST
from kg.snapshot import current_version
from kg.views import DISCLAIMER, RELATION_SAID, SYNONYM_TYPE_SAID, URGENCY_SAID
from web.answers import add_answers
from web.browse import add_browse
from web.compare import add_compare
from web.description import add_description
from web.docs import add_docs
from web.gateway import MAX_BODY, Gateway
from web.home import add_home
from web.limiting import Limiter
from web.logs import Writer, form_of, install, render_of, write
from web.lookups import add_entities, add_queries
from web.overview import add_overview
from web.pages import add_ontology, add_pages, page_of
from web.phenotypes import add_phenotypes
from web.problems import add_problems
from web.reasoning import add_reasoning
from web.serving import Current, current, over_files, over_folder, serving
from web.settings import SETTINGS, Settings, changed, table
from web.sparql import add_sparql
from web.vocabularies import add_vocabularies

if TYPE_CHECKING:
    from web.metrics import Metrics

__all__ = ["SETTINGS", "Settings", "create_app", "create_gateway", "main"]
ROOT = Path(__file__).resolve().parent
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
    "Access-Control-Expose-Headers": (
        "ETag, Etiograph-Truncated, Retry-After, RateLimit, RateLimit-Policy"
    ),
}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
CONDITIONS = frozenset({"If-None-Match", "If-Modified-Since", "Range"})
SHARED_COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder in which processes share their counts, to `prometheus_client`."""
log = logging.getLogger("etiograph")


class _Json(DefaultJSONProvider):
    """JSON as orjson writes it; what it refuses (half a surrogate) the standard library writes."""

    sort_keys = False

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """The text of a payload."""
        try:
            return orjson.dumps(obj).decode()
        except TypeError:
            return super().dumps(obj, **kwargs)


class Application(Flask):
    """Logs what failed by where it did: neither the address nor the message of the exception."""

    def log_exception(self, exc_info: Any) -> None:
        route = request.url_rule.rule if request.url_rule else ""
        extra = {"event": "failure", "fields": {"route": route}}
        log.error("a request failed", exc_info=exc_info, extra=extra)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; a KgError tells why there is nothing to serve."""
    from web.operation import add_operation  # main names the folder of its counts first

    settings = settings or Settings.read(os.environ)
    if settings.data:
        held = over_files(settings.data, settings.pool)
    else:
        held = over_folder(settings.folder, settings.pool, settings.endpoint)
    app = Application(__name__, template_folder="web/templates", static_folder="web/static")
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
    app.extensions["etiograph.metrics"] = add_operation(app, held)
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
        add_vocabularies(app)
        add_phenotypes(app)
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
    possible = (now.fault, held.refused, now.pool.fault(), *now.damage)
    faults = [fault for fault in possible if fault]
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
    """What granian runs in each of its workers."""
    from web.operation import Observer, keep_published

    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until it serves, there is nothing to finish
    for ignored in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(ignored, signal.SIG_IGN)
    settings = Settings.read(os.environ)
    form = form_of(settings.log)
    writer = Writer(render_of(form), write)
    install(form, writer.put, open_words=settings.log_questions)
    gc.disable()  # what is made now stays: collections would walk it and find nothing
    try:
        app = create_app(settings)
    except KgError as error:
        sys.exit(f"error: {error}")
    gc.enable()
    held: Current = app.extensions["etiograph"]
    metrics: Metrics = app.extensions["etiograph.metrics"]
    metrics.dropped = lambda: writer.dropped
    keep_published(metrics)
    threading.Thread(target=held.watch, daemon=True).start()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    observer = Observer(metrics, held, None if form == "off" else writer.put, settings)
    limiter = Limiter(settings.rate, settings.burst, settings.proxies) if settings.rate else None
    begun = {
        "version": held.serving.version,
        "pid": os.getpid(),
        "settings": changed(os.environ),
    }
    log.info("a worker serves", extra={"event": "start", "fields": begun})
    return Gateway(app, held, settings.cache, observer, limiter, writer.close)


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
    """The command line becomes a setting, which the server's workers read; or shows them all."""
    parser = argparse.ArgumentParser(description="Serves the leg graph, or any RDF files.")
    parser.add_argument(
        "--data", nargs="+", metavar="FILE", help="RDF files (.ttl, .nq, .rdf, … or .gz) to serve"
    )
    parser.add_argument(
        "--settings", action="store_true", help="print what is set, and what can be, and end"
    )
    options = parser.parse_args()
    if options.data:
        os.environ["ETIOGRAPH_DATA"] = os.pathsep.join(options.data)
    if options.settings:
        print(*table(os.environ), sep="\n")
        sys.exit()


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
    _arguments()
    settings = Settings.read(os.environ)
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
    counts = tempfile.mkdtemp(prefix="etiograph-")
    os.environ[SHARED_COUNTS] = counts
    try:
        _server(settings, address).serve()
    finally:
        shutil.rmtree(counts, ignore_errors=True)


def _server(settings: Settings, address: str) -> Any:
    """granian over `create_gateway`."""
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from web.processes import Server, is_new

    server = Server(
        "server:create_gateway",
        address=address,
        port=settings.port,
        interface=Interfaces.RSGI,
        workers=settings.workers,
        factory=True,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=65_536),
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels.error,
        working_dir=ROOT,
    )
    server.drain_seconds = settings.drain
    form = form_of(settings.log)
    render = render_of(form)
    install(form, lambda entry: write(render(entry)), open_words=settings.log_questions)
    logging.getLogger("_granian").addFilter(is_new)
    return server


if __name__ == "__main__":
    main()
