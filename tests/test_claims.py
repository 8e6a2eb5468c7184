"""Statements checked against the sources, and proofs of answers checked against the graph."""

import copy
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadParameter, NoProof, NotUnderstood, RequestError
from kg.matching import Matcher, Status
from kg.proving import Prover
from kg.queries import select_from
from kg.questions import Criterion, Finding
from kg.rechecking import MAX_TRIPLES, recheck, recheck_file
from kg.service import Service

Json = dict[str, Any]
QUESTIONS = (
    "causes of calf cramps relieved by rest",
    "leg pain worse with walking",
    "pain and swelling in the calf",
    "burning foot pain at night",
    "knee pain when climbing stairs",
    "hip pain on both sides",
    "numbness in the toes",
    "thigh pain worse with sitting",
    "shin pain triggered by running",
    "conditions of the heel",
    "treatments for plantar fasciitis",
    "how can muscle cramps be prevented",
    "risk factors for deep vein thrombosis",
    "causes of plantar fasciitis",
    "symptoms of restless legs syndrome",
    "red flags of sciatica",
    "how is deep vein thrombosis diagnosed",
    "complications of deep vein thrombosis",
    "what relieves restless legs",
    "what relieves cramp in the calf",
)
SMALL_QUESTIONS = (
    "calf cramps relieved by rest",
    "cramp in the calf muscle",
    "leg pain worse with walking",
    "pain relieved by cold",
    "treatments for severe claudication",
    "symptoms of severe claudication",
    "what relieves cramp in the calf",
)


WORDS = (
    *("claudication", "restless legs", "strain", "clot", "cramp", "pain", "calf", "leg", "rest"),
    *("walking", "night", "smoking", "is", "not", "does", "relieved by", "worse with", "relieve"),
    *("make", "worse", "better", "cause", "caused by", "in", "of", "with", "symptom of", "and"),
    *("risk factor for", "treated with", "or", "i", "?", "'", "é", "\ud800", "%"),
)


def checked(service: Service, sentence: str) -> Json:
    return service.verify({"sentence": sentence})


def rechecked(service: Service, proof: object) -> Json:
    select = select_from(service.snapshot.dataset)
    return recheck(proof, service.index, select, service.version)


def proofs_of(service: Service, text: str) -> list[Json]:
    reading = service.reader.read(text)
    answers = service.answerer.answer(reading, 200)["answers"]
    prover = Prover(service.index, service.version)
    return [prover.of_answer(reading.question, answer) for answer in answers]


# -- statements ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("Is claudication relieved by rest?", "supported"),
        ("severe claudication is relieved by rest", "supported"),
        ("claudication is not relieved by rest", "contradicted"),
        ("isn't claudication relieved by rest", "contradicted"),
        ("restless legs is relieved by rest", "contradicted"),
        ("restless legs is relieved by sitting", "contradicted"),
        ("restless legs is not relieved by rest", "supported"),
        ("does rest relieve calf cramps?", "mixed"),
        ("pain of claudication is relieved by rest", "supported"),
        ("pain in the leg is relieved by rest", "mixed"),
        ("does walking make restless legs worse?", "contradicted"),
        ("strain is brought on by walking", "supported"),
        ("claudication is worse with rest", "contradicted"),
        ("clot is relieved by cold", "supported"),
        ("clot is relieved by walking", "not_recorded"),
        ("clot is not relieved by walking", "not_recorded"),
        ("restless legs is worse at night", "supported"),
        ("is strain in the leg", "supported"),
        ("strain is in the calf", "not_recorded"),
        ("cramp in the leg is a symptom of claudication", "supported"),
        ("claudication causes calf cramps", "supported"),
        ("smoking is a risk factor for severe claudication", "supported"),
        ("smoking raises the risk of clot", "not_recorded"),
        ("claudication is treated with exercise training", "supported"),
        ("is swelling a red flag of claudication", "supported"),
        ("ultrasound diagnoses clot", "supported"),
        ("can clot be mistaken for strain", "supported"),
        ("clot is a complication of severe claudication", "supported"),
        ("clot is a complication of claudication", "not_recorded"),
        ("clot is a symptom of severe claudication", "supported"),
    ],
)
def test_verdicts(small: Service, sentence: str, verdict: str) -> None:
    assert checked(small, sentence)["verdict"] == verdict


def test_every_side_has_its_sources(small: Service) -> None:
    payload = checked(small, "cramp in the calf is relieved by rest")
    assert {item["source"]["id"] for item in payload["supporting"]} == {"etio:S1"}
    against = {item["presentation"]["id"]: item for item in payload["contradicting"]}
    assert against["etio:P4-Leg"]["source"]["id"] == "etio:S2"
    assert against["etio:P4-Leg"]["because"]["role"] == "triggered_by"
    assert payload["statement"] == "cramp in the calf may be relieved by rest"
    assert payload["version"] == small.version


def test_a_denial_swaps_the_sides_and_says_so(small: Service) -> None:
    plain = checked(small, "claudication is treated with exercise training")
    denied = checked(small, "claudication is not treated with exercise training")
    ids = [item["claim"]["id"] for item in plain["supporting"]]
    assert [item["claim"]["id"] for item in denied["contradicting"]] == ids == ["etio:F3"]
    assert denied["negated"] and denied["note"].startswith("The statement denies")
    assert denied["statement"].startswith("It is not so that claudication")


def test_a_symptom_that_is_also_a_condition_is_read_both_ways(small: Service) -> None:
    """In the small graph 'calf cramp' is a synonym of strain too."""
    readings = checked(small, "calf cramp is relieved by sitting")["readings"]
    assert [item["statement"] for item in readings] == [
        "strain may be relieved by sitting",
        "cramp in the calf may be relieved by sitting",
    ]


def test_what_is_nearly_recorded_is_related_and_no_support(small: Service) -> None:
    payload = checked(small, "strain is in the calf")
    assert payload["supporting"] == []
    assert [item["presentation"]["id"] for item in payload["related"]] == ["etio:P5-LowerLeg"]
    assert "not make it false" in payload["note"]


@pytest.mark.parametrize(
    "sentence",
    [
        "hello",
        "claudication",
        "claudication is treated",
        "claudication is relieved by",
        "is relieved by rest",
        "claudication is always relieved by rest",
        "claudication is relieved by not walking",
        "claudication is not never relieved by rest",
        "claudication is relieved by chocolate",
        "it is relieved by rest or walking",
        "strain is in the walking",
        "claudication is relieved by rest and walking",
        "x" * 501,
        " ?",
    ],
)
def test_what_is_not_understood_is_refused_with_suggestions(small: Service, sentence: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        checked(small, sentence)
    assert refused.value.suggestions


@pytest.mark.parametrize(
    "name", ["etio:treatedBy", "treated by", "may be treated by", "treated_by"]
)
def test_a_triple_is_checked_as_its_sentence(small: Service, name: str) -> None:
    triple = {"subject": "etio:Claudication", "property": name, "object": "exercise training"}
    payload = small.verify(triple)
    assert payload["verdict"] == "supported"
    assert payload["statement"] == "claudication may be treated by exercise training"


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"sentence": 1},
        {"sentence": "a", "subject": "b"},
        {"subject": "claudication", "property": "etio:partOf", "object": "rest"},
        {"subject": "claudication", "property": "treated by", "object": "etio:Nothing"},
        {"subject": "smoking", "property": "treated by", "object": "rest"},
    ],
)
def test_other_requests_are_refused(small: Service, data: object) -> None:
    with pytest.raises(BadParameter):
        small.verify(data)


@pytest.mark.graph
@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("Is claudication relieved by rest?", "supported"),
        ("gout is treated with colchicine", "supported"),
        ("gout is not treated with colchicine", "contradicted"),
        ("plantar fasciitis is worse in the morning", "supported"),
        ("surgery is a risk factor for DVT", "supported"),
        ("DVT is a complication of surgery", "not_recorded"),
        ("calf pain is a symptom of DVT", "supported"),
        ("restless legs syndrome is relieved by rest", "contradicted"),
        ("calf pain is relieved by rest", "mixed"),
    ],
)
def test_verdicts_on_the_leg_graph(leg: Service, sentence: str, verdict: str) -> None:
    assert checked(leg, sentence)["verdict"] == verdict


# -- proofs --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SMALL_QUESTIONS)
def test_proofs_of_the_small_graph_hold(small: Service, text: str) -> None:
    proofs = proofs_of(small, text)
    assert proofs
    assert all(rechecked(small, json.loads(json.dumps(proof)))["holds"] for proof in proofs)


@pytest.mark.graph
@pytest.mark.parametrize("text", QUESTIONS)
def test_proofs_of_the_leg_graph_hold_and_so_do_their_queries(leg: Service, text: str) -> None:
    proofs = proofs_of(leg, text)
    assert proofs
    for proof in proofs:
        result = rechecked(leg, json.loads(json.dumps(proof)))
        assert (result["holds"], result["version_matches"], result["missing"]) == (True, True, [])
        assert leg.snapshot.dataset.query(proof["sparql"]).askAnswer


def test_a_proof_has_no_triple_too_many(small: Service) -> None:
    """Without any one of its triples the conclusion is not reached."""
    for text in SMALL_QUESTIONS:
        for proof in proofs_of(small, text):
            if "relation" in proof["conclusion"] and len(proof["triples"]) > 5:
                continue  # of several claims each suffices
            for place in range(len(proof["triples"])):
                cut = copy.deepcopy(proof)
                del cut["triples"][place]
                assert not cut["triples"] or rechecked(small, cut)["faults"], proof["statement"]


@pytest.fixture
def proof(small: Service) -> Json:
    return proofs_of(small, "calf cramps relieved by rest")[0]


def test_a_proof_names_what_it_rests_on(proof: Json) -> None:
    assert proof["triples"] == [
        ["etio:Claudication", "etio:hasPresentation", "etio:P1-Calf"],
        ["etio:P1-Calf", "rdfs:subClassOf", "etio:Cramp"],
        ["etio:P1-Calf", "etio:locatedIn", "etio:Calf"],
        ["etio:P1-Calf", "etio:relievedBy", "etio:Rest"],
        ["etio:P1-Calf", "dcterms:source", "etio:S1"],
    ]
    assert proof["statement"] == (
        "claudication answers: Which conditions can cause cramp in the calf, relieved by rest?"
    )
    assert proof["not_proved"] == []


def test_a_triple_that_is_not_there_is_named(small: Service, proof: Json) -> None:
    proof["triples"][3][2] = "etio:Walking"
    result = rechecked(small, proof)
    assert not result["holds"]
    assert result["missing"] == [["etio:P1-Calf", "etio:relievedBy", "etio:Walking"]]
    assert "no presentation with a source meets finding 1" in result["faults"]


def test_a_statement_or_query_or_conclusion_that_says_more_is_found(
    small: Service, proof: Json
) -> None:
    lie = {**proof, "statement": proof["statement"].replace("claudication", "clot")}
    assert "which reads: claudication answers" in rechecked(small, lie)["faults"][0]
    empty = {**proof, "sparql": "ASK {}"}
    assert rechecked(small, empty)["faults"] == ["the query does not ask for the triples"]
    more = copy.deepcopy(proof)
    more["conclusion"]["condition"] = "etio:Clot"
    assert not rechecked(small, more)["holds"]
    more["conclusion"]["condition"] = "etio:Nothing"
    assert "there is no entity 'etio:Nothing'" in rechecked(small, more)["faults"]


def test_another_version_is_told(small: Service, proof: Json) -> None:
    result = rechecked(small, {**proof, "version": "other"})
    assert result["holds"] and not result["version_matches"]


def test_what_is_not_recorded_is_not_proved(small: Service) -> None:
    asked = Finding.of([Criterion("symptom", "etio:Pain"), Criterion("timing", "etio:Night")])
    prover = Prover(small.index, small.version)
    proof = prover.of_presentations("etio:Strain", [asked], ["etio:P5-LowerLeg"])
    assert proof["not_proved"] == [{"role": "timing", "value": "etio:Night"}]
    with pytest.raises(NoProof):
        prover.of_presentations("etio:Clot", [asked], ["etio:P5-LowerLeg"])


@pytest.mark.parametrize(
    "change",
    [
        {"triples": []},
        {"triples": "all"},
        {"triples": [["a", "b", "c"]]},
        {"triples": [["etio:A", "etio:b"]]},
        {"triples": [["etio:A> ?p ?o } #", "etio:b", "etio:c"]]},
        {"triples": [["etio:A", "etio:b", "etio:C"]] * (MAX_TRIPLES + 1)},
        {"conclusion": None},
        {"conclusion": {"condition": "etio:Clot", "findings": []}},
        {"conclusion": {"condition": [], "findings": [[{"role": "x"}]]}},
        {"conclusion": {"subject": "etio:Clot", "relation": "x", "value": "etio:Rest"}},
    ],
)
def test_what_is_no_proof_is_refused(small: Service, proof: Json, change: Json) -> None:
    with pytest.raises(BadParameter):
        rechecked(small, {**proof, **change})


def test_a_proof_is_read_from_a_file(small: Service, proof: Json, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    select = select_from(small.snapshot.dataset)
    file.write_text(json.dumps(proof), encoding="utf-8")
    assert recheck_file(file, small.index, select, small.version)["holds"]
    for wrong in (b"[" * 100_000, b"\xff", b"{", b" " * 1_000_001):
        file.write_bytes(wrong)
        with pytest.raises(BadParameter):
            recheck_file(file, small.index, select, small.version)
    with pytest.raises(BadParameter):
        recheck_file(tmp_path, small.index, select, small.version)


@given(st.lists(st.sampled_from(WORDS), max_size=9))
def test_any_words_have_a_verdict_or_are_refused(small: Service, words: list[str]) -> None:
    try:
        payload = checked(small, " ".join(words))
    except RequestError:
        return
    sides = (bool(payload["supporting"]), bool(payload["contradicting"]))
    verdicts = {(True, True): "mixed", (True, False): "supported", (False, True): "contradicted"}
    assert payload["verdict"] == verdicts.get(sides, "not_recorded")


def test_a_contradiction_in_matching_is_one_in_a_check(small: Service) -> None:
    """Of the pain of every condition, and every factor of the small graph."""
    matcher, index = Matcher(small.index), small.index
    factors = [one.id for one in index.entities.values() if one.kind == "factor"]
    found = 0
    for condition in index.presentations_of:
        for role, factor in product(("relieved_by", "aggravated_by", "triggered_by"), factors):
            asked = (Criterion("symptom", "etio:Pain"), Criterion(role, factor))
            match = matcher.match(condition, Finding.of(asked))
            if match is not None and match.statuses == (Status.ENTAILED, Status.CONTRADICTED):
                said = f"is {role.replace('_', ' ')} {index.label(factor)}"
                payload = checked(small, f"pain of {index.label(condition)} {said}")
                assert payload["verdict"] in ("contradicted", "mixed"), payload["statement"]
                found += 1
    assert found > 5
