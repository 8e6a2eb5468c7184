"""Scores the ranking of diseases by phenotype on published cases.

    .venv/bin/python benchmarks/phenopackets.py PATH… --hpo FOLDER [--half HALF] [--variants]
                                                [--database OMIM] [--cases N]

PATH is a GA4GH phenopacket (JSON, version 2 or 1) or a folder of them, such as a checkout of
github.com/monarch-initiative/phenopacket-store; FOLDER holds `hp.obo` and `phenotype.hpoa`. Prints
how often the diagnosed disease comes first, among the first 3 and among the first 10, and the mean
reciprocal rank; then what was skipped, and the time for a case.

Many of these cases are among those that the annotations were made from, which flatters any
ranking. So each figure is given twice: on all annotations, and without those of the diagnosed
disease that cite nothing but the publication of the case. (What cites others too is kept, as the
file does not tell their shares apart; so the second figure is still a little kind.) The constants
of the ranking were set on the `development` half, by the second figure; the `reported` half is
there to be reported. Halves are by the SHA-256 of a file's name. `--database` keeps the diseases
of one database: OMIM and Orphanet name many of the same, of which a case has one.
"""

import argparse
import hashlib
import json
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kg.builder.imports.phenotypes import Annotation, read_hpoa, write_phenotypes
from kg.errors import BadParameter
from kg.phenotype_matching import WEIGHTS, Weights
from kg.phenotypes import Phenotypes, Scores

HALVES = ("development", "reported", "all")
INFORMATION = "information.npy"
Ranker = Callable[[Phenotypes, "Case"], Scores]


@dataclass(frozen=True)
class Case:
    """A person: HPO terms present and absent, the diagnosis, the publications of the case."""

    name: str
    present: tuple[str, ...]
    absent: tuple[str, ...]
    disease: str
    references: frozenset[str]


@dataclass(frozen=True)
class Ontology:
    """What is needed of `hp.obo`; `current` has the id that replaces an alternative one."""

    superclasses: Mapping[str, frozenset[str]]
    labels: Mapping[str, str]
    current: Mapping[str, str]


@dataclass(frozen=True)
class Ranks:
    """The ranks of the diagnosed diseases: on all annotations, and without the case's own."""

    plain: list[int]
    left_out: list[int]


def main() -> None:
    """Read, rank, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--hpo", type=Path, required=True)
    parser.add_argument("--half", choices=HALVES, default="reported")
    parser.add_argument("--database", default="")
    parser.add_argument("--variants", action="store_true")
    parser.add_argument("--cases", type=int, help="at most so many, spread over all")
    options = parser.parse_args()
    ontology = read_obo(options.hpo / "hp.obo")
    header, table = read_hpoa(options.hpo / "phenotype.hpoa")
    annotations = [one for one in table if one.disease.startswith(options.database)]
    skipped: Counter[str] = Counter()
    cases = list(read_cases(options.paths, options.half, ontology, skipped))
    annotated = {one.disease for one in annotations if one.aspect == "P" and not one.excluded}
    skipped["disease not annotated"] += sum(case.disease not in annotated for case in cases)
    known = [case for case in cases if case.disease in annotated]
    chosen = sorted(known, key=lambda case: _digest(case.name))[: options.cases]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), annotations, ontology, chosen)
        print(f"HPO annotations {header.get('version')}: {len(annotated)} diseases; {options.half}")
        own = sum(map(bench.has_own, chosen))
        print(f"{len(chosen)} cases; {own} of them were annotated from too\n")
        rankers = variants() if options.variants else {"as served": weighed(WEIGHTS)}
        report(bench, chosen, rankers)
        print_times(bench.phenotypes, chosen)
    for reason, number in skipped.most_common():
        print(f"skipped: {number} with {reason}")


# -- cases -------------------------------------------------------------------------------------


def read_cases(
    paths: Iterable[Path], half: str, ontology: Ontology, skipped: Counter[str]
) -> Iterator[Case]:
    """The cases of one half; those without a diagnosis or a phenotype are counted."""
    for path in sorted(file for one in paths for file in _files(one)):
        if half in ("all", HALVES[int(_digest(path.name), 16) % 2]):
            try:
                yield read_case(path, ontology)
            except (ValueError, KeyError, TypeError, AttributeError):
                skipped["content that is no phenopacket"] += 1
            except LookupError as error:
                skipped[str(error)] += 1


def _files(path: Path) -> Iterable[Path]:
    return path.rglob("*.json") if path.is_dir() else [path]


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def read_case(path: Path, ontology: Ontology) -> Case:
    """The case in a file; IndexError says what it lacks."""
    packet = json.loads(path.read_text(encoding="utf-8"))
    # Version 1 says `negated` where version 2 says `excluded`.
    seen = [
        (ontology.current.get(one["type"]["id"]), one.get("excluded") or one.get("negated"))
        for one in packet.get("phenotypicFeatures", [])
    ]
    present = {term for term, denied in seen if term and not denied}
    implied = {above for term in present for above in ontology.superclasses[term]} | present
    # Some cases deny what another of their terms implies: what is present counts.
    absent = {term for term, denied in seen if term and denied} - implied
    if not present:
        raise IndexError("no known phenotype present")
    return Case(
        path.name, tuple(sorted(present)), tuple(sorted(absent)), _diagnosis(packet),
        frozenset(_references(path.name, packet)),
    )  # fmt: skip


def _diagnosis(packet: Mapping[str, Any]) -> str:
    found = [
        one["diagnosis"]["disease"]["id"]
        for one in packet.get("interpretations", [])
        if "disease" in one.get("diagnosis", {})
    ] or [one["term"]["id"] for one in packet.get("diseases", []) if not one.get("excluded")]
    if not found:
        raise IndexError("no diagnosis")
    return str(found[0])


def _references(name: str, packet: Mapping[str, Any]) -> Iterator[str]:
    yield from (one["id"] for one in packet.get("metaData", {}).get("externalReferences", []))
    if match := re.match(r"PMID_(\d+)", name):
        yield f"PMID:{match[1]}"


def read_obo(path: Path) -> Ontology:
    """Terms that are not obsolete, with all above each, and what replaces other ids."""
    parents: dict[str, list[str]] = {}
    labels: dict[str, str] = {}
    current: dict[str, str] = {}
    for stanza in path.read_text(encoding="utf-8").split("\n[Term]\n")[1:]:
        tags = defaultdict(list)
        for line in stanza.split("\n\n", 1)[0].splitlines():
            tag, _, value = line.partition(": ")
            tags[tag].append(value.partition(" !")[0])
        term = tags["id"][0]
        if "is_obsolete" in tags:
            current |= dict.fromkeys([term], *tags["replaced_by"][:1])
            continue
        parents[term], labels[term] = tags["is_a"], tags["name"][0]
        current |= dict.fromkeys([term, *tags["alt_id"]], term)
    above: dict[str, frozenset[str]] = {}

    def climb(term: str) -> frozenset[str]:
        if term not in above:
            above[term] = frozenset(parents[term]).union(*map(climb, parents[term]))
        return above[term]

    return Ontology({term: climb(term) for term in parents}, labels, current)


# -- ranking -----------------------------------------------------------------------------------


class Bench:
    """Annotated diseases, and for each publication of a case the disease without what it gave.

    Such a twin stands among the diseases only to be ranked in the place of its original: it counts
    for nothing in the information content, and no other disease competes with it.
    """

    def __init__(
        self,
        folder: Path,
        annotations: Sequence[Annotation],
        ontology: Ontology,
        cases: Iterable[Case],
    ) -> None:
        self._references: dict[str, set[frozenset[str]]] = defaultdict(set)
        for one in annotations:
            self._references[one.disease].add(frozenset(one.reference.split(";")))
        plain, twins = folder / "plain", folder / "twins"
        write_phenotypes(plain, annotations, ontology.superclasses, ontology.labels)
        every = [*annotations, *self._twins(annotations, cases)]
        write_phenotypes(twins, every, ontology.superclasses, ontology.labels)
        shutil.copy(plain / INFORMATION, twins / INFORMATION)
        self.phenotypes = Phenotypes.open(plain)
        self.twinned = Phenotypes.open(twins)
        names = [disease.decode() for disease in self.twinned.arrays.diseases]
        self._number = {name: number for number, name in enumerate(names)}
        self._real = np.array([" " not in name for name in names])

    def has_own(self, case: Case) -> bool:
        """Whether an annotation of the disease cites nothing but publications of the case."""
        return any(cited <= case.references for cited in self._references[case.disease])

    def _twins(
        self, annotations: Iterable[Annotation], cases: Iterable[Case]
    ) -> Iterator[Annotation]:
        wanted = {(one.disease, one.references, _twin(one)) for one in cases if self.has_own(one)}
        of_disease: dict[str, list[Annotation]] = defaultdict(list)
        for one in annotations:
            of_disease[one.disease].append(one)
        for disease, references, name in sorted(wanted, key=lambda one: one[2]):
            for one in of_disease[disease]:
                if not references.issuperset(one.reference.split(";")):
                    yield replace(one, disease=name)

    def ranks(self, cases: Iterable[Case], ranker: Ranker) -> Ranks:
        """The ranks of the cases' diagnoses; one of which nothing is left has no second rank."""
        ranks = Ranks([], [])
        for case in cases:
            scores = ranker(self.twinned, case)
            own = self._number[case.disease]
            ranks.plain.append(self._rank(scores, own, own))
            twin = self._number.get(_twin(case)) if self.has_own(case) else own
            if twin is not None:
                ranks.left_out.append(self._rank(scores, own, twin))
        return ranks

    def _rank(self, scores: Scores, own: int, ranked: int) -> int:
        """The rank of a disease instead of `own`; ties stand in the order of the arrays."""
        others = self._real.copy()
        others[own] = False
        before = np.arange(len(scores)) < own
        ahead = (scores > scores[ranked]) | ((scores == scores[ranked]) & before)
        return 1 + int((ahead & others).sum())


def _twin(case: Case) -> str:
    return f"{case.disease} without {' '.join(sorted(case.references))}"


def weighed(weights: Weights) -> Ranker:
    """The ranking with these constants."""
    return lambda phenotypes, case: phenotypes.scores(case.present, case.absent, weights)


def variants() -> dict[str, Ranker]:
    """The ranking with a part changed, and others that are published."""
    return {
        "as served": weighed(WEIGHTS),
        "frequencies not counted": weighed(replace(WEIGHTS, frequency=0)),
        "more general annotations not counted": weighed(replace(WEIGHTS, general=float("inf"))),
        "more general annotations at full": weighed(replace(WEIGHTS, general=0)),
        "silence at 1/2 of the share": weighed(replace(WEIGHTS, recorded=1, general=2)),
        "silence at 1/32 of the share": weighed(replace(WEIGHTS, recorded=5, general=6)),
        "contradictions not counted": weighed(replace(WEIGHTS, contradicted=0)),
        "absent terms not counted": weighed(replace(WEIGHTS, absent=0)),
        "absent terms at full": weighed(replace(WEIGHTS, absent=1)),
        "Resnik's, one way (Phenomizer)": weighed(Weights(0, 0, 0, 0, 0)),
        "simGIC": simgic,
    }


def simgic(phenotypes: Phenotypes, case: Case) -> Scores:
    """The information of the terms in common over that of all (Pesquita et al., 2008)."""
    arrays = phenotypes.arrays
    asked = {above for term in case.present for above in phenotypes.above(term)}
    numbers = np.flatnonzero(np.isin(arrays.terms, np.array(sorted(asked), arrays.terms.dtype)))
    common = np.zeros(len(arrays.diseases))
    for term in numbers:
        having = arrays.disease[arrays.start[term] : arrays.start[term + 1]]
        common[having] += arrays.information[term]
    of_term = np.repeat(arrays.information, np.diff(arrays.start))
    whole = np.bincount(arrays.disease, of_term, len(arrays.diseases))
    scores: Scores = common / (whole + arrays.information[numbers].sum() - common)
    return scores


# -- figures -----------------------------------------------------------------------------------


def report(bench: Bench, cases: Sequence[Case], rankers: Mapping[str, Ranker]) -> None:
    """Print a row for each way to rank."""
    heads = ("top 1", "top 3", "top 10", "MRR")
    print(
        "| | all annotations: cases |",
        " | ".join(heads),
        "| own left out: cases |",
        " | ".join(heads),
        "|",
    )
    print("| --- |" + " --: |" * 10)
    for name, ranker in rankers.items():
        ranks = bench.ranks(cases, ranker)
        print(f"| {name} | {figures(ranks.plain)} | {figures(ranks.left_out)} |", flush=True)


def figures(ranks: Sequence[int]) -> str:
    """How many ranks, the shares among the first 1, 3 and 10, the mean reciprocal rank."""
    if not ranks:
        return "0 | | | | "
    shares = (sum(rank <= first for rank in ranks) / len(ranks) for first in (1, 3, 10))
    said = " | ".join(f"{share:.1%}" for share in shares)
    return f"{len(ranks)} | {said} | {statistics.mean(1 / rank for rank in ranks):.3f}"


def print_times(phenotypes: Phenotypes, cases: Iterable[Case]) -> None:
    """The time of whole answers of 20 diseases, and of those to ten terms alone."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for case in cases:
        ten = len(case.present) >= 10
        present, absent = (case.present[:10], ()) if ten else (case.present, case.absent)
        before = time.perf_counter()
        try:
            phenotypes.rank(present, absent)
        except BadParameter:
            continue
        times[ten].append((time.perf_counter() - before) * 1000)
    for ten, said in ((True, "ten terms present"), (False, "fewer present, any number absent")):
        if found := times[ten]:
            print(f"\n{said}: median {statistics.median(found):.1f} ms over {len(found)} answers")


if __name__ == "__main__":
    main()
