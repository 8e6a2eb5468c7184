"""The command line, called as a function and its output read."""

import json
from pathlib import Path

import pytest

from kg.__main__ import main
from tests.conftest import small_root

START = "causes of calf cramps relieved by rest"


@pytest.fixture
def folder(small_build: Path) -> list[str]:
    return ["--folder", str(small_build)]


def test_ask_prints_a_table(folder: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*folder, "ask", START]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Which conditions can cause cramp in the calf, relieved by rest?")
    lines = [line for line in out.splitlines() if line.startswith("  1")]
    assert lines[0].split()[1] == "claudication"
    assert "Health Service [S1]" in lines[0]
    assert "the opposite is recorded (relieved by: rest): restless legs" in out
    assert "does not diagnose" in " ".join(out.split())


def test_ask_prints_the_payload(folder: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*folder, "ask", START, "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["answers"][0]["entity"]["id"] == "etio:Claudication"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["ask", "hello"], "error: not understood: 'hello'"),
        (["ask", START, "--limit", "0"], "error: limit must be from 1 to 200"),
        (["entity", "etio:Nothing"], "error: there is no entity 'etio:Nothing'"),
        (["query", "treatments_of"], "error: condition is missing"),
        (["query", "nothing"], "error: there is no query 'nothing'"),
        (["explain", "clot", "etio:partOf", "calf"], "does not follow"),
        (["sparql", "ASK {}", "--endpoint", "http://127.0.0.1:1/sparql"], "cannot be reached"),
    ],
)
def test_errors_leave_by_standard_error_with_status_one(
    folder: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], error: str
) -> None:
    assert main([*folder, *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert error in captured.err


def test_suggestions_are_printed(folder: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*folder, "ask", "claudication"])
    assert "try: What are the symptoms of claudication?" in capsys.readouterr().err


def test_no_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(tmp_path), "ask", START]) == 1
    assert "run `python -m kg build` first" in capsys.readouterr().err


def test_a_failed_build_lists_its_problems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = small_root(tmp_path / "root")
    table = root / "ontology" / "facts" / "facts.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("smoking", "smokin"))
    monkeypatch.setattr("kg.builder.run.build.__defaults__", (root,))
    assert main(["--folder", str(tmp_path / "build"), "build", "--no-reasoner"]) == 1
    captured = capsys.readouterr()
    assert "build failed: 2 problem(s)" in captured.err
    assert "facts.tsv:2: value: no term is labelled 'smokin'; did you mean" in captured.err


def test_search_entity_query_and_explain(
    folder: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*folder, "search", "ache"]) == 0
    assert capsys.readouterr().out.split() == ["etio:Pain", "symptom", "pain", "(ache)"]
    assert main([*folder, "entity", "calf"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "region"
    assert main([*folder, "query", "treatments_of", "condition=claudication"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 1
    assert main([*folder, "query"]) == 0
    assert "treatments_of condition=" in capsys.readouterr().out
    assert main([*folder, "explain", "severe claudication", "etio:hasSymptom", "pain"]) == 0
    out = capsys.readouterr().out
    assert "SevereClaudication SubClassOf Claudication   [etio:F5, etio:S1]" in out


def test_coverage_says_what_is_missing(
    folder: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*folder, "coverage", "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    rows = {row["entity"]["label"]: row for row in payload["conditions"]}
    claudication = rows["claudication"]
    assert claudication["recorded"]["presentations"] == 3
    assert claudication["recorded"]["red_flags_with_urgency"] == 1
    assert "complications" in claudication["missing"]
    assert payload["described"] == len(rows)
    assert payload["aspects"]["red_flags"] == sum(r["recorded"]["red_flags"] > 0
                                                  for r in rows.values())  # fmt: skip
    assert main([*folder, "coverage"]) == 0
    assert "claudication: " in capsys.readouterr().out


def test_release_copies_the_files_and_spares_what_is_there(
    folder: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*folder, "release", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"etiograph.owl", "etiograph.ttl", "etiograph.nt.gz", "etiograph.zip",
                     "etiograph.sssom.tsv"}  # fmt: skip
    assert main([*folder, "release", str(tmp_path / "out")]) == 1
    assert "File exists" in capsys.readouterr().err
