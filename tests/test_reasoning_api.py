"""Questions as data over HTTP: the same answers as in words, and errors that say what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from kg.__main__ import main
from kg.service import Service

pytestmark = pytest.mark.graph
QUESTION = {
    "findings": [
        [
            {"role": "symptom", "value": "etio:Cramp"},
            {"role": "region", "value": "calf"},
            {"role": "relieved_by", "value": "rest"},
        ]
    ]
}


def found(payload: Any) -> list[tuple[str, float]]:
    return [(answer["entity"]["id"], answer["score"]) for answer in payload["answers"]]


def test_words_parameters_and_structure_have_the_same_answers(client: FlaskClient) -> None:
    words = client.get("/ask?q=causes+of+calf+cramps+relieved+by+rest").json
    structure = client.post("/api/v1/questions", json=QUESTION).json
    parameters = client.get("/api/v1/causes?symptom=cramp&region=calf&relieved_by=rest").json
    assert words is not None
    assert found(words)
    assert found(words) == found(structure) == found(parameters)
    again = client.post(
        "/api/v1/questions",
        json={key: words["question"][key] for key in ("ask", "findings", "absent", "person")},
    ).json
    assert found(again) == found(words)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ([], "the question must be an object"),
        ({}, "needs a subject"),
        ({"findings": [[]]}, "1 to 20 criteria"),
        ({"findings": [[{"role": "colour", "value": "x"}]]}, "role must be one of"),
        ({"findings": [[{"role": "symptom", "value": "nonsense"}]]}, "symptom: no entity"),
        ({"finding": []}, "has no 'finding'"),
        ({"ask": "weather"}, "ask must be one of"),
        ({"subject": "calf"}, "subject must be a condition"),
        ({**QUESTION, "person": {"age": "old"}}, "age must be a whole number"),
        ({**QUESTION, "person": {"sex": "x"}}, "sex must be one of"),
    ],
)
def test_a_question_that_is_none_is_refused(client: FlaskClient, body: object, part: str) -> None:
    response = client.post("/api/v1/questions", json=body)
    assert response.status_code == 422
    assert part in response.get_json()["detail"]


def test_an_unknown_parameter_is_named(client: FlaskClient) -> None:
    response = client.get("/api/v1/causes?colour=red")
    assert response.status_code == 422
    assert "'colour'" in response.get_json()["detail"]


def test_what_is_absent_and_who_it_is_change_the_order(client: FlaskClient) -> None:
    plain = client.get("/api/v1/causes?symptom=pain&region=calf&limit=200").json
    person = client.get(
        "/api/v1/causes?symptom=pain&region=calf&age=70&risk_factor=smoking&limit=200"
    ).json
    without = client.get("/api/v1/causes?symptom=pain&region=calf&without=etio:Swelling&limit=200")
    assert {one for one, _ in found(plain)} == {one for one, _ in found(person)}

    def place(payload: Any, one: str) -> int:
        return [name for name, _ in found(payload)].index(one)

    artery, clot = "etio:PeripheralArteryDisease", "etio:DeepVeinThrombosis"
    assert place(person, artery) < place(plain, artery)
    assert place(without.get_json(), clot) > place(plain, clot)


def test_conditions_are_told_apart(client: FlaskClient) -> None:
    payload = client.post("/api/v1/differential", json={"candidates": ["gout", "pseudogout"]}).json
    assert payload is not None
    assert [one["label"] for one in payload["candidates"]] == ["gout", "pseudogout"]
    assert payload["questions"]
    assert client.post("/api/v1/differential", json={"candidates": ["gout"]}).status_code == 422


def test_a_statement_is_weighed(client: FlaskClient) -> None:
    payload = client.post("/api/v1/verify", json={"sentence": "Is claudication relieved by rest?"})
    assert payload.get_json()["verdict"] == "supported"
    assert client.post("/api/v1/verify", json={"sentence": "hello"}).status_code == 422
    assert client.post("/api/v1/verify", data="x").status_code == 422


def test_nothing_with_an_emergency_is_kept_silent(client: FlaskClient) -> None:
    for limit in (1, 5):
        payload = client.get(f"/ask?q=calf+pain+and+swelling&limit={limit}").json
        assert payload is not None
        everything = client.get("/ask?q=calf+pain+and+swelling&limit=200").json
        assert everything is not None
        shown = {answer["entity"]["id"] for answer in payload["answers"]}
        hidden = {item["entity"]["id"] for item in payload["suppressed"]}
        flagged = {a["entity"]["id"] for a in everything["answers"] if a["red_flags"]}
        assert flagged <= shown | hidden
        assert not shown & hidden


def test_what_can_be_left_out_is_offered(client: FlaskClient) -> None:
    payload = client.get("/ask?q=calf+cramps+worse+in+cold+relieved+by+bending+forward").json
    assert payload is not None
    assert payload["next_steps"]["conflicts"]
    step = payload["next_steps"]["relaxations"][0]
    again = client.get("/ask", query_string={"q": step["sentence"], "limit": 200}).json
    assert again is not None
    assert sum(answer["match"] == "entailed" for answer in again["answers"]) == step["count"]


def test_every_proof_of_an_answer_checks(leg: Service, tmp_path: Path) -> None:
    payload = leg.ask("causes of calf cramps relieved by rest")
    file = tmp_path / "proof.json"
    for answer in payload["answers"][:5]:
        file.write_text(json.dumps(answer["proof"]))
        assert leg.recheck(file)["holds"]
    assert main(["verify", str(file)]) == 0
    proof = payload["answers"][0]["proof"]
    proof["triples"][0][2] = "etio:Gout"
    file.write_text(json.dumps(proof))
    assert not leg.recheck(file)["holds"]


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_yes_or_no_and_comparisons_are_answered_too(client: FlaskClient, accept: str) -> None:
    asked = {
        "Is claudication relieved by rest?": "verdict",
        "what do gout and pseudogout share?": "differential",
        "how do gout and pseudogout differ?": "differential",
    }
    for question, key in asked.items():
        response = client.get("/ask", query_string={"q": question}, headers={"Accept": accept})
        assert response.status_code == 200
        if accept == "application/json":
            assert response.get_json()[key]
        else:
            assert "gout" in response.text or "sources say so" in response.text
