"""What differs between two versions, on two small graphs with known differences."""

import json
import shutil
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.__main__ import main
from kg.builder.run import build
from kg.diff import QUESTIONS, compare_versions, longest_rising, open_named, read_questions
from kg.diff_text import text_of
from kg.snapshot import Snapshot, open_snapshot
from kg.views import DISCLAIMER, Json
from tests.conftest import ROOT, quietly, small_root
from web.home import EXAMPLE_GROUPS

LEG_PAIN = "causes of leg pain"
HORSE = "causes of a charley horse in the calf"
FLAGS = "red flags of claudication"
SAME = "how is clot diagnosed"
VERDICT = "is claudication relieved by rest"
ASKED = [LEG_PAIN, HORSE, FLAGS, SAME, VERDICT]


def _without(path: Path, *beginnings: str) -> None:
    """Leave out the lines of a table that begin so."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(beginnings)]
    assert len(kept) == len(lines) - len(beginnings)
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def changed_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small graph without a term, a synonym and a red flag, and with a new fact."""
    root = small_root(tmp_path_factory.mktemp("changed") / "root")
    ontology = root / "ontology"
    terms = ontology / "terms" / "small.ttl"
    removed = [block for block in terms.read_text(encoding="utf-8").split("\n\n")
               if not block.startswith("etio:RestlessLegs")]  # fmt: skip
    text = "\n\n".join(removed).replace('oboInOwl:hasRelatedSynonym "charley horse"@en ;\n', "")
    terms.write_text(text, encoding="utf-8")
    presentations, facts = (
        ontology / "facts" / f"{name}.tsv" for name in ("presentations", "facts")
    )
    _without(presentations, "P3\t", "P4\t", "P2\t")
    shown = presentations.read_text(encoding="utf-8")
    presentations.write_text(shown.replace("rest\ttypical", "rest\trare"), encoding="utf-8")
    _without(facts, "F4\t")
    with facts.open("a", encoding="utf-8") as file:
        file.write("F9\tclot\thas_risk_factor\tsmoking\t\t\tS1\n")
    build(root / "build", root, reasoner=False, say=quietly)
    return root / "build"


@pytest.fixture(scope="module")
def old(small_build: Path) -> Snapshot:
    return open_snapshot(small_build)


@pytest.fixture(scope="module")
def found(old: Snapshot, changed_build: Path) -> Json:
    return compare_versions(old, open_snapshot(changed_build), ASKED)


def _about(found: Json, question: str) -> Json:
    (item,) = (one for one in found["questions"] if one["question"] == question)
    return dict(item)


def _labels(items: list[Json]) -> set[str]:
    return {item["label"] for item in items}


def test_only_what_is_answered_otherwise_is_listed(found: Json) -> None:
    assert [item["question"] for item in found["questions"]] == [LEG_PAIN, HORSE, FLAGS, VERDICT]
    assert (found["differ"], found["asked"]) == (True, len(ASKED))


def test_an_answer_of_a_removed_term_is_lost(found: Json) -> None:
    item = _about(found, LEG_PAIN)
    assert "restless legs" in _labels(item["lost"])
    assert item["lost"][0]["rank"] >= 1
    assert "gained" not in item


def test_a_score_that_changed_is_told_from_and_to(found: Json, old: Snapshot) -> None:
    (item,) = (one for one in _about(found, LEG_PAIN)["scores"] if one["label"] == "claudication")
    assert item["old"] > item["new"]
    lenient = compare_versions(old, old, ASKED, threshold=0.0)
    assert [one for one in lenient["questions"] if "scores" not in one] == []


def test_words_that_are_no_longer_understood_are_told(found: Json) -> None:
    item = _about(found, HORSE)
    assert item["error"]["old"] is None
    assert "charley" in item["error"]["new"]


def test_a_red_flag_that_is_gone_is_told(found: Json) -> None:
    item = _about(found, FLAGS)
    assert "swelling (see_doctor) of the question" in item["red_flags_lost"]
    assert _labels(item["lost"]) == {"swelling"}


def test_evidence_that_is_gone_is_told(found: Json) -> None:
    assert "supporting: etio:P2-Leg" in _about(found, VERDICT)["evidence_lost"]


def test_rows_of_named_queries_are_compared_for_every_condition(
    old: Snapshot, changed_build: Path, found: Json
) -> None:
    assert found["run"] < 30
    every = compare_versions(old, open_snapshot(changed_build), [SAME], every=True)
    assert every["run"] > found["run"]
    (item,) = (
        one
        for one in every["queries"]
        if one["query"] == "risk_factors_of" and one["parameters"]["condition"] == "etio:Clot"
    )
    assert [row["claim"] for row in item["gained"]] == ["etio:F9"]
    gone = [one for one in every["queries"] if "etio:RestlessLegs" in one["parameters"].values()]
    assert all(one["error"]["new"] for one in gone if "error" in one)
    assert gone


def test_terms_and_facts_are_compared_too(found: Json) -> None:
    assert _labels(found["records"]["conditions"]["removed"]) == {"restless legs"}
    assert _labels(found["records"]["facts"]["added"]) == {"clot has the risk factor smoking"}
    assert found["old"]["triples"] != found["new"]["triples"]


def test_a_version_does_not_differ_from_itself(old: Snapshot) -> None:
    found = compare_versions(old, old, ASKED, every=True)
    assert not found["differ"]
    assert (found["questions"], found["queries"], found["records"]) == ([], [], {})


def test_what_is_imported_beside_the_graph_is_compared(
    old: Snapshot, small_build: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "build"
    shutil.copytree(small_build, folder)
    excerpt = ROOT / "tests" / "imports" / "hp-excerpt.obo"
    assert main(["--folder", str(folder), "import", str(excerpt), "--name", "hp"]) == 0
    found = compare_versions(old, open_snapshot(folder), ASKED)
    assert found["imports"] == [{"name": "hp", "old": None, "new": "2025-01-16"}]
    assert (found["questions"], found["queries"], found["records"]) == ([], [], {})
    assert "imported hp: not there → 2025-01-16" in text_of(found)


@given(st.permutations(range(7)))
def test_the_fewest_answers_are_said_to_have_moved(ranks: list[int]) -> None:
    kept = longest_rising(ranks)
    in_order = [rank for rank in ranks if rank in kept]
    assert all(one < other for one, other in pairwise(in_order))
    longer = combinations(ranks, len(kept) + 1)
    assert not any(all(a < b for a, b in pairwise(some)) for some in longer)


# -- the command -------------------------------------------------------------------------------


@pytest.fixture
def questions(tmp_path: Path) -> Iterator[list[str]]:
    path = tmp_path / "questions.txt"
    path.write_text("# asked\n" + "\n".join(ASKED), encoding="utf-8")
    yield ["--questions", str(path)]


def test_the_status_tells_whether_there_is_a_difference(
    small_build: Path,
    changed_build: Path,
    questions: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    pair = [str(small_build), str(changed_build)]
    assert main(["diff", *pair, *questions]) == 1
    out = capsys.readouterr().out
    assert "- restless legs, rank" in out
    assert "+ clot has the risk factor smoking (etio:F9)" in out
    assert "4 of 5 questions are answered otherwise" in out
    assert DISCLAIMER in out
    assert main(["diff", *pair, *questions, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["asked"] == len(ASKED)
    version = open_snapshot(small_build).version
    assert main(["--folder", str(small_build), "diff", version, pair[0], *questions]) == 0
    assert "Nothing differs." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nothing", "{build}"], "'nothing' is no snapshot"),
        (["{build}", "{build}", "--questions", "/nothing"], "cannot be read"),
        (["{build}", "{build}", "--questions", "/dev/null"], "has no question"),
    ],
)
def test_what_cannot_be_compared_has_a_status_of_its_own(
    small_build: Path, given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [text.format(build=small_build) for text in given]
    assert main(["--folder", str(small_build), "diff", *filled]) == 2
    assert said in capsys.readouterr().err


def test_a_snapshot_is_named_by_directory_or_version(small_build: Path) -> None:
    version = open_snapshot(small_build).version
    for name in (version, str(small_build), str(small_build / version)):
        assert open_named(name, small_build).version == version


def test_the_questions_of_the_home_page_are_among_those_compared() -> None:
    shown = {text for _, examples in EXAMPLE_GROUPS for text in examples}
    assert shown <= set(read_questions(QUESTIONS))


@pytest.mark.graph
def test_every_question_that_is_compared_is_understood(leg_build: Path) -> None:
    snapshot = open_snapshot(leg_build)
    found = compare_versions(snapshot, snapshot, read_questions(QUESTIONS), threshold=0.0)
    assert not [item for item in found["questions"] if "scores" not in item and len(item) > 1]
