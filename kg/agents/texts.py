"""Briefs as plain lines, for clients that read only the text of a result.

Says nothing that the brief does not hold; marks in brackets are ids of sources, listed at the end.
"""

from collections.abc import Iterable, Iterator, Sequence

from kg.views import Json


def text_of(brief: Json) -> str:
    """A brief of an answer, a verdict, a differential or a query as text, the disclaimer first."""
    lines = [brief["disclaimer"], *_lines(brief), *_sources(brief), f"Version {brief['version']}."]
    return "\n".join(lines)


def _lines(brief: Json) -> Iterator[str]:
    yield from _dangers(brief)
    for name in ("question", "statement"):
        if name in brief:
            yield f"{name.capitalize()}: {brief[name]}"
    if "ignored" in brief:
        yield f"Not understood, and left out: {', '.join(brief['ignored'])}"
    for doubt in brief.get("doubts", ()):
        yield f"Doubt: {doubt}"
    if isinstance(brief.get("differential"), dict):
        yield from _within(brief["differential"])
    elif "phenotype_ranking" in brief:
        yield from _ranking(brief["phenotype_ranking"])
    elif isinstance(brief.get("verdict"), dict):
        yield from _within(brief["verdict"])
    elif "verdict" in brief:
        yield from _verdict(brief)
    elif "rows" in brief and "total_rows" in brief:
        yield from _differential(brief)
    else:
        yield from _answers(brief)


def _within(brief: Json) -> Iterator[str]:
    yield from _lines(brief)
    yield from _sources(brief)


def _dangers(brief: Json) -> Iterator[str]:
    for sign in brief.get("warning_signs", ()):
        of = "; ".join(f"{one['label']}{_todo(one)}{_marks(one)}" for one in sign.get("of", ()))
        general = ", which most conditions come with" if "general" in sign else ""
        yield f"Warning sign: {sign['label']}{general}{_todo(sign)} (of {of}{_more(sign, 'of')})"
    for flag in brief.get("red_flags", ()):
        yield f"Red flag: {_flagged(flag)}"
    for one in brief.get("candidates", ()):
        if "red_flags" in one:
            yield f"Red flags of {one['label']}: {_all_flagged(one)}"


def _all_flagged(item: Json) -> str:
    return "; ".join(map(_flagged, item["red_flags"])) + _more(item, "red_flags")


def _flagged(flag: Json) -> str:
    of = f" (of {flag['of']})" if "of" in flag else ""
    return f"{flag['label']}{of}{_todo(flag)}{_marks(flag)}"


def _todo(item: Json) -> str:
    return f": {item['to_do']}" if "to_do" in item else ""


def _marks(item: Json) -> str:
    return f" [{', '.join(item['sources'])}{_more(item, 'sources')}]" if item.get("sources") else ""


def _more(item: Json, name: str) -> str:
    more = item.get(f"more_{name}")
    return f" and {more} more" if more else ""


def _answers(brief: Json) -> Iterator[str]:
    for item in brief.get("answers", ()):
        name = f"{item['rank']}. {item['label']} ({item['id']})"
        yield f"{name}, {item['match'].replace('_', ' ')}, score {item['score']:.2f}"
        for one in item["criteria"]:
            yield f"   {one['criterion']}: {one['status'].replace('_', ' ')}{_marks(one)}"
        if "red_flags" in item:
            yield f"   red flags: {_all_flagged(item)}"
        if "proof" in item:
            yield f"   proof: {item['proof']['sparql'] if item['proof'] else 'none'}"
    if "total" in brief:
        yield f"{len(brief['answers'])} of {brief['total']} answers."
    for item in brief.get("contradicted", ()):
        yield f"Left out, the opposite is recorded: {item['label']} ({'; '.join(item['against'])})"
    hidden = brief.get("suppressed", ())
    if hidden:
        said = "; ".join(f"{item['label']}{_todo(item)}" for item in hidden)
        yield f"Not shown, but with red flags: {said}{_more(brief, 'suppressed')}"
    for item in brief.get("instead", ()):
        yield f"{item['said']}: {item['answers']} answers to {item['question']!r}"
    if "rest" in brief:
        yield f"The rest: fetch {brief['rest']}"


def _ranking(brief: Json) -> Iterator[str]:
    about = brief["annotations_of"]
    yield f"Annotations of {about['title']}, {about.get('version', 'version not recorded')}"
    for one in brief["read_as"]:
        yield f"{one['text']!r} was read as {one['label']} ({one['id']})"
    for item in brief["diseases"]:
        yield f"{item['rank']}. {item['label']} ({item['id']}), score {item['score']:.2f}"
        for one in item["phenotypes"]:
            frequency = f", {one['frequency']}" if "frequency" in one else ""
            found = f" by {one['recorded']}{frequency}" if "recorded" in one else ""
            degree = str(one["degree"]).replace("_", " ")
            yield f"   {'no ' if one['absent'] else ''}{one['label']}: {degree}{found}{_marks(one)}"
    yield f"{len(brief['diseases'])} of {brief['found']} diseases."


def _verdict(brief: Json) -> Iterator[str]:
    yield f"Verdict: {brief['verdict'].replace('_', ' ')}. {brief['note']}"
    for side in ("supporting", "contradicting", "related"):
        for item in brief.get(side, ()):
            yield f"{side}: {_evidence(item)}{_marks(item)}"
        if f"more_{side}" in brief:
            yield f"{side}: {_more(brief, side).strip()}"


def _evidence(item: Json) -> str:
    if "claim" in item:
        return f"{item['claim']} ({item['id']}, evidence {item['grade']})"
    skipped = ("id", "condition", "sources", "more_sources", "against")
    parts = [
        f"{name.replace('_', ' ')} {_said(part)}"
        for name, part in item.items()
        if name not in skipped
    ]
    return f"{item['condition']}, {', '.join(parts)} ({item['id']})"


def _said(part: str | Sequence[str]) -> str:
    return part if isinstance(part, str) else " and ".join(part)


def _differential(brief: Json) -> Iterator[str]:
    for question in brief.get("questions", ()):
        yield f"Ask: {question}"
    for pair in brief.get("inseparable", ()):
        yield f"Nothing recorded tells apart: {' and '.join(one['label'] for one in pair)}"
    labels = {one["id"]: one["label"] for one in brief["candidates"]}
    for row in brief["rows"]:
        cells = (
            f"{labels[condition]} {cell['status'].replace('_', ' ')}{_marks(cell)}"
            for condition, cell in row["cells"].items()
        )
        yield f"{row['feature']}: {'; '.join(cells)}"
    yield f"{len(brief['rows'])} of {brief['total_rows']} differences."
    if "shared" in brief:
        yield f"Shared: {'; '.join(brief['shared'])} ({brief['total_shared']} in all)"


def _sources(brief: Json) -> Iterable[str]:
    for identifier, source in brief.get("sources", {}).items():
        copied = f", a copy of {source['copy_of']}" if "copy_of" in source else ""
        said = f"[{identifier}] {source['title']}, {source['publisher']}{copied}"
        yield f"{said}, {source['url']}" if "url" in source else said
