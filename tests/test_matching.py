"""Degrees of matching and the score, on the small graph where each can be checked by eye."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.matching import Matcher, Status
from kg.questions import Criterion, Finding
from kg.ranking import PUBLISHER_WEIGHTS, Score, evidence, fit, gain, information
from kg.records import Source
from kg.service import Service

E, C, N, X = Status.ENTAILED, Status.COMPATIBLE, Status.NOT_RECORDED, Status.CONTRADICTED


def finding(**criteria: str) -> Finding:
    return Finding.of([Criterion(role, f"etio:{value}") for role, value in criteria.items()])


@pytest.mark.parametrize(
    ("condition", "asked", "expected"),
    [
        ("Claudication", {"symptom": "Cramp", "region": "Calf", "relieved_by": "Rest"}, (E, E, E)),
        ("Claudication", {"symptom": "Pain", "region": "Leg", "relieved_by": "Rest"}, (E, E, E)),
        ("SevereClaudication", {"symptom": "Cramp", "region": "Calf"}, (E, E)),
        ("Strain", {"symptom": "Pain", "region": "Leg", "relieved_by": "Rest"}, (E, E, E)),
        ("Strain", {"symptom": "Pain", "region": "Calf"}, (E, C)),
        ("Strain", {"symptom": "Cramp", "region": "LowerLeg"}, (C, E)),
        ("Strain", {"symptom": "Pain", "region": "Leg", "timing": "Night"}, (E, E, N)),
        ("Strain", {"symptom": "Pain", "aggravated_by": "Walking"}, (E, C)),
        ("Clot", {"symptom": "Cramp", "region": "Calf"}, (E, C)),
        ("RestlessLegs", {"symptom": "Cramp", "region": "Calf", "relieved_by": "Rest"}, (E, E, X)),
        ("RestlessLegs", {"symptom": "Pain", "region": "Leg", "relieved_by": "Sitting"}, (E, E, X)),
        ("Clot", {"symptom": "Cramp", "relieved_by": "Rest"}, (E, X)),
        ("Claudication", {"symptom": "Pain", "aggravated_by": "Rest"}, (E, X)),
    ],
)
def test_statuses(
    small: Service, condition: str, asked: dict[str, str], expected: tuple[Status, ...]
) -> None:
    match = Matcher(small.index).match(f"etio:{condition}", finding(**asked))
    assert match is not None
    assert match.statuses == expected


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        ("Claudication", {"symptom": "Swelling"}),
        ("Clot", {"symptom": "Swelling", "region": "Thigh"}),
        ("Smoking", {"symptom": "Pain"}),
    ],
)
def test_a_condition_about_something_else_does_not_match(
    small: Service, condition: str, asked: dict[str, str]
) -> None:
    assert Matcher(small.index).match(f"etio:{condition}", finding(**asked)) is None


def test_criteria_must_hold_in_one_presentation(small: Service) -> None:
    """Restless legs: cramp in the calf at night, and burning pain in the leg, but not both."""
    asked = finding(symptom="Cramp", region="Calf", quality="Burning", timing="Night")
    match = Matcher(small.index).match("etio:RestlessLegs", asked)
    assert match is not None
    assert match.statuses == (E, E, N, E)


def test_the_contradicting_presentation_is_named(small: Service) -> None:
    asked = finding(symptom="Cramp", region="Calf", relieved_by="Rest")
    match = Matcher(small.index).match("etio:RestlessLegs", asked)
    assert match is not None
    assert [p.id for p in match.against.values()] == ["etio:P4-Leg"]


def source(identifier: int, publisher: str, kind: str, copy_of: str = "") -> Source:
    return Source(f"etio:S{identifier}", "", publisher, kind, copy_of, "")


def test_a_second_publisher_adds_less_and_a_second_page_nothing() -> None:
    one = [source(1, "A", "government")]
    assert math.isclose(evidence(one), 0.6)
    assert math.isclose(evidence([*one, source(2, "A", "government")]), 0.6)
    assert math.isclose(evidence([*one, source(2, "B", "hospital")]), 0.8)
    assert math.isclose(evidence([*one, source(2, "B", "hospital", copy_of="A")]), 0.6)
    assert evidence([]) == 0.0


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(sorted(PUBLISHER_WEIGHTS)))))
def test_more_sources_never_weaken_the_evidence(drawn: list[tuple[int, str]]) -> None:
    sources = [source(n, str(publisher), kind) for n, (publisher, kind) in enumerate(drawn)]
    grades = [evidence(sources[:count]) for count in range(len(sources) + 1)]
    assert grades == sorted(grades)
    assert 0.0 <= grades[-1] < 1.0


def test_a_rare_criterion_is_worth_more_than_a_common_one() -> None:
    assert information(1, 100) > information(50, 100) > information(100, 100) == 0.0


@given(st.lists(st.tuples(st.sampled_from([E, C, N]), st.floats(0.01, 10)), min_size=1))
def test_meeting_a_criterion_better_never_lowers_the_score(
    drawn: list[tuple[Status, float]],
) -> None:
    statuses, weights = zip(*drawn, strict=True)
    better = (E, *statuses[1:])
    whole = sum(weights)
    before, after = fit(gain(statuses, weights), whole), fit(gain(better, weights), whole)
    assert before <= after + 1e-12
    assert 0.0 <= Score(after, 1.0, 1.0, 1.0).total <= 1.0 + 1e-12
