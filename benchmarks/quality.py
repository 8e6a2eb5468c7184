"""Scores the ranking on questions that were written from other texts than the tables.

    .venv/bin/python benchmarks/quality.py [--failures HALF] [--ablation]

Prints, for each half of benchmarks/cases.tsv, how many of its questions were understood, and in
how many an expected condition comes first, among the first 3 and among the first 10, and the mean
reciprocal rank. `--failures` lists the questions of a half whose answer is not among the first 3;
look at those of the development half only: the other is there to be reported. `--ablation` scores
the development half again with each part of the ranking left out in turn.
"""

import argparse
import contextlib
import csv
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kg import assessment, ranking
from kg.errors import NotUnderstood
from kg.matching import Matcher
from kg.service import Service
from kg.snapshot import open_snapshot

ROOT = Path(__file__).resolve().parents[1]
LOOKED_AT = 200
HALVES = ("development", "reported")


@dataclass(frozen=True)
class Case:
    """A question, the conditions that fit best, and where they came (0: nowhere)."""

    id: str
    half: str
    question: str
    expected: tuple[str, ...]
    rank: int
    note: str


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--failures", choices=HALVES)
    parser.add_argument("--ablation", action="store_true")
    options = parser.parse_args()
    service = Service(open_snapshot(ROOT / "build"))
    cases = [judge(service, row) for row in read_cases()]
    print("| half | questions | understood | top 1 | top 3 | top 10 | MRR |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for half in HALVES:
        print(figures(half, [case for case in cases if case.half == half]))
    if options.ablation:
        ablate(service)
    for case in cases:
        if case.half == options.failures and not 1 <= case.rank <= 3:
            expected = ", ".join(case.expected)
            print(f"\n{case.id} rank {case.rank} expected {expected}\n  {case.question}")
            print(f"  {case.note}")


def ablate(service: Service) -> None:
    """What each part of the ranking brings: the figures of the development half without it."""
    rows = [row for row in read_cases() if row["half"] == "development"]
    same = dict.fromkeys(ranking.ROLE_WEIGHTS, 1.0)
    flat = dict.fromkeys(ranking.FREQUENCY_WEIGHTS, 0.5)
    left_out: dict[str, list[tuple[object, str, object]]] = {
        "person and what is absent": [(assessment, "PERSON_WEIGHT", 0.0)],
        "weights of roles": [(assessment, "ROLE_WEIGHTS", same)],
        "how informative a criterion is": [(assessment, "information", lambda *_: 1.0)],
        "frequency": [(assessment, "FREQUENCY_WEIGHTS", flat)],
        "evidence": [(assessment, "evidence", lambda _: 0.5)],
        "partial matches": [(Matcher, "_find_partial", lambda *_: {})],
    }
    for name, changes in left_out.items():
        with contextlib.ExitStack() as stack:
            for where, attribute, value in changes:
                stack.enter_context(mock.patch.object(where, attribute, value))
            fresh = Service(service.snapshot)
            print(figures(f"without {name}", [judge(fresh, row) for row in rows]))


def read_cases() -> list[dict[str, str]]:
    with (ROOT / "benchmarks" / "cases.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def judge(service: Service, row: dict[str, str]) -> Case:
    """Ask, and find the first of the expected conditions among the answers."""
    expected = tuple(row["expected"].split("|"))
    try:
        payload = service.ask(row["question"], LOOKED_AT)
    except NotUnderstood as error:
        return Case(row["id"], row["half"], row["question"], expected, 0, f"refused: {error}")
    found = [answer["entity"]["id"] for answer in payload["answers"]]
    rank = next((place for place, one in enumerate(found, 1) if one in expected), 0)
    first = ", ".join(found[:3])
    note = f"{payload['canonical']} ignored: {payload['ignored']} first: {first}"
    return Case(row["id"], row["half"], row["question"], expected, rank, note)


def figures(half: str, cases: Sequence[Case]) -> str:
    """A line of the table."""
    understood = sum(not case.note.startswith("refused") for case in cases)

    def within(most: int) -> str:
        return f"{sum(1 <= case.rank <= most for case in cases) / len(cases):.1%}"

    reciprocal = statistics.mean(1 / case.rank if case.rank else 0.0 for case in cases)
    return (
        f"| {half} | {len(cases)} | {understood} | {within(1)} | {within(3)} | {within(10)} "
        f"| {reciprocal:.3f} |"
    )


if __name__ == "__main__":
    main()
