"""The layers: imports point back along the way the data flows."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WRITES = "kg.builder"
READS = {
    "kg.snapshot", "kg.service", "kg.index", "kg.proofs", "kg.queries", "kg.answers", "kg.reading",
    "kg.matching", "kg.ranking", "kg.search", "kg.entities", "kg.views", "kg.lexicon",
    "kg.questions", "kg.names", "kg.description", "kg.figures",
    "kg.claims", "kg.rechecking", "kg.differential", "kg.dangers", "kg.relaxing", "kg.assessment",
    "kg.person", "kg.structure", "kg.proving", "kg.conflicts", "kg.passing",
    "kg.cover", "kg.features", "kg.chips", "kg.browse", "kg.profile", "kg.changes", "kg.bodymap",
    "kg.picklists", "kg.overview", "kg.phenotypes", "kg.imports", "kg.terms",
    "kg.rare_diseases", "kg.phenotype_matching",
    "kg.graph", "kg.tables", "kg.diff", "kg.diff_text", "kg.agents.server", "kg.agents.tools",
    "kg.agents.briefs", "kg.agents.imported", "kg.agents.documents", "kg.agents.solutions",
}  # fmt: skip
OUTER = {"flask", "granian", "werkzeug", "server"}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imports_of(path: Path, *, lazy: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if lazy else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from names
            if not all(name in modules() for name in names):
                yield node.module or ""


@cache
def modules() -> dict[str, Path]:
    return {module_of(path): path for path in sorted((ROOT / "kg").rglob("*.py"))}


def test_what_writes_the_snapshot_and_what_reads_it_never_import_each_other() -> None:
    for name, path in modules().items():
        imported = set(imports_of(path, lazy=True))
        if name.startswith(WRITES):
            assert not imported & READS, name
        elif name != "kg.__main__":
            assert not any(other.startswith(WRITES) for other in imported), name


def test_kg_knows_no_web_framework_and_no_environment() -> None:
    for name, path in modules().items():
        imported = {other.partition(".")[0] for other in imports_of(path, lazy=True)}
        assert not imported & OUTER, name
        assert "environ" not in path.read_text(encoding="utf-8"), name


def test_there_is_no_import_cycle() -> None:
    graph = {
        name: {other for other in imports_of(path, lazy=True) if other in modules()} - {name}
        for name, path in modules().items()
    }
    done: set[str] = set()
    while graph:
        free = [name for name, needs in graph.items() if needs <= done]
        assert free, f"a cycle among {sorted(graph)}"
        done.update(free)
        graph = {name: needs for name, needs in graph.items() if name not in done}


def test_a_worker_loads_neither_rdflib_s_engine_nor_the_web() -> None:
    for name in ("kg.sparql.worker", "kg.sparql.results", "kg.sparql.frames"):
        assert not {"flask", "rdflib"} & set(imports_of(modules()[name]))
