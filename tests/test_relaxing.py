"""What conflicts where nothing is found, and what gives answers instead."""

import random
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.conflicts import Placed
from kg.questions import Criterion, Finding, Question, sentence
from kg.records import ROLES
from kg.relaxing import NOTHING, Relaxed, Relaxer, said, steps_up
from kg.service import Service
from kg.views import Views


def finding(**criteria: str) -> Finding:
    return Finding.of([Criterion(role, f"etio:{value}") for role, value in criteria.items()])


def asking(*findings: Finding, ask: str = "conditions") -> Question:
    return Question(ask, findings=findings)


@cache
def relaxer(service: Service) -> Relaxer:
    return Relaxer(service.matcher, Views(service.index))


def relaxed(service: Service, question: Question) -> Relaxed:
    return relaxer(service).relax(question)


def conflicts(found: Relaxed) -> list[set[str]]:
    return [{p.criterion.value.removeprefix("etio:") for p in c} for c in found.conflicts]


def offers(service: Service, question: Question) -> dict[str, int]:
    found = relaxed(service, question)
    return {said(each, question, service.index): each.count for each in found.relaxations}


NIGHT_AND_REST = asking(finding(symptom="Cramp", region="Calf", timing="Night", relieved_by="Rest"))
BURNING_CALF = asking(finding(symptom="Pain", region="Calf", quality="Burning"))


def test_only_what_conflicts_is_named(small: Service) -> None:
    """Restless legs cramp in the calf at night; rest relieves claudication, at no known time."""
    assert conflicts(relaxed(small, NIGHT_AND_REST)) == [{"Night", "Rest"}]
    assert offers(small, NIGHT_AND_REST) == {
        'drop "relieved by rest"': 1,
        'drop "timed as night"': 2,
    }


def test_a_place_is_widened_before_anything_is_dropped(small: Service) -> None:
    """Burning pain is recorded of the leg alone; the lower leg finds nothing more than the calf."""
    assert conflicts(relaxed(small, BURNING_CALF)) == [{"Calf", "Burning"}]
    assert list(offers(small, BURNING_CALF).items()) == [
        ('widen "in the calf" to "leg"', 1),
        ('drop "described as burning"', 3),
    ]


def test_dropping_is_not_offered_where_widening_gives_as_much(small: Service) -> None:
    assert 'drop "in the calf"' not in offers(small, BURNING_CALF)


def test_what_is_recorded_nowhere_conflicts_alone(small: Service) -> None:
    question = asking(finding(symptom="Pain", region="Leg", aggravated_by="Cold"))
    assert conflicts(relaxed(small, question)) == [{"Cold"}]
    assert offers(small, question) == {'drop "worse with cold"': 4}


def test_findings_of_different_conditions_conflict(small: Service) -> None:
    """Only the clot swells, and only restless legs burn."""
    question = asking(finding(symptom="Swelling"), finding(symptom="Pain", quality="Burning"))
    found = relaxed(small, question)
    assert conflicts(found) == [{"Swelling", "Burning"}]
    assert {placed.finding for placed in found.conflicts[0]} == {1, 2}
    assert offers(small, question) == {
        'drop "swelling"': 1,
        'drop "described as burning" of "pain"': 1,
    }


def test_two_changes_are_offered_only_where_no_one_helps(small: Service) -> None:
    """The clot's swelling has no time; at night it is restless legs, whom walking relieves."""
    question = asking(finding(symptom="Swelling", timing="Night", relieved_by="Rest"))
    assert conflicts(relaxed(small, question)) == [
        {"Swelling", "Night"},
        {"Swelling", "Rest"},
        {"Night", "Rest"},
    ]
    assert offers(small, question) == {
        'drop "swelling", drop "relieved by rest"': 1,
        'drop "swelling", drop "timed as night"': 3,
        'drop "timed as night", drop "relieved by rest"': 1,
    }


def test_more_changes_are_offered_where_two_are_too_few(small: Service) -> None:
    question = asking(
        finding(symptom="Swelling", timing="Night", quality="Burning", aggravated_by="Cold")
    )
    found = relaxed(small, question)
    assert {len(each.changes) for each in found.relaxations} == {3}
    assert all(each.count for each in found.relaxations)


def test_what_is_absent_is_kept_and_not_counted_on(small: Service) -> None:
    absent = replace(finding(symptom="Swelling"), absent=True)
    question = asking(absent, *BURNING_CALF.findings)
    found = relaxed(small, question)
    assert [placed.finding for placed in found.conflicts[0]] == [2, 2]
    assert all(each.question.findings[0] == absent for each in found.relaxations)


def test_the_only_thing_asked_is_never_dropped(small: Service) -> None:
    question = asking(finding(aggravated_by="Cold"))
    found = relaxed(small, question)
    assert conflicts(found) == [{"Cold"}]
    assert found.relaxations == ()


def test_what_relieves_is_relaxed_too(small: Service) -> None:
    question = asking(finding(symptom="Swelling", timing="Night"), ask="relief")
    assert conflicts(relaxed(small, question)) == [{"Swelling", "Night"}]
    assert offers(small, question) == {'drop "swelling"': 1, 'drop "timed as night"': 1}


@pytest.mark.parametrize(
    "question",
    [
        asking(finding(symptom="Cramp", region="Calf")),
        Question("treatments", subject="etio:Clot"),
    ],
)
def test_where_something_is_found_nothing_is_to_be_relaxed(
    small: Service, question: Question
) -> None:
    assert relaxed(small, question) is NOTHING


def test_a_whole_is_nearer_than_a_kind(small: Service) -> None:
    assert list(steps_up("etio:CalfMuscle", small.index).items()) == [
        ("etio:Calf", 1),
        ("etio:LowerLeg", 2),
        ("etio:Muscle", 2),
        ("etio:Leg", 3),
    ]


def test_json_has_what_a_page_needs(small: Service) -> None:
    data = relaxer(small).next_steps(BURNING_CALF)
    assert data["complete"] is True
    assert [item["role"] for item in data["conflicts"][0]] == ["region", "quality"]
    first, second = data["relaxations"]
    assert first["changes"][0]["change"] == "widen"
    assert first["changes"][0]["to"]["id"] == "etio:Leg"
    assert first["sentence"] == "Which conditions can cause pain in the leg, described as burning?"
    assert first["question"]["findings"][0][1]["value"]["id"] == "etio:Leg"
    assert second["changes"][0]["change"] == "drop"
    assert second["changes"][0]["to"] is None


def test_many_criteria_cost_little_and_still_have_a_conflict(small: Service) -> None:
    """Beyond 4096 sets the search ends; one conflict is then found by leaving out."""
    values = {
        role: sorted({v for r, v in small.index.presented_with if r == role and ":" in v})
        for role in ROLES
    }
    criteria = [Criterion(role, value) for role in ROLES for value in values[role]]
    findings = [Finding.of(criteria[n : n + 4]) for n in range(0, len(criteria), 2)]
    found = relaxed(small, asking(*findings))
    assert found.conflicts
    assert found.relaxations


# -- on the leg graph ----------------------------------------------------------------------


def drawn_questions(leg: Service) -> st.SearchStrategy[Question]:
    """One or two findings, each mixed from the criteria of two presentations."""
    presentations = sorted(leg.index.presentations)

    def mixed(drawn: tuple[str, str, random.Random]) -> Finding:
        criteria = [
            Criterion(role, drawn[2].choice(presentation.entailed[role]))
            for presentation in (leg.index.presentations[one] for one in drawn[:2])
            for role in ROLES
            if presentation.entailed[role] and drawn[2].random() < 0.5
        ]
        known = [c for c in criteria if leg.index.entity(c.value).kind != "group"]
        return Finding.of(known or [Criterion("symptom", "etio:Pain")])

    one = st.sampled_from(presentations)
    findings = st.tuples(one, one, st.randoms(use_true_random=False)).map(mixed)
    return st.lists(findings, min_size=1, max_size=2).map(lambda found: asking(*found))


@cache
def recorded_with(leg: Service, criterion: Criterion) -> frozenset[str]:
    """By hand: the presentations that say it."""
    return frozenset(
        presentation.id
        for presentation in leg.index.presentations.values()
        if criterion.value in presentation.entailed[criterion.role]
    )


def entailed(leg: Service, placed: Iterable[Placed]) -> set[str]:
    """By hand: the conditions that have, for each finding, a presentation with all its criteria."""
    asked: dict[int, list[frozenset[str]]] = {}
    for one in placed:
        asked.setdefault(one.finding, []).append(recorded_with(leg, one.criterion))
    presentations = leg.index.presentations
    return set.intersection(
        *(
            {c for one in frozenset.intersection(*sets) for c in presentations[one].conditions}
            for sets in asked.values()
        )
    )


@pytest.mark.graph
@settings(max_examples=100)
@given(st.data())
def test_conflicts_are_all_the_smallest_ones(leg: Service, data: st.DataObject) -> None:
    question = data.draw(drawn_questions(leg))
    found = relaxed(leg, question)
    placed = [Placed(n, c) for n, f in enumerate(question.findings, 1) for c in f.criteria][:7]
    expected: list[set[Placed]] = []
    for size in range(1, len(placed) + 1):
        for chosen in combinations(placed, size):
            smallest = not any(known <= set(chosen) for known in expected)
            if smallest and not entailed(leg, chosen):
                expected.append(set(chosen))
    assert [c for c in map(set, found.conflicts) if c <= set(placed)] == expected


@pytest.mark.graph
@given(st.data())
def test_a_relaxed_question_finds_as_many_as_it_promises(leg: Service, data: st.DataObject) -> None:
    question = data.draw(drawn_questions(leg))
    for each in relaxed(leg, question).relaxations:
        placed = [Placed(n, c) for n, f in enumerate(each.question.findings, 1) for c in f.criteria]
        assert each.count == len(entailed(leg, placed)) > 0
        assert sentence(each.question, leg.index)


@pytest.mark.graph
@given(st.data())
def test_nothing_found_always_has_a_next_step(leg: Service, data: st.DataObject) -> None:
    """Every criterion drawn is recorded somewhere, so that dropping enough finds something."""
    question = data.draw(drawn_questions(leg))
    found = relaxed(leg, question)
    assert bool(found.conflicts) is bool(found.relaxations)
    losses = [each.loss for each in found.relaxations]
    assert losses == sorted(losses)
    assert relaxed(leg, question) == found
