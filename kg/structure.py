"""A question as JSON: what a program sends, and what `/ask` says it understood."""

from collections.abc import Iterable, Mapping
from typing import Any

from kg.errors import BadParameter, UnknownEntity
from kg.index import Index
from kg.questions import ASKS, NOBODY, Criterion, Finding, Person, Question
from kg.records import ROLES
from kg.views import Json, Views

MAX_FINDINGS = 20
MAX_CRITERIA = 20
MAX_AGE = 120
SEXES = ("female", "male")
_KEYS = ("ask", "subject", "findings", "absent", "person", "without")
_PERSON_KEYS = ("age", "sex", "risk_factors")


def to_json(question: Question, views: Views) -> Json:
    """`{ask, subject, findings, absent, person, without}`; every entity as a reference.

    A finding is a list of `{role, value}`; those in `absent` are what the person has not.
    """
    return {
        "ask": question.ask,
        "subject": views.reference(question.subject) if question.subject else None,
        "findings": [_finding(f, views) for f in question.findings if not f.absent],
        "absent": [_finding(f, views) for f in question.findings if f.absent],
        "person": {
            "age": question.person.age,
            "sex": question.person.sex,
            "risk_factors": [views.reference(value) for value in question.person.risk_factors],
        },
        "without": [views.reference(value) for value in question.without],
    }


def _finding(finding: Finding, views: Views) -> list[Json]:
    return [{"role": c.role, "value": views.reference(c.value)} for c in finding.criteria]


def from_json(data: object, index: Index) -> Question:
    """The inverse; an entity may be a CURIE, an IRI, a label or a reference.

    BadParameter says which part is not as it should be.
    """
    known = _object(data, "the question", _KEYS)
    ask = known.get("ask", "conditions")
    if ask not in ASKS:
        raise BadParameter(f"ask must be one of {', '.join(ASKS)}, not {ask!r}", ASKS)
    subject = known.get("subject")
    findings = [
        *(_read_finding(item, index, "findings") for item in _list(known, "findings")),
        *(_read_finding(item, index, "absent", absent=True) for item in _list(known, "absent")),
    ]
    if len(findings) > MAX_FINDINGS:
        raise BadParameter(f"a question may have {MAX_FINDINGS} findings at most")
    question = Question(
        ask,
        None if subject is None else _entity(subject, index, "subject", "condition"),
        tuple(findings),
        _person(known.get("person"), index),
        tuple(_entity(value, index, "without") for value in _list(known, "without")),
    )
    if question.subject is None and not any(not finding.absent for finding in findings):
        raise BadParameter("a question needs a subject, or a finding that is present")
    if question.subject is not None and findings:
        raise BadParameter("a question has a subject or findings, not both")
    return question


def _object(data: object, name: str, keys: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise BadParameter(f"{name} must be an object with {', '.join(keys)}")
    for key in data:
        if key not in keys:
            raise BadParameter(f"{name} has no {key!r}; it has {', '.join(keys)}", tuple(keys))
    return data


def _list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key) or []
    if not isinstance(value, list):
        raise BadParameter(f"{key} must be a list")
    return value


def _read_finding(data: object, index: Index, name: str, *, absent: bool = False) -> Finding:
    if not isinstance(data, list) or not 1 <= len(data) <= MAX_CRITERIA:
        raise BadParameter(f"each of {name} must be a list of 1 to {MAX_CRITERIA} criteria")
    criteria = []
    for item in data:
        known = _object(item, "a criterion", ("role", "value"))
        role = known.get("role")
        if role not in ROLES:
            raise BadParameter(f"role must be one of {', '.join(ROLES)}, not {role!r}", ROLES)
        criteria.append(Criterion(role, _entity(known.get("value"), index, role)))
    return Finding.of(criteria, absent=absent)


def _person(data: object, index: Index) -> Person:
    if data is None:
        return NOBODY
    known = _object(data, "person", _PERSON_KEYS)
    age, sex = known.get("age"), known.get("sex")
    if age is not None and (type(age) is not int or not 0 <= age <= MAX_AGE):
        raise BadParameter(f"age must be a whole number of years from 0 to {MAX_AGE}")
    if sex is not None and sex not in SEXES:
        raise BadParameter(f"sex must be one of {', '.join(SEXES)}", SEXES)
    values = [_entity(v, index, "risk_factors") for v in _list(known, "risk_factors")]
    return Person(age, sex, tuple(dict.fromkeys(values)))


def _entity(value: object, index: Index, name: str, kind: str | None = None) -> str:
    text = value.get("id") if isinstance(value, Mapping) else value
    if not isinstance(text, str) or not text.strip():
        raise BadParameter(f"{name} must be a CURIE, an IRI or a label")
    try:
        entity = index.resolve(text)
    except UnknownEntity as error:
        raise BadParameter(f"{name}: {error}", error.suggestions) from None
    if kind is not None and entity.kind != kind:
        raise BadParameter(f"{name} must be a {kind}, but {entity.label!r} is a {entity.kind}")
    return entity.id
