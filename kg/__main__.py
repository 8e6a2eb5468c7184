"""The command line: `python -m kg build | release | coverage | ask | entity | search | …`."""

import argparse
import gc
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kg.errors import BadParameter, KgError, OntologyError, RequestError

BUILD_FOLDER = Path(__file__).resolve().parents[1] / "build"
Json = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 refused with a reason.

    `diff` is as diff: 0 the same, 1 different, 2 refused.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int | None = options.run(options)
    except OntologyError as error:
        print(f"build failed: {len(error.problems)} problem(s)", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        return 1
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        for suggestion in error.suggestions:
            print(f"  try: {suggestion}", file=sys.stderr)
        return int(options.refused)
    except KgError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(options.refused)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    return status or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kg", description="A knowledge graph of why legs hurt."
    )
    parser.add_argument(
        "--folder", type=Path, default=BUILD_FOLDER, help="where snapshots are (default: build)"
    )
    parser.set_defaults(refused=1)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="build the snapshot from ontology/")
    build.add_argument("--no-reasoner", action="store_true", help="skip the check with HermiT")
    build.add_argument("--if-changed", action="store_true", help="only if an input changed")
    build.set_defaults(run=_build)

    take = commands.add_parser(
        "import", help="take vocabularies and annotation tables in, beside the leg graph"
    )
    take.add_argument(
        "sources", nargs="*", metavar="SOURCE",
        help="a recipe (hp, hpoa, mondo, uberon, icd10cm), a file or a URL: OWL (.owl, .ttl, "
        ".ofn), OBO, SKOS, phenotype.hpoa or a table (.tsv); none: list what is there",
    )  # fmt: skip
    take.add_argument("--name", default="", help="of its graph (default: the file's name)")
    for key in ("title", "version", "date", "licence"):
        take.add_argument(f"--{key}", default="", help="where the file does not tell it")
    take.add_argument("--remove", nargs="+", default=(), metavar="NAME", help="leave imports out")
    take.set_defaults(run=_import)

    release = commands.add_parser("release", help="copy the ontology's release to a directory")
    release.add_argument("directory", type=Path, help="a new directory")
    release.set_defaults(run=_release)

    load = commands.add_parser("load-remote", help="load the snapshot into a SPARQL 1.1 engine")
    load.add_argument("query", help="the engine's query URL, as ETIOGRAPH_SPARQL_ENDPOINT has it")
    load.add_argument("--update", help="its update URL, if that is another")
    load.add_argument("--graph-store", help="its Graph Store Protocol URL, which is faster")
    load.add_argument("--user", help="who may write to it")
    load.add_argument("--password-file", type=Path, help="a file with the password")
    load.set_defaults(run=_load_remote)

    coverage = commands.add_parser("coverage", help="what is recorded of each condition, or not")
    coverage.add_argument("--json", action="store_true", help="print all of it as JSON")
    coverage.set_defaults(run=_coverage)

    ask = commands.add_parser("ask", help="answer a question in plain words")
    ask.add_argument("question", help='for example "causes of calf cramps relieved by rest"')
    ask.add_argument("--json", action="store_true", help="print the payload of /ask")
    ask.add_argument("--limit", type=int, default=20, help="how many answers (default: 20)")
    ask.set_defaults(run=_ask)

    entity = commands.add_parser("entity", help="describe an entity, as JSON")
    entity.add_argument("name", help="a CURIE, an IRI or a label")
    entity.set_defaults(run=_entity)

    search = commands.add_parser("search", help="find entities by name")
    search.add_argument("text")
    search.add_argument("--kind", help="condition, symptom, region, …")
    search.set_defaults(run=_search)

    query = commands.add_parser("query", help="run a named query; without a name, list them")
    query.add_argument("name", nargs="?")
    query.add_argument("values", nargs="*", metavar="PARAMETER=VALUE")
    query.set_defaults(run=_query)

    explain = commands.add_parser("explain", help="show why a statement holds, with its sources")
    explain.add_argument("subject")
    explain.add_argument("property", help="a CURIE such as etio:hasSymptom")
    explain.add_argument("object")
    explain.set_defaults(run=_explain)

    verify = commands.add_parser("verify", help="check the proof of an answer against the snapshot")
    verify.add_argument("proof", type=Path, help="a file with the `proof` of an answer of /ask")
    verify.set_defaults(run=_verify)

    diff = commands.add_parser("diff", help="which answers differ between two versions")
    diff.add_argument("old", help="a directory with a snapshot, or a version in the folder")
    diff.add_argument("new", help="the same")
    diff.add_argument("--questions", type=Path, help="a file (default: queries/questions.txt)")
    diff.add_argument("--all", action="store_true", help="named queries for every condition")
    diff.add_argument(
        "--threshold", type=float, default=0.01, help="least change of a score (default: 0.01)"
    )
    diff.add_argument("--json", action="store_true", help="print all of it as JSON")
    diff.set_defaults(run=_diff, refused=2)

    mcp = commands.add_parser("mcp", help="serve language models, by the Model Context Protocol")
    mcp.add_argument("--http", metavar="HOST:PORT", help="over HTTP instead of standard input")
    mcp.add_argument(
        "--host-name", action="append", default=[], help="another name that clients call HOST by"
    )
    mcp.set_defaults(run=_mcp)

    sparql = commands.add_parser("sparql", help="send a query to a SPARQL endpoint")
    sparql.add_argument("query", help="the query, or - to read it from standard input")
    sparql.add_argument(
        "--endpoint", default="http://127.0.0.1:8000/sparql", help="default: %(default)s"
    )
    sparql.set_defaults(run=_sparql)
    return parser


def _build(options: argparse.Namespace) -> None:
    from kg.builder.inputs import is_current  # the reasoner is slow to import: only when needed

    if options.if_changed and is_current(options.folder):
        return
    from kg.builder.run import build

    gc.disable()  # a build keeps what it makes to its end: collections find nothing, slowly
    try:
        build(options.folder, reasoner=not options.no_reasoner)
    finally:
        gc.enable()


def _import(options: argparse.Namespace) -> None:
    from kg.builder.imports.run import Wanted, import_all, remove_imports
    from kg.snapshot import open_snapshot

    if options.remove:
        remove_imports(options.folder, options.remove)
    if options.sources:
        told = (options.title, options.version, options.date, options.licence)
        gc.disable()
        try:
            import_all(options.folder, options.sources, Wanted(options.name, *told))
        finally:
            gc.enable()
    snapshot = open_snapshot(options.folder)
    for name, entry in snapshot.imports.items():
        about, counts = entry["description"], entry["counts"]
        licence = about["licence"] or "licence not recorded"
        print(f"{name:<10} {about['title']}, {about['version']} ({licence})")
        said = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        print(f"{'':<10} {said}")
    print(f"snapshot {snapshot.version} in {options.folder}: {snapshot.triples:,} triples")


def _release(options: argparse.Namespace) -> None:
    from kg.snapshot import open_snapshot

    snapshot = open_snapshot(options.folder)
    try:
        shutil.copytree(snapshot.release_path, options.directory)
    except OSError as error:
        raise BadParameter(f"{options.directory}: {error.strerror or error}") from error
    for path in sorted(options.directory.iterdir()):
        print(f"{path.stat().st_size:>12,}  {path}")


def _load_remote(options: argparse.Namespace) -> None:
    from kg.remote_load import Remote, load_remote
    from kg.snapshot import open_snapshot

    password = ""
    if options.password_file:
        try:
            password = options.password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadParameter(f"{options.password_file}: {error.strerror}") from None
    update = options.update or options.query
    remote = Remote(options.query, update, options.graph_store, options.user, password)
    load_remote(open_snapshot(options.folder), remote)


def _coverage(options: argparse.Namespace) -> None:
    payload = _service(options).coverage()
    if options.json:
        _print_json(payload)
        return
    described = payload["described"]
    print(f"{described} conditions described, {payload['mentioned']} only mentioned\n")
    for aspect, count in payload["aspects"].items():
        print(f"{count:>5} of {described}  {aspect.replace('_', ' ')}")
    print("\nnot recorded:")
    for row in payload["conditions"]:
        if row["missing"]:
            missing = ", ".join(aspect.replace("_", " ") for aspect in row["missing"])
            print(f"  {row['entity']['label']}: {missing}")


def _service(options: argparse.Namespace) -> Any:
    from kg.service import Service
    from kg.snapshot import open_snapshot

    return Service(open_snapshot(options.folder))


def _ask(options: argparse.Namespace) -> None:
    payload = _service(options).ask(options.question, options.limit)
    if options.json:
        _print_json(payload)
    else:
        _print_answers(payload)


def _entity(options: argparse.Namespace) -> None:
    _print_json(_service(options).entity(options.name))


def _search(options: argparse.Namespace) -> None:
    for result in _service(options).search(options.text, options.kind)["results"]:
        note = "" if result["matched"] == result["label"] else f"  ({result['matched']})"
        print(f"{result['id']:<40} {result['kind']:<12} {result['label']}{note}")


def _query(options: argparse.Namespace) -> None:
    service = _service(options)
    if options.name is None:
        for query in service.queries():
            parameters = " ".join(f"{p.name}={p.example}" for p in query.parameters)
            print(f"{query.name} {parameters}\n    {query.summary}")
        return
    pairs = (value.partition("=") for value in options.values)
    _print_json(service.run_query(options.name, {name: value for name, _, value in pairs}))


def _explain(options: argparse.Namespace) -> None:
    payload = _service(options).prove(options.subject, options.property, options.object)
    _print_proof(payload["proof"], 0)


def _verify(options: argparse.Namespace) -> None:
    result = _service(options).recheck(options.proof)
    _print_json(result)
    if not result["holds"]:
        raise BadParameter("the proof does not hold in this version")


def _diff(options: argparse.Namespace) -> int:
    from kg.diff import QUESTIONS, compare_versions, open_named, read_questions
    from kg.diff_text import text_of

    questions = read_questions(options.questions or QUESTIONS)
    old, new = (open_named(name, options.folder) for name in (options.old, options.new))
    found = compare_versions(old, new, questions, every=options.all, threshold=options.threshold)
    if options.json:
        _print_json(found)
    else:
        print(text_of(found))
    return 1 if found["differ"] else 0


def _mcp(options: argparse.Namespace) -> None:
    from kg.agents.server import serve_http, serve_stdio  # seconds to import: for this alone

    if options.http is None:
        serve_stdio(options.folder)
    else:
        serve_http(options.folder, options.http, tuple(options.host_name))


def _sparql(options: argparse.Namespace) -> None:
    from kg.client import select

    text = sys.stdin.read() if options.query == "-" else options.query
    columns, rows = select(options.endpoint, text)
    print("\t".join(columns))
    for row in rows:
        print("\t".join(row))


# -- printing ------------------------------------------------------------------------------


def _print_json(payload: Json) -> None:
    print(json.dumps(payload, indent=2, ensure_ascii=False))


def _print_answers(payload: Json) -> None:
    print(payload["canonical"])
    if "verdict" in payload:
        print(payload["verdict"]["verdict"].replace("_", " "))
    for item in payload.get("differential", {}).get("questions", ()):
        print(f"  {item['question']}")
    if payload["ignored"]:
        print(f"Ignored: {', '.join(payload['ignored'])}")
    for doubt in payload["question"]["doubts"]:
        print(f"Doubt: {doubt}")
    for flag in payload["red_flags"]:
        print(f"Red flag: {_flag(flag)}")
    print()
    labels = [answer["entity"]["label"] for answer in payload["answers"]]
    width = max(map(len, labels), default=0)
    for answer in payload["answers"]:
        label = answer["entity"]["label"]
        print(
            f"{answer['rank']:>3}  {label:<{width}}  {answer['score']:.2f}  {answer['match']:<12}"
            f"  {_support(answer)}"
        )
    shown = len(payload["answers"])
    print(f"\n{shown} of {payload['total']} answers, version {payload['version']}")
    for item in payload["contradicted"]:
        against = [c["criterion"] for c in item["criteria"] if c["status"] == "contradicted"]
        print(f"Left out, the opposite is recorded ({'; '.join(against)}): "
              f"{item['entity']['label']}")  # fmt: skip
    print()
    print(textwrap.fill(payload["disclaimer"], shutil.get_terminal_size().columns))


def _support(answer: Json) -> str:
    """The sources behind an answer and what is not recorded of it."""
    sources = dict.fromkeys(
        f"{source['publisher']} [{source['id'].removeprefix('etio:')}]"
        for criterion in answer["criteria"]
        for source in criterion["sources"]
    )
    silent = [c["criterion"] for c in answer["criteria"] if c["status"] == "not_recorded"]
    note = f"; not recorded: {', '.join(silent)}" if silent else ""
    names = list(sources)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more + note


def _flag(flag: Json) -> str:
    from kg.views import URGENCY_SAID

    notes = f" ({'; '.join(flag['notes'])})" if flag["notes"] else ""
    todo = f": {URGENCY_SAID[flag['urgency']]}" if flag["urgency"] else ""
    return f"{flag['entity']['label']}{todo}{notes}"


def _print_proof(node: Json, depth: int) -> None:
    indent = "  " * depth
    if "axiom" in node:
        where = ", ".join([*node["stated_in"], *node["sources"]]) or "ontology"
        print(f"{indent}{node['axiom']}   [{where}]")
        return
    print(f"{indent}{node['statement']}   ({node['rule']})")
    for reason in node["because"]:
        _print_proof(reason, depth + 1)


if __name__ == "__main__":
    sys.exit(main())
