"""Ranking diseases by phenotype: on a table counted by hand, and on an excerpt of HPO's."""

import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kg.builder.imports.phenotypes import (
    COLUMNS,
    Annotation,
    estimate_of,
    read_hpoa,
    share_of,
    write_phenotypes,
)
from kg.errors import BadParameter, OntologyError, SnapshotError
from kg.phenotypes import ROOT, Phenotypes
from kg.views import DISCLAIMER

EXCERPTS = Path(__file__).with_name("imports")
HP_OBO, HPOA = EXCERPTS / "hp-excerpt.obo", EXCERPTS / "phenotype-excerpt.hpoa"
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "phenopackets.py"

PAIN, LEG_PAIN, CALF_PAIN, ARM_PAIN = "T:Pain", "T:LegPain", "T:CalfPain", "T:ArmPain"
WEAKNESS, FATIGUE, RECESSIVE = "T:Weakness", "T:Fatigue", "T:Recessive"
SUPERCLASSES: dict[str, set[str]] = {
    "T:All": set(),
    ROOT: {"T:All"},
    RECESSIVE: {"T:All"},
    PAIN: {ROOT, "T:All"},
    LEG_PAIN: {PAIN, ROOT, "T:All"},
    CALF_PAIN: {LEG_PAIN, PAIN, ROOT, "T:All"},
    ARM_PAIN: {PAIN, ROOT, "T:All"},
    WEAKNESS: {ROOT, "T:All"},
    FATIGUE: {ROOT, "T:All"},
}
LABELS = {term: term.removeprefix("T:") for term in SUPERCLASSES}
OBLIGATE, VERY_FREQUENT, EXCLUDED = "HP:0040280", "HP:0040281", "HP:0040285"


def annotation(
    disease: str, phenotype: str, frequency: str = "", *, excluded: bool = False, aspect: str = "P"
) -> Annotation:
    return Annotation(
        disease, f"the disease {disease}", excluded, phenotype, "PMID:1", "PCS", "", frequency,
        "", "", aspect, "HPO:x",
    )  # fmt: skip


# 31 diseases. Pain has 7 of them: 3 leg pain, one of those calf pain; 4 more pain or arm pain.
TABLE = [
    annotation("D:calf", CALF_PAIN, "2/2"),
    annotation("D:calf", RECESSIVE, aspect="I"),
    annotation("D:leg", LEG_PAIN),
    annotation("D:often", LEG_PAIN, VERY_FREQUENT),
    annotation("D:often", WEAKNESS, "40%"),
    annotation("D:pain", PAIN, OBLIGATE),
    annotation("D:arm1", ARM_PAIN, "1/2"),
    annotation("D:arm2", ARM_PAIN, "1/2"),
    annotation("D:both", ARM_PAIN),
    annotation("D:both", PAIN),
    annotation("D:not", LEG_PAIN, excluded=True),
    annotation("D:not", WEAKNESS),
    *(annotation(f"D:tired{number:02}", FATIGUE, OBLIGATE) for number in range(23)),
]


def built(folder: Path, table: Iterable[Annotation]) -> Phenotypes:
    write_phenotypes(folder, list(table), SUPERCLASSES, LABELS)
    return Phenotypes.open(folder)


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Phenotypes:
    return built(tmp_path_factory.mktemp("hand"), TABLE)


def superclasses_of(path: Path) -> tuple[dict[str, set[str]], dict[str, str]]:
    """All superclasses and the labels of the terms of an OBO file that are not obsolete."""
    stanzas = re.findall(r"\[Term\]\n(.*?)(?:\n\n|\Z)", path.read_text(encoding="utf-8"), re.DOTALL)
    kept = [one for one in stanzas if "is_obsolete: true" not in one]
    above = {one.split()[1]: set(re.findall(r"(?m)^is_a: (\S+)", one)) for one in kept}
    for _ in above:
        above = {
            term: direct.union(*(above[one] for one in direct)) for term, direct in above.items()
        }
    return above, {one.split()[1]: one.split("\n")[1].removeprefix("name: ") for one in kept}


@pytest.fixture(scope="module")
def excerpt(tmp_path_factory: pytest.TempPathFactory) -> Phenotypes:
    folder = tmp_path_factory.mktemp("excerpt")
    write_phenotypes(folder, read_hpoa(HPOA)[1], *superclasses_of(HP_OBO))
    return Phenotypes.open(folder)


def scores(phenotypes: Phenotypes, present: list[str], absent: list[str] | None = None) -> Any:
    names = [name.decode() for name in phenotypes.arrays.diseases]
    found = phenotypes.scores(present, absent or ()).tolist()
    return dict(zip(names, found, strict=True))


def met(ranking: dict[str, Any], disease: str) -> dict[str, dict[str, Any]]:
    """How a disease of a ranking meets each term."""
    found = next(one for one in ranking["ranking"] if one["id"] == disease)
    return {term["id"]: term for term in found["terms"]}


# -- numbers counted by hand -------------------------------------------------------------------


def test_information_is_that_of_the_share_of_diseases_with_a_term_or_one_below(
    by_hand: Phenotypes,
) -> None:
    asked = by_hand.rank([CALF_PAIN], [FATIGUE, WEAKNESS])
    known = {one["id"]: one["information"] for one in asked["present"] + asked["absent"]}
    assert known == {
        CALF_PAIN: 4.0,  # 1 of 31: -log2(2/32)
        FATIGUE: 0.415,  # 23: -log2(24/32)
        WEAKNESS: 3.415,  # 2: -log2(3/32)
    }


def test_scores_are_those_counted_by_hand(by_hand: Phenotypes) -> None:
    found = scores(by_hand, [CALF_PAIN])
    assert found["D:calf"] == pytest.approx(4 + 3 + math.log2(4 / 6))
    assert found["D:leg"] == pytest.approx(3 + 3 - 4 + math.log2(0.5))
    assert found["D:often"] == pytest.approx(3 + 3 - 4 + math.log2(0.895))
    assert found["D:pain"] == pytest.approx(2 + 3 - 4)
    assert found["D:both"] == pytest.approx(2 + 3 - 4 + math.log2(1 - 0.5 * 0.5))
    assert found["D:not"] == -1
    assert found["D:tired01"] == 0


def test_every_degree_is_told_with_the_annotations_behind_it(by_hand: Phenotypes) -> None:
    asked = by_hand.rank([CALF_PAIN, WEAKNESS], limit=40)
    assert {one["id"]: met(asked, one["id"])[CALF_PAIN]["degree"] for one in asked["ranking"]} == {
        "D:calf": "entailed", "D:leg": "compatible", "D:often": "compatible",
        "D:pain": "compatible", "D:both": "compatible", "D:not": "contradicted",
    }  # fmt: skip
    assert met(asked, "D:not")[CALF_PAIN]["annotations"] == [
        {"row": 10, "id": LEG_PAIN, "label": "LegPain", "frequency": "", "excluded": True}
    ]
    leg = met(asked, "D:often")[CALF_PAIN]
    assert leg["matched"] == {"id": LEG_PAIN, "label": "LegPain", "information": 3.0}
    assert leg["annotations"][0]["row"] == 3
    assert met(asked, "D:both")[CALF_PAIN]["annotations_total"] == 2
    assert met(asked, "D:calf")[WEAKNESS] == {
        "id": WEAKNESS, "label": "Weakness", "information": 3.415, "absent": False,
        "degree": "not_recorded", "gain": 0.0, "matched": None, "frequency": None,
        "annotations": [], "annotations_total": 0,
    }  # fmt: skip


def test_more_specific_annotations_entail_what_is_asked(by_hand: Phenotypes) -> None:
    pain = met(by_hand.rank([PAIN]), "D:calf")[PAIN]
    assert (pain["degree"], pain["matched"]["id"]) == ("entailed", PAIN)
    assert [line["id"] for line in pain["annotations"]] == [CALF_PAIN]
    assert pain["frequency"] == 0.667


def test_the_parts_make_the_score(by_hand: Phenotypes) -> None:
    for one in by_hand.rank([CALF_PAIN, WEAKNESS], [FATIGUE])["ranking"]:
        assert one["score"] == pytest.approx(sum(term["gain"] for term in one["terms"]), abs=0.01)


def test_whole_is_the_score_of_a_disease_that_always_shows_everything(by_hand: Phenotypes) -> None:
    assert by_hand.rank([CALF_PAIN, WEAKNESS])["whole"] == pytest.approx(4 + 3.415 + 2 * 3)


def test_an_absent_term_counts_against_what_is_recorded_with_it_often(by_hand: Phenotypes) -> None:
    without, with_ = scores(by_hand, [PAIN]), scores(by_hand, [PAIN], [LEG_PAIN])
    changed = {name: with_[name] - without[name] for name in with_ if with_[name] != without[name]}
    assert changed == {
        "D:calf": pytest.approx(0.25 * math.log2(2 * (1 - 0.95 * 4 / 6))),
        "D:often": pytest.approx(0.25 * math.log2(2 * (1 - 0.95 * 0.895))),
        "D:not": pytest.approx(0.25),
    }
    told = met(by_hand.rank([PAIN, WEAKNESS], [LEG_PAIN]), "D:not")[LEG_PAIN]
    assert (told["absent"], told["degree"]) == (True, "entailed")
    told = met(by_hand.rank([PAIN], [LEG_PAIN]), "D:often")[LEG_PAIN]
    assert told["degree"] == "contradicted"


def test_only_a_present_term_finds_a_disease(by_hand: Phenotypes) -> None:
    asked = by_hand.rank([WEAKNESS], [LEG_PAIN, FATIGUE])
    assert {one["id"] for one in asked["ranking"]} == {"D:often", "D:not"}
    assert (asked["found"], asked["diseases"]) == (2, 31)


def test_inheritance_takes_no_part(by_hand: Phenotypes) -> None:
    with pytest.raises(BadParameter, match="no phenotypic abnormality"):
        by_hand.rank([RECESSIVE])
    assert len(by_hand.arrays.line_row) == len(TABLE) - 1


# -- properties --------------------------------------------------------------------------------

PHENOTYPES = sorted(term for term, above in superclasses_of(HP_OBO)[0].items() if ROOT in above)
some_terms = st.lists(st.sampled_from(PHENOTYPES), min_size=1, max_size=8)


@settings(deadline=None, max_examples=30)
@given(some_terms, st.randoms())
def test_neither_order_nor_repetition_matters(
    excerpt: Phenotypes, asked: list[str], chance: Any
) -> None:
    again = asked * 2
    chance.shuffle(again)
    assert excerpt.rank(again) == excerpt.rank(asked)


@settings(deadline=None, max_examples=30)
@given(some_terms, st.sampled_from(PHENOTYPES))
def test_a_term_more_never_lowers_what_has_it_below_what_has_nothing_of_it(
    excerpt: Phenotypes, asked: list[str], added: str
) -> None:
    # One that implies another, or is implied, takes its place instead of standing beside it.
    assume(excerpt.above(added).isdisjoint(asked))
    assume(all(added not in excerpt.above(term) for term in asked))
    ranking = excerpt.rank([added], limit=100)["ranking"]
    degrees = {one["id"]: one["terms"][0]["degree"] for one in ranking}
    before, after = scores(excerpt, asked), scores(excerpt, [*asked, added])
    gained: dict[str, list[float]] = {"entailed": [], "compatible": [], "nothing": []}
    for name in before:
        gained[degrees.get(name, "nothing")].append(after[name] - before[name])
    assert all(more <= 1e-6 for more in gained["nothing"])
    assert all(more >= -1e-6 for more in gained["compatible"] + gained["entailed"])


@settings(deadline=None, max_examples=30)
@given(some_terms)
def test_the_ranking_goes_down_and_no_recorded_term_takes_off(
    excerpt: Phenotypes, asked: list[str]
) -> None:
    ranking = excerpt.rank(asked, limit=100)["ranking"]
    assert all(one["score"] >= two["score"] for one, two in pairwise(ranking))
    for term in (term for one in ranking for term in one["terms"]):
        signs = {"contradicted": -1, "not_recorded": 0}
        assert np.sign(term["gain"]) == signs.get(term["degree"], 1) or term["gain"] == 0


@settings(deadline=None, max_examples=30)
@given(some_terms)
def test_every_annotation_told_is_a_line_of_the_table_about_the_term(
    excerpt: Phenotypes, asked: list[str]
) -> None:
    table = read_hpoa(HPOA)[1]
    for one in excerpt.rank(asked, limit=5)["ranking"]:
        for term in one["terms"]:
            for line in term["annotations"]:
                row = table[line["row"]]
                assert (row.disease, row.phenotype) == (one["id"], line["id"])
                assert row.frequency == line["frequency"]
                if term["matched"]:
                    assert term["matched"]["id"] in excerpt.above(row.phenotype)


# -- on HPO's own terms ------------------------------------------------------------------------

LEG_CRAMPS, MYALGIA, RHABDOMYOLYSIS = "HP:0008991", "HP:0003326", "HP:0003201"
CREATINE_KINASE = "HP:0003236"


def test_a_disease_that_has_all_that_is_asked_often_comes_first(excerpt: Phenotypes) -> None:
    asked = excerpt.rank([MYALGIA, CREATINE_KINASE, RHABDOMYOLYSIS], limit=5)
    first = asked["ranking"][0]
    assert first["label"] == "Glycogen storage disease V"
    assert {term["degree"] for term in first["terms"]} == {"entailed"}
    assert asked["disclaimer"] == DISCLAIMER


def test_a_superclass_of_another_present_term_adds_nothing_and_is_told(excerpt: Phenotypes) -> None:
    asked = excerpt.rank([LEG_CRAMPS, "HP:0003710"])
    assert [one["id"] for one in asked["implied"]] == ["HP:0003710"]
    assert asked["ranking"] == excerpt.rank([LEG_CRAMPS])["ranking"]


@pytest.mark.parametrize(
    ("present", "absent", "said", "suggested"),
    [
        ([], [], "at least one", ()),
        (["HP:3326"], [], "no known term", (MYALGIA,)),
        (["hp_0003326"], [], "no known term", (MYALGIA,)),
        (["Myalgias"], [], "no known term", (MYALGIA,)),
        (["HP:9999999"], [], "no known term", ()),
        ([""], [], "no known term", ()),
        (["HP:0003326 or more"], [], "no known term", ()),
        (["\ud800"], [], "no known term", ()),
        (["pain" * 100_000], [], "no known term", ()),
        ([MYALGIA], ["HP:0000007"], "no phenotypic abnormality", ()),
        ([LEG_CRAMPS], ["HP:0003710"], "is said to be absent", ()),
        ([MYALGIA] * 201, [], "more than the 200", ()),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_would_do(
    excerpt: Phenotypes, present: list[str], absent: list[str], said: str, suggested: tuple[str]
) -> None:
    with pytest.raises(BadParameter, match=said) as refused:
        excerpt.rank(present, absent)
    assert refused.value.suggestions[:1] == suggested


def test_a_limit_below_one_is_refused(excerpt: Phenotypes) -> None:
    with pytest.raises(BadParameter, match="limit is 0"):
        excerpt.rank([MYALGIA], limit=0)


# -- files -------------------------------------------------------------------------------------


def test_the_excerpts_say_what_they_are_of_and_hold_together() -> None:
    header, table = read_hpoa(HPOA)
    assert header["version"] == "2025-01-16"
    assert "licen" in HP_OBO.read_text(encoding="utf-8").partition("[Term]")[0]
    above, _ = superclasses_of(HP_OBO)
    assert {one.phenotype for one in table} <= above.keys()


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        built(tmp_path / name, TABLE)
    files = sorted((tmp_path / "one").iterdir())
    assert files
    for file in files:
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    built(tmp_path, TABLE)
    (tmp_path / "above.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(SnapshotError, match=r"above\.npy"):
        Phenotypes.open(tmp_path)
    (tmp_path / "above.npy").unlink()
    with pytest.raises(SnapshotError, match=r"above\.npy"):
        Phenotypes.open(tmp_path)


def test_a_table_without_phenotypes_ranks_nothing(tmp_path: Path) -> None:
    assert built(tmp_path, []).rank([PAIN])["ranking"] == []


def test_a_term_that_is_none_of_the_ontology_is_named(tmp_path: Path) -> None:
    with pytest.raises(OntologyError, match="T:Unheard"):
        built(tmp_path, [annotation("D:1", "T:Unheard")])


@pytest.mark.parametrize(
    ("frequency", "share", "estimate"),
    [
        ("", None, 0.5),
        ("1/2", 0.5, 0.5),
        ("1/1", 1.0, 0.6),
        ("0/3", 0.0, 0.0),
        ("24.3%", 0.243, 0.243),
        (OBLIGATE, 1.0, 1.0),
        (EXCLUDED, 0.0, 0.0),
    ],
)
def test_frequencies_are_read_as_shares(
    frequency: str, share: float | None, estimate: float
) -> None:
    assert share_of(frequency) == (None if share is None else pytest.approx(share))
    assert estimate_of(frequency) == pytest.approx(estimate)


GOOD = "OMIM:1\tA\t\tHP:0003326\tPMID:1\tPCS\t\t1/2\t\t\tP\tHPO:x"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (GOOD + "\tmore", "13 columns instead of 12"),
        (GOOD.replace("\t\tHP", "\tPERHAPS\tHP"), "'PERHAPS' is neither NOT nor empty"),
        (GOOD.replace("OMIM:1", "OMIM1"), "database_id 'OMIM1' is no CURIE"),
        (GOOD.replace("HP:0003326", "myalgia"), "hpo_id 'myalgia' is no CURIE"),
        (GOOD.replace("1/2", "3/2"), "frequency '3/2'"),
        (GOOD.replace("1/2", "1/0"), "frequency '1/0'"),
        (GOOD.replace("1/2", "often"), "frequency 'often'"),
        (GOOD.replace("1/2", "HP:0003326"), "frequency 'HP:0003326'"),
        (GOOD.replace("\tP\t", "\tX\t"), "aspect 'X' is none of"),
        ("", "1 columns instead of 12"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "some.hpoa"
    head = "#version: 2025-01-16\n" + "\t".join(COLUMNS)
    file.write_text(f"{head}\n{GOOD}\n{line}\n", encoding="utf-8")
    with pytest.raises(OntologyError) as refused:
        read_hpoa(file)
    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith("some.hpoa, line 4: ")
    assert said in refused.value.problems[0]


def test_another_table_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "some.hpoa"
    file.write_text("database_id\thpo_id\n", encoding="utf-8")
    with pytest.raises(OntologyError, match="the columns are"):
        read_hpoa(file)
    file.write_text("#version: 1\n", encoding="utf-8")
    with pytest.raises(OntologyError, match="no row of columns"):
        read_hpoa(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OntologyError, match=r"some\.hpoa"):
        read_hpoa(file)


# -- the benchmark -----------------------------------------------------------------------------


def packet(disease: str | None, present: list[str], denied: str | None = None) -> str:
    """A phenopacket of version 2; `denied` is said the way of version 1."""
    features: list[dict[str, Any]] = [{"type": {"id": term}} for term in present]
    if denied:
        features.append({"type": {"id": denied}, "negated": True})
    diseases = [{"term": {"id": disease}}] if disease else []
    return json.dumps({"phenotypicFeatures": features, "diseases": diseases})


def test_the_benchmark_scores_phenopackets_and_counts_what_it_skips(tmp_path: Path) -> None:
    shutil.copy(HP_OBO, tmp_path / "hp.obo")
    shutil.copy(HPOA, tmp_path / "phenotype.hpoa")
    cases = tmp_path / "cases"
    cases.mkdir()
    for name, text in {
        "found": packet("OMIM:232600", [MYALGIA, CREATINE_KINASE, RHABDOMYOLYSIS], "HP:0030840"),
        "unannotated": packet("OMIM:1", [MYALGIA]),
        "silent": packet("OMIM:232600", []),
        "open": packet(None, [MYALGIA]),
        "list": "[]",
        "broken": "{",
    }.items():
        (cases / f"{name}.json").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, BENCHMARK, cases, "--hpo", tmp_path, "--half", "all", "--variants"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "| as served | 1 | 100.0% | 100.0% | 100.0% | 1.000 |" in done.stdout
    assert "| simGIC | 1 |" in done.stdout
    for skipped in (
        "1 with disease not annotated", "1 with no known phenotype present", "1 with no diagnosis",
        "2 with content that is no phenopacket",
    ):  # fmt: skip
        assert f"skipped: {skipped}" in done.stdout
