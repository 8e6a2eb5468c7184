"""Compares the service with other engines over the leg graph and all that is imported beside it.

    .venv/bin/python benchmarks/whole.py --folder BUILD --out FOLDER [--seconds N] [--peers NAME…]
                                         [--connections N…] [--only PATTERN] [--work FOLDER]

BUILD is a build folder with imports (`make imports`). Each engine runs alone, warmed up, and gets
the same dump; answers are compared with those of the engine in process. Prints tables in Markdown
and puts them with plots and the figures as JSON into the folder of --out. With --work, what an
engine has loaded is kept there for the next run; its first loading is the one that is timed.
See benchmarks/README.md for what to install.
"""

import argparse
import json
import os
import re
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pyoxigraph as ox
from beside_leg import compare_with_leg
from contenders import CONTENDERS, Absent, Set
from measuring import Bench, Measured
from plots import plot_comparison
from reporting import report
from running import ROOT
from work import QUERIES, SERVICES, draw

PEERS = ("oxigraph-disk", "oxigraph-memory", "rdflib-endpoint", "virtuoso")


def main() -> None:
    """Load, check, measure, print, draw."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the engines are stopped
    options = read_options()
    options.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        whole = Set.of(options.folder, work)
        works = [one for one in (*QUERIES, *SERVICES) if re.search(options.only, one.name)]
        draw(ox.Store.read_only(str(whole.store)), works)
        bench = Bench(works, options.connections, options.seconds, whole)
        measured = [one for name in ("etiograph", *options.peers) if (one := tried(bench, name))]
    text = report(measured, works, options.connections, whole)
    if options.leg:
        text += compare_with_leg(options.leg, options.folder, options.requests)
    print(text)
    (options.out / "whole.md").write_text(text, encoding="utf-8")
    told = json.dumps([one.to_json() for one in measured], indent=1)
    (options.out / "whole.json").write_text(told, encoding="utf-8")
    plot_comparison(json.loads(told), [one.name for one in works], options.out)


def tried(bench: Bench, name: str) -> Measured | None:
    """What came of an engine; None, with a line that says so, where it is not installed."""
    try:
        return bench.measure(CONTENDERS[name])
    except Absent as reason:
        print(f"{name} is left out: {reason}", file=sys.stderr)
        return None


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, required=True, help="build folder with imports")
    parser.add_argument("--out", type=Path, required=True, help="folder for tables and plots")
    parser.add_argument("--seconds", type=int, default=3, help="of load for each figure")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    parser.add_argument("--only", default="", help="what is done, as a pattern of names")
    parser.add_argument("--work", type=Path, help="folder in which loaded stores are kept")
    parser.add_argument("--leg", type=Path, help="build folder of the leg graph, to compare with")
    parser.add_argument("--requests", type=int, default=200, help="of each kind, compared with it")
    return parser.parse_args()


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
