"""Which answers differ between two versions: to questions in words and to the named queries.

Every answer is compared, not the first few only. What moved is told, not what made way for it.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kg import layout
from kg.answers import MAX_LIMIT
from kg.changes import compare
from kg.errors import BadParameter, RequestError, SnapshotError
from kg.queries import NamedQuery
from kg.service import QUERY_FOLDER, Service
from kg.snapshot import Snapshot, open_snapshot, open_version
from kg.views import DISCLAIMER, Json

QUESTIONS = QUERY_FOLDER / "questions.txt"
THRESHOLD = 0.01
"""How much a score must change (of 1) to be told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one version answers a question; what has no order is in sets of words."""

    reading: str = ""
    error: str = ""
    answers: Mapping[str, float] = field(default_factory=dict)
    """Id of an answer → its score, best first."""
    flags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Id of an answer, or '' for the question itself → its red flags."""
    verdict: str = ""
    evidence: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)


def open_named(name: str, folder: Path) -> Snapshot:
    """The snapshot that a directory holds, or that is the version `name` of a build folder."""
    path = Path(name)
    for place in (path, folder / name):
        if (place / layout.MANIFEST).is_file():
            return open_version(place)
    if (path / layout.CURRENT).is_file():
        return open_snapshot(path)
    held = ", ".join(sorted(one.parent.name for one in folder.glob(f"*/{layout.MANIFEST}")))
    raise SnapshotError(
        f"{name!r} is no snapshot: give its directory, or a version in {folder}"
        f" ({held or 'there is none'})"
    )


def read_questions(path: Path) -> list[str]:
    """The questions of a file, one a line, without comments (#); BadParameter if it has none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadParameter(f"{path} cannot be read: {error}") from None
    found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not found:
        raise BadParameter(f"{path} has no question: write one a line")
    return found


def compare_versions(
    old: Snapshot,
    new: Snapshot,
    questions: Sequence[str],
    *,
    every: bool = False,
    threshold: float = THRESHOLD,
) -> Json:
    """`{old, new, differ, questions, queries, records, imports, …}`: only what differs is listed.

    With `every`, named queries run for every condition, else for their examples. `asked` and `run`
    count what was compared.
    """
    before, after = Service(old), Service(new)
    asked = [
        {"question": text, **_differences(_outcome(before, text), _outcome(after, text), threshold)}
        for text in questions
    ]
    run = [_rows_differing(query, values, before, after)
           for query, values in _runs(before, after, every)]  # fmt: skip
    listed = {
        "questions": [item for item in asked if len(item) > 1],
        "queries": [item for item in run if len(item) > len(("query", "parameters"))],
        "records": _records(before, after),
        "imports": _changed(_imports(old), _imports(new)),
    }
    sizes = (old.triples, new.triples)
    return {
        "old": _described(old),
        "new": _described(new),
        "differ": any(listed.values()) or sizes[0] != sizes[1],
        "asked": len(asked),
        "run": len(run),
        **listed,
        "disclaimer": DISCLAIMER,
    }


def _described(snapshot: Snapshot) -> Json:
    created = snapshot.manifest["created"]
    return {"version": snapshot.version, "created": created, "triples": snapshot.triples}


def _records(old: Service, new: Service) -> Json:
    """What `kg.changes` finds, without tables in which nothing changed."""
    found = compare(old.index, new.index)
    return {name: table for name, table in found.items() if any(table.values())}


def _imports(snapshot: Snapshot) -> dict[str, str]:
    """Imported vocabulary → its version."""
    return {name: str(one["description"]["version"]) for name, one in snapshot.imports.items()}


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[Json]:
    return [
        {"name": name, "old": old.get(name), "new": new.get(name)}
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


# -- questions ---------------------------------------------------------------------------------


def _outcome(service: Service, text: str) -> Outcome:
    try:
        pages = list(_pages(service, text))
    except RequestError as error:
        return Outcome(error=str(error))
    first = pages[0]
    answers = [item for page in pages for item in page["answers"]]
    ranked = first.get("phenotype_ranking", {}).get("ranking", ())
    entities = {item["entity"]["id"]: item for item in (*answers, *ranked)}
    ignored = f" (left out: {', '.join(first['ignored'])})" if first["ignored"] else ""
    verdict, told = first.get("verdict", {}), first.get("differential", {})
    return Outcome(
        reading=first["canonical"] + ignored,
        answers={one: item["score"] for one, item in entities.items()},
        labels={one: item["entity"]["label"] for one, item in entities.items()},
        flags={
            "": _flags("the question", (*first["mentioned_red_flags"], *first["red_flags"])),
            **{
                item["entity"]["id"]: _flags(item["entity"]["label"], item["red_flags"])
                for item in answers
            },
        },
        verdict=verdict.get("verdict", ""),
        evidence=frozenset((*_sides(verdict), *(row["feature"] for row in told.get("rows", ())))),
    )


def _pages(service: Service, text: str) -> Iterator[Json]:
    page = service.ask(text, MAX_LIMIT)
    yield page
    for offset in range(MAX_LIMIT, page["total"], MAX_LIMIT):
        yield service.ask(text, MAX_LIMIT, offset)


def _flags(of: str, red_flags: Iterable[Json]) -> frozenset[str]:
    return frozenset(
        f"{flag['entity']['label']} ({flag['urgency'] or 'no urgency'}) of {of}"
        for flag in red_flags
    )


def _sides(verdict: Json) -> Iterator[str]:
    for side in ("supporting", "contradicting"):
        for item in verdict.get(side, ()):
            yield f"{side}: {item[item['kind']]['id']}"


def _differences(old: Outcome, new: Outcome, threshold: float) -> Json:
    """What differs between two outcomes; nothing where they are alike."""
    both = old.answers.keys() & new.answers.keys()
    found: Json = {
        name: {"old": getattr(old, name) or None, "new": getattr(new, name) or None}
        for name in ("error", "reading", "verdict")
        if getattr(old, name) != getattr(new, name)
    }
    lists = {
        "gained": [_placed(new, one) for one in new.answers if one not in both],
        "lost": [_placed(old, one) for one in old.answers if one not in both],
        "moved": list(_moved(old, new)),
        "scores": [
            {"id": one, "label": new.labels[one], "old": old.answers[one], "new": new.answers[one]}
            for one in new.answers
            if one in both and abs(new.answers[one] - old.answers[one]) >= threshold
        ],
        "red_flags_gained": _flags_only(new, old, both),
        "red_flags_lost": _flags_only(old, new, both),
        "evidence_gained": sorted(new.evidence - old.evidence),
        "evidence_lost": sorted(old.evidence - new.evidence),
    }
    return found | {name: items for name, items in lists.items() if items}


def _flags_only(one: Outcome, other: Outcome, both: Iterable[str]) -> list[str]:
    """The red flags of the question, and of what both answer, that one outcome alone has."""
    none: frozenset[str] = frozenset()
    found = (one.flags.get(of, none) - other.flags.get(of, none) for of in ("", *both))
    return sorted(frozenset[str]().union(*found))


def _placed(outcome: Outcome, identifier: str) -> Json:
    rank = list(outcome.answers).index(identifier) + 1
    return {"id": identifier, "label": outcome.labels[identifier], "rank": rank}


def _moved(old: Outcome, new: Outcome) -> Iterator[Json]:
    """The fewest answers that must move to lead from one order to the other, with their ranks."""
    before = {one: rank for rank, one in enumerate(old.answers, start=1)}
    after = {one: rank for rank, one in enumerate(new.answers, start=1)}
    common = [one for one in before if one in after]
    kept = longest_rising([after[one] for one in common])
    for one in common:
        if after[one] not in kept:
            yield {
                "id": one, "label": new.labels[one], "old": before[one], "new": after[one],
            }  # fmt: skip


def longest_rising(numbers: Sequence[int]) -> set[int]:
    """A longest rising subsequence of distinct numbers (patience sorting)."""
    ends: list[int] = []
    previous: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        previous[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    found: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        found.add(last)
        last = previous[last]
    return found


# -- named queries -----------------------------------------------------------------------------


def _runs(old: Service, new: Service, every: bool) -> Iterator[tuple[NamedQuery, dict[str, str]]]:
    """The queries with the values that they run with."""
    conditions = sorted(_conditions(old) | _conditions(new)) if every else []
    for query in new.queries():
        examples = {parameter.name: parameter.example for parameter in query.parameters}
        varied = next((one.name for one in query.parameters if one.kind == "condition"), None)
        yield query, examples
        for condition in conditions if varied else ():
            if condition != examples[str(varied)]:
                yield query, {**examples, str(varied): condition}


def _conditions(service: Service) -> set[str]:
    return {one.id for one in service.index.entities.values() if one.kind == "condition"}


def _rows_differing(query: NamedQuery, values: dict[str, str], old: Service, new: Service) -> Json:
    before, after = _rows(old, query.name, values), _rows(new, query.name, values)
    found: Json = {"query": query.name, "parameters": values}
    if isinstance(before, str) or isinstance(after, str):
        told = {"old": _error(before), "new": _error(after)}
        return found if before == after else {**found, "error": told}
    gained = [json.loads(row) for row in after if row not in before]
    lost = [json.loads(row) for row in before if row not in after]
    return {**found, **({"gained": gained} if gained else {}), **({"lost": lost} if lost else {})}


def _rows(service: Service, name: str, values: Mapping[str, str]) -> dict[str, None] | str:
    """The rows of a query as JSON, each once and in order; the error where it has none."""
    try:
        rows: list[Any] = service.run_query(name, values)["rows"]
    except RequestError as error:
        return str(error)
    return dict.fromkeys(json.dumps(row) for row in rows)


def _error(outcome: object) -> str | None:
    return outcome if isinstance(outcome, str) else None
