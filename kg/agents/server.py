"""The tools as a server of the Model Context Protocol, over standard input or HTTP.

A mistake of the caller is a result that says what would be right, never a failure of the protocol.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from anyio.to_thread import run_sync
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp_types import Tool as ToolDescription
from pydantic import ValidationError

from kg import __version__
from kg.agents.briefs import framed
from kg.agents.result import Result
from kg.agents.tools import Tool, Tools
from kg.errors import BadParameter, KgError, RequestError
from kg.service import Service
from kg.snapshot import open_snapshot
from kg.sparql.pool import PoolSettings, QueryPool
from kg.views import DISCLAIMER

POOL = PoolSettings(max_rows=500, max_bytes=4 * 1024 * 1024, memory=1024**3, workers=2)
"""One client asks one thing at a time; what it gets must fit into a model's context."""
PATH = "/mcp"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
INSTRUCTIONS = f"""\
{DISCLAIMER}

Etiograph is a knowledge graph of why legs hurt: conditions of the leg, how they present, causes,
risk factors, treatments, tests and red flags, each statement with its source. It informs and never
diagnoses, and neither may you on its account. Only the leg is covered.

- Begin with `ask`, in plain English, with all that the person said: every complaint, where, when,
  what worsens and relieves it, what is absent, age, sex, risk factors. `question`, `ignored` and
  `doubts` say how it was understood.
- Tell `warning_signs` and `red_flags` first, with what a source says to do (`to_do`), and those of
  `suppressed` conditions too: an emergency is one whatever its rank.
- A score is how well what is recorded fits. It is no probability; never tell it as one.
- `not_recorded` means that no source here says it; it never means no. `compatible` means recorded
  more generally, `contradicted` that the opposite is recorded.
- Name the sources of what you repeat: their ids stand beside each statement, their titles and
  addresses in the table `sources`. Add no medical fact as if it came from here.
- `verify` checks one statement, `differential` tells conditions apart and says what to ask next,
  `search` finds ids, `fetch` reads one thing in full, or the `rest` and `whole` of an answer;
  `sparql` is for all else.
- "Rare diseases with …" is answered by `phenotype_ranking`, from imported annotations, where there
  are any; `read_as` says what each word was taken for.
- Every result names the `version` of the graph.
"""


def make_server(tools: Tools) -> Server[Any]:
    """The server of these tools."""
    by_name = {tool.name: tool for tool in tools.all()}

    async def list_tools(
        _: ServerRequestContext[Any], __: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[_described(tool) for tool in by_name.values()])

    async def call_tool(
        _: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        call = partial(_called, by_name, params.name, params.arguments or {}, tools.service.version)
        return await run_sync(call)

    return Server(
        "etiograph",
        title="Etiograph",
        version=__version__,
        description="A knowledge graph of why legs hurt. It informs and never diagnoses.",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _described(tool: Tool) -> ToolDescription:
    held = {"disclaimer": "string", "version": "string", **tool.result}
    return ToolDescription(
        name=tool.name,
        title=tool.title,
        description=f"{tool.description} It informs and never diagnoses.",
        input_schema={"type": "object", **tool.schema},
        output_schema={
            "type": "object",
            "properties": {name: {"type": kind} for name, kind in held.items()},
            "required": list(held),
        },
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=True,
            destructive_hint=False,
            idempotent_hint=True,
            open_world_hint=False,
        ),
    )


def _called(
    tools: dict[str, Tool], name: str, arguments: dict[str, Any], version: str
) -> CallToolResult:
    try:
        return _sent(_run(tools, name, arguments))
    except KgError as error:
        suggestions = list(error.suggestions) if isinstance(error, RequestError) else []
        data = framed(
            version, error=type(error).__name__, message=str(error), suggestions=suggestions
        )
        lines = [DISCLAIMER, f"Error: {error}", *(f"Try: {one}" for one in suggestions)]
        return _sent(Result(data, "\n".join(lines)), is_error=True)


def _run(tools: dict[str, Tool], name: str, arguments: dict[str, Any]) -> Result:
    tool = tools.get(name)
    if tool is None:
        raise BadParameter(f"there is no tool {name!r}", list(tools))
    try:
        given = tool.arguments.model_validate(arguments)
    except ValidationError as error:
        raise BadParameter(_faults(error), _names(tool)) from None
    return tool.run(given)


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
    )


def _names(tool: Tool) -> list[str]:
    return [f"{name}: {field.description}" for name, field in tool.arguments.model_fields.items()]


def _sent(result: Result, *, is_error: bool = False) -> CallToolResult:
    content = [TextContent(type="text", text=result.text)]
    return CallToolResult(content=[*content], structured_content=result.data, is_error=is_error)


# -- running -----------------------------------------------------------------------------------


@contextmanager
def _tools(folder: Path) -> Iterator[Tools]:
    """Tools over the current snapshot of a folder, held in memory from here on."""
    snapshot = open_snapshot(folder)
    pool = QueryPool(snapshot.source, POOL)  # loads beside what follows; a query waits for it
    try:
        yield Tools(Service(snapshot), pool)
    finally:
        pool.close()


def serve_stdio(folder: Path) -> None:
    """Serve the one client that holds our standard input, until it closes it."""
    with _tools(folder) as tools:
        anyio.run(_over_stdio, make_server(tools))


async def _over_stdio(server: Server[Any]) -> None:
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def serve_http(folder: Path, address: str, names: tuple[str, ...] = ()) -> None:
    """Serve at HOST:PORT; `names` are further host names by which clients may call it.

    BadParameter says what is wrong with the address. A request with another Host or Origin is
    refused, so that no web page reaches a server on this machine by a name of its own (DNS
    rebinding).
    """
    host, port = _host_and_port(address)
    listener = _listening(host, port)
    with listener, _tools(folder) as tools:
        port = listener.getsockname()[1]
        app = make_server(tools).streamable_http_app(
            streamable_http_path=PATH,
            json_response=True,
            stateless_http=True,
            transport_security=_only((host, *names), port),
        )
        shown = f"[{host}]" if ":" in host else host
        print(f"Etiograph, version {tools.service.version}, is at http://{shown}:{port}{PATH}",
              flush=True)  # fmt: skip
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not port.isdecimal() or int(port) > 65535:
        raise BadParameter(f"{address!r} is no address: give HOST:PORT, such as 127.0.0.1:8001")
    return host, int(port)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise BadParameter(f"{host}:{port} cannot be served: {error}") from None


def _only(hosts: tuple[str, ...], port: int) -> TransportSecuritySettings:
    known = (*hosts, *(LOOPBACK if LOOPBACK[0] in hosts or hosts[0] in LOOPBACK else ()))
    shown = [f"[{host}]" if ":" in host else host for host in known]
    return TransportSecuritySettings(
        allowed_hosts=[*(f"{host}:{port}" for host in shown), *(hosts[1:])],
        allowed_origins=[
            f"{scheme}://{host}:{port}" for host in shown for scheme in ("http", "https")
        ],
    )
