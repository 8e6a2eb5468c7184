"""Reads HPO's disease annotations (`phenotype.hpoa`) and makes the arrays for ranking by them.

Rule: only phenotypes (aspect P) enter the arrays. Inheritance, course, modifiers and history say
nothing of which disease shows what.
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kg.errors import BadParameter, OntologyError
from kg.phenotype_arrays import Arrays, Floats, Ints, Texts

COLUMNS = (
    "database_id", "disease_name", "qualifier", "hpo_id", "reference", "evidence", "onset",
    "frequency", "sex", "modifier", "aspect", "biocuration",
)  # fmt: skip
ASPECTS = frozenset("PICMH")
PHENOTYPE = "P"
FREQUENCY_TERMS: Mapping[str, float] = {
    "HP:0040280": 1.0,  # obligate: 100%
    "HP:0040281": 0.895,  # very frequent: 80 to 99%
    "HP:0040282": 0.545,  # frequent: 30 to 79%
    "HP:0040283": 0.17,  # occasional: 5 to 29%
    "HP:0040284": 0.025,  # very rare: 1 to 4%
    "HP:0040285": 0.0,  # excluded: 0%
}
"""HPO's terms for frequencies → the middle of the range that each is defined by."""
UNSPECIFIED = 0.5
"""The frequency taken where none is recorded."""
_FREQUENCY_FORMS = "1/2, 45%, a term from HP:0040280 to HP:0040285 or nothing"
_FRACTION = re.compile(r"(\d+)/(\d+)")
_PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?)%")
_CURIE = re.compile(r"[A-Za-z][\w.-]*:\S+")
_HEADER = re.compile(r"#\s*([\w-]+)\s*:\s*(.*)")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One line of `phenotype.hpoa`: a disease has a phenotype, or (`excluded`) has it not.

    `frequency` is as written: "1/2", "45%", "HP:0040283" or "". `aspect` is P (phenotype),
    I (inheritance), C (clinical course), M (modifier) or H (past medical history).
    """

    disease: str
    name: str
    excluded: bool
    phenotype: str
    reference: str
    evidence: str
    onset: str
    frequency: str
    sex: str
    modifier: str
    aspect: str
    biocuration: str


# -- reading -----------------------------------------------------------------------------------


def read_hpoa(path: Path) -> tuple[dict[str, str], list[Annotation]]:
    """Return the entries of the header (`version`, …) and the annotations, in their order.

    OntologyError names file and line of everything malformed.
    """
    header: dict[str, str] = {}
    annotations: list[Annotation] = []
    problems: list[str] = []
    columns_seen = False
    for number, line in enumerate(_lines(path), 1):
        if line.startswith("#"):
            if match := _HEADER.fullmatch(line):
                header[match[1]] = match[2].strip().strip('"')
            continue
        cells = line.split("\t")
        try:
            if columns_seen:
                annotations.append(_annotation(cells))
            else:
                columns_seen = True
                _check_columns(cells)
        except BadParameter as error:
            problems.append(f"{path.name}, line {number}: {error}")
    if not columns_seen:
        problems.append(f"{path.name}: no row of columns; they are {', '.join(COLUMNS)}")
    if problems:
        raise OntologyError(problems)
    return header, annotations


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise OntologyError([f"{path.name}: {error}"]) from None


def _check_columns(cells: Sequence[str]) -> None:
    if tuple(cells) != COLUMNS:
        raise BadParameter(
            f"the columns are {', '.join(cells)}; they should be {', '.join(COLUMNS)}"
        )


def _annotation(cells: Sequence[str]) -> Annotation:
    if len(cells) != len(COLUMNS):
        raise BadParameter(f"{len(cells)} columns instead of {len(COLUMNS)}")
    row = dict(zip(COLUMNS, cells, strict=True))
    for column in ("database_id", "hpo_id"):
        if not _CURIE.fullmatch(row[column]):
            raise BadParameter(f"{column} {row[column]!r} is no CURIE such as HP:0003394")
    if row["qualifier"] not in ("", "NOT"):
        raise BadParameter(f"qualifier {row['qualifier']!r} is neither NOT nor empty")
    if row["aspect"] not in ASPECTS:
        raise BadParameter(f"aspect {row['aspect']!r} is none of {', '.join(sorted(ASPECTS))}")
    share_of(row["frequency"])
    return Annotation(
        row["database_id"], row["disease_name"], row["qualifier"] == "NOT", row["hpo_id"],
        row["reference"], row["evidence"], row["onset"], row["frequency"], row["sex"],
        row["modifier"], row["aspect"], row["biocuration"],
    )  # fmt: skip


@cache
def share_of(frequency: str) -> float | None:
    """The share, from 0 to 1, that a frequency as written states; None if it is empty.

    BadParameter if it has none of the forms of `phenotype.hpoa`.
    """
    if not frequency:
        return None
    if frequency in FREQUENCY_TERMS:
        return FREQUENCY_TERMS[frequency]
    share = math.inf
    if match := _FRACTION.fullmatch(frequency):
        share = int(match[1]) / int(match[2]) if int(match[2]) else math.inf
    elif match := _PERCENTAGE.fullmatch(frequency):
        share = float(match[1]) / 100
    if share > 1:
        raise BadParameter(f"frequency {frequency!r} is none of {_FREQUENCY_FORMS}")
    return share


def estimate_of(frequency: str) -> float:
    """The frequency to reckon with, from 0 to 1.

    A count of n in m persons becomes (n + 2) / (m + 4): two more persons with and two without
    (Agresti and Coull, "Approximate is better than 'exact' for interval estimation of binomial
    proportions", The American Statistician, 1998), as one person of one says little. None of m is
    left at 0.
    """
    share = share_of(frequency)
    if share is None:
        return UNSPECIFIED
    match = _FRACTION.fullmatch(frequency)
    return (int(match[1]) + 2) / (int(match[2]) + 4) if match and share else share


# -- arrays ------------------------------------------------------------------------------------


class _Line(NamedTuple):
    """An annotation by the numbers of its disease and term; `frequency` is 0 where excluded."""

    disease: int
    term: int
    row: int
    frequency: float
    written: str


class _Columns(NamedTuple):
    """Which diseases have which terms, and how often; see `Arrays`."""

    start: Ints
    disease: Ints
    frequency: Floats


def write_phenotypes(
    folder: Path,
    annotations: Sequence[Annotation],
    superclasses: Mapping[str, Collection[str]],
    labels: Mapping[str, str],
) -> None:
    """Write the arrays for ranking into a folder, which is made if need be.

    `superclasses` has for each term all above it; `labels` may lack some. OntologyError names the
    annotated terms that are not among them.
    """
    shown = [(row, one) for row, one in enumerate(annotations) if one.aspect == PHENOTYPE]
    terms = sorted({*superclasses, *(above for all_ in superclasses.values() for above in all_)})
    term_of = {term: number for number, term in enumerate(terms)}
    _check_known((one for _, one in shown), term_of)
    names: dict[str, str] = {}
    for _, one in shown:
        names.setdefault(one.disease, one.name)
    diseases = sorted(names, key=lambda disease: (names[disease].casefold(), disease))
    disease_of = {disease: number for number, disease in enumerate(diseases)}
    lines = [
        _Line(disease_of[one.disease], term_of[one.phenotype], row, _frequency(one), one.frequency)
        for row, one in shown
    ]
    above = [
        _above(number, superclasses.get(term, ()), term_of) for number, term in enumerate(terms)
    ]
    columns = _columns(sorted(lines), above)
    information = _information(np.diff(columns.start), len(diseases))
    lines.sort(key=lambda line: (line.disease, -information[line.term], line.term, line.row))
    excluded = _excluded(lines)
    Arrays(
        terms=_texts(terms),
        term_labels=_texts(labels.get(term, "") for term in terms),
        above_start=_starts(len(one) for one in above),
        above=_joined(above, np.int32),
        information=information,
        start=columns.start,
        disease=columns.disease,
        frequency=columns.frequency,
        excluded_start=_starts(len(excluded[number]) for number in range(len(terms))),
        excluded=np.array([one for n in range(len(terms)) for one in excluded[n]], np.int32),
        diseases=_texts(diseases),
        disease_labels=_texts(names[disease] for disease in diseases),
        line_start=np.searchsorted([line.disease for line in lines], range(len(diseases) + 1)),
        line_row=np.array([line.row for line in lines], np.int32),
        line_term=np.array([line.term for line in lines], np.int32),
        line_excluded=np.array([line.frequency == 0 for line in lines], np.bool_),
        line_frequency=_texts(line.written for line in lines),
    ).write(folder)


def _check_known(annotations: Iterable[Annotation], terms: Collection[str]) -> None:
    if unknown := sorted({one.phenotype for one in annotations}.difference(terms)):
        raise OntologyError([f"{term} is annotated but is no term of HPO" for term in unknown])


def _above(number: int, superclasses: Iterable[str], term_of: Mapping[str, int]) -> Ints:
    return np.array(sorted({number, *map(term_of.__getitem__, superclasses)}), np.int32)


def _frequency(annotation: Annotation) -> float:
    return 0.0 if annotation.excluded else estimate_of(annotation.frequency)


def _columns(lines: Iterable[_Line], above: Sequence[Ints]) -> _Columns:
    """Carry every annotation to the terms above it, disease by disease.

    How often a term is seen is 1 - Π(1 - f) over the annotated terms at or below it, as if they
    came independently of each other; of two annotations with one term the greater counts.
    """
    diseases, having, frequencies = [], [], []
    for disease, recorded in _recorded(lines):
        missing = np.ones(len(above))
        for term, frequency in recorded.items():
            missing[above[term]] *= 1 - frequency
        found = np.flatnonzero(missing < 1)
        diseases.append(np.full(len(found), disease, np.int64))
        having.append(found)
        frequencies.append((1 - missing[found]).astype(np.float32))
    all_terms = _joined(having, np.int64)
    order = np.argsort(all_terms, kind="stable")
    return _Columns(
        np.searchsorted(all_terms[order], np.arange(len(above) + 1)),
        # Of the width of an index, or each use as one would convert it.
        _joined(diseases, np.int64)[order],
        _joined(frequencies, np.float32)[order],
    )


def _recorded(lines: Iterable[_Line]) -> Iterator[tuple[int, dict[int, float]]]:
    """Each disease with its terms that are not excluded, and how often they are seen."""
    recorded: dict[int, dict[int, float]] = defaultdict(dict)
    for line in lines:
        if line.frequency:
            of_disease = recorded[line.disease]
            of_disease[line.term] = max(line.frequency, of_disease.get(line.term, 0.0))
    yield from recorded.items()


def _excluded(lines: Iterable[_Line]) -> dict[int, list[int]]:
    """Term → the diseases that it is recorded not to belong to, in order, each once."""
    excluded: dict[int, set[int]] = defaultdict(set)
    for line in lines:
        if not line.frequency:
            excluded[line.term].add(line.disease)
    return defaultdict(list, {term: sorted(diseases) for term, diseases in excluded.items()})


def _information(having: Ints, diseases: int) -> Floats:
    """-log2((n + 1) / (N + 1)) bits for a term that n of N diseases have (Resnik, IJCAI 1995)."""
    return -np.log2((having + 1) / (diseases + 1))


def _starts(lengths: Iterable[int]) -> Ints:
    return np.array([0, *accumulate(lengths)], np.int64)


def _joined(parts: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts])


def _texts(texts: Iterable[str]) -> Texts:
    """Texts as bytes of one width; at least 1, as no text at all has none."""
    encoded = [text.encode() for text in texts]
    return np.array(encoded, f"S{max(map(len, encoded), default=1) or 1}")
