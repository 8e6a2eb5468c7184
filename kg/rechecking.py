"""Checks proofs of answers: whether their triples hold, and add up to what they conclude.

A proof that comes back is data from outside: its triples are read and judged, and the query is made
from them anew; its own text of a query is compared, never run.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kg.errors import BadParameter
from kg.index import Index
from kg.matching import NEIGHBOURS
from kg.proving import (
    CLAIM_PARTS,
    KIND_OF,
    PRESENTS,
    PROPERTY,
    RELATION,
    SOURCE,
    Triple,
    ask_query,
    stated,
)
from kg.queries import Select
from kg.records import ROLES
from kg.views import Json
from kg.vocabulary import expand

MAX_TRIPLES = 500
MAX_BYTES = 1_000_000
_LINKS = (KIND_OF, "etio:partOf", "etio:involves")
_CLIMBS = {
    "treated_by": "etio:involves",
    "prevented_by": "etio:involves",
    "affects_structure": "etio:partOf",
}
"""Relations that go on from a value, along a property, to what is wider than it."""


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
        return all(isinstance(v, str) for v in data.values()) and data["relation"] in RELATION
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
    sourced = {s for s, p, _ in triples if p == SOURCE}
    if "relation" in conclusion:
        fits = any(_claims(claim, conclusion, triples) for claim in sourced)
        return [] if fits else ["no claim with a source says what the conclusion says"]
    condition = conclusion["condition"]
    shown = [one for one in sourced if (condition, PRESENTS, one) in triples]
    return [
        f"no presentation with a source meets finding {number}"
        for number, finding in enumerate(conclusion["findings"], start=1)
        if not any(all(_meets(one, item, triples) for item in finding) for one in shown)
    ]


def _claims(claim: str, conclusion: Mapping[str, Any], triples: set[Triple]) -> bool:
    said = {p: o for s, p, o in triples if s == claim}
    about, relation, value = (said.get(part, "") for part in CLAIM_PARTS)
    climbs = (KIND_OF, _CLIMBS.get(conclusion["relation"], KIND_OF))
    return (
        relation == RELATION[conclusion["relation"]]
        and about in {conclusion["subject"], *_wider(conclusion["subject"], triples, (KIND_OF,))}
        and conclusion["value"] in {value, *_wider(value, triples, climbs)}
    )


def _wider(entity: str, triples: set[Triple], links: Sequence[str]) -> set[str]:
    return {o for s, p, o in triples if s == entity and p in links}


def _meets(shown: str, item: Mapping[str, str], triples: set[Triple]) -> bool:
    """Whether the triples say that a presentation meets a criterion, in the degree stated."""
    role, value = item["role"], item["value"]
    if (shown, PROPERTY[role], value) in triples:
        return True
    if item["status"] == "entailed":
        return False
    if any((shown, PROPERTY[near], value) in triples for near in NEIGHBOURS.get(role, ())):
        return True
    recorded = {o for s, p, o in triples if s == shown and p == PROPERTY[role]}
    parts = {s for s, p, o in triples if o == value and p in _LINKS} if role == "region" else ()
    return any(recorded & _wider(narrow, triples, _LINKS) for narrow in (value, *parts))
