"""Draws the figures of benchmarks/whole.py and benchmarks/growth.py as SVG."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")  # no screen
import matplotlib.pyplot as plt

mpl.rcParams.update({"svg.hashsalt": "etiograph", "font.size": 9, "axes.spines.top": False,
                     "axes.spines.right": False})  # fmt: skip
COLOURS = ("#0b6e4f", "#c44900", "#e0a458", "#5b5f97", "#8d99ae")
NO_DATE = {"Date": None}


def plot_comparison(told: Sequence[Mapping[str, Any]], works: Sequence[str], out: Path) -> None:
    """Latency and throughput of fresh requests for each work and engine: `latency-1.svg`, …."""
    counts = sorted({int(n) for one in told for by in one["figures"]["fresh"].values() for n in by})
    for count in counts:
        for value, name, label in (
            ("p50", "latency", "p50, ms"), ("rate", "throughput", "answers a second")
        ):  # fmt: skip
            heights = [
                [_value(one["figures"]["fresh"][work].get(str(count)), value) for work in works]
                for one in told
            ]
            title = f"{label}, {count} connection{'s' if count > 1 else ''}, fresh requests"
            _bars([one["name"] for one in told], works, heights, title,
                  out / f"{name}-{count}.svg")  # fmt: skip


def _value(figure: Mapping[str, float] | None, name: str) -> float:
    return figure[name] if figure else float("nan")


def _bars(
    engines: Sequence[str], works: Sequence[str], heights: Sequence[Sequence[float]], title: str,
    path: Path,
) -> None:  # fmt: skip
    if all(math.isnan(value) for values in heights for value in values):
        return
    figure, axes = plt.subplots(figsize=(8, 0.5 + 0.16 * len(works) * (len(engines) + 1)))
    step = 0.8 / len(engines)
    for place, (engine, values) in enumerate(zip(engines, heights, strict=True)):
        at = [row + place * step for row in range(len(works))]
        axes.barh(at, values, step, label=engine, color=COLOURS[place % len(COLOURS)])
    axes.set_yticks([row + 0.4 - step / 2 for row in range(len(works))], works)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel(title)
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.06), ncols=len(engines), frameon=False)
    figure.savefig(path, bbox_inches="tight", metadata=NO_DATE)
    plt.close(figure)


def plot_growth(sizes: Sequence[int], panels: Mapping[str, Mapping[str, Sequence[float]]],
                path: Path) -> None:  # fmt: skip
    """A log-log panel for each unit: its lines by name, over the number of triples."""
    figure, all_axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 4), squeeze=False)
    for axes, (unit, lines) in zip(all_axes[0], panels.items(), strict=True):
        for name, values in lines.items():
            axes.loglog(sizes, values, marker="o", markersize=3, label=name)
        axes.set_xlabel("triples")
        axes.set_ylabel(unit)
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False, fontsize=8)
    figure.savefig(path, bbox_inches="tight", metadata=NO_DATE)
    plt.close(figure)
