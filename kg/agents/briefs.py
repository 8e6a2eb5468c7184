"""Payloads in short, for a model that pays for every word of its context.

Every source stands once, in `sources`, and claims name its id; nothing is cut without its number.
The disclaimer and the warning signs come first. What is cut is fetched by `rest` and `whole`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from kg.records import ROLES
from kg.views import DISCLAIMER, RELATION_SAID, URGENCY_SAID, Json

MAX_SIGNS = 6
"""Warning signs that a question mentions; each is told of so many conditions: MAX_OF."""
MAX_OF = 3
MAX_FLAGS = 5
MAX_SUPPRESSED = 8
MAX_SOURCES = 2
MAX_ROWS = 12
MAX_NOTES = 2
MAX_SUBJECTS = 2
"""Conditions of a statement whose red flags are told."""


RedFlags = Callable[[str], list[Json]]
"""The red flags of a condition (CURIE), as `Views.red_flags` gives them."""


class Sources:
    """The sources that a payload cites, each once; at most `most` ids stand behind one claim."""

    def __init__(self, most: int | None = MAX_SOURCES) -> None:
        self.most = most
        self.cited: dict[str, Json] = {}

    def cite(self, sources: Iterable[Json]) -> Json:
        """`{sources: ids}` of source payloads, with `more_sources` where there are more."""
        found = {source["id"]: source for source in sources}
        kept = list(found)[: self.most]
        for one in kept:
            self.cited[one] = _kept(found[one], "title", "publisher", "copy_of", "url")
        more = len(found) - len(kept)
        return {"sources": kept, **({"more_sources": more} if more else {})}


def framed(version: str, **parts: Any) -> Json:
    """What every result holds, the disclaimer first; parts that are empty are left out."""
    kept = {name: part for name, part in parts.items() if part not in (None, [], {}, "")}
    return {"disclaimer": DISCLAIMER, "version": version, **kept}


def answer(
    payload: Json, text: str, red_flags: RedFlags, *, proofs: bool, whole: bool = False
) -> Json:
    """The payload of `/ask` in short; `text` is what was asked.

    `rest` and `whole` are ids to fetch: the answers that follow, and one answer with its proof.
    With `whole` no source of an answer is cut.
    """
    sources = Sources(None if whole else MAX_SOURCES)
    found = framed(
        payload["version"],
        **_cut("warning_signs", payload["mentioned_red_flags"], MAX_SIGNS, partial(_sign, sources)),
        red_flags=flags(payload["red_flags"], sources),
        question=payload["canonical"],
        ignored=payload["ignored"],
        doubts=payload["question"]["doubts"],
        ambiguities=[_ambiguity(item) for item in payload["question"]["ambiguities"]],
    )
    if "verdict" in payload:
        return {**found, "verdict": _unframed(verdict(payload["verdict"], red_flags))}
    if "differential" in payload:
        return {**found, "differential": _unframed(differential(payload["differential"]))}
    if "phenotype_ranking" in payload:
        return {**found, "phenotype_ranking": ranking(payload["phenotype_ranking"])}
    return {**found, **_answers(payload, text, sources, proofs=proofs), "sources": sources.cited}


def _answers(payload: Json, text: str, sources: Sources, *, proofs: bool) -> Json:
    """The answers, and what is said of those that are not shown."""
    end = payload["offset"] + len(payload["answers"])
    rest = {"rest": answer_id(text, end, payload["limit"])} if end < payload["total"] else {}
    return {
        "answers": [
            {
                **_answered(item, sources),
                "whole": answer_id(text, item["rank"] - 1, 1),
                **({"proof": item["proof"]} if proofs else {}),
            }
            for item in payload["answers"]
        ],
        "total": payload["total"],
        **rest,
        **_cut("contradicted", payload["contradicted"], MAX_FLAGS, _contradicted),
        **_cut("suppressed", payload["suppressed"], MAX_SUPPRESSED, _suppressed),
        "coverage": payload["coverage"],
        "instead": [_relaxed(item) for item in payload["next_steps"].get("relaxations", ())],
    }


def answer_id(text: str, offset: int, limit: int) -> str:
    """The id of a part of an answer, which is also its address at the HTTP service."""
    return "/ask?" + urlencode({"q": text, "offset": offset, "limit": limit})


def verdict(payload: Json, red_flags: RedFlags) -> Json:
    """The payload of `/api/v1/verify` in short, with the red flags of what it is about."""
    sources = Sources()
    sides: Json = {}
    for side in ("supporting", "contradicting", "related"):
        items = list(_merged(payload[side], _evidence_key))
        sides |= _cut(side, items, MAX_ROWS, partial(_evidence, sources))
    return framed(
        payload["version"],
        red_flags=[
            {**flag, "of": one["label"]}
            for one in _subjects(payload)[:MAX_SUBJECTS]
            for flag in flags(red_flags(one["id"])[:MAX_FLAGS], sources)
        ],
        statement=payload["statement"],
        verdict=payload["verdict"],
        note=payload["note"],
        readings=payload["readings"] if len(payload["readings"]) > 1 else [],
        **sides,
        totals=payload["totals"],
        sources=sources.cited,
    )


def differential(payload: Json, most: int = MAX_ROWS) -> Json:
    """The payload of `/api/v1/differential` in short, with at most so many rows."""
    sources = Sources(1)
    asked = {item["row"] for item in payload["questions"]}
    rows = [row for at, row in enumerate(payload["rows"]) if at < most or at in asked]
    flagged = max(2, MAX_ROWS // len(payload["candidates"]))
    return framed(
        payload["version"],
        candidates=[
            {**named(one), **_cut("red_flags", one["red_flags"], flagged, partial(_flag, sources))}
            for one in payload["candidates"]
        ],
        questions=[item["question"] for item in payload["questions"]],
        inseparable=[[named(one) for one in pair] for pair in payload["inseparable"]],
        rows=[_row(row, sources) for row in rows],
        total_rows=payload["total_rows"],
        shared=[row["feature"] for row in payload["shared"][:most]],
        total_shared=payload["total_shared"],
        sources=sources.cited,
    )


def ranking(payload: Json) -> Json:
    """A ranking of diseases by phenotype in short: of each term the annotation that fits best."""
    return {
        "read_as": [
            {"text": one["text"], **named(one["term"]), "absent": one["absent"]}
            for one in payload["read_as"]
        ],
        "annotations_of": _kept(payload["annotations_of"], "title", "version", "licence"),
        "found": payload["found"],
        "diseases": [
            {
                "rank": one["rank"],
                **named(one["entity"]),
                "score": one["score"],
                "phenotypes": [_phenotype(term) for term in one["terms"]],
            }
            for one in payload["ranking"]
        ],
    }


def _phenotype(term: Json) -> Json:
    """How a disease meets a phenotype; the annotation's sources are ids of publications."""
    asked = {**named(term), "absent": term["absent"], "degree": term["degree"]}
    if not term["annotations"]:
        return asked
    best = term["annotations"][0]
    frequency = best["frequency"]
    return {
        **asked,
        "recorded": best["value"]["label"],
        **({"frequency": frequency["label"]} if frequency else {}),
        **_kept(best, "excluded", "sources"),
    }


def named(entity: Json) -> Json:
    """An entity as `{id, label}`."""
    return {"id": entity["id"], "label": entity["label"]}


def flags(red_flags: Iterable[Json], sources: Sources) -> list[Json]:
    """Red flags as `{id, label, urgency, to_do, notes, sources}`, the most urgent first."""
    return [_flag(sources, flag) for flag in red_flags]


def claim_said(claim: Json) -> str:
    """A claim in words."""
    said = RELATION_SAID[claim["relation"]]
    return f"{claim['subject']['label']} {said} {claim['value']['label']}"


def presented(payload: Json, sources: Sources) -> Json:
    """A presentation as the labels of each role that it records."""
    roles = {role: [one["label"] for one in payload[role]] for role in ROLES if payload[role]}
    cited = sources.cite([payload["source"]])
    return {"id": payload["id"], **roles, "frequency": payload["frequency"], **cited}


# -- parts -----------------------------------------------------------------------------------


def _kept(payload: Mapping[str, Any], *names: str) -> Json:
    return {name: payload[name] for name in names if payload[name]}


def _cut(name: str, items: Sequence[Json], most: int, brief: Callable[[Json], Json]) -> Json:
    """The first items in brief, and how many more there are; nothing where there are none."""
    if not items:
        return {}
    more = len(items) - most
    return {name: list(map(brief, items[:most])), **({f"more_{name}": more} if more > 0 else {})}


def _unframed(brief: Json) -> Json:
    """A brief within another, which says the disclaimer and the version already."""
    return {key: part for key, part in brief.items() if key not in ("disclaimer", "version")}


def _urgency(urgency: str | None) -> Json:
    return {"urgency": urgency, "to_do": URGENCY_SAID[urgency]} if urgency else {}


def _flag(sources: Sources, flag: Json) -> Json:
    notes = {"notes": flag["notes"][:MAX_NOTES]} if flag["notes"] else {}
    urgency = _urgency(flag["urgency"])
    return {**named(flag["entity"]), **urgency, **notes, **sources.cite(flag["sources"])}


def _sign(sources: Sources, sign: Json) -> Json:
    """A red flag that a question mentions; `general` is one that most conditions present with."""

    def flagged(one: Json) -> Json:
        return {
            **named(one["entity"]),
            **_urgency(one["urgency"]),
            **sources.cite(one["sources"]),
        }

    return {
        **named(sign["entity"]),
        **_urgency(sign["urgency"]),
        **({"general": True} if sign["general"] else {}),
        **_cut("of", sign["conditions"], MAX_OF, flagged),
    }


def _ambiguity(item: Json) -> Json:
    others = [one["label"] for one in item["others"]]
    return {"text": item["text"], "taken": item["taken"]["label"], "others": others}


def _answered(item: Json, sources: Sources) -> Json:
    return {
        "rank": item["rank"],
        **named(item["entity"]),
        "score": item["score"],
        "match": item["match"],
        **_cut("red_flags", item["red_flags"], MAX_FLAGS, partial(_flag, sources)),
        "criteria": [
            {
                "criterion": one["criterion"],
                "status": one["status"],
                **(sources.cite(one["sources"]) if one["sources"] else {}),
            }
            for one in _merged(item["criteria"], lambda one: (one["criterion"], one["status"]))
        ],
    }


def _merged(items: Iterable[Json], key: Callable[[Json], object]) -> Iterator[Json]:
    """The items that say the same as one, with the sources of all."""
    found: dict[object, Json] = {}
    for item in items:
        sources = item.get("sources") or ([item["source"]] if item.get("source") else [])
        first = found.setdefault(key(item), {**item, "sources": []})
        first["sources"] = [*first["sources"], *sources]
    yield from found.values()


def _contradicted(item: Json) -> Json:
    against = [one["criterion"] for one in item["criteria"] if one["status"] == "contradicted"]
    return {**named(item["entity"]), "against": against}


def _suppressed(item: Json) -> Json:
    flagged = {"red_flags": len(item["red_flags"]), "reason": item["reason"]}
    return {**named(item["entity"]), **_urgency(item["urgency"]), **flagged}


def _relaxed(item: Json) -> Json:
    return {"said": item["said"], "answers": item["count"], "question": item["sentence"]}


def _subjects(payload: Json) -> list[Json]:
    """The conditions that the evidence on either side is about, most often named first."""
    found = Counter[str]()
    named_by: dict[str, Json] = {}
    for item in (*payload["supporting"], *payload["contradicting"], *payload["related"]):
        about = (
            item["claim"]["subject"]
            if item["kind"] == "claim"
            else item["presentation"]["condition"]
        )
        found[about["id"]] += 1
        named_by[about["id"]] = about
    return [named_by[one] for one, _ in found.most_common()]


def _evidence_key(item: Json) -> object:
    if item["kind"] == "claim":
        claim = item["claim"]
        return item["statement"], claim["subject"]["id"], claim["relation"], claim["value"]["id"]
    return item["statement"], item["presentation"]["id"]


def _evidence(sources: Sources, item: Json) -> Json:
    cited = sources.cite(item["sources"])
    if item["kind"] == "claim":
        claim = item["claim"]
        return {"id": claim["id"], "claim": claim_said(claim), "grade": claim["grade"], **cited}
    shown = {**presented(item["presentation"], sources), **cited}
    because = item.get("because")
    values = {"against": [one["label"] for one in because["values"]]} if because else {}
    return {"condition": item["presentation"]["condition"]["label"], **shown, **values}


def _row(row: Json, sources: Sources) -> Json:
    cells = {
        cell["condition"]: {
            "status": cell["status"],
            **({"frequency": cell["frequency"]} if cell["frequency"] else {}),
            **(sources.cite(cell["sources"]) if cell["sources"] else {}),
        }
        for cell in row["cells"]
    }
    return {"feature": row["feature"], "bits": row["bits"], "cells": cells}
