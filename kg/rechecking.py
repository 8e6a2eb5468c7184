"""Proofs that anyone can check: the triples an answer rests on, and a query that asks for them.

A proof that comes back is data from outside: its triples are read and judged, and the query is made
from them anew; its own text of a query is compared, never run.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kg.errors import BadParameter, NoProof
from kg.index import Index
from kg.matching import CORE_ROLES, NEIGHBOURS, Status
from kg.queries import Select
from kg.questions import Criterion, Finding, Question, sentence
from kg.records import ROLES, Claim, Presentation
from kg.views import RELATION_SAID, Json
from kg.vocabulary import COLUMN_PROPERTIES, PREFIXES, RELATION_PROPERTIES, compress, expand

Triple = tuple[str, str, str]
_Way = Sequence[tuple[Presentation, Criterion, list[Triple]]]
"""The criteria of a finding, each with the triples by which a presentation meets it, if it does."""
MAX_TRIPLES = 500
MAX_BYTES = 1_000_000
_PRESENTS, _SOURCE, _KIND_OF = "etio:hasPresentation", "dcterms:source", "rdfs:subClassOf"
_CLAIM_PARTS = ("etio:claimSubject", "etio:claimProperty", "etio:claimValue")
_LINKS = (_KIND_OF, "etio:partOf", "etio:involves")
_CLIMBS = {
    "treated_by": "etio:involves",
    "prevented_by": "etio:involves",
    "affects_structure": "etio:partOf",
}
"""Relations that go on from a value, along a property, to what is wider than it."""
_PROPERTY = {role: compress(str(COLUMN_PROPERTIES[role])) for role in ROLES if role != "symptom"}
_PROPERTY["symptom"] = _KIND_OF
_RELATION = {name: compress(str(iri)) for name, iri in RELATION_PROPERTIES.items()}


class Prover:
    """Makes proofs over one index."""

    def __init__(self, index: Index, version: str) -> None:
        self._index = index
        self._version = version
        self._within: dict[str, set[str]] = defaultdict(set)
        for entity in index.entities.values():
            if entity.kind == "region":
                for whole in index.broader(entity.id):
                    self._within[whole].add(entity.id)

    def of_answer(self, question: Question, answer: Json) -> Json:
        """The proof of one of the `answers` in the payload of a question."""
        met = answer["criteria"]
        if question.ask == "conditions":
            shown = [item["id"] for item in answer["presentations"]]
            return self.of_presentations(answer["entity"]["id"], question.findings, shown)
        value = answer["entity"]["id"]
        if question.ask not in ("symptoms", "relief"):
            return self.of_claims(str(question.subject), value, [item["claim"] for item in met])
        role = "symptom" if question.ask == "symptoms" else "relieved_by"
        found = [self._index.presentations[item["presentation"]] for item in met]
        findings = question.findings or (Finding(()),)
        asked = [Finding.of([*f.criteria, Criterion(role, value)]) for f in findings]
        return self.of_presentations(question.subject or found[0].condition, asked, _ids(found))

    def of_presentations(
        self, condition: str, findings: Sequence[Finding], presentations: Sequence[str]
    ) -> Json:
        """The proof that a condition meets findings in some of these presentations (ids).

        What is not recorded has no proof and is in `not_proved`; NoProof where nothing has.
        """
        known = [self._index.presentations[identifier] for identifier in presentations]
        own = [one for one in known if condition in one.conditions]
        triples: dict[Triple, None] = {}
        proved, not_proved = [], []
        for finding in findings:
            best = () if finding.absent else self._best(finding, own)
            met = [item for item in best if item[2]]
            silent = set(finding.criteria) - {criterion for _, criterion, _ in met}
            not_proved += [_criterion(c) for c in finding.criteria if c in silent]
            if met:
                shown = met[0][0]
                triples[condition, _PRESENTS, shown.id] = None
                triples.update(dict.fromkeys(t for _, _, path in met for t in path))
                triples[shown.id, _SOURCE, shown.source] = None
                proved.append([_status(shown.id, c, path) for _, c, path in met])
        return self._proof({"condition": condition, "findings": proved}, triples, not_proved)

    def of_claims(self, subject: str, value: str, claims: Sequence[str]) -> Json:
        """The proof that claims (ids) relate a condition to a value."""
        triples: dict[Triple, None] = {}
        relation = self._index.claims[claims[0]].relation if claims else ""
        for identifier in claims:
            claim = self._index.claims[identifier]
            triples.update(dict.fromkeys(self._claimed(claim, subject, value)))
        conclusion = {"subject": subject, "relation": relation, "value": value}
        return self._proof(conclusion, triples, [])

    def _proof(self, conclusion: Json, triples: Iterable[Triple], not_proved: list[Json]) -> Json:
        listed = [list(triple) for triple in triples]
        if not listed:
            raise NoProof("nothing that is recorded speaks for this answer")
        return {
            "version": self._version,
            "statement": stated(conclusion, self._index),
            "conclusion": conclusion,
            "triples": listed,
            "not_proved": not_proved,
            "sparql": ask_query(triples),
        }

    def _claimed(self, claim: Claim, subject: str, value: str) -> Iterator[Triple]:
        if claim.subject != subject:
            yield subject, _KIND_OF, claim.subject
        parts = (claim.subject, _RELATION[claim.relation], claim.value)
        for part, term in zip(_CLAIM_PARTS, parts, strict=True):
            yield claim.id, part, term
        if claim.value != value:
            yield claim.value, self._link(claim.value, value), value
        yield claim.id, _SOURCE, claim.source

    def _best(self, finding: Finding, presentations: Sequence[Presentation]) -> _Way:
        """The criteria with their triples in the presentation that proves the most of them."""
        ways = [
            [(one, criterion, self._path(one, criterion)) for criterion in finding.criteria]
            for one in presentations
        ]
        return max(ways, key=_fitness, default=())

    def _path(self, shown: Presentation, criterion: Criterion) -> list[Triple]:
        """The triples by which a presentation meets a criterion; none if it does not."""
        role, value = criterion.role, criterion.value
        if value in shown.entailed[role]:
            return [(shown.id, _PROPERTY[role], value)]
        for recorded in shown.recorded[role]:
            if recorded in self._index.broader(value):
                said = (shown.id, _PROPERTY[role], recorded)
                return [said, (value, self._link(value, recorded), recorded)]
        for near in NEIGHBOURS.get(role, ()):
            if value in shown.entailed[near]:
                return [(shown.id, _PROPERTY[near], value)]
        return self._overlap(shown, value) if role == "region" else []

    def _overlap(self, shown: Presentation, region: str) -> list[Triple]:
        """By a region that is part of what is recorded and of what is asked."""
        for recorded in shown.recorded["region"]:
            shared = self._within.get(region, set()) & self._within.get(recorded, set())
            if shared:
                part = min(shared)
                both = ((part, self._link(part, whole), whole) for whole in (recorded, region))
                return [(shown.id, _PROPERTY["region"], recorded), *both]
        return []

    def _link(self, narrow: str, wide: str) -> str:
        """The property that leads from an entity to one of its `broader`."""
        entity = self._index.entity(narrow)
        if wide in entity.ancestors:
            return _KIND_OF
        return "etio:partOf" if entity.kind == "region" else "etio:involves"


def _ids(presentations: Iterable[Presentation]) -> list[str]:
    return [one.id for one in presentations]


def _fitness(way: _Way) -> tuple[bool, int, list[int]]:
    """As matching has it: what is about the finding; then what meets most; then the earlier."""
    is_about = all(path or c.role not in CORE_ROLES or not p.recorded[c.role] for p, c, path in way)
    degrees = [int(_degree(p.id, c, path)) for p, c, path in way]
    return is_about, sum(degrees), degrees


def _degree(shown: str, criterion: Criterion, path: Sequence[Triple]) -> Status:
    if not path:
        return Status.NOT_RECORDED
    direct = (shown, _PROPERTY[criterion.role], criterion.value)
    return Status.ENTAILED if direct in path else Status.COMPATIBLE


def _criterion(criterion: Criterion) -> Json:
    return {"role": criterion.role, "value": criterion.value}


def _status(shown: str, criterion: Criterion, path: Sequence[Triple]) -> Json:
    degree = _degree(shown, criterion, path)
    return {**_criterion(criterion), "status": degree.name.lower()}


def stated(conclusion: Mapping[str, Any], index: Index) -> str:
    """What a proof concludes, in English; UnknownEntity for what the index does not know."""
    if "relation" in conclusion:
        subject, value = (index.entity(conclusion[name]).label for name in ("subject", "value"))
        return f"{subject} {RELATION_SAID[conclusion['relation']]} {value}"
    criteria = [[Criterion(i["role"], i["value"]) for i in f] for f in conclusion["findings"]]
    for value in (criterion.value for finding in criteria for criterion in finding):
        index.entity(value)
    asked = sentence(Question("conditions", findings=tuple(map(Finding.of, criteria))), index)
    weak = [
        f"{item['role'].replace('_', ' ')} {index.label(item['value'])}"
        for finding in conclusion["findings"]
        for item in finding
        if item["status"] == "compatible"
    ]
    said = f"{index.entity(conclusion['condition']).label} answers: {asked}"
    return f"{said} Compatible, not entailed: {', '.join(weak)}." if weak else said


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


# -- checking ------------------------------------------------------------------------------


def recheck_file(path: Path, index: Index, select: Select, version: str) -> Json:
    """`recheck` of the proof in a JSON file; BadParameter where the file holds none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise BadParameter(f"{path}: a proof has at most {MAX_BYTES:,} bytes")
        proof = json.loads(data)
    except OSError as error:
        raise BadParameter(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise BadParameter(f"{path} is not JSON: {error}") from None
    return recheck(proof, index, select, version)


def recheck(proof: object, index: Index, select: Select, version: str) -> Json:
    """Whether a proof holds in a graph: `{holds, version_matches, missing, faults, …}`.

    `missing` are triples that the graph lacks. `faults` tell where the proof does not hang
    together: triples that do not add up to the conclusion, a statement or a query that says
    something else. BadParameter where it is no proof at all.
    """
    triples, conclusion = _read(proof)
    assert isinstance(proof, Mapping)  # `_read` has seen to it  # noqa: S101
    there = _held(triples, select)
    missing = [list(triple) for triple in triples if triple not in there]
    faults = _gaps(conclusion, set(triples))
    unknown = sorted(v for v in _values(conclusion) if v not in index.entities)
    said = None if unknown else stated(conclusion, index)
    faults += [f"there is no entity {value!r}" for value in unknown]
    if said is not None and proof.get("statement") != said:
        faults.append(f"the statement is not the conclusion, which reads: {said}")
    if proof.get("sparql") != ask_query(triples):
        faults.append("the query does not ask for the triples")
    return {
        "holds": not missing and not faults,
        "version_matches": proof.get("version") == version,
        "statement": said,
        "missing": missing,
        "faults": faults,
        "stated_version": proof.get("version"),
        "version": version,
    }


def _held(triples: Sequence[Triple], select: Select) -> set[Triple]:
    """Those of the triples that the graph holds."""
    parts = (
        f"{{ {' '.join(f'<{expand(term)}>' for term in triple)} BIND({number} AS ?n) }}"
        for number, triple in enumerate(triples)
    )
    _, rows = select(f"SELECT ?n WHERE {{ {' UNION '.join(parts)} }}")
    return {triples[int(str(row[0]))] for row in rows}


def _read(proof: object) -> tuple[list[Triple], Mapping[str, Any]]:
    if not isinstance(proof, Mapping) or not isinstance(proof.get("triples"), list):
        raise BadParameter("a proof is an object with version, statement, conclusion, triples, …")
    if not 1 <= len(proof["triples"]) <= MAX_TRIPLES:
        raise BadParameter(f"a proof has from 1 to {MAX_TRIPLES} triples")
    triples = [_triple(item) for item in proof["triples"]]
    conclusion = proof.get("conclusion")
    if not isinstance(conclusion, Mapping) or not _is_conclusion(conclusion):
        raise BadParameter(
            "conclusion must have condition and findings, or subject, relation and value"
        )
    return triples, conclusion


def _triple(item: object) -> Triple:
    if not isinstance(item, list) or len(item) != 3 or not all(isinstance(t, str) for t in item):
        raise BadParameter(f"a triple is three CURIEs, not {str(item)[:80]!r}")
    for term in item:
        expand(term)
    return item[0], item[1], item[2]


def _is_conclusion(data: Mapping[str, Any]) -> bool:
    if set(data) == {"subject", "relation", "value"}:
        return all(isinstance(v, str) for v in data.values()) and data["relation"] in _RELATION
    findings = data.get("findings")
    return (
        set(data) == {"condition", "findings"}
        and isinstance(data["condition"], str)
        and isinstance(findings, list)
        and all(isinstance(f, list) and f and all(map(_is_met, f)) for f in findings)
        and bool(findings)
    )


def _is_met(item: object) -> bool:
    return (
        isinstance(item, Mapping)
        and set(item) == {"role", "value", "status"}
        and all(isinstance(value, str) for value in item.values())
        and item["role"] in ROLES
        and item["status"] in ("entailed", "compatible")
    )


def _values(conclusion: Mapping[str, Any]) -> set[str]:
    if "relation" in conclusion:
        return {conclusion["subject"], conclusion["value"]}
    found = {item["value"] for finding in conclusion["findings"] for item in finding}
    return found | {conclusion["condition"]}


def _gaps(conclusion: Mapping[str, Any], triples: set[Triple]) -> list[str]:
    """What the conclusion says and the triples do not."""
    sourced = {s for s, p, _ in triples if p == _SOURCE}
    if "relation" in conclusion:
        fits = any(_claims(claim, conclusion, triples) for claim in sourced)
        return [] if fits else ["no claim with a source says what the conclusion says"]
    condition = conclusion["condition"]
    shown = [one for one in sourced if (condition, _PRESENTS, one) in triples]
    return [
        f"no presentation with a source meets finding {number}"
        for number, finding in enumerate(conclusion["findings"], start=1)
        if not any(all(_meets(one, item, triples) for item in finding) for one in shown)
    ]


def _claims(claim: str, conclusion: Mapping[str, Any], triples: set[Triple]) -> bool:
    said = {p: o for s, p, o in triples if s == claim}
    about, relation, value = (said.get(part, "") for part in _CLAIM_PARTS)
    climbs = (_KIND_OF, _CLIMBS.get(conclusion["relation"], _KIND_OF))
    return (
        relation == _RELATION[conclusion["relation"]]
        and about in {conclusion["subject"], *_wider(conclusion["subject"], triples, (_KIND_OF,))}
        and conclusion["value"] in {value, *_wider(value, triples, climbs)}
    )


def _wider(entity: str, triples: set[Triple], links: Sequence[str]) -> set[str]:
    return {o for s, p, o in triples if s == entity and p in links}


def _meets(shown: str, item: Mapping[str, str], triples: set[Triple]) -> bool:
    """Whether the triples say that a presentation meets a criterion, in the degree stated."""
    role, value = item["role"], item["value"]
    if (shown, _PROPERTY[role], value) in triples:
        return True
    if item["status"] == "entailed":
        return False
    if any((shown, _PROPERTY[near], value) in triples for near in NEIGHBOURS.get(role, ())):
        return True
    recorded = {o for s, p, o in triples if s == shown and p == _PROPERTY[role]}
    parts = {s for s, p, o in triples if o == value and p in _LINKS} if role == "region" else ()
    return any(recorded & _wider(narrow, triples, _LINKS) for narrow in (value, *parts))
