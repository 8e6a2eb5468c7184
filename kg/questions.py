"""The structured question: what every way of asking becomes, and how it is said back.

A question asks for one kind of thing, about one condition (`subject`) or about `findings`; each
finding must hold within one presentation. It renders as an English sentence that parses back to
itself, as SPARQL and as a Manchester class expression, all three with the same entailed answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kg.index import Index
from kg.records import ROLES
from kg.vocabulary import COLUMN_PROPERTIES, PREFIXES, RELATION_PROPERTIES, compress
from kg.words import phrase

RELATION_ASKED = {
    "treatments": "treated_by",
    "risk_factors": "has_risk_factor",
    "causes": "has_cause",
    "red_flags": "has_red_flag",
    "prevention": "prevented_by",
    "tests": "diagnosed_by",
    "complications": "has_complication",
    "structures": "affects_structure",
    "confusions": "confused_with",
}
"""What is asked for → the relation of the claims that answer it."""

ANSWER_ROLES = {"symptoms": "symptom", "relief": "relieved_by"}
"""What is asked for → the role of presentations whose values answer it."""

ASKS = ("conditions", *RELATION_ASKED, *ANSWER_ROLES)
"""Everything that can be asked for."""

_SENTENCES = {
    "treatments": "What are the treatments for {0}?",
    "risk_factors": "What are the risk factors for {0}?",
    "causes": "What causes {0}?",
    "red_flags": "What are the red flags of {0}?",
    "prevention": "What prevents {0}?",
    "tests": "What are the tests for {0}?",
    "complications": "What are the complications of {0}?",
    "structures": "Which structures does {0} affect?",
    "confusions": "What can be confused with {0}?",
    "symptoms": "What are the symptoms of {0}?",
    "relief": "What relieves {0}?",
    "conditions": "Which conditions can cause {0}?",
}
ROLE_SAID = {
    "symptom": "{0}",
    "region": "in the {0}",
    "quality": "described as {0}",
    "timing": "timed as {0}",
    "laterality": "with laterality {0}",
    "triggered_by": "triggered by {0}",
    "aggravated_by": "worse with {0}",
    "relieved_by": "relieved by {0}",
}
"""How a criterion of each role is said."""
RISK_WORDS = "with the risk factor"
ANY_SYMPTOM = "any symptom"
CONDITION_WORD = "the condition"
SYMPTOM_WORD = "the symptom"
AMBIGUOUS_ASKS = frozenset({"causes", "relief"})
"""What can be asked of a condition and of findings alike: the sentence says which is meant."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing asked of a presentation: a role of ROLES and the entity (CURIE) in it."""

    role: str
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Criteria that must hold together in one presentation, in the order of ROLES.

    `absent` says that the person has no such thing.
    """

    criteria: tuple[Criterion, ...]
    absent: bool = False

    @classmethod
    def of(cls, criteria: Iterable[Criterion], *, absent: bool = False) -> "Finding":
        """The finding with these criteria, each once, in the order of ROLES."""
        unique = dict.fromkeys(criteria)
        return cls(tuple(sorted(unique, key=lambda c: (ROLES.index(c.role), c.value))), absent)


@dataclass(frozen=True, slots=True)
class Person:
    """Who it is about: age in years, sex ("female" or "male"), risk factors (CURIEs)."""

    age: int | None = None
    sex: str | None = None
    risk_factors: tuple[str, ...] = ()


NOBODY = Person()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for (one of ASKS), about a condition (`subject`) or about findings.

    `person` is who has them; `without` are things (CURIEs) whose kinds are not wanted as answers.
    """

    ask: str
    subject: str | None = None
    findings: tuple[Finding, ...] = ()
    person: Person = NOBODY
    without: tuple[str, ...] = ()

    @property
    def present(self) -> tuple[Finding, ...]:
        """The findings that are there."""
        return tuple(finding for finding in self.findings if not finding.absent)

    @property
    def absent(self) -> tuple[Finding, ...]:
        """The findings that are not."""
        return tuple(finding for finding in self.findings if finding.absent)


def sentence(question: Question, index: Index) -> str:
    """The question as one English sentence; reading it gives the same question, in its parts."""
    if question.subject is not None:
        name = index.label(question.subject)
        if question.ask in AMBIGUOUS_ASKS:
            name = f"{CONDITION_WORD} {name}"
        unwanted = (f"without {index.label(value)}" for value in question.without)
        return _SENTENCES[question.ask].format(" ".join((name, ", ".join(unwanted))).strip())
    said = " and ".join(_finding_phrase(finding, index) for finding in question.present)
    if question.ask in AMBIGUOUS_ASKS:
        said = f"{SYMPTOM_WORD} {said}"
    for number, finding in enumerate(question.absent):
        said += f", {'not' if number else 'but not'} {_finding_phrase(finding, index, '')}"
    return _SENTENCES[question.ask].format(said + _person_phrase(question.person, index))


def _person_phrase(person: Person, index: Index) -> str:
    said = f", in a person aged {person.age}" if person.age is not None else ""
    said += f", {person.sex}" if person.sex else ""
    for value in person.risk_factors:
        said += f", {RISK_WORDS} {index.label(value)}"
    return said


def in_parts(criteria: Iterable[Criterion], index: Index) -> list[Criterion]:
    """The same criteria with every symptom that is defined by its parts taken apart.

    Calf pain becomes pain, in the calf; a burning sensation stays whole, as a sensory symptom that
    is burning says no more to people. What follows from another criterion is left out: the foot
    beside the heel.
    """
    parts = [
        part
        for criterion in criteria
        for part in (_parts(criterion, index) if criterion.role == "symptom" else [criterion])
    ]
    implied = {
        Criterion(part.role, wider)
        for part in parts
        for wider in index.broader(part.value) - {part.value}
    }
    return [part for part in dict.fromkeys(parts) if part not in implied]


def _parts(criterion: Criterion, index: Index) -> list[Criterion]:
    defined = index.entity(criterion.value).defined_as
    if not all(index.entity(genus).ancestors for genus in defined.get("symptom", ())):
        return [criterion]
    parts = [Criterion(role, value) for role, values in defined.items() for value in values]
    return parts or [criterion]


def _runs_together(finding: Finding, symptom: str, region: str, index: Index) -> bool:
    """Whether 'pain in the chest' begins with the name of something else than just that."""
    words = phrase(f"{symptom} in the {region}")
    meant = list(finding.criteria[:2])
    for length in range(len(words), len(phrase(symptom)), -1):
        for named in index.called(words[:length]):
            if index.entity(named).kind == "symptom":
                said = in_parts([Criterion("symptom", named)], index)
                return length < len(words) or said != meant
    return False


def _finding_phrase(finding: Finding, index: Index, comma: str = ",") -> str:
    """A finding in words; what is denied is said without commas, at which a denial ends."""
    head = ANY_SYMPTOM
    rest = ""
    for criterion in finding.criteria:
        label = index.label(criterion.value)
        if criterion.role == "symptom":
            head = label
        elif criterion.role == "region" and _runs_together(finding, head, label, index):
            rest += f" located in the {label}"
        else:
            before = " " if criterion.role == "region" else f"{comma} "
            rest += before + ROLE_SAID[criterion.role].format(label)
    return head + rest


def class_expression(question: Question) -> str:
    """The findings as an OWL class in Manchester syntax; empty for a question about a subject.

    What is absent, and the person, are not part of it: of what is not recorded nothing follows.
    """
    if not question.findings:
        return ""
    parts = ["Condition"]
    for finding in question.present:
        inner = " and ".join(map(_criterion_expression, finding.criteria))
        parts.append(f"hasPresentation some ({inner})")
    return " and ".join(parts)


def _criterion_expression(criterion: Criterion) -> str:
    if criterion.role == "symptom":
        return _name(criterion.value)
    term_property = compress(COLUMN_PROPERTIES[criterion.role])
    return f"{_name(term_property)} some {_name(criterion.value)}"


def _name(curie: str) -> str:
    return curie.partition(":")[2]


def sparql(question: Question) -> str:
    """A query with the entailed answers of the question, ready to send to `/sparql`."""
    if question.ask == "conditions":
        body = _conditions_body(question.present)
        variables = "?condition ?condition_label"
    elif question.ask == "symptoms":
        body = _presentation_body(question) + _recorded("?symptom", "rdfs:subClassOf")
        body += "  ?symptom rdfs:subClassOf etio:Symptom ; rdfs:label ?symptom_label .\n"
        body += "  FILTER(?symptom != etio:Presentation)\n"
        variables = "?symptom ?symptom_label ?presentation ?source"
    elif question.ask == "relief":
        body = _presentation_body(question) + (
            "  GRAPH <https://w3id.org/etiograph/graph/presentations> {\n"
            "    ?presentation rdfs:subClassOf\n"
            "      [ owl:onProperty etio:relievedBy ; owl:someValuesFrom ?factor ] .\n  }\n"
            "  ?factor rdfs:label ?factor_label .\n"
        )
        variables = "?factor ?factor_label ?presentation ?source"
    else:
        body = _claims_body(question)
        variables = "?value ?value_label ?claim ?source"
    return (
        _prologue(body) + f"SELECT DISTINCT {variables} WHERE {{\n{body}}}\nORDER BY {variables}\n"
    )


def _prologue(body: str) -> str:
    used = [prefix for prefix in PREFIXES if f"{prefix}:" in body]
    return "".join(f"PREFIX {prefix}: <{PREFIXES[prefix]}>\n" for prefix in used)


def _conditions_body(findings: tuple[Finding, ...]) -> str:
    body = "  ?condition rdfs:label ?condition_label .\n"
    for number, finding in enumerate(findings, start=1):
        body += f"  ?condition etio:hasPresentation ?presentation_{number} .\n"
        body += _criteria(f"?presentation_{number}", finding)
    return body


def _criteria(variable: str, finding: Finding) -> str:
    lines = ""
    for criterion in finding.criteria:
        predicate = (
            "rdfs:subClassOf"
            if criterion.role == "symptom"
            else compress(COLUMN_PROPERTIES[criterion.role])
        )
        lines += f"  {variable} {predicate} {criterion.value} .\n"
    return lines


def _presentation_body(question: Question) -> str:
    body = "  ?presentation rdfs:subClassOf etio:Presentation ; dcterms:source ?source .\n"
    if question.subject is not None:
        return body + f"  {question.subject} etio:hasPresentation ?presentation .\n"
    return body + "".join(_criteria("?presentation", finding) for finding in question.present)


def _recorded(variable: str, predicate: str) -> str:
    """What the row itself says, not what follows from it."""
    return (
        "  GRAPH <https://w3id.org/etiograph/graph/presentations> "
        f"{{ ?presentation {predicate} {variable} }}\n"
    )


def _claims_body(question: Question) -> str:
    term_property = compress(RELATION_PROPERTIES[RELATION_ASKED[question.ask]])
    return (
        f"  {question.subject} rdfs:subClassOf? ?subject .\n"
        f"  ?claim etio:claimSubject ?subject ; etio:claimProperty {term_property} ;\n"
        "         etio:claimValue ?value ; dcterms:source ?source .\n"
        "  ?value rdfs:label ?value_label .\n"
    )
