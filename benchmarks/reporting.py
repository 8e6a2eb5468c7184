"""Writes the tables of benchmarks/whole.py, in Markdown."""

import os
from collections.abc import Iterator, Sequence

from contenders import SETTINGS, Set
from measuring import REPEATED, Measured
from peers import UNLIMITED
from streams import Figure
from work import DRAWN, Work


def report(
    measured: Sequence[Measured], works: Sequence[Work], connections: Sequence[int], whole: Set
) -> str:
    """All tables; a ratio is of ours to the best of the others, so below 1 (latency) is better."""
    lifted = ", ".join(f"{name}={value}" for name, value in {**UNLIMITED, **SETTINGS}.items())
    lines = [
        f"Snapshot {whole.snapshot.name}; {os.cpu_count()} processors, which the load shares; "
        f"one engine at a time. The service ran with {lifted}.",
        *resources(measured),
    ]
    for kind in ("fresh", "repeated"):
        what = f"{DRAWN:,} values" if kind == "fresh" else f"the same {REPEATED} requests"
        for number in connections:
            title = f"{kind} ({what}), {number} connection{'s' if number > 1 else ''}"
            lines += ["", f"Latency, {title}: p50 / p99 in ms", ""]
            lines += latency(measured, works, kind, number)
            lines += ["", f"Throughput, {title}: answers a second", ""]
            lines += throughput(measured, works, kind, number)
    remarks = [
        f"- {one.name}, {work}: {remark}"
        for one in measured
        for work, remark in one.remarks.items()
    ]
    return "\n".join([*lines, "", "Remarks", "", *(remarks or ["- none"]), ""])


def resources(measured: Sequence[Measured]) -> Iterator[str]:
    yield ""
    yield from table(
        ["", *(one.name for one in measured)],
        [
            ["load, s", *(f"{one.loaded.seconds:.0f}" if one.loaded.seconds else "at start"
                          for one in measured)],
            ["peak of loading, MB", *(f"{one.loaded.peak:,}" if one.loaded.peak else "–"
                                      for one in measured)],
            ["start to first answer, s", *(f"{one.start:.1f}" for one in measured)],
            ["memory idle, MB", *(f"{one.idle:,}" for one in measured)],
            ["memory under load, MB", *(f"{one.busy:,}" for one in measured)],
            ["on disk, MB", *(f"{one.disk:,}" for one in measured)],
        ],
    )  # fmt: skip


def latency(
    measured: Sequence[Measured], works: Sequence[Work], kind: str, number: int
) -> Iterator[str]:
    rows = []
    for work in works:
        came = [one.figures[kind][work.name].get(number) for one in measured]
        cells = [f"{f.p50:.1f} / {f.p99:.1f}{failed(f)}" if f else "–" for f in came]
        times = [f.p50 if f else None for f in came]
        others = [value for value in times[1:] if value]
        ratio = f"{times[0] / min(others):.2f}" if times[0] and others else "–"
        rows.append([work.name, *cells, ratio])
    yield from table(["", *(one.name for one in measured), "ours / best other"], rows)


def throughput(
    measured: Sequence[Measured], works: Sequence[Work], kind: str, number: int
) -> Iterator[str]:
    rows = []
    for work in works:
        came = [one.figures[kind][work.name].get(number) for one in measured]
        cells = [f"{f.rate:,.1f}{failed(f)}" if f else "–" for f in came]
        rates = [f.rate if f else 0 for f in came]
        best = max(rates[1:], default=0)
        rows.append([work.name, *cells, f"{rates[0] / best:.2f}" if best and rates[0] else "–"])
    yield from table(["", *(one.name for one in measured), "ours / best other"], rows)


def failed(figure: Figure) -> str:
    return f" ({figure.failed:,} failed)" if figure.failed else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table whose first column is text."""
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' --: |' * (len(head) - 1)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
