"""Runs the build rules: queries whose every solution is an offender.

A rule is a file in queries/verify; its first comment line says what must hold.
"""

from pathlib import Path
from typing import cast

from rdflib import Dataset
from rdflib.query import ResultRow

from kg.errors import OntologyError
from kg.vocabulary import compress

SHOWN = 10


def verify(dataset: Dataset, folder: Path) -> int:
    """Run every rule; OntologyError names each broken rule with its first offenders."""
    rules = sorted(folder.glob("*.rq"))
    problems = []
    for path in rules:
        text = path.read_text(encoding="utf-8")
        offenders = [_said(cast(ResultRow, solution)) for solution in dataset.query(text)]
        if offenders:
            rule = text.partition("\n")[0].lstrip("# ")
            more = f" … and {len(offenders) - SHOWN} more" if len(offenders) > SHOWN else ""
            shown = "; ".join(sorted(offenders)[:SHOWN])
            problems.append(f"{path.name}: {rule} Offending: {shown}{more}")
    if problems:
        raise OntologyError(problems)
    return len(rules)


def _said(solution: ResultRow) -> str:
    return " ".join(compress(str(value)) for value in solution if value is not None)
