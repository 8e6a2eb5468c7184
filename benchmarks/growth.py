"""Measures how cost grows with size, from a hundred thousand to five million triples.

    .venv/bin/python benchmarks/growth.py --folder BUILD --out FOLDER [--shares S…] [--requests N]

BUILD is a build folder with imports (`make imports`). Of each of them an equal share is cut out
and imported beside the small graph of the tests, so that sizes differ in nothing but size; the leg
graph, which would be the same at all of them, is left out. Prints a table in Markdown, and draws.
"""

import argparse
import http.client
import json
import math
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyoxigraph as ox
from contenders import SETTINGS
from cutting import Vocabulary, cut_annotations, meant
from measuring import size_of
from peers import etiograph
from plots import plot_growth
from reporting import table
from running import ROOT, get, run
from work import QUERIES, SERVICES, Work, draw

sys.path.insert(0, str(ROOT))

from kg import layout
from kg.builder.imports.packages import RECIPES
from kg.builder.run import build

SHARES = (0.02, 0.06, 0.1, 0.2, 0.4, 0.7, 1.0)
"""Of what is imported: about 0.1, 0.3, 0.5, 1, 2, 3.5 and 5 million triples."""
VOCABULARIES = ("hp", "mondo", "uberon", "icd10cm")
ASKED = (
    "label of a term",
    "diseases of a phenotype or below",
    "FILTER CONTAINS, LIMIT 20",
    "look-up of a term",
    "search",
    "question, rare diseases",
)


@dataclass
class Size:
    """What a size cost: seconds, MB, and the median milliseconds of each work."""

    triples: int
    seconds: float
    peak: int
    disk: int
    start: float = 0.0
    idle: int = 0
    times: dict[str, float] = field(default_factory=dict)


def main() -> None:
    """Cut, import, ask, print, draw."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the service is stopped
    options = read_options()
    options.out.mkdir(parents=True, exist_ok=True)
    version = (options.folder / layout.CURRENT).read_text(encoding="utf-8").strip()
    sizes = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        small = small_build(folder)
        cuts = Cuts(options.folder / version / layout.IMPORTS)
        for share in options.shares:
            sources = list(cuts.files(share, fresh(folder / "cuts")))
            sizes.append(measured(small, sources, fresh(folder / "build"), options.requests))
            print(f"{sizes[-1].triples:,} triples: {sizes[-1]}", file=sys.stderr, flush=True)
    report(sizes, options.out)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, required=True, help="build folder with imports")
    parser.add_argument("--out", type=Path, required=True, help="folder for table and plot")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of the imports")
    parser.add_argument("--requests", type=int, default=200, help="of each kind, at each size")
    return parser.parse_args()


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def small_build(folder: Path) -> Path:
    """A build folder of the small graph of the tests."""
    root = folder / "small"
    shutil.copytree(ROOT / "tests" / "small", root / "ontology")
    for name in ("schema.ttl", "shapes.ttl"):
        shutil.copy(ROOT / "ontology" / name, root / "ontology" / name)
    shutil.copytree(ROOT / "queries", root / "queries")
    build(root / "build", root, reasoner=False, say=lambda _: None)
    return root / "build"


class Cuts:
    """Parts of the imports of a snapshot, and of the annotations in their package."""

    def __init__(self, imports: Path) -> None:
        self._vocabularies = {name: Vocabulary(imports / name) for name in VOCABULARIES}
        self._annotations = RECIPES["hpoa"].file()
        self._meant = meant(self._annotations)

    def files(self, share: float, folder: Path) -> Iterator[Path]:
        """Such a share of each as a file to import, HPO before its annotations."""
        for name, vocabulary in self._vocabularies.items():
            is_hp = name == "hp"
            chosen = vocabulary.part(share, self._meant if is_hp else ())
            path = folder / f"{name}.nt"
            vocabulary.write(chosen, path)
            yield path
            if is_hp:
                target = folder / "hpoa.hpoa"
                cut_annotations(self._annotations, share, chosen, target)
                yield target


def measured(small: Path, sources: Sequence[Path], folder: Path, requests: int) -> Size:
    """What it costs to import the sources beside the small graph, and to ask over all."""
    shutil.copytree(small, folder, dirs_exist_ok=True)
    begun = time.perf_counter()
    names = [str(source) for source in sources]
    peak = run(sys.executable, "-m", "kg", "--folder", str(folder), "import", *names)
    seconds = time.perf_counter() - begun
    snapshot = folder / (folder / layout.CURRENT).read_text(encoding="utf-8").strip()
    size = Size(triples_of(snapshot), seconds, peak, size_of(snapshot))
    ask(folder, snapshot, size, requests)
    return size


def triples_of(snapshot: Path) -> int:
    manifest = json.loads((snapshot / layout.MANIFEST).read_text(encoding="utf-8"))
    counts = [entry["counts"] for entry in manifest["imports"].values()]
    imported = (int(one["asserted"]) + int(one["entailed"]) for one in counts)
    return int(manifest["counts"]["triples"]) + sum(imported)


def ask(folder: Path, snapshot: Path, size: Size, requests: int) -> None:
    """Fill in what the service over a build folder takes."""
    works = [fresh_work(one) for one in (*QUERIES, *SERVICES) if one.name in ASKED]
    draw(ox.Store.read_only(str(snapshot / layout.STORE)), works)
    peer = etiograph(ETIOGRAPH_FOLDER=str(folder), ETIOGRAPH_CACHE="0", **SETTINGS)
    begun = time.perf_counter()
    try:
        connection = peer.server.start()
        times(connection, works[0], peer.address, 1)
        size.start = time.perf_counter() - begun
        peer.server.settles()
        size.idle = peer.server.memory()
        for work in works:
            size.times[work.name] = statistics.median(
                times(connection, work, peer.address, requests)
            )
    finally:
        peer.server.stop()


def fresh_work(work: Work) -> Work:
    """A work without values, to draw those of one size."""
    return Work(work.name, work.draw, work.text, work.by_rows, work.path, work.agrees)


def times(
    connection: http.client.HTTPConnection, work: Work, address: str, requests: int
) -> list[float]:
    """The milliseconds of some requests, after one that is not counted."""
    spent = []
    for number in range(requests + 1):
        path = work.path_of(work.values[number % len(work.values)], address, own=True)
        before = time.perf_counter()
        get(connection, f"{path}{time.monotonic_ns()}", work.accept(own=True))
        spent.append((time.perf_counter() - before) * 1000)
    return spent[1:]


COLUMNS = ("import, s", "peak of import, MB", "on disk, MB", "start, s", "idle, MB")


def report(sizes: Sequence[Size], out: Path) -> None:
    """Print the table, with the exponent by which each column grows, and draw."""
    costs = {
        name: list(values)
        for name, values in zip(
            COLUMNS,
            zip(*((s.seconds, s.peak, s.disk, s.start, s.idle) for s in sizes), strict=True),
            strict=True,
        )
    }
    delays = {f"{name}, ms": [size.times[name] for size in sizes] for name in sizes[0].times}
    triples = [size.triples for size in sizes]
    columns = {**costs, **delays}
    rows = [
        [f"{count:,}", *(f"{values[place]:,.4g}" for values in columns.values())]
        for place, count in enumerate(triples)
    ]
    if len(sizes) > 1:
        rows.append(["exponent", *(f"{exponent(triples, one):.2f}" for one in columns.values())])
    text = "\n".join([*table(["triples", *columns], rows), ""])
    print(text)
    (out / "growth.md").write_text(text, encoding="utf-8")
    panels = {
        "seconds": {name: costs[name] for name in ("import, s", "start, s")},
        "MB": {name: costs[name] for name in ("peak of import, MB", "on disk, MB", "idle, MB")},
        "milliseconds, p50": delays,
    }
    plot_growth(triples, panels, out / "growth.svg")


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """The slope of the costs over the sizes, both in logarithms: 1 is in proportion, 0 is level."""
    logs = [[math.log(value) for value in values] for values in (sizes, costs)]
    return statistics.linear_regression(*logs).slope


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
