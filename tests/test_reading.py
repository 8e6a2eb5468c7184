"""Words to structure: what is read, what is ignored, what is refused."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import NotUnderstood
from kg.grammar import EXAMPLES
from kg.questions import ASKS, Criterion, Finding, Person, Question, in_parts, sentence
from kg.reading import Reader, Reading
from kg.records import ROLES
from kg.service import Service
from kg.words import phrase

pytestmark = pytest.mark.graph


@pytest.fixture(scope="module")
def reader(leg: Service) -> Reader:
    return leg.reader


def said(reading: Reading) -> list[list[tuple[str, str]]]:
    """The findings as (role, local name) pairs."""
    return [
        [(c.role, c.value.removeprefix("etio:")) for c in finding.criteria]
        for finding in reading.question.findings
    ]


CALF_CRAMP = [("symptom", "Cramp"), ("region", "Calf")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("causes of calf cramps relieved by rest", [[*CALF_CRAMP, ("relieved_by", "Rest")]]),
        ("Causes of calf cramps, relieved by rest?", [[*CALF_CRAMP, ("relieved_by", "Rest")]]),
        ("what causes cramp in the calf that is eased by resting",
         [[*CALF_CRAMP, ("relieved_by", "Rest")]]),
        ("why does my calf cramp when I walk and get better when I rest",
         [[*CALF_CRAMP, ("triggered_by", "Walking"), ("relieved_by", "Rest")]]),
        ("calf cramps at night", [[*CALF_CRAMP, ("timing", "Night")]]),
        ("calf cramps worse at night", [[*CALF_CRAMP, ("timing", "WorseAtNight")]]),
        ("leg pain worse with walking and climbing stairs",
         [[("symptom", "Pain"), ("region", "Leg"), ("aggravated_by", "ClimbingStairs"),
           ("aggravated_by", "Walking")]]),
        ("knee pain triggered by kneeling",
         [[("symptom", "Pain"), ("region", "Knee"), ("triggered_by", "Kneeling")]]),
        ("calf cramps when I walk, gone ten minutes after I stop",
         [[*CALF_CRAMP, ("triggered_by", "Walking"), ("relieved_by", "Rest")]]),
        ("knee pain, fine when resting",
         [[("symptom", "Pain"), ("region", "Knee"), ("relieved_by", "Rest")]]),
        ("heel pain when running, ok standing",
         [[("symptom", "Pain"), ("region", "Heel"), ("triggered_by", "Running"),
           ("relieved_by", "Standing")]]),
        ("calf cramp lasts a few minutes", [[*CALF_CRAMP, ("timing", "LastingMinutes")]]),
        ("pain in the back of both heels", [[("symptom", "Pain"), ("region", "BackOfHeel")]]),
        ("my calf cramps and my back hurts",
         [CALF_CRAMP, [("symptom", "Pain"), ("region", "Back")]]),
        ("knee swelling and fever",
         [[("symptom", "Swelling"), ("region", "Knee")], [("symptom", "Fever")]]),
        ("burning in the sole", [[("symptom", "BurningSensation"), ("region", "Sole")]]),
        ("pain and swelling in the calf",
         [[("symptom", "Pain"), ("region", "Calf")],
          [("symptom", "Swelling"), ("region", "Calf")]]),
        ("calf pain and foot swelling",
         [[("symptom", "Pain"), ("region", "Calf")],
          [("symptom", "Swelling"), ("region", "Foot")]]),
        ("sudden sharp pain in the calf",
         [[("symptom", "Pain"), ("region", "Calf"), ("quality", "Sharp"),
           ("timing", "SuddenOnset")]]),
        ("conditions of the heel", [[("region", "Heel")]]),
        ("my leg is numb", [[("symptom", "Numbness"), ("region", "Leg")]]),
        ("swollen ankles", [[("symptom", "Swelling"), ("region", "Ankle")]]),
        ("pain in the back of the knee", [[("symptom", "Pain"), ("region", "PoplitealFossa")]]),
    ],
)  # fmt: skip
def test_findings_are_read(
    reader: Reader, text: str, expected: list[list[tuple[str, str]]]
) -> None:
    reading = reader.read(text)
    assert reading.question.ask == "conditions"
    assert said(reading) == expected
    assert reading.ignored == ()


@pytest.mark.parametrize(
    ("text", "ask", "subject"),
    [
        ("treatments for plantar fasciitis", "treatments", "PlantarFasciitis"),
        ("how is gout treated?", "treatments", "Gout"),
        ("gout treatment", "treatments", "Gout"),
        ("risk factors for deep vein thrombosis", "risk_factors", "DeepVeinThrombosis"),
        ("DVT risk factors", "risk_factors", "DeepVeinThrombosis"),
        ("what are the symptoms of restless legs?", "symptoms", "RestlessLegsSyndrome"),
        ("red flags of sciatica", "red_flags", "Sciatica"),
        ("warning signs of cauda equina syndrome", "red_flags", "CaudaEquinaSyndrome"),
        ("how can muscle cramps be prevented", "prevention", "MuscleCramp"),
        ("how is deep vein thrombosis diagnosed", "tests", "DeepVeinThrombosis"),
        ("complications of hypokalemia", "complications", "Hypokalaemia"),
        ("causes of plantar fasciitis", "causes", "PlantarFasciitis"),
        ("what causes hypokalaemia", "causes", "Hypokalaemia"),
        ("what causes the condition muscle cramp", "causes", "MuscleCramp"),
        ("what relieves restless legs syndrome", "relief", "RestlessLegsSyndrome"),
        ("what can be mistaken for gout", "confusions", "Gout"),
    ],
)
def test_questions_about_a_condition_are_read(
    reader: Reader, text: str, ask: str, subject: str
) -> None:
    assert reader.read(text).question == Question(ask, f"etio:{subject}")


@pytest.mark.parametrize(
    ("text", "canonical", "doubt"),
    [
        ("swolen calf", "Which conditions can cause swelling in the calf?", "'swolen'"),
        ("numness in the foot", "Which conditions can cause numbness in the foot?", "'numness'"),
        ("treatments for siatica", "What are the treatments for sciatica?", "'siatica'"),
        ("red flags of arthritus", "What are the red flags of arthritis?", "'arthritus'"),
    ],
)
def test_a_misspelt_word_is_read_and_said(
    leg: Service, reader: Reader, text: str, canonical: str, doubt: str
) -> None:
    reading = reader.read(text)
    assert sentence(reading.question, leg.index) == canonical
    assert any(each.startswith(f"{doubt} was read as") for each in reading.doubts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two weeks ago my calf cramps began and I have to stop",
         [[*CALF_CRAMP, ("relieved_by", "Rest")]]),
        ("calf cramp, a few minutes rest helps", [[*CALF_CRAMP, ("relieved_by", "Rest")]]),
        ("calf cramp a few minutes ago", [CALF_CRAMP]),
        ("my calf cramps, the foot is fine", [CALF_CRAMP]),
        ("my calf cramps and now it is back again", [CALF_CRAMP]),
    ],
)  # fmt: skip
def test_what_is_said_in_passing_is_no_finding(
    reader: Reader, text: str, expected: list[list[tuple[str, str]]]
) -> None:
    reading = reader.read(text)
    assert said(reading) == expected
    assert reading.ignored


def test_unknown_words_beside_a_symptom_are_ignored_and_listed(reader: Reader) -> None:
    reading = reader.read("causes of peculiar calf cramps in my dog")
    assert said(reading) == [CALF_CRAMP]
    assert reading.ignored == ("peculiar", "dog")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "empty"),
        ("   ?", "empty"),
        ("x" * 501, "500 characters"),
        ("hello", "'hello'"),
        ("causes of flurble in the calf", "'flurble'"),
        ("gout", "say what you want to know"),
        ("treatments for swelling", "not a condition that is recorded"),
        ("treatments for unicorns", "not a condition that is recorded"),
        ("<script>alert(1)</script>", "not understood"),
        ("\x00\ud800\u202e", "not understood"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_reason(
    reader: Reader, text: str, part: str
) -> None:
    with pytest.raises(NotUnderstood) as caught:
        reader.read(text)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "present", "absent"),
    [
        ("calf pain without swelling", [["Pain", "Calf"]], [["Swelling"]]),
        ("calf pain but no swelling", [["Pain", "Calf"]], [["Swelling"]]),
        ("pain in the calf, no swelling or redness of the skin",
         [["Pain", "Calf"]], [["Swelling"], ["SkinDiscolouration", "Skin", "Red"]]),
        ("knee pain, not worse at night, worse with walking",
         [["Pain", "Knee", "Walking"]], [["Pain", "Knee", "WorseAtNight"]]),
        ("not only calf pain but swelling", [["Pain", "Calf"], ["Swelling", "Calf"]], []),
        ("hips and thighs ache", [["Pain", "Hip"], ["Pain", "Thigh"]], []),
        ("pain in the hip and knee", [["Pain", "Hip"], ["Pain", "Knee"]], []),
        ("not pain really its tingling in the foot", [["Tingling", "Foot"]], [["Pain"]]),
        ("no marks but the calf hurts", [["Pain", "Calf"]], []),
        ("no obvious swelling, the calf hurts", [["Pain", "Calf"]], [["Swelling"]]),
    ],
)  # fmt: skip
def test_what_is_there_and_what_is_not(
    reader: Reader, text: str, present: list[list[str]], absent: list[list[str]]
) -> None:
    question = reader.read(text).question

    def names(findings: tuple[Finding, ...]) -> list[list[str]]:
        return [[c.value.removeprefix("etio:") for c in f.criteria] for f in findings]

    assert names(question.present) == present
    assert names(question.absent) == absent


@pytest.mark.parametrize(
    ("text", "age", "sex"),
    [
        ("I'm 65, calf pain", 65, None),
        ("calf pain in a 14-year-old boy", 14, "male"),
        ("woman in her fifties with knee pain", 55, "female"),
        ("my six year old daughter has leg pain", 6, "female"),
        ("man of 40, hip pain", 40, "male"),
        ("children with night leg pain", 8, None),
        ("hip pain for 12 weeks", None, None),
        ("my son 11, heel pain", 11, "male"),
        ("heel pain, runner, 35.", 35, None),
        ("55 bloke with a red toe", 55, None),
        ("toddler 17 months with a limp", 1, None),
        ("knee pain, walks like an old man", None, "male"),
        ("i'm 26 weeks pregnant with calf cramps", None, None),
        ("calf pain", None, None),
    ],
)
def test_who_it_is_about(reader: Reader, text: str, age: int | None, sex: str | None) -> None:
    person = reader.read(text).question.person
    assert (person.age, person.sex) == (age, sex)


def test_what_is_left_out_is_said(reader: Reader) -> None:
    assert reader.read("calf cramps relieved by unicorns").ignored[0] == "relieved by unicorns"
    doubtful = reader.read("shin pain running")
    assert doubtful.doubts == ("'running' was read as what brings it on",)
    assert reader.read("calf pain or swelling").doubts == ("'or' was read as 'and'",)


def test_a_marker_may_follow_what_it_marks(reader: Reader) -> None:
    assert said(reader.read("calf cramp, rest helps"))[0][-1] == ("relieved_by", "Rest")
    assert said(reader.read("knee pain, kneeling makes it worse"))[0][-1] == (
        "aggravated_by",
        "Kneeling",
    )


def test_spans_are_places_in_the_text(reader: Reader) -> None:
    reading = reader.read("My  calf cramps when walking, but no swelling")
    found = {reading.text[span.start : span.end]: span.role for span in reading.spans}
    assert found == {
        "calf cramps": "symptom", "walking": "triggered_by", "swelling": "symptom"
    }  # fmt: skip


def test_what_is_not_wanted_is_read(reader: Reader) -> None:
    question = reader.read("treatments for plantar fasciitis without surgery").question
    assert question.subject == "etio:PlantarFasciitis"
    assert question.without == ("etio:Surgery",)


def test_a_condition_by_itself_is_met_with_questions_that_work(reader: Reader) -> None:
    with pytest.raises(NotUnderstood) as caught:
        reader.read("gout")
    assert len(caught.value.suggestions) == 5
    for suggestion in caught.value.suggestions:
        assert reader.read(suggestion).question.subject == "etio:Gout"


def test_a_name_of_both_is_read_as_the_symptom_and_says_so(reader: Reader) -> None:
    reading = reader.read("leg cramps")
    assert said(reading) == [[("symptom", "Cramp"), ("region", "Leg")]]
    assert reading.ambiguities[-1].others == ("etio:LegCramp",)


def test_a_treatment_asked_for_a_symptom_suggests_its_causes(reader: Reader) -> None:
    with pytest.raises(NotUnderstood) as caught:
        reader.read("treatments for swelling in the calf")
    assert caught.value.suggestions[0] == "Which conditions can cause swelling in the calf?"


def test_words_with_two_readings_say_so(reader: Reader) -> None:
    reading = reader.read("causes of muscle cramp")
    assert said(reading) == [[("symptom", "Cramp")]]
    assert reading.ambiguities[0].others == ("etio:MuscleCramp",)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_answered(leg: Service, example: str) -> None:
    assert leg.ask(example)["total"] > 0


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(leg: Service, text: str) -> None:
    with suppress(NotUnderstood):
        assert leg.ask(text)["canonical"]


def test_every_recorded_value_reads_back_in_its_role(leg: Service, reader: Reader) -> None:
    values = {
        (role, value)
        for presentation in leg.index.presentations.values()
        for role in ROLES
        for value in presentation.entailed[role]
    }
    pain = Criterion("symptom", "etio:Pain")
    lost = []
    for role, value in sorted(values):
        finding = Finding.of([Criterion(role, value)] + [pain] * (role != "symptom"))
        question = Question("conditions", findings=(finding,))
        try:
            same = reader.read(sentence(question, leg.index)).question == _in_parts(question, leg)
        except NotUnderstood:
            same = False
        if not same:
            lost.append(sentence(question, leg.index))
    assert lost == []


@given(st.data())
def test_the_canonical_sentence_reads_back_to_the_same_question(
    leg: Service, reader: Reader, data: st.DataObject
) -> None:
    question = data.draw(questions(leg))
    said = sentence(question, leg.index)
    assert reader.read(said).question == _in_parts(question, leg)


def _in_parts(question: Question, leg: Service) -> Question:
    parts = (
        Finding.of(in_parts(f.criteria, leg.index), absent=f.absent) for f in question.findings
    )
    return replace(question, findings=tuple(dict.fromkeys(parts)))


def questions(leg: Service) -> st.SearchStrategy[Question]:
    """Questions about recorded conditions, and about findings as presentations record them."""
    conditions = sorted(leg.index.presentations_of)
    about = st.builds(
        Question,
        st.sampled_from([ask for ask in ASKS if ask != "conditions"]),
        st.sampled_from(conditions),
    )
    findings = st.builds(
        lambda ask, found, absent, person: Question(
            ask, findings=(*found, *(replace(f, absent=True) for f in absent)), person=person
        ),
        st.sampled_from(["conditions", "relief"]),
        st.lists(_finding(leg), min_size=1, max_size=2, unique=True),
        st.lists(_finding(leg), max_size=2, unique=True),
        _person(leg),
    )
    return st.one_of(about, findings)


def _person(leg: Service) -> st.SearchStrategy[Person]:
    factors = sorted(
        entity.id for entity in leg.index.entities.values() if entity.kind == "risk_factor"
    )
    return st.builds(
        lambda age, sex, values: Person(age, sex, tuple(values)),
        st.one_of(st.none(), st.integers(0, 120)),
        st.sampled_from([None, "female", "male"]),
        st.lists(st.sampled_from(factors), max_size=2, unique=True),
    )


def _finding(leg: Service) -> st.SearchStrategy[Finding]:
    def of(drawn: tuple[str, list[str]]) -> Finding:
        presentation = leg.index.presentations[drawn[0]]
        return Finding.of(
            [
                Criterion(role, presentation.recorded[role][0])
                for role in ROLES
                if presentation.recorded[role] and role in ("symptom", "region", *drawn[1])
            ]
        )

    presentations = sorted(p.id for p in leg.index.presentations.values() if p.recorded["region"])
    return st.tuples(
        st.sampled_from(presentations), st.lists(st.sampled_from(ROLES), max_size=5)
    ).map(of)


def test_no_two_terms_of_a_role_have_labels_that_read_alike(leg: Service) -> None:
    seen: dict[tuple[str, tuple[str, ...]], str] = {}
    for entity in leg.index.entities.values():
        other = seen.setdefault((entity.kind, phrase(entity.label)), entity.label)
        assert other == entity.label
