"""The article that the project began with (source A001): each of its claims is answered."""

import csv
from collections.abc import Iterator
from typing import Any

import pytest

from kg.service import Service
from tests.conftest import ROOT

pytestmark = pytest.mark.graph
QUESTIONS = {
    "has_cause": "what causes the condition {0}",
    "has_risk_factor": "risk factors for {0}",
    "treated_by": "treatments for {0}",
    "prevented_by": "how is {0} prevented",
    "has_red_flag": "red flags of {0}",
}


def rows(table: str) -> list[dict[str, str]]:
    path = ROOT / "ontology" / "facts" / f"{table}.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        return [
            row
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if row["source_id"] == "A001"
        ]


def sources(answer: dict[str, Any]) -> Iterator[str]:
    for criterion in answer["criteria"]:
        for source in criterion["sources"]:
            yield source["id"]


def test_the_article_makes_thirty_four_claims() -> None:
    assert (len(rows("presentations")), len(rows("facts"))) == (9, 25)


@pytest.mark.parametrize("row", rows("facts"), ids=lambda row: row["fact_id"])
def test_each_fact_is_answered_from_the_article(leg: Service, row: dict[str, str]) -> None:
    payload = leg.ask(QUESTIONS[row["relation"]].format(row["condition"]), limit=200)
    answers = {answer["entity"]["label"]: answer for answer in payload["answers"]}
    assert row["value"] in answers
    assert "etio:A001" in set(sources(answers[row["value"]]))


@pytest.mark.parametrize("row", rows("presentations"), ids=lambda row: row["presentation_id"])
def test_each_presentation_is_answered_from_the_article(leg: Service, row: dict[str, str]) -> None:
    for region in row["region"].split(";"):
        where = f" in the {region}" if region else ""
        factors = filter(None, row["relieved_by"].split(";"))
        eased = "".join(f", relieved by {factor}" for factor in factors)
        payload = leg.ask(f"causes of {row['symptom']}{where}{eased}", limit=200)
        answers = {answer["entity"]["label"]: answer for answer in payload["answers"]}
        assert answers[row["condition"]]["match"] == "entailed"
        shown = {item["source"]["id"] for item in answers[row["condition"]]["presentations"]}
        assert "etio:A001" in shown


def test_the_articles_symptoms_are_listed_for_its_conditions(leg: Service) -> None:
    for row in rows("presentations"):
        payload = leg.ask(f"symptoms of {row['condition']}", limit=200)
        answers = {answer["entity"]["label"]: answer for answer in payload["answers"]}
        assert "etio:A001" in set(sources(answers[row["symptom"]]))
