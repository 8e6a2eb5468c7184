"""Telling conditions apart: counted by hand on the small graph, tried on the leg graph."""

import math
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.cover import fewest
from kg.differential import Differential
from kg.errors import BadParameter
from kg.features import Feature, Wording
from kg.questions import Question
from kg.reading import Reading
from kg.service import Service
from kg.views import Json, Views


def differential(service: Service) -> Differential:
    answerer = service.answerer

    def rank(question: Question) -> list[str]:
        return [a["entity"]["id"] for a in answerer.answer(Reading(question))["answers"]]

    return Differential(service.matcher, Views(service.index), service.version, rank)


def apart(service: Service, *candidates: str) -> Json:
    return differential(service).tell_apart({"candidates": list(candidates)})


def row(payload: Json, feature: str) -> Json:
    return next(row for row in payload["rows"] if row["feature"] == feature)


def statuses(payload: Json, feature: str) -> list[str]:
    return [cell["status"] for cell in row(payload, feature)["cells"]]


def features(rows: Sequence[Json]) -> list[str]:
    return [each["feature"] for each in rows]


def asked(payload: Json) -> list[str]:
    return [each["question"] for each in payload["questions"]]


# -- the table -----------------------------------------------------------------------------


def test_what_separates_two_conditions_best_first(small: Service) -> None:
    payload = apart(small, "strain", "claudication")
    assert features(payload["rows"]) == [
        "pain in the thigh",
        "pain in the calf",
        "cramp",
        "risk factor: smoking",
        "pain relieved by sitting",
    ]
    assert statuses(payload, "pain in the thigh") == ["not_recorded", "entailed"]
    assert statuses(payload, "pain in the calf") == ["compatible", "entailed"]
    assert statuses(payload, "pain relieved by sitting") == ["entailed", "compatible"]


def test_what_conditions_share_at_its_most_specific(small: Service) -> None:
    """P1 is in the calf and by walking, P5 in the lower leg and by walking: the calf is not."""
    payload = apart(small, "strain", "claudication")
    assert features(payload["shared"]) == [
        "pain in the lower leg",
        "pain relieved by rest",
        "pain triggered by walking",
    ]


def test_the_opposite_separates_most(small: Service) -> None:
    payload = apart(small, "claudication", "restless legs")
    first = payload["rows"][0]
    assert first["feature"] == "pain relieved by rest"
    assert [cell["presentations"] for cell in first["cells"]] == [
        ["etio:P1-Calf", "etio:P1-Thigh", "etio:P2-Leg"],
        ["etio:P4-Leg"],
    ]
    assert statuses(payload, "pain relieved by rest") == ["entailed", "contradicted"]
    assert payload["questions"] == [
        {
            "question": "Is the pain relieved by rest?",
            "row": 0,
            "separates": [{"pair": ["etio:Claudication", "etio:RestlessLegs"], "how": "opposed"}],
        }
    ]


def entropy(chance: float) -> float:
    return -chance * math.log2(chance) - (1 - chance) * math.log2(1 - chance)


def test_the_worth_of_a_row_is_the_information_of_its_answer(small: Service) -> None:
    payload = apart(small, "claudication", "clot")
    opposed = entropy(0.95 * 1.05 / 2) - (entropy(0.95) + entropy(0.0475)) / 2
    unknown = entropy(0.95 * 1.5 / 2) - (entropy(0.95) + entropy(0.475)) / 2
    rare = entropy(0.1 * 1.5 / 2) - (entropy(0.1) + entropy(0.05)) / 2
    assert row(payload, "pain relieved by rest")["bits"] == round(opposed, 4)
    assert row(payload, "swelling")["bits"] == round(unknown, 4)
    assert row(payload, "pain timed as at rest")["bits"] == round(rare, 4)
    assert opposed > unknown > rare


def test_a_claim_and_a_test_are_rows_with_their_sources(small: Service) -> None:
    payload = apart(small, "claudication", "clot")
    smoking = row(payload, "risk factor: smoking")
    assert smoking["kind"] == "risk_factor"
    assert smoking["cells"][0]["claims"] == ["etio:F1", "etio:F2"]
    assert [source["id"] for source in smoking["cells"][0]["sources"]] == ["etio:S1", "etio:S2"]
    assert row(payload, "test: ultrasound")["kind"] == "test"


def test_a_condition_and_its_kind_may_be_inseparable(small: Service) -> None:
    payload = apart(small, "claudication", "severe claudication")
    pairs = [[each["label"] for each in pair] for pair in payload["inseparable"]]
    assert pairs == [["claudication", "severe claudication"]]
    assert (payload["rows"], payload["questions"]) == ([], [])
    assert payload["minimal"]


def test_red_flags_stand_with_the_candidates(small: Service) -> None:
    payload = apart(small, "claudication", "clot")
    flags = payload["candidates"][0]["red_flags"]
    assert [flag["entity"]["label"] for flag in flags] == ["swelling"]
    assert (payload["version"], bool(payload["disclaimer"])) == (small.version, True)


def test_what_sources_say_of_confusing_candidates_is_given(small: Service) -> None:
    assert [c["id"] for c in apart(small, "clot", "strain")["confusions"]] == ["etio:F7"]
    assert apart(small, "clot", "claudication")["confusions"] == []


# -- questions -----------------------------------------------------------------------------


def test_the_fewest_questions_separate_all_pairs(small: Service) -> None:
    """Two questions tell four apart at most; no two rows here do, three do."""
    names = ["claudication", "restless legs", "strain", "clot"]
    payload = apart(small, *names)
    separated = [{tuple(one["pair"]) for one in q["separates"]} for q in payload["questions"]]
    assert len(set().union(*separated)) == 6
    assert payload["minimal"]
    assert asked(payload) == [
        "Is the pain relieved by rest?",
        "Is the pain relieved by walking?",
        "Is there any pain in the thigh?",
    ]
    pairs = [_separated(each) for each in payload["rows"] if each["kind"] != "test"]
    assert all(len(one | other) < 6 for one, other in combinations(pairs, 2))


def _separated(each: Json) -> set[tuple[int, int]]:
    cells = [cell["status"] for cell in each["cells"]]
    return {
        (i, j)
        for i, j in combinations(range(len(cells)), 2)
        if {cells[i], cells[j]} in ({"entailed", "contradicted"}, {"entailed", "not_recorded"})
    }


def test_what_the_question_says_is_not_asked_again(small: Service) -> None:
    told = [
        {"role": "symptom", "value": "cramp"},
        {"role": "region", "value": "calf"},
        {"role": "relieved_by", "value": "rest"},
    ]
    payload = differential(small).tell_apart({"question": {"findings": [told]}, "limit": 3})
    rows = [*payload["rows"], *payload["shared"]]
    known = {each["feature"] for each in rows if each["known"]}
    labels = [each["label"] for each in payload["candidates"]]
    assert labels == ["claudication", "severe claudication", "strain"]
    assert known == {"cramp", "pain in the calf", "pain in the lower leg", "pain relieved by rest"}
    assert asked(payload) == ["Is there any pain in the thigh?"]


def test_risk_factors_that_are_told_are_known(small: Service) -> None:
    question = {
        "findings": [[{"role": "symptom", "value": "pain"}]],
        "person": {"risk_factors": ["smoking"]},
    }
    payload = differential(small).tell_apart({"question": question})
    assert row(payload, "risk factor: smoking")["known"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "either candidates or a question"),
        ({}, "either candidates or a question"),
        ({"candidates": ["clot", "strain"], "question": {}}, "either candidates or a question"),
        ({"candidates": ["clot", "strain"], "limit": 3}, "'limit' is not one of"),
        ({"candidates": "clot"}, "a list of 2 to 10"),
        ({"candidates": ["clot"]}, "a list of 2 to 10"),
        ({"candidates": ["clot"] * 11}, "a list of 2 to 10"),
        ({"candidates": ["clot", "etio:Clot"]}, "each once"),
        ({"candidates": ["clot", 7]}, "a CURIE, an IRI or a label"),
        ({"candidates": ["clot", "calf"]}, "'calf' is a region, not a condition"),
        ({"candidates": ["clot", "\ud800"]}, "no entity is called"),
        ({"question": {"ask": "treatments", "subject": "clot"}}, "must ask for conditions"),
        ({"question": {"findings": [[{"role": "quality", "value": "burning"}]]}}, "fewer than two"),
        ({"question": {"findings": []}, "limit": True}, "limit must be from 2 to 10"),
        ({"question": 3}, "the question must be an object"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(small: Service, data: object, said: str) -> None:
    with pytest.raises(BadParameter, match=said):
        differential(small).tell_apart(data)


# -- the search ----------------------------------------------------------------------------

SETS = st.lists(
    st.tuples(st.integers(0, 63), st.sampled_from([0.1, 0.2, 0.5, 0.9])), min_size=0, max_size=8
)


@given(SETS)
def test_the_search_finds_what_trying_all_finds(drawn: list[tuple[int, float]]) -> None:
    masks = [mask for mask, _ in drawn]
    worths = [worth for _, worth in drawn]
    whole = union(masks)
    chosen, decided = fewest(masks, worths)
    tried = [
        (-size, math.fsum(worths[at] for at in places))
        for size in range(len(masks) + 1)
        for places in combinations(range(len(masks)), size)
        if union([masks[at] for at in places]) == whole
    ]
    assert decided
    assert union([masks[at] for at in chosen]) == whole
    best = max(tried)
    assert -len(chosen) == best[0]
    assert math.isclose(sum(worths[at] for at in chosen), best[1])


def union(masks: Sequence[int]) -> int:
    whole = 0
    for mask in masks:
        whole |= mask
    return whole


def test_a_search_cut_short_still_covers_and_says_so() -> None:
    masks = [0b000111, 0b111000, 0b011110, 0b100001]
    chosen, decided = fewest(masks, [0.1, 0.1, 0.9, 0.9], max_steps=0)
    assert union([masks[at] for at in chosen]) == 0b111111
    assert not decided


# -- the leg graph -------------------------------------------------------------------------


@pytest.mark.graph
@pytest.mark.parametrize(
    ("candidates", "separating", "shared"),
    [
        (("gout", "pseudogout"), "pain timed as night", "pain in the knee"),
        (
            ("peripheral artery disease", "lumbar spinal stenosis"),
            "pain relieved by bending forward",
            "cramp relieved by rest",
        ),
        (("deep vein thrombosis", "Baker's cyst"), "lump", "pain worse with walking"),
        (
            ("plantar fasciitis", "tarsal tunnel syndrome"),
            "pain timed as morning",
            "pain in the heel",
        ),
    ],
)
def test_well_known_pairs(
    leg: Service, candidates: tuple[str, str], separating: str, shared: str
) -> None:
    payload = apart(leg, *candidates)
    assert {"entailed", "not_recorded"} == set(statuses(payload, separating))
    assert shared in features(payload["shared"])
    assert len(payload["questions"]) == 1


@pytest.mark.graph
def test_every_feature_is_said_and_asked_in_words(leg: Service) -> None:
    wording = Wording(leg.index)
    timing = Feature("etio:Pain", "timing", "etio:Night")
    assert wording.asked(timing) == "Does the pain come at night?"
    assert wording.asked(Feature("etio:BulgingVeins", "", "")) == "Are there any bulging veins?"
    male = Feature("", "has_risk_factor", "etio:MaleSex")
    assert wording.asked(male) == "Is the person of male sex?"


@pytest.mark.graph
def test_the_order_of_candidates_changes_nothing_but_the_order_of_cells(leg: Service) -> None:
    names = ["gout", "deep vein thrombosis", "sciatica", "plantar fasciitis"]
    one, other = apart(leg, *names), apart(leg, *reversed(names))
    assert asked(one) == asked(other)
    assert features(one["rows"]) == features(other["rows"])
    assert [r["cells"] for r in one["rows"]] == [r["cells"][::-1] for r in other["rows"]]
