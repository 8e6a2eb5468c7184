"""Dangers that a question mentions or an answer leaves out, and how much is recorded at all."""

import random
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.dangers import Dangers, Matched, coverage_of
from kg.matching import Matcher, Status
from kg.questions import Criterion, Finding, Person, Question
from kg.records import ROLES
from kg.service import Service
from kg.views import Json, Views


def finding(**criteria: str) -> Finding:
    return Finding.of(Criterion(role, f"etio:{value}") for role, value in criteria.items())


@cache
def matching(service: Service) -> Matcher:
    return Matcher(service.index)


def mentioned(service: Service, *findings: Finding, **others: str) -> list[Json]:
    person = Person(risk_factors=tuple(others.values()))
    question = Question("conditions", findings=findings, person=person)
    return Dangers(service.index, Views(service.index)).mentioned(question)


def ids(items: list[Json]) -> list[str]:
    return [item["entity"]["id"].removeprefix("etio:") for item in items]


# -- dangers left out ------------------------------------------------------------------------


def test_a_condition_with_red_flags_beyond_the_limit_is_listed(small: Service) -> None:
    matched = [
        Matched("etio:Strain", "beyond the limit", 1),
        Matched("etio:Claudication", "beyond the limit", 2),
        Matched("etio:SevereClaudication", "contradicted: relieved by walking"),
    ]
    found = Dangers(small.index, Views(small.index)).suppressed(matched, {"etio:Strain"})
    assert ids(found) == ["Claudication", "SevereClaudication"]
    assert [(item["rank"], item["reason"]) for item in found] == [
        (2, "beyond the limit"),
        (None, "contradicted: relieved by walking"),
    ]
    assert found[0]["urgency"] == "see_doctor"
    assert found[0]["red_flags"] == Views(small.index).red_flags("etio:Claudication")


def test_what_is_shown_or_has_no_red_flag_is_not_listed(small: Service) -> None:
    matched = [Matched("etio:Claudication", "below the threshold", 1), Matched("etio:Strain", "")]
    assert Dangers(small.index, Views(small.index)).suppressed(matched, ["etio:Claudication"]) == []


def test_the_first_reason_counts(small: Service) -> None:
    matched = [Matched("etio:Claudication", "first", 3), Matched("etio:Claudication", "second")]
    (found,) = Dangers(small.index, Views(small.index)).suppressed(matched, ())
    assert (found["reason"], found["rank"]) == ("first", 3)


# -- dangers that a question mentions ---------------------------------------------------------


def test_a_red_flag_in_the_question_says_for_which_conditions(small: Service) -> None:
    (flag,) = mentioned(small, finding(symptom="Pain"), finding(symptom="Swelling", region="Calf"))
    assert flag["entity"]["id"] == "etio:Swelling"
    assert (flag["urgency"], flag["general"], flag["findings"]) == ("see_doctor", False, [2])
    (condition,) = flag["conditions"]
    assert condition["entity"]["id"] == "etio:Claudication"
    assert [source["publisher"] for source in condition["sources"]] == ["Health Service"]


def test_what_is_absent_is_no_danger(small: Service) -> None:
    assert mentioned(small, replace(finding(symptom="Swelling"), absent=True)) == []


@pytest.mark.graph
@pytest.mark.parametrize(
    ("asked", "flag", "urgency"),
    [
        ({"symptom": "Numbness", "region": "Perineum"}, "SaddleNumbness", "emergency"),
        ({"symptom": "Swelling", "region": "Calf"}, "LegSwelling", "urgent"),
        ({"symptom": "Pain", "region": "Calf", "quality": "Severe"}, "SevereLegPain", "emergency"),
        ({"symptom": "SevereLegPain"}, "SeverePain", "emergency"),
        ({"symptom": "Pain", "region": "Foot", "triggered_by": "Fall"}, "Fall", "emergency"),
        ({"symptom": "LossOfBladderOrBowelControl"}, "LossOfBladderOrBowelControl", "emergency"),
    ],
)  # fmt: skip
def test_red_flags_are_recognised_whole_or_in_parts(
    leg: Service, asked: dict[str, str], flag: str, urgency: str
) -> None:
    found = mentioned(leg, finding(**asked))
    assert [item["urgency"] for item in found if ids([item]) == [flag]] == [urgency]


@pytest.mark.graph
def test_what_relieves_is_nothing_that_happened(leg: Service) -> None:
    assert "Fall" not in ids(mentioned(leg, finding(symptom="Pain", relieved_by="Fall")))


@pytest.mark.graph
def test_a_risk_factor_of_the_person_may_be_a_red_flag(leg: Service) -> None:
    found = mentioned(leg, finding(symptom="Swelling"), bite="etio:AnimalBite")
    assert "AnimalBite" in ids(found)
    assert next(item for item in found if ids([item]) == ["AnimalBite"])["findings"] == []


@pytest.mark.graph
def test_pain_alone_warns_last(leg: Service) -> None:
    """Most conditions hurt, although pain is an emergency in a sickle cell crisis."""
    found = mentioned(leg, finding(symptom="Cramp", region="Calf"))
    general = [item["general"] for item in found]
    assert ids(found)[general.index(True) :] == ["LegPain", "Pain"]
    assert "Cramp" in ids(found)[: general.index(True)]


def named(leg: Service, symptoms: Iterable[str]) -> set[str]:
    """All but the groups that the reasoner fills."""
    return {one for one in symptoms if leg.index.entity(one).kind != "group"}


@pytest.mark.graph
def test_symptoms_follow_from_definitions_as_the_reasoner_says(leg: Service) -> None:
    dangers = Dangers(leg.index, Views(leg.index))
    for presentation in leg.index.presentations.values():
        recorded = presentation.recorded.items()
        told = Finding.of(Criterion(role, value) for role, values in recorded for value in values)
        assert named(leg, dangers.entailed_symptoms(told)) == named(
            leg, presentation.entailed["symptom"]
        )


# -- how much is recorded ----------------------------------------------------------------------


def test_coverage_counts_the_conditions_that_say_anything_of_a_role(small: Service) -> None:
    """Of pain in the leg: what relieves is known of all but the clot, a timing of two."""
    question = Question("conditions", findings=(
        finding(symptom="Pain", region="Leg", timing="Night", relieved_by="Rest"),
    ))  # fmt: skip
    candidates = ["etio:Claudication", "etio:RestlessLegs", "etio:Strain", "etio:Clot"]
    assert coverage_of(question, candidates, small.index, Matcher(small.index)) == {
        "candidates": 4,
        "recorded": {"symptom": 4, "region": 4, "timing": 2, "relieved_by": 3},
    }


def test_coverage_counts_only_what_is_about_the_finding(small: Service) -> None:
    """An ice pack relieves the clot's swelling; nothing is said to relieve its cramp."""
    swelling = Question("relief", findings=(finding(symptom="Swelling", region="Calf"),))
    cramp = Question("relief", findings=(finding(symptom="Cramp", region="Calf"),))
    clot = ["etio:Clot"]
    assert (
        coverage_of(swelling, clot, small.index, Matcher(small.index))["recorded"]["relieved_by"]
        == 1
    )
    assert (
        coverage_of(cramp, clot, small.index, Matcher(small.index))["recorded"]["relieved_by"] == 0
    )


@pytest.mark.parametrize(
    ("ask", "subject", "recorded"),
    [
        ("treatments", "Claudication", {"treated_by": 1}),
        ("treatments", "SevereClaudication", {"treated_by": 1}),
        ("treatments", "Clot", {"treated_by": 0}),
        ("tests", "Clot", {"diagnosed_by": 1}),
        ("symptoms", "Clot", {"symptom": 1}),
        ("relief", "Clot", {"relieved_by": 1}),
        ("relief", "Smoking", {"relieved_by": 0}),
    ],
)
def test_coverage_of_a_subject(
    small: Service, ask: str, subject: str, recorded: dict[str, int]
) -> None:
    question = Question(ask, subject=f"etio:{subject}")
    found = coverage_of(question, [f"etio:{subject}"], small.index, Matcher(small.index))
    assert found == {"candidates": 1, "recorded": recorded}


# -- on the leg graph --------------------------------------------------------------------------


def drawn_findings(leg: Service) -> st.SearchStrategy[list[Finding]]:
    """One to three findings, each with some of what a presentation entails."""
    presentations = sorted(leg.index.presentations)

    def drawn_from(drawn: tuple[str, random.Random]) -> Finding:
        presentation = leg.index.presentations[drawn[0]]
        values = {
            role: drawn[1].choice(presentation.entailed[role])
            for role in ROLES
            if presentation.entailed[role] and drawn[1].random() < 0.5
        }
        values.setdefault("symptom", presentation.recorded["symptom"][0])
        return Finding.of(Criterion(role, value) for role, value in values.items())

    findings = st.tuples(st.sampled_from(presentations), st.randoms(use_true_random=False))
    return st.lists(findings.map(drawn_from), min_size=1, max_size=3)


@pytest.mark.graph
@given(st.data(), st.integers(1, 200), st.integers(0, 250))
def test_no_emergency_that_matches_is_ever_dropped(
    leg: Service, data: st.DataObject, limit: int, offset: int
) -> None:
    matcher, views = matching(leg), Views(leg.index)
    matches = [matcher.matches(told) for told in data.draw(drawn_findings(leg))]
    ranked = sorted(set().union(*matches))
    shown = ranked[offset : offset + limit]
    matched = [Matched(one, "beyond the limit", n) for n, one in enumerate(ranked, 1)]
    suppressed = Dangers(leg.index, Views(leg.index)).suppressed(matched, shown)
    listed = {item["entity"]["id"] for item in suppressed}
    assert listed.isdisjoint(shown)
    for condition in ranked:
        if views.red_flags(condition):
            assert condition in shown or condition in listed
    order = ["emergency", "urgent", "see_doctor", None]
    urgencies = [order.index(item["urgency"]) for item in suppressed]
    assert urgencies == sorted(urgencies)


@pytest.mark.graph
@given(st.data())
def test_every_red_flag_that_is_asked_with_is_mentioned(leg: Service, data: st.DataObject) -> None:
    flags = sorted(
        claim.value
        for claim in leg.index.claims.values()
        if claim.relation == "has_red_flag" and leg.index.entity(claim.value).kind == "symptom"
    )
    told = data.draw(drawn_findings(leg))
    flag = data.draw(st.sampled_from(flags))
    place = data.draw(st.integers(0, len(told) - 1))
    told[place] = Finding.of([*told[place].criteria, Criterion("symptom", flag)])
    found = {item["entity"]["id"]: item for item in mentioned(leg, *told)}
    assert place + 1 in found[flag]["findings"]
    assert found[flag]["conditions"]


@pytest.mark.graph
@given(st.data())
def test_what_meets_a_criterion_is_counted_as_recorded(leg: Service, data: st.DataObject) -> None:
    told = data.draw(drawn_findings(leg))[0]
    matches = matching(leg).matches(told)
    question = Question("conditions", findings=(told,))
    recorded = coverage_of(question, matches, leg.index, Matcher(leg.index))["recorded"]
    for place, criterion in enumerate(told.criteria):
        met = sum(match.statuses[place] is Status.ENTAILED for match in matches.values())
        assert met <= recorded[criterion.role] <= len(matches)
