"""What the pages show, as data: chips, pick lists, the body map, browsing, profiles, changes."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kg import layout
from kg.bodymap import conditions_in, conditions_question, region_lists
from kg.browse import FACETS, KIND_TITLES, catalogue
from kg.changes import Tables, changes_since, compare, earlier_versions
from kg.chips import Chip, Part, other_asks, parts
from kg.coverage import ASPECTS
from kg.errors import BadParameter, UnknownEntity
from kg.index import Index
from kg.overview import (
    BOTH,
    RELIEVES,
    STEPS,
    conditions_at,
    evidence,
    heat_map,
    recorded,
    recorded_of,
    relief,
    relief_regions,
    urgent_flags,
)
from kg.person import AGES
from kg.picklists import PICK_LISTS, pick_lists, picked
from kg.profile import MAX_NEIGHBOURS, neighbours, profile
from kg.questions import Criterion, Finding, Person, Question, in_parts, sentence
from kg.records import ROLES, Presentation, Records, Source
from kg.service import Service
from kg.snapshot import Snapshot, open_snapshot
from kg.structure import SEXES
from kg.views import Json
from kg.vocabulary import GRADES, TERM_RELATIONS
from tests.test_reading import questions

VERSION = "a version"


def finding(**criteria: str) -> Finding:
    return Finding.of(Criterion(role, f"etio:{value}") for role, value in criteria.items())


def conditions_with(*findings: Finding) -> Question:
    return Question("conditions", findings=findings)


def names(items: Iterable[Json]) -> list[str]:
    """The local names of references, or of what refers to an entity."""
    return [item.get("entity", item)["id"].removeprefix("etio:") for item in items]


def meeting(index: Index, asked: Finding) -> set[str]:
    """By hand: the presentations of which all criteria are entailed."""
    return {
        one.id
        for one in index.presentations.values()
        if all(c.value in one.entailed[c.role] for c in asked.criteria)
    }


# -- chips -----------------------------------------------------------------------------------


def chips_of(found: Iterable[Part]) -> dict[str, Chip]:
    return {chip.role: chip for part in found for chip in part.chips}


def offered(chip: Chip, kind: str) -> list[str]:
    return [change.said for change in chip.changes[kind]]


def linked(found: Iterable[Part]) -> Iterator[str]:
    """Every sentence that leads away from the parts of a question."""
    for part in found:
        yield from [part.flipped] if part.flipped else []
        for chip in part.chips:
            yield from [chip.without] if chip.without else []
            for changes in chip.changes.values():
                yield from (change.sentence for change in changes)


CRAMP = finding(symptom="Cramp", region="Calf", relieved_by="Rest")


def test_a_chip_offers_what_is_wider_and_what_is_beside_it(small: Service) -> None:
    chips = chips_of(parts(conditions_with(CRAMP), small.index))
    assert offered(chips["region"], "wider") == ["lower leg", "leg"]
    assert offered(chips["region"], "instead") == ["thigh"]
    assert offered(chips["region"], "narrower") == []
    assert offered(chips["symptom"], "wider") == ["pain"]
    assert [change.sentence for change in chips["region"].changes["instead"]] == [
        "Which conditions can cause cramp in the thigh, relieved by rest?"
    ]


def test_a_chip_offers_what_is_narrower_if_it_is_recorded(small: Service) -> None:
    chips = chips_of(parts(conditions_with(finding(symptom="Pain", region="Leg")), small.index))
    assert offered(chips["region"], "narrower") == ["lower leg", "thigh"]
    assert offered(chips["symptom"], "narrower") == ["cramp"]


def test_a_part_taken_away_leaves_the_others(small: Service) -> None:
    chips = chips_of(parts(conditions_with(CRAMP), small.index))
    assert {role: chip.without for role, chip in chips.items()} == {
        "symptom": "Which conditions can cause any symptom in the calf, relieved by rest?",
        "region": "Which conditions can cause cramp, relieved by rest?",
        "relieved_by": "Which conditions can cause cramp in the calf?",
    }


def test_the_last_part_of_a_question_stays(small: Service) -> None:
    (part,) = parts(conditions_with(finding(symptom="Cramp")), small.index)
    assert part.chips[0].without is None
    assert part.flipped is None


def test_what_is_absent_can_be_there_after_all(small: Service) -> None:
    swelling = replace(finding(symptom="Swelling"), absent=True)
    found = parts(conditions_with(finding(symptom="Pain"), swelling), small.index)
    assert [part.kind for part in found] == ["finding", "absent"]
    assert found[1].flipped == "Which conditions can cause pain and swelling?"
    assert found[1].chips[0].without == "Which conditions can cause pain?"


def test_what_is_absent_goes_whole_with_its_symptom(small: Service) -> None:
    """'But not any symptom in the thigh' would be read as no cramp in the thigh."""
    absent = replace(finding(symptom="Swelling", region="Thigh"), absent=True)
    chips = chips_of(parts(conditions_with(CRAMP, absent), small.index)[1:])
    assert chips["symptom"].without == sentence(conditions_with(CRAMP), small.index)
    assert "but not swelling?" in str(chips["region"].without)


def test_what_has_two_places_is_not_denied(small: Service) -> None:
    """'But not pain in the muscle in the thigh' would be read as two denials."""
    places = [Criterion("region", "etio:Muscle"), Criterion("region", "etio:Thigh")]
    asked = Finding.of([Criterion("symptom", "etio:Pain"), *places])
    found = parts(conditions_with(CRAMP, asked), small.index)
    assert found[0].flipped is not None
    assert found[1].flipped is None


def test_no_change_makes_a_finding_stand_twice(small: Service) -> None:
    """Reading it back would leave one of them."""
    swelling = finding(symptom="Swelling")
    both = parts(conditions_with(swelling, replace(swelling, absent=True)), small.index)
    assert both[1].flipped is None
    plain, placed = finding(symptom="Pain"), finding(symptom="Pain", region="Calf")
    found = parts(conditions_with(plain, placed), small.index)
    assert chips_of(found)["region"].without is None


def test_what_is_there_after_all_is_where_the_rest_is(small: Service) -> None:
    swelling = replace(finding(symptom="Swelling"), absent=True)
    found = parts(conditions_with(finding(symptom="Cramp", region="Calf"), swelling), small.index)
    said = "Which conditions can cause cramp in the calf and swelling in the calf?"
    assert found[1].flipped == said


def test_of_two_findings_one_that_loses_its_symptom_goes_whole(small: Service) -> None:
    asked = conditions_with(CRAMP, finding(symptom="Swelling"))
    first, second = parts(asked, small.index)
    assert chips_of([first])["symptom"].without == "Which conditions can cause swelling?"
    assert chips_of([second])["symptom"].without == (
        "Which conditions can cause cramp in the calf, relieved by rest?"
    )


def test_a_condition_can_be_narrowed_and_widened(small: Service) -> None:
    wide = chips_of(parts(Question("treatments", "etio:Claudication"), small.index))["condition"]
    narrow = chips_of(parts(Question("treatments", "etio:SevereClaudication"), small.index))
    assert (offered(wide, "wider"), offered(wide, "narrower")) == ([], ["severe claudication"])
    assert offered(narrow["condition"], "wider") == ["claudication"]
    assert wide.without is None


def test_one_can_ask_instead_for_what_is_recorded(small: Service) -> None:
    found = other_asks(Question("treatments", "etio:Claudication"), small.index)
    assert [one.said for one in found] == [
        "symptoms", "risk factors", "red flags", "what relieves it"
    ]  # fmt: skip
    found = other_asks(Question("symptoms", "etio:RestlessLegs"), small.index)
    assert [one.said for one in found] == ["what relieves it"]


def test_a_person_can_be_of_any_other_age(small: Service) -> None:
    asked = replace(conditions_with(CRAMP), person=Person(66, "female", ("etio:Smoking",)))
    chips = chips_of(parts(asked, small.index))
    ages = [int(said.partition(" ")[0]) for said in offered(chips["age"], "instead")]
    bands = [low <= age <= high for age, (low, high) in zip(ages, AGES.values(), strict=True)]
    assert all(bands)
    assert 66 not in ages
    assert offered(chips["sex"], "instead") == [sex for sex in SEXES if sex != "female"]
    assert "smoking" not in str(chips["risk_factor"].without)


def test_what_is_not_wanted_can_be_wanted_again(small: Service) -> None:
    asked = Question("treatments", "etio:Claudication", without=("etio:Exercise",))
    chip = chips_of(parts(asked, small.index))["without"]
    assert (chip.label, chip.without) == (
        "exercise training",
        "What are the treatments for claudication?",
    )


@pytest.mark.graph
@settings(max_examples=60)
@given(st.data())
def test_every_sentence_that_a_chip_links_to_reads_back(leg: Service, data: st.DataObject) -> None:
    drawn = data.draw(questions(leg))
    asked = leg.reader.read(sentence(drawn, leg.index)).question
    found = parts(asked, leg.index)
    now = sentence(asked, leg.index)
    assume(leg.reader.read(now).question == asked)  # a denial of two qualities does not
    for said in (*linked(found), *(change.sentence for change in other_asks(asked, leg.index))):
        assert said != now
        assert sentence(leg.reader.read(said).question, leg.index) == said


@pytest.mark.graph
@settings(max_examples=60)
@given(st.data())
def test_wider_finds_no_less_and_narrower_no_more(leg: Service, data: st.DataObject) -> None:
    one = leg.index.presentations[data.draw(st.sampled_from(sorted(leg.index.presentations)))]
    roles = [role for role in ("symptom", "region") if one.recorded[role]]
    drawn = conditions_with(Finding.of(Criterion(role, one.recorded[role][0]) for role in roles))
    asked = leg.reader.read(sentence(drawn, leg.index)).question
    now = meeting(leg.index, asked.findings[0])

    def found(said: str) -> set[str]:
        return meeting(leg.index, leg.reader.read(said).question.findings[0])

    assert one.id in now
    for chip in chips_of(parts(asked, leg.index)).values():
        assert chip.without is None or found(chip.without) >= now
        assert all(found(change.sentence) >= now for change in chip.changes["wider"])
        assert all(found(change.sentence) <= now for change in chip.changes["narrower"])


# -- pick lists ------------------------------------------------------------------------------


def options(index: Index) -> dict[str, list[str]]:
    return {
        known["role"]: [one["id"] for group in known["groups"] for one in group["options"]]
        for known in pick_lists(index)
    }


def test_values_to_pick_stand_in_groups_of_two_or_more(small: Service) -> None:
    lists = {known["role"]: known["groups"] for known in pick_lists(small.index)}
    assert [(g["label"], names(g["options"])) for g in lists["symptom"]] == [
        ("pain", ["Cramp", "Pain"]),
        ("other", ["Swelling"]),
    ]
    assert [(g["label"], names(g["options"])) for g in lists["region"]] == [
        ("lower leg", ["Calf", "LowerLeg"]),
        ("other", ["Leg", "Muscle", "Thigh"]),
    ]
    assert lists["aggravated_by"] == []


@pytest.mark.graph
@pytest.mark.parametrize("known", PICK_LISTS, ids=lambda known: str(known.role))
def test_the_values_most_often_recorded_can_be_picked(leg: Service, known: Any) -> None:
    presented = leg.index.presentations.values()
    counts = Counter(value for one in presented for value in one.recorded[known.role])
    listed = options(leg.index)[known.role]
    assert len(listed) == len(set(listed)) == min(known.length, len(counts))
    rarest = min(counts[value] for value in listed)
    assert all(counts[value] <= rarest for value in counts.keys() - set(listed))


def test_picks_make_a_question_about_one_finding(small: Service) -> None:
    picks = {"symptom": "etio:Cramp", "region": "calf", "timing": " ", "age": "65", "sex": "male"}
    question = picked(small.index, picks)
    assert question.findings == (finding(symptom="Cramp", region="Calf"),)
    assert question.person == Person(65, "male")
    assert question.ask == "conditions"


@pytest.mark.parametrize(
    ("picks", "fault"),
    [
        ({}, "at least one"),
        ({"symptom": " ", "age": "40"}, "at least one"),
        ({"symptom": "etio:Pain", "colour": "red"}, "no pick 'colour'"),
        ({"symptom": "nothing"}, "nothing"),
        ({"symptom": "etio:Calf"}, "nothing is recorded with 'calf'"),
        ({"symptom": "etio:Pain", "age": "ten"}, "age must be"),
        ({"symptom": "etio:Pain", "age": "-1"}, "age must be"),
        ({"symptom": "etio:Pain", "age": "٤٠"}, "age must be"),
        ({"symptom": "etio:Pain", "age": "121"}, "age must be"),
        ({"symptom": "etio:Pain", "sex": "both"}, "sex must be"),
    ],
)
def test_picks_that_make_no_question_are_refused(
    small: Service, picks: dict[str, str], fault: str
) -> None:
    with pytest.raises(BadParameter, match=fault):
        picked(small.index, picks)


@pytest.mark.graph
@settings(max_examples=100)
@given(st.data())
def test_the_sentence_of_picks_reads_back_to_the_same_question(
    leg: Service, data: st.DataObject
) -> None:
    lists = options(leg.index)
    roles = data.draw(st.lists(st.sampled_from(sorted(lists)), min_size=1, unique=True))
    picks = {role: data.draw(st.sampled_from(lists[role])) for role in roles}
    picks["age"] = data.draw(st.sampled_from(["", "0", "44", "120"]))
    picks["sex"] = data.draw(st.sampled_from(["", *SEXES]))
    question = picked(leg.index, picks)
    whole = Finding.of(in_parts(question.findings[0].criteria, leg.index))
    said = sentence(question, leg.index)
    assert leg.reader.read(said).question == replace(question, findings=(whole,))


# -- the body map ----------------------------------------------------------------------------


def test_a_region_lists_conditions_with_a_sign_of_their_own_there(small: Service) -> None:
    """Severe claudication only inherits that of claudication."""
    found = region_lists(small.index, "etio:Calf")
    assert names(found["here"]) == ["Claudication", "Clot", "RestlessLegs"]
    assert (found["total"], found["elsewhere"], found["next"]) == (3, [], [])
    assert found["question"] == "Which conditions can cause any symptom in the calf?"
    claudication = found["here"][0]
    assert claudication["red_flags"] == 1
    assert names(claudication["regions"]) == ["Calf"]
    assert claudication["question"] == "Which structures does claudication affect?"


def test_flags_that_are_no_emergency_are_not_called_so(small: Service) -> None:
    assert region_lists(small.index, "etio:Calf")["red_flags"] == []


def test_the_best_attested_come_first_in_a_region(small: Service) -> None:
    found = region_lists(small.index, "etio:Leg")
    assert names(found["here"]) == ["Claudication", "Clot", "RestlessLegs", "Strain"]
    assert [len(row["sources"]) for row in found["here"]] == [2, 1, 1, 1]


def test_only_a_region_has_a_place_on_the_map(small: Service) -> None:
    with pytest.raises(BadParameter, match="no region"):
        region_lists(small.index, "etio:Pain")
    with pytest.raises(UnknownEntity):
        region_lists(small.index, "etio:Nowhere")


MAPPED = ("Hip", "Groin", "Thigh", "Knee", "Calf", "Ankle", "Foot", "Heel", "LowerBack", "Leg")


@pytest.mark.graph
@pytest.mark.parametrize("name", MAPPED)
def test_here_and_elsewhere_share_out_what_is_recorded_in_a_region(leg: Service, name: str) -> None:
    region = f"etio:{name}"
    found = region_lists(leg.index, region)
    here, elsewhere = ([row["entity"]["id"] for row in found[key]] for key in ("here", "elsewhere"))
    presented = leg.index.presentations.values()
    assert sorted(here + elsewhere) == sorted(
        {one.condition for one in presented if region in one.entailed["region"]}
    )
    assert found["total"] == len(here) + len(elsewhere) == len(conditions_in(leg.index, region))
    emergencies = [row["entity"]["id"] for row in found["red_flags"]]
    flagged = {
        subject
        for claim in leg.index.claims.values()
        if claim.relation == "has_red_flag" and claim.urgency == "emergency"
        for subject in (claim.subject, *claim.heirs)
    }
    assert set(emergencies) == flagged.intersection(here + elsewhere)


@pytest.mark.graph
@pytest.mark.parametrize("name", MAPPED)
def test_what_comes_from_elsewhere_affects_nothing_in_the_region(leg: Service, name: str) -> None:
    region = f"etio:{name}"
    for row in region_lists(leg.index, region)["elsewhere"]:
        for structure in row["structures"]:
            assert region not in leg.index.broader(structure["id"])
            assert structure["id"] not in leg.index.broader(region)


@pytest.mark.graph
def test_pain_felt_in_the_calf_may_come_from_the_spine(leg: Service) -> None:
    found = region_lists(leg.index, "etio:Calf")
    assert "LumbarDiscHerniation" in names(found["elsewhere"])
    assert "DeepVeinThrombosis" in names(found["here"])


@pytest.mark.graph
@pytest.mark.parametrize("name", MAPPED)
def test_the_next_regions_list_only_what_is_not_here(leg: Service, name: str) -> None:
    region = f"etio:{name}"
    here = set(conditions_in(leg.index, region))
    found = region_lists(leg.index, region)["next"]
    adjacent = leg.index.entity(region).related.get("adjacent_to", ())
    assert {item["region"]["id"] for item in found} <= set(adjacent)
    for item in found:
        there = set(conditions_in(leg.index, item["region"]["id"]))
        assert {one["id"] for one in item["conditions"]} == there - here
        assert item["total"] == len(there) > 0


@pytest.mark.graph
def test_the_question_of_every_region_reads_back(leg: Service) -> None:
    for entity in leg.index.entities.values():
        if entity.kind == "region" and ("region", entity.id) in leg.index.presented_with:
            read = leg.reader.read(conditions_question(leg.index, entity.id)).question
            assert read.findings == (Finding.of([Criterion("region", entity.id)]),)


# -- trees, facets and sources ---------------------------------------------------------------


def nodes(tree: Iterable[Json]) -> Iterator[Json]:
    for node in tree:
        yield node
        yield from nodes(node["below"])


def test_a_tree_counts_the_conditions_with_a_term_or_what_is_below_it(small: Service) -> None:
    kinds = catalogue(small.index).kinds
    assert {
        node["entity"]["label"]: (node["count"], node["recorded"])
        for kind in ("symptom", "factor", "test", "process")
        for node in nodes(kinds[kind]["tree"])
    } == {
        "pain": (2, 5),
        "cramp": (0, 4),
        "leg pain": (0, 4),
        "swelling": (0, 1),
        "cold": (0, 1),
        "rest": (1, 4),
        "sitting": (0, 1),
        "walking": (0, 4),
        "ultrasound": (0, 1),
        "thrombosis": (0, 1),
    }


def test_of_a_condition_a_tree_counts_the_rows(small: Service) -> None:
    """Claudication has two rows, one of them in two regions; its kind inherits both."""
    tree = catalogue(small.index).kinds["condition"]["tree"]
    assert {node["entity"]["label"]: node["recorded"] for node in nodes(tree)} == {
        "claudication": 2,
        "severe claudication": 2,
        "clot": 2,
        "restless legs": 2,
        "strain": 1,
    }


@pytest.mark.graph
def test_every_term_stands_in_the_tree_of_its_kind(leg: Service) -> None:
    kinds = catalogue(leg.index).kinds
    assert list(kinds) == list(KIND_TITLES)
    for kind, item in kinds.items():
        shown = {node["entity"]["id"] for node in nodes(item["tree"])}
        known = {entity.id for entity in leg.index.entities.values() if entity.kind == kind}
        assert shown == known
        assert item["count"] == len(known)


@pytest.mark.graph
def test_what_stands_below_a_region_counts_for_it(leg: Service) -> None:
    presented = leg.index.presentations.values()
    for node in nodes(catalogue(leg.index).kinds["region"]["tree"]):
        region = node["entity"]["id"]
        met = {c for one in presented if region in one.entailed["region"] for c in one.conditions}
        assert node["recorded"] == len(met)


def test_conditions_are_narrowed_by_what_one_presentation_has(small: Service) -> None:
    """Restless legs cramp in the calf and hurt in the leg, but nothing relieved by rest."""
    known = catalogue(small.index)
    found = known.narrowed({"region": "etio:Calf", "relieved_by": "etio:Rest"})
    assert names(found["conditions"]) == ["Claudication", "SevereClaudication"]
    assert [row["fitting"] for row in found["conditions"]] == [1, 1]
    assert [row["rows"] for row in found["conditions"]] == [2, 2]
    assert {row["urgency"] for row in found["conditions"]} == {"see_doctor"}
    assert [one["label"] for one in found["chosen"]] == ["calf", "rest"]


def test_a_facet_counts_with_the_other_choices_only(small: Service) -> None:
    found = catalogue(small.index).narrowed({"region": "etio:Thigh"})["facets"]
    assert {one["label"]: one["count"] for one in found["symptom"]["all"]} == {
        "cramp": 2,
        "leg pain": 2,
        "pain": 2,
    }
    assert {one["label"] for one in found["region"]["all"]} == {
        "calf", "leg", "lower leg", "muscle", "thigh"
    }  # fmt: skip


def test_nothing_chosen_lists_nothing_and_counts_all(small: Service) -> None:
    found = catalogue(small.index).narrowed({})
    assert found["conditions"] == []
    assert {one["value"]: one["count"] for one in found["facets"]["grade"]["all"]} == {
        "moderate": 3,
        "very_low": 4,
    }


def test_a_facet_value_that_is_not_known_is_refused(small: Service) -> None:
    for chosen in ({"region": "etio:Nowhere"}, {"grade": "splendid"}):
        with pytest.raises(UnknownEntity):
            catalogue(small.index).narrowed(chosen)


@st.composite
def facet_choices(draw: st.DrawFn, index: Index) -> dict[str, str]:
    """Values of some facets, all of one presentation."""
    one = index.presentations[draw(st.sampled_from(sorted(index.presentations)))]
    known = {
        facet: sorted(one.entailed[facet]) if facet != "grade" else [one.grade] for facet in FACETS
    }
    wanted = draw(st.lists(st.sampled_from(sorted(FACETS)), unique=True))
    return {facet: draw(st.sampled_from(known[facet])) for facet in wanted if known[facet]}


@pytest.mark.graph
@settings(max_examples=60)
@given(st.data())
def test_a_facet_counts_what_is_found_when_it_is_chosen(leg: Service, data: st.DataObject) -> None:
    known = catalogue(leg.index)
    chosen = data.draw(facet_choices(leg.index))
    facet = data.draw(st.sampled_from(sorted(FACETS)))
    listed = known.narrowed(chosen)["facets"][facet]
    for option in data.draw(
        st.lists(st.sampled_from(listed["all"] + listed["often"]), min_size=1, max_size=4)
        if listed["all"]
        else st.just([])
    ):
        found = known.narrowed({**chosen, facet: option["value"]})
        assert len(found["conditions"]) == option["count"] > 0


@pytest.mark.graph
@settings(max_examples=60)
@given(st.data())
def test_narrowing_finds_just_the_conditions_with_all_of_it(
    leg: Service, data: st.DataObject
) -> None:
    chosen = data.draw(facet_choices(leg.index))

    def has(one: Presentation, facet: str) -> bool:
        value = chosen[facet]
        return one.grade == value if facet == "grade" else value in one.entailed[facet]

    fitting = [
        one for one in leg.index.presentations.values() if all(has(one, name) for name in chosen)
    ]
    found = catalogue(leg.index).narrowed(chosen)["conditions"]
    expected = {condition for one in fitting for condition in one.conditions} if chosen else set()
    assert {row["entity"]["id"] for row in found} == expected
    for row in found:
        own = {one.row for one in fitting if row["entity"]["id"] in one.conditions}
        assert row["fitting"] == len(own) <= row["rows"]
    fits = [row["fitting"] for row in found]
    assert fits == sorted(fits, reverse=True)


def test_sources_are_found_by_words_of_title_and_publisher(small: Service) -> None:
    known = catalogue(small.index)
    assert [one["id"] for one in known.sources("CLINIC legs")["sources"]] == ["etio:S2"]
    assert known.sources("clinic clots")["sources"] == []
    found = known.sources("", "university")
    assert [one["id"] for one in found["sources"]] == ["etio:S3"]
    assert found["kinds"] == {"government": 1, "university": 1, "other": 1}


def test_sources_on_which_most_rests_come_first(small: Service) -> None:
    """S1 has two rows and four facts, S2 four rows and a fact, S3 a row and three facts."""
    found = catalogue(small.index).sources()["sources"]
    assert [(one["id"], one["presentations"], one["facts"]) for one in found] == [
        ("etio:S1", 2, 4),
        ("etio:S2", 4, 1),
        ("etio:S3", 1, 3),
    ]


def test_a_source_shows_all_that_rests_on_it(small: Service) -> None:
    found = catalogue(small.index).source("etio:S3")
    assert [row["condition"]["label"] for row in found["rows"]] == ["clot"]
    facts = {item["entity"]["label"]: item["claims"] for item in found["facts"]}
    assert {label: [claim["id"] for claim in claims] for label, claims in facts.items()} == {
        "clot": ["etio:F6"],
        "severe claudication": ["etio:F8"],
        "strain": ["etio:F7"],
    }
    with pytest.raises(UnknownEntity):
        catalogue(small.index).source("etio:S9")


@pytest.mark.graph
def test_every_statement_rests_on_a_listed_source(leg: Service) -> None:
    found = catalogue(leg.index).sources()
    assert sum(one["presentations"] for one in found["sources"]) == len(
        {(one.row, one.source) for one in leg.index.presentations.values()}
    )
    assert sum(one["facts"] for one in found["sources"]) == len(leg.index.claims)
    assert sum(found["kinds"].values()) == len(found["sources"]) == len(leg.index.sources)


# -- the page of an entity -------------------------------------------------------------------


def test_the_regions_of_a_row_stand_in_one(small: Service) -> None:
    rows = profile(small.index, "etio:Claudication")["rows"]
    assert [(names(row["symptom"]), names(row["region"]), row["frequency"]) for row in rows] == [
        (["Cramp"], ["Calf", "Thigh"], "typical"),
        (["Pain"], ["Leg"], "common"),
    ]
    assert {row["inherited"] for row in rows} == {False}


def test_what_several_sources_say_is_one_fact(small: Service) -> None:
    facts = profile(small.index, "etio:Claudication")["facts"]
    assert list(facts) == ["has_red_flag", "has_risk_factor", "treated_by"]
    (smoking,) = facts["has_risk_factor"]
    assert smoking["entity"]["label"] == "smoking"
    assert smoking["notes"] == ["strong"]
    assert [source["id"] for source in smoking["sources"]] == ["etio:S1", "etio:S2"]


def test_what_is_inherited_says_from_where(small: Service) -> None:
    found = profile(small.index, "etio:SevereClaudication")
    assert [row["inherited"] for row in found["rows"]] == [True, True]
    assert names(found["path"]) == ["Claudication"]
    own = found["facts"]["has_complication"][0]
    assert own["inherited_from"] == []
    assert names(found["facts"]["treated_by"][0]["inherited_from"]) == ["Claudication"]


def test_where_a_term_is_recorded_is_told_by_how_often(small: Service) -> None:
    found = profile(small.index, "etio:Calf")
    assert {
        frequency: names(items) for frequency, items in found["recorded_in"]["region"].items()
    } == {"typical": ["Claudication", "Clot"], "common": ["RestlessLegs"]}
    assert found["summary"] is None
    assert found["recorded_in"].keys() == {"region"}


def test_a_summary_counts_what_it_names(small: Service) -> None:
    summary = profile(small.index, "etio:Claudication")["summary"]
    assert {name: part["total"] for name, part in summary.items() if part["total"]} == {
        "typical": 2,
        "triggered_by": 1,
        "relieved_by": 1,
        "has_risk_factor": 1,
        "treated_by": 1,
    }


def test_the_sources_of_a_page_say_how_much_rests_on_each(small: Service) -> None:
    """S1: a row, and three facts; S2: a row and a fact."""
    found = profile(small.index, "etio:Claudication")["sources"]
    assert [(one["id"], one["count"]) for one in found] == [("etio:S1", 4), ("etio:S2", 2)]


def test_what_claims_name_an_entity_is_told(small: Service) -> None:
    found = profile(small.index, "etio:Clot")["named_by"]
    assert {relation: names(facts) for relation, facts in found.items()} == {
        "has_complication": ["SevereClaudication"],
        "confused_with": ["Strain"],
    }


@pytest.mark.graph
@given(st.data())
def test_a_profile_loses_no_row_and_no_claim(leg: Service, data: st.DataObject) -> None:
    condition = data.draw(st.sampled_from(sorted(leg.index.presentations_of)))
    found = profile(leg.index, condition)
    presented = leg.index.presentations_of[condition]
    assert sum(row["count"] for row in found["rows"]) == len(
        {(one.condition, one.row) for one in presented}
    )
    shown = {
        (relation, fact["entity"]["id"]) for relation, facts in found["facts"].items()
        for fact in facts
    }  # fmt: skip
    claims = leg.index.claims_about.get(condition, ())
    assert shown == {(claim.relation, claim.value) for claim in claims}


# -- neighbours ------------------------------------------------------------------------------


def edges(found: Json) -> set[tuple[str, str, str]]:
    """Source, relation, target."""
    centre = found["entity"]["id"]
    return {
        (centre, one["relation"], one["entity"]["id"])
        if one["outward"]
        else (one["entity"]["id"], one["relation"], centre)
        for one in found["neighbours"]
    }


def is_recorded(index: Index, source: str, relation: str, target: str) -> bool:
    """By hand: whether an edge stands in the definitions, a presentation or a claim."""
    entity = index.entity(source)
    if relation == "kind_of":
        return target in entity.parents
    if relation == "part_of":
        return target in entity.wholes
    if relation in ROLES:
        return any(
            target in one.entailed[relation] for one in index.presentations_of.get(source, ())
        )
    stated = relation in TERM_RELATIONS and target in entity.related.get(relation, ())
    return stated or any(
        (claim.relation, claim.value) == (relation, target)
        and source in (claim.subject, *claim.heirs)
        for claim in index.claims.values()
    )


def test_neighbours_are_all_that_an_entity_is_related_to(small: Service) -> None:
    found = neighbours(small.index, "calf", 6, VERSION)
    assert edges(found) == {
        ("etio:Calf", "part_of", "etio:LowerLeg"),
        ("etio:CalfMuscle", "part_of", "etio:Calf"),
        ("etio:Claudication", "region", "etio:Calf"),
        ("etio:Clot", "region", "etio:Calf"),
        ("etio:RestlessLegs", "region", "etio:Calf"),
    }
    assert (found["left_out"], found["version"]) == (0, VERSION)


def test_a_limit_holds_for_each_relation_and_the_rest_is_counted(small: Service) -> None:
    found = neighbours(small.index, "etio:Calf", 1, VERSION)
    assert len(found["neighbours"]) == 3
    assert found["left_out"] == 2


@pytest.mark.parametrize("limit", [0, -1, MAX_NEIGHBOURS + 1])
def test_a_limit_out_of_range_is_refused(small: Service, limit: int) -> None:
    with pytest.raises(BadParameter, match="limit"):
        neighbours(small.index, "etio:Calf", limit, VERSION)


@pytest.mark.graph
@settings(max_examples=100)
@given(st.data())
def test_every_edge_to_a_neighbour_is_recorded(leg: Service, data: st.DataObject) -> None:
    identifier = data.draw(st.sampled_from(sorted(leg.index.entities)))
    limit = data.draw(st.integers(1, MAX_NEIGHBOURS))
    found = neighbours(leg.index, identifier, limit, VERSION)
    assert all(is_recorded(leg.index, *edge) for edge in edges(found))
    per_relation = Counter((one["relation"], one["outward"]) for one in found["neighbours"])
    assert max(per_relation.values(), default=0) <= limit
    widest = neighbours(leg.index, identifier, MAX_NEIGHBOURS, VERSION)
    assert edges(found) <= edges(widest)
    assert len(found["neighbours"]) + found["left_out"] == (
        len(widest["neighbours"]) + widest["left_out"]
    )


# -- changes ---------------------------------------------------------------------------------


def records_of(snapshot: Snapshot) -> Records:
    return Records.from_json(json.loads((snapshot.path / layout.INDEX).read_bytes()))


@pytest.fixture(scope="module")
def records(small_build: Path) -> Records:
    """The records of the small graph, to change."""
    return records_of(open_snapshot(small_build))


def told(found: Json) -> dict[str, list[tuple[str, ...]]]:
    """What a comparison lists: part and how → ids, of what changed with the fields."""
    return {
        f"{part} {how}": [(item["id"], *item.get("fields", ())) for item in items]
        for part, lists in found.items()
        for how, items in lists.items()
        if items
    }


def changed_to(records: Records, **fields: Any) -> Json:
    return compare(Tables.of(records), Tables.of(replace(records, **fields)))


def swapped(items: tuple[Any, ...], identifier: str, **fields: Any) -> tuple[Any, ...]:
    """The records with one changed."""
    assert any(item.id == identifier for item in items)
    return tuple(replace(one, **fields) if one.id == identifier else one for one in items)


def without(items: tuple[Any, ...], identifier: str) -> tuple[Any, ...]:
    return tuple(one for one in items if one.id != identifier)


def test_nothing_changes_between_a_version_and_itself(small: Service, records: Records) -> None:
    assert told(compare(small.index, small.index)) == {}
    assert told(compare(Tables.of(records), small.index)) == {}


def test_what_is_added_removed_and_changed_is_named_exactly(records: Records) -> None:
    added = Source("etio:S4", "On rest", "Charity", "charity", "", "")
    found = changed_to(
        records,
        sources=(*records.sources, added),
        claims=without(records.claims, "etio:F3"),
        entities=swapped(records.entities, "etio:Clot", label="blood clot"),
    )
    assert told(found) == {
        "sources added": [("etio:S4",)],
        "facts removed": [("etio:F3",)],
        "conditions changed": [("etio:Clot", "label")],
    }
    assert found["sources"]["added"][0]["label"] == "On rest (Charity)"
    assert (
        found["facts"]["removed"][0]["label"] == "claudication may be treated by exercise training"
    )
    assert found["conditions"]["changed"][0]["label"] == "blood clot"


def test_a_term_that_is_no_condition_is_listed_apart(records: Records) -> None:
    found = changed_to(
        records, entities=swapped(records.entities, "etio:Night", definition="Dark.")
    )
    assert told(found) == {"terms changed": [("etio:Night", "definition")]}


def test_what_the_reasoner_derives_is_not_listed(records: Records) -> None:
    assert (
        told(changed_to(records, entities=swapped(records.entities, "etio:Calf", broader=()))) == {}
    )
    assert told(changed_to(records, claims=swapped(records.claims, "etio:F1", heirs=()))) == {}


def presentation_of(records: Records, row: str) -> Presentation:
    return next(one for one in records.presentations if one.row.endswith(row))


def test_another_condition_of_a_row_is_a_change_but_an_heir_is_not(records: Records) -> None:
    one = presentation_of(records, "P5")
    found = changed_to(
        records, presentations=swapped(records.presentations, one.id, conditions=("etio:Clot",))
    )
    assert told(found) == {"presentations changed": [(one.id, "condition")]}
    heirs = (*one.conditions, "etio:Clot")
    same = changed_to(
        records, presentations=swapped(records.presentations, one.id, conditions=heirs)
    )
    assert told(same) == {}


def test_what_is_gone_has_no_page(records: Records) -> None:
    one = presentation_of(records, "P5")
    found = changed_to(
        records,
        presentations=without(records.presentations, one.id),
        entities=without(records.entities, "etio:Strain"),
    )
    assert told(found) == {
        "conditions removed": [("etio:Strain",)],
        "presentations removed": [(one.id,)],
    }
    assert found["presentations"]["removed"][0]["label"] == "strain: pain in the lower leg"
    assert {found[part]["removed"][0]["page"] for part in ("conditions", "presentations")} == {None}


@given(st.data())
def test_what_is_added_one_way_is_removed_the_other(records: Records, data: st.DataObject) -> None:
    def some(items: tuple[Any, ...]) -> tuple[Any, ...]:
        kept = data.draw(st.sets(st.sampled_from([one.id for one in items])))
        return tuple(one for one in items if one.id in kept)

    less = replace(
        records,
        presentations=some(records.presentations),
        claims=some(records.claims),
        sources=some(records.sources),
    )
    whole, part = Tables.of(records), Tables.of(less)
    there, back = told(compare(whole, part)), told(compare(part, whole))
    assert {name.replace("removed", "added"): ids for name, ids in there.items()} == back
    gone = [one.id for one in records.claims if one not in less.claims]
    assert [ids for (ids,) in there.get("facts removed", [])] == sorted(gone)


EARLIER = "2000-01-01T00:00:00+00:00"


def add_version(
    folder: Path, name: str, change: Callable[[Records], Records], created: str
) -> Path:
    """Another version beside the one of a build folder."""
    now = open_snapshot(folder)
    path = folder / name
    shutil.copytree(now.path, path)
    records = change(records_of(now))
    (path / layout.INDEX).write_text(json.dumps(records.to_json()))
    manifest = {**now.manifest, "version": name, "created": created}
    manifest[layout.SEAL] = layout.seal(manifest)
    (path / layout.MANIFEST).write_text(json.dumps(manifest))
    return path


@pytest.fixture
def folder(small_build: Path, tmp_path: Path) -> Path:
    """A copy of the build folder of the small graph."""
    return Path(shutil.copytree(small_build, tmp_path / "build"))


def without_strain(records: Records) -> Records:
    kept = without(records.presentations, presentation_of(records, "P5").id)
    return replace(records, presentations=kept)


def test_what_changed_since_an_earlier_version_is_told(folder: Path) -> None:
    add_version(folder, "earlier", without_strain, EARLIER)
    now = open_snapshot(folder)
    assert [version.name for version in earlier_versions(now)] == ["earlier"]
    found = changes_since(now, "earlier")
    assert list(told(found)) == ["presentations added"]
    assert [item["label"] for item in found["presentations"]["added"]] == [
        "strain: pain in the lower leg"
    ]


def test_a_later_or_damaged_version_is_no_earlier_one(folder: Path) -> None:
    add_version(folder, "later", without_strain, "2999-01-01T00:00:00+00:00")
    add_version(folder, "second", without_strain, "2001-01-01T00:00:00+00:00")
    add_version(folder, "first", without_strain, EARLIER)
    damaged = add_version(folder, "damaged", without_strain, EARLIER) / layout.MANIFEST
    damaged.write_text(damaged.read_text().replace('"damaged"', '"other"'))
    (add_version(folder, "broken", without_strain, EARLIER) / layout.MANIFEST).write_text("{")
    (add_version(folder, "bare", without_strain, EARLIER) / layout.INDEX).unlink()
    now = open_snapshot(folder)
    assert [version.name for version in earlier_versions(now)] == ["second", "first"]
    for name in ("later", "damaged", "other", "broken", now.version, "nothing"):
        with pytest.raises(UnknownEntity):
            changes_since(now, name)


# -- the graph in pictures -------------------------------------------------------------------


def test_the_heat_map_counts_each_condition_once(small: Service) -> None:
    """No group of the small graph is large enough for a row of its own."""
    found = heat_map(small.index)
    assert [(one["label"], one["count"]) for one in found["regions"]] == [("thigh", 2), ("calf", 4)]
    (row,) = found["systems"]
    assert (row["id"], row["count"], found["total"]) == ("other", 4, 4)
    assert row["cells"] == [{"count": 2, "step": 2}, {"count": 4, "step": 3}]
    assert found["most"] == {"count": 4, "system": "all other groups", "region": "calf"}


def test_a_cell_of_the_heat_map_lists_its_conditions(small: Service) -> None:
    found = conditions_at(small.index, "other", "etio:Thigh")
    assert names(found["conditions"]) == ["Claudication", "SevereClaudication"]
    assert [names(one["symptoms"]) for one in found["conditions"]] == [["Cramp"], ["Cramp"]]
    assert {one["urgency"] for one in found["conditions"]} == {"see_doctor"}


@pytest.mark.parametrize(
    ("system", "region"), [("nothing", None), (None, "etio:Leg"), ("other", "etio:Pain")]
)
def test_what_is_no_row_or_column_is_refused(
    small: Service, system: str | None, region: str | None
) -> None:
    with pytest.raises(BadParameter):
        conditions_at(small.index, system, region)


@pytest.mark.graph
def test_every_cell_of_the_heat_map_counts_what_the_index_has(leg: Service) -> None:
    index, found = leg.index, heat_map(leg.index)
    there = {
        region["id"]: {
            condition
            for one in index.presentations.values()
            if region["id"] in one.entailed["region"]
            for condition in one.conditions
        }
        for region in found["regions"]
    }
    assert [region["count"] for region in found["regions"]] == [len(c) for c in there.values()]
    shown = set[str]().union(*there.values())
    assert found["total"] == len(shown)
    in_systems: set[str] = set()
    for row in found["systems"]:
        at = conditions_at(index, row["id"], None)["conditions"]
        members = {one["entity"]["id"] for one in at}
        assert row["count"] == len(members) > 0
        if not row["id"].startswith("other"):
            group = f"etio:{row['id']}"
            assert members == {c for c in shown if group in (c, *index.entity(c).ancestors)}
        for region, cell in zip(found["regions"], row["cells"], strict=True):
            listed = conditions_at(index, row["id"], region["id"])["conditions"]
            assert {one["entity"]["id"] for one in listed} == members & there[region["id"]]
            assert cell["count"] == len(listed)
            assert cell["step"] == len([least for least in STEPS if least <= len(listed)])
        in_systems |= members
    assert in_systems == shown


def test_what_relieves_one_and_brings_on_another_is_told(small: Service) -> None:
    """Walking relieves restless legs only, and what relieves but one condition tells little."""
    found = relief(small.index, "etio:Leg")
    assert names(found["factors"]) == ["Rest"]
    assert {
        one["entity"]["label"]: (one["cells"][0]["state"], one["cells"][0]["said"])
        for one in found["conditions"]
    } == {
        "claudication": ("relieves", "relieved by rest"),
        "strain": ("relieves", "relieved by sitting"),
        "restless legs": ("worsens", "brought on by rest"),
    }
    assert found["best"] == {"label": "rest", "relieves": 2, "worsens": 1}
    assert found["total"] == 3


def test_only_regions_of_the_picture_can_be_asked_about_relief(small: Service) -> None:
    assert names(relief_regions(small.index)) == ["Leg", "Thigh", "Calf"]
    for region in ("etio:Muscle", "etio:Nowhere", "etio:Rest"):
        with pytest.raises(BadParameter, match="relief must be one of Leg, Thigh, Calf"):
            relief(small.index, region)


@pytest.mark.graph
@pytest.mark.parametrize("name", ["Leg", "Calf", "Knee", "Foot"])
def test_relief_is_told_just_where_it_is_recorded(leg: Service, name: str) -> None:
    found = relief(leg.index, f"etio:{name}")
    assert found["conditions"]
    for row in found["conditions"]:
        presented = [
            one
            for one in leg.index.presentations_of[row["entity"]["id"]]
            if f"etio:{name}" in one.entailed["region"]
        ]
        for factor, cell in zip(found["factors"], row["cells"], strict=True):
            relieved = any(factor["id"] in one.entailed["relieved_by"] for one in presented)
            worse = any(
                factor["id"] in one.recorded[role]
                for one in presented
                for role in ("aggravated_by", "triggered_by")
            )
            assert (cell["state"] in (RELIEVES, BOTH)) is relieved
            assert (cell["state"] == "worsens") <= worse
            assert worse <= (cell["state"] in (BOTH, "worsens"))
            assert bool(cell["said"]) is (cell["state"] != "not_recorded")


def test_a_red_flag_counts_for_those_that_inherit_it(small: Service) -> None:
    found = urgent_flags(small.index)
    assert (found["flags"], found["conditions"]) == (1, 2)
    (flag,) = found["shown"]
    assert (flag["entity"]["label"], flag["count"]) == ("swelling", 2)
    assert {said: n for said, n in flag["urgencies"].items() if n} == {"see_doctor": 2}


@pytest.mark.graph
def test_the_urgencies_of_a_red_flag_add_up(leg: Service) -> None:
    found = urgent_flags(leg.index)
    claims = [c for c in leg.index.claims.values() if c.relation == "has_red_flag"]
    assert found["flags"] == len({claim.value for claim in claims})
    for flag in found["shown"]:
        own = [claim for claim in claims if claim.value == flag["entity"]["id"]]
        emergency = {
            c for one in own if one.urgency == "emergency" for c in (one.subject, *one.heirs)
        }
        assert flag["count"] == len({c for one in own for c in (one.subject, *one.heirs)})
        assert flag["urgencies"]["emergency"] == len(emergency)
        assert sum(flag["urgencies"].values()) == flag["count"]
    emergencies = [flag["urgencies"]["emergency"] for flag in found["shown"]]
    assert emergencies == sorted(emergencies, reverse=True)


def test_statements_are_counted_by_kind_of_source_and_grade(small: Service) -> None:
    """Eight presentations, as one row has two regions, and eight facts."""
    found = evidence(small.index)
    assert [(one["kind"], one["sources"], one["statements"]) for one in found["kinds"]] == [
        ("government", 1, 7),
        ("other", 1, 5),
        ("university", 1, 4),
    ]
    assert found["statements"] == 16
    assert {grade: n for grade, n in found["grades"].items() if n} == {
        "moderate": 12,
        "very_low": 4,
    }


@pytest.mark.graph
def test_every_statement_has_a_kind_and_a_grade(leg: Service) -> None:
    found = evidence(leg.index)
    assert found["statements"] == len(leg.index.presentations) + len(leg.index.claims)
    assert sum(found["grades"].values()) == found["statements"]
    assert sum(one["statements"] for one in found["kinds"]) == found["statements"]
    assert list(found["grades"]) == list(GRADES)
    for one in found["kinds"]:
        assert sum(one["grades"].values()) == one["statements"]


# -- what is missing -------------------------------------------------------------------------


def test_the_rows_of_a_group_are_its_members(small: Service) -> None:
    counts = {group["id"]: group["count"] for group in recorded(small.index)["groups"]}
    assert counts["Claudication"] == 2
    for group, count in counts.items():
        assert len(recorded_of(small.index, group, "name")) == count
    named = recorded_of(small.index, "Claudication", "name")
    assert names(named) == ["Claudication", "SevereClaudication"]
    reasoned = recorded_of(small.index, "CauseOfLegPainRelievedByRest", "name")
    assert names(reasoned) == ["Claudication", "SevereClaudication", "Strain"]


def test_rows_come_in_the_order_asked_for(small: Service) -> None:
    by_name = names(recorded_of(small.index, None, "name"))
    assert by_name == ["Claudication", "Clot", "RestlessLegs", "SevereClaudication", "Strain"]
    assert names(recorded_of(small.index, None, "-name")) == by_name[::-1]
    missing = recorded_of(small.index, None, "missing")
    assert names(missing)[0] == "SevereClaudication"
    assert names(missing)[-1] == "Claudication"


@pytest.mark.graph
@pytest.mark.parametrize("aspect", ASPECTS)
def test_an_aspect_puts_those_that_lack_it_first(leg: Service, aspect: str) -> None:
    counts = [row["recorded"][aspect] for row in recorded_of(leg.index, None, aspect)]
    assert counts == sorted(counts)
    turned = [row["recorded"][aspect] for row in recorded_of(leg.index, None, f"-{aspect}")]
    assert turned == counts[::-1]


@pytest.mark.parametrize(("group", "order"), [("Nothing", "name"), (None, "size"), (None, "")])
def test_what_is_no_group_or_order_is_refused(
    small: Service, group: str | None, order: str
) -> None:
    with pytest.raises(BadParameter):
        recorded_of(small.index, group, order)
