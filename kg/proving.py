"""Proofs of answers that anyone can check: the triples they rest on, and a query for these."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from kg.errors import NoProof
from kg.index import Index
from kg.matching import NEIGHBOURS
from kg.questions import ANSWER_ROLES, Criterion, Finding, Question, sentence
from kg.records import ROLES, Claim, Presentation
from kg.views import RELATION_SAID, Json
from kg.vocabulary import COLUMN_PROPERTIES, PREFIXES, RELATION_PROPERTIES, compress, expand

Triple = tuple[str, str, str]
Degree = tuple[str, str, str]
"""Role and value of a criterion, and how it is met: entailed or compatible."""
_DEGREE = ("role", "value", "status")
PRESENTS, SOURCE, KIND_OF = "etio:hasPresentation", "dcterms:source", "rdfs:subClassOf"
CLAIM_PARTS = ("etio:claimSubject", "etio:claimProperty", "etio:claimValue")
PROPERTY = {role: compress(str(COLUMN_PROPERTIES[role])) for role in ROLES if role != "symptom"}
PROPERTY["symptom"] = KIND_OF
"""Role of a presentation → the property that says it."""
RELATION = {name: compress(str(iri)) for name, iri in RELATION_PROPERTIES.items()}
"""Relation of a claim → its property."""
_FOUND = ("entailed", "compatible")


class Prover:
    """Makes proofs over one index."""

    def __init__(self, index: Index, version: str) -> None:
        self._index = index
        self._version = version
        self._said = lru_cache(maxsize=512)(partial(_said, index=index))

    def of_answer(self, question: Question, answer: Json) -> Json:
        """The proof of one of the `answers` in the payload of a question."""
        met, value = answer["criteria"], answer["entity"]["id"]
        if question.ask == "conditions":
            found: dict[int, str] = {}
            for item in met:
                if item["status"] in _FOUND and not item["absent"]:
                    found.setdefault(item["finding"], item["presentation"])
            each = [found.get(number) for number in range(1, len(question.findings) + 1)]
            return self.of_presentations(value, question.findings, each)
        role = ANSWER_ROLES.get(question.ask)
        if role is None:
            return self.of_claims(str(question.subject), value, [item["claim"] for item in met])
        presentations = [self._index.presentations[item["presentation"]] for item in met]
        condition = question.subject or presentations[0].condition
        asked = [
            Finding.of([*finding.criteria, Criterion(role, value)])
            for finding in (question.present or (Finding(()),))
        ]
        own = [one for one in presentations if condition in one.conditions]
        shown = [next((one.id for one in own if _entails(one, each)), None) for each in asked]
        return self.of_presentations(condition, asked, shown)

    def of_presentations(
        self, condition: str, findings: Sequence[Finding], presentations: Sequence[str | None]
    ) -> Json:
        """The proof that a condition meets findings, each in the presentation (id) given for it.

        What is not recorded has no proof and is in `not_proved`; NoProof where nothing has.
        """
        triples: dict[Triple, None] = {}
        proved: list[tuple[Degree, ...]] = []
        not_proved: list[Json] = []
        for finding, identifier in zip(findings, presentations, strict=True):
            shown = self._index.presentations[identifier] if identifier else None
            if shown is not None and condition not in shown.conditions:
                shown = None
            paths = {c: self._path(shown, c) for c in finding.criteria} if shown else {}
            met = {c: path for c, path in paths.items() if path and not finding.absent}
            silent = (criterion for criterion in finding.criteria if criterion not in met)
            not_proved += [{"role": each.role, "value": each.value} for each in silent]
            if met and shown:
                triples[condition, PRESENTS, shown.id] = None
                triples |= dict.fromkeys(triple for path in met.values() for triple in path)
                triples[shown.id, SOURCE, shown.source] = None
                proved.append(tuple((c.role, c.value, _status(c, met[c])) for c in met))
        conclusion = {
            "condition": condition,
            "findings": [[dict(zip(_DEGREE, one, strict=True)) for one in met] for met in proved],
        }
        statement = f"{self._index.label(condition)} {self._said(tuple(proved))}"
        return self._proof(conclusion, statement, triples, not_proved)

    def of_claims(self, subject: str, value: str, claims: Sequence[str]) -> Json:
        """The proof that claims (ids) relate a condition to a value."""
        triples: dict[Triple, None] = {}
        relation = self._index.claims[claims[0]].relation if claims else ""
        for identifier in claims:
            claim = self._index.claims[identifier]
            triples |= dict.fromkeys(self._claimed(claim, subject, value))
        conclusion = {"subject": subject, "relation": relation, "value": value}
        return self._proof(conclusion, stated(conclusion, self._index), triples, [])

    def _proof(
        self, conclusion: Json, statement: str, triples: Iterable[Triple], not_proved: list[Json]
    ) -> Json:
        listed = list(map(list, triples))
        if not listed:
            raise NoProof("nothing that is recorded speaks for this answer")
        return {
            "version": self._version,
            "statement": statement,
            "conclusion": conclusion,
            "triples": listed,
            "not_proved": not_proved,
            "sparql": ask_query(triples),
        }

    def _claimed(self, claim: Claim, subject: str, value: str) -> Iterator[Triple]:
        if claim.subject != subject:
            yield subject, KIND_OF, claim.subject
        parts = (claim.subject, RELATION[claim.relation], claim.value)
        for part, term in zip(CLAIM_PARTS, parts, strict=True):
            yield claim.id, part, term
        if claim.value != value:
            yield claim.value, self._link(claim.value, value), value
        yield claim.id, SOURCE, claim.source

    def _path(self, shown: Presentation, criterion: Criterion) -> list[Triple]:
        """The triples by which a presentation meets a criterion; none if it does not."""
        role, value = criterion.role, criterion.value
        if value in shown.entailed[role]:
            return [(shown.id, PROPERTY[role], value)]
        for recorded in shown.recorded[role]:
            if recorded in self._index.broader(value):
                said = (shown.id, PROPERTY[role], recorded)
                return [said, (value, self._link(value, recorded), recorded)]
        for near in NEIGHBOURS.get(role, ()):
            if value in shown.entailed[near]:
                return [(shown.id, PROPERTY[near], value)]
        return self._overlap(shown, value) if role == "region" else []

    def _overlap(self, shown: Presentation, region: str) -> list[Triple]:
        """By a region that is part of what is recorded and of what is asked."""
        for recorded in shown.recorded["region"]:
            shared = self._index.shared(region, recorded)
            if shared:
                part = min(shared)
                both = ((part, self._link(part, whole), whole) for whole in (recorded, region))
                return [(shown.id, PROPERTY["region"], recorded), *both]
        return []

    def _link(self, narrow: str, wide: str) -> str:
        """The property that leads from an entity to one of its `broader`."""
        entity = self._index.entity(narrow)
        if wide in entity.ancestors:
            return KIND_OF
        return "etio:partOf" if entity.kind == "region" else "etio:involves"


def _entails(shown: Presentation, finding: Finding) -> bool:
    return all(c.value in shown.entailed[c.role] for c in finding.criteria)


def _status(criterion: Criterion, path: Sequence[Triple]) -> str:
    """Whether the triples say it outright."""
    direct = path[0][1:] == (PROPERTY[criterion.role], criterion.value)
    return "entailed" if direct else "compatible"


def stated(conclusion: Mapping[str, Any], index: Index) -> str:
    """What a proof concludes, in English; UnknownEntity for what the index does not know."""
    if "relation" in conclusion:
        subject, value = (index.entity(conclusion[name]).label for name in ("subject", "value"))
        return f"{subject} {RELATION_SAID[conclusion['relation']]} {value}"
    findings = conclusion["findings"]
    for item in (item for finding in findings for item in finding):
        index.entity(item["value"])
    met = tuple(
        tuple((i["role"], i["value"], i["status"]) for i in finding) for finding in findings
    )
    return f"{index.entity(conclusion['condition']).label} {_said(met, index)}"


def _said(findings: Sequence[Sequence[Degree]], index: Index) -> str:
    """What a condition answers, and what of it is compatible only."""
    criteria = [[Criterion(role, value) for role, value, _ in finding] for finding in findings]
    asked = sentence(Question("conditions", findings=tuple(map(Finding.of, criteria))), index)
    weak = [
        f"{role.replace('_', ' ')} {index.label(value)}"
        for finding in findings
        for role, value, status in finding
        if status == "compatible"
    ]
    return f"answers: {asked}" + (f" Compatible, not entailed: {', '.join(weak)}." if weak else "")


def ask_query(triples: Iterable[Sequence[str]]) -> str:
    """An ASK that is true exactly if all the triples (CURIEs) hold."""
    lines = [" ".join(map(_term, triple)) for triple in triples]
    used = {term.partition(":")[0] for line in lines for term in line.split() if term[0] != "<"}
    head = "".join(f"PREFIX {p}: <{PREFIXES[p]}>\n" for p in PREFIXES if p in used)
    return head + "ASK {\n" + "".join(f"  {line} .\n" for line in lines) + "}\n"


def _term(curie: str) -> str:
    """A CURIE as SPARQL can read it; with an odd local name, the IRI."""
    local = curie.partition(":")[2]
    return curie if local.replace("-", "").replace("_", "").isalnum() else f"<{expand(curie)}>"
