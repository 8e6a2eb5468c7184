"""What the leg graph answers: the promises, and agreement between words, SPARQL and index."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadParameter
from kg.questions import ASKS, Criterion, Finding, Question, sparql
from kg.reading import Reading
from kg.records import ROLES
from kg.service import Service

pytestmark = pytest.mark.graph
START = "causes of calf cramps relieved by rest"


def labels(payload: dict[str, Any]) -> list[str]:
    return [answer["entity"]["label"] for answer in payload["answers"]]


def test_calf_cramps_relieved_by_rest(leg: Service) -> None:
    payload = leg.ask(START, limit=200)
    assert labels(payload)[0] == "peripheral artery disease"
    entailed = [a["entity"]["label"] for a in payload["answers"] if a["match"] == "entailed"]
    assert set(entailed[1:]) == {
        "aorto-iliac occlusive disease",
        "intermittent claudication",
        "popliteal artery entrapment syndrome",
        "chronic limb-threatening ischaemia",
    }
    assert "restless legs syndrome" not in labels(payload)
    assert "restless legs syndrome" in [a["entity"]["label"] for a in payload["contradicted"]]


def test_the_presentation_that_meets_most_is_the_one_compared(leg: Service) -> None:
    """Heat cramp: cramp in the calf, and, in another row, cramp in the leg relieved by rest."""
    answers = {a["entity"]["label"]: a for a in leg.ask(START, limit=200)["answers"]}
    statuses = [criterion["status"] for criterion in answers["heat cramp"]["criteria"]]
    assert statuses == ["entailed", "compatible", "entailed"]


def test_every_answer_has_its_presentations_and_sources(leg: Service) -> None:
    for answer in leg.ask(START, limit=200)["answers"]:
        assert answer["presentations"]
        for criterion in answer["criteria"]:
            recorded = criterion["status"] in ("entailed", "compatible")
            assert bool(criterion["presentation"]) is recorded
            assert bool(criterion["sources"]) is recorded


def test_payload_has_the_promised_keys(leg: Service) -> None:
    payload = leg.ask(START)
    assert payload.keys() >= {
        "question", "canonical", "ignored", "answers", "total", "version", "disclaimer", "sparql",
    }  # fmt: skip
    first = payload["answers"][0]
    assert first.keys() >= {"rank", "entity", "score", "match", "criteria", "red_flags"}
    assert first["entity"] == {
        "id": "etio:PeripheralArteryDisease",
        "iri": "https://w3id.org/etiograph/PeripheralArteryDisease",
        "label": "peripheral artery disease",
        "kind": "condition",
    }
    criterion = first["criteria"][0]
    assert criterion.keys() >= {"criterion", "status", "presentation", "sources"}
    assert criterion["sources"][0].keys() >= {"id", "publisher", "url"}


@pytest.mark.parametrize("ask", [ask for ask in ASKS if ask != "conditions"])
def test_every_kind_of_question_has_the_same_shape(leg: Service, ask: str) -> None:
    answerer = leg.answerer
    payloads = (
        answerer.answer(Reading(Question(ask, condition)))
        for condition in sorted(leg.index.presentations_of)
    )
    payload = next(payload for payload in payloads if payload["total"])
    for answer in payload["answers"]:
        assert answer.keys() >= {"rank", "entity", "score", "match", "criteria", "red_flags"}
        assert all(criterion["sources"] for criterion in answer["criteria"])


def test_ranks_scores_and_pages(leg: Service) -> None:
    whole = leg.ask(START, limit=200)
    assert [answer["rank"] for answer in whole["answers"]] == list(range(1, whole["total"] + 1))
    scores = [answer["score"] for answer in whole["answers"]]
    assert scores == sorted(scores, reverse=True)
    page = leg.ask(START, limit=5, offset=5)
    assert page["answers"] == whole["answers"][5:10]
    assert leg.ask(START, limit=5, offset=10_000)["answers"] == []


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (-1, 0), (201, 0), (10, -1)])
def test_a_limit_out_of_bounds_is_refused(leg: Service, limit: int, offset: int) -> None:
    with pytest.raises(BadParameter):
        leg.ask(START, limit, offset)


def test_a_symptom_defined_by_its_place_is_filled_by_the_reasoner(leg: Service) -> None:
    """Leg swelling is swelling in the leg: no row says 'leg swelling', and many entail it."""
    one = leg.ask("causes of leg swelling", limit=200)
    other = leg.ask("causes of swelling in the calf", limit=200)
    entailed = {a["entity"]["id"] for a in one["answers"] if a["match"] == "entailed"}
    in_the_calf = {a["entity"]["id"] for a in other["answers"] if a["match"] == "entailed"}
    assert len(entailed) > len(in_the_calf) > 0
    assert in_the_calf <= entailed


def test_sources_that_disagree_are_kept_side_by_side(leg: Service) -> None:
    """Ice in erythromelalgia relieves, and is named among what makes it worse or harms."""
    payload = leg.ask("what relieves erythromelalgia")
    assert "cold" in labels(payload)


@given(st.data())
def test_the_sparql_of_a_question_gives_its_entailed_answers(
    leg: Service, data: st.DataObject
) -> None:
    question = data.draw(finding_questions(leg))
    answers = [
        answer
        for offset in (0, 200)
        for answer in leg.answerer.answer(Reading(question), 200, offset)["answers"]
    ]
    found = leg.snapshot.dataset.query(sparql(question))
    from_sparql = {str(row[0]) for row in found}  # type: ignore[index]
    entailed = {a["entity"]["iri"] for a in answers if a["match"] == "entailed"}
    assert from_sparql == entailed


@pytest.mark.parametrize("ask", [ask for ask in ASKS if ask != "conditions"])
def test_the_sparql_of_a_question_about_a_condition_gives_its_answers(
    leg: Service, ask: str
) -> None:
    choose = random.Random(ask)  # noqa: S311 - a test's data
    for condition in choose.sample(sorted(leg.index.presentations_of), 12):
        question = Question(ask, condition)
        payload = leg.answerer.answer(Reading(question), limit=200)
        found = leg.snapshot.dataset.query(sparql(question))
        assert {str(row[0]) for row in found} == {  # type: ignore[index]
            answer["entity"]["iri"] for answer in payload["answers"]
        }


def finding_questions(leg: Service) -> st.SearchStrategy[Question]:
    """Questions about one or two findings, some as recorded, some more general, some at random."""
    presentations = sorted(leg.index.presentations)

    def finding(drawn: tuple[str, set[str], random.Random]) -> Finding:
        presentation = leg.index.presentations[drawn[0]]
        values = {
            role: drawn[2].choice(presentation.entailed[role])
            for role in ROLES
            if role in drawn[1] and presentation.entailed[role]
        }
        values.setdefault("symptom", presentation.entailed["symptom"][0])
        return Finding.of([Criterion(role, value) for role, value in values.items()])

    findings = st.tuples(
        st.sampled_from(presentations),
        st.sets(st.sampled_from(ROLES)),
        st.randoms(use_true_random=False),
    ).map(finding)
    return st.lists(findings, min_size=1, max_size=2).map(
        lambda found: Question("conditions", findings=tuple(found))
    )
