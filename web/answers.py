"""The page of an answer: what it shows beside its payload; CSV; and help where it is refused."""

import csv
import difflib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from flask import Flask, Response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kg.answers import MAX_LIMIT
from kg.chips import other_asks, parts
from kg.errors import BadParameter, RequestError
from kg.grammar import EXAMPLES
from kg.index import Index
from kg.questions import ROLE_SAID
from kg.ranking import FREQUENCY_WEIGHTS
from kg.structure import from_json
from kg.views import URGENCY_ORDER, Json, Views
from kg.words import fold_word
from web.negotiation import required
from web.phenotypes import cards, common_question, counterparts, other_readings, ranking_csv
from web.serving import service

MAX_SHOWN = 5
"""Presentations or statements shown of one answer; all are in the JSON."""
MAX_SOURCES = 4
MAX_ON_PAGE = 100
"""Answers on one page; the JSON gives more."""
MAX_CONCERNED = 3
"""Conditions of which a verdict shows the red flags."""
STATUSES = ("entailed", "compatible", "not_recorded", "contradicted")
_FOR = ("entailed", "compatible")
_QUESTION_KEYS = ("ask", "subject", "findings", "absent", "person", "without")
_COLUMNS = (
    "rank", "name", "id", "score", "match", *STATUSES, "source_ids", "sources", "urls"
)  # fmt: skip


def add_answers(app: Flask) -> None:
    """Answers as CSV; the page of an answer is made by `answer_page`."""
    app.jinja_env.globals.update(help_for=help_for, example_questions=examples)

    @app.get("/ask.csv")
    def ask_csv() -> BaseResponse:
        payload = service().ask(required("q"), MAX_LIMIT)
        if payload["question"]["ask"] in ("verdict", "differential"):
            raise BadParameter("this question is not answered by a list: ask for format=json")
        ranking = payload.get("phenotype_ranking")
        table = ranking_csv(ranking) if ranking else as_csv(payload)
        response = Response(table, mimetype="text/csv")
        response.headers["Content-Disposition"] = 'attachment; filename="answer.csv"'
        return response


def answer_page(payload: Json, index: Index) -> str:
    """The page of an answer to the question in `q`."""
    page = view(payload, index)
    return render_template("ask.html", payload=payload, question=request.args["q"], page=page)


# -- what the page shows ---------------------------------------------------------------------


def view(payload: Json, index: Index) -> Json:
    """What the page shows beside the payload: chips, marks, cards and red flags in order."""
    asked = payload["question"]
    is_list = asked["ask"] not in ("verdict", "differential", "phenotype_ranking")
    shown: Json = {
        "parts": (),
        "asks": (),
        "marks": marks(asked.get("text") or "", asked.get("spans") or [], index),
        "other_version": _other_version(payload["version"]),
    }
    if is_list:
        question = from_json({key: asked[key] for key in _QUESTION_KEYS}, index)
        shown["parts"] = parts(question, index)
        shown["asks"] = other_asks(question, index)
    if asked["ask"] == "conditions":
        shown["cards"] = [card(answer, index) for answer in payload["answers"]]
        shown["flags"] = flags_of(payload["answers"])
    elif is_list:
        shown["cards"] = [fact(answer, asked["subject"]) for answer in payload["answers"]]
    if asked["ask"] == "red_flags":
        urgency = {flag["entity"]["id"]: flag["urgency"] for flag in payload["red_flags"]}
        shown["cards"].sort(
            key=lambda item: URGENCY_ORDER[urgency.get(item["answer"]["entity"]["id"])]
        )
    if asked["ask"] == "phenotype_ranking":
        ranking = payload["phenotype_ranking"]
        shown["diseases"] = cards(ranking)
        shown["read_as"] = other_readings(ranking, request.args["q"])
        common = common_question(ranking)
        shown["common"] = common if _is_understood(common) else None
    shown["counterparts"] = counterparts(asked)
    if asked["ask"] == "verdict":
        shown["concerned"] = _concerned(payload["verdict"], index)
    shown["mentioned"], shown["elsewhere"] = _mentioned(payload)
    return shown


def _other_version(served: str) -> str | None:
    """The version that the address names, if it is not the one that answers."""
    named = request.args.get("version", "").strip()
    return named if named and named != served else None


def marks(text: str, spans: Sequence[Json], index: Index) -> list[Json]:
    """The text in pieces, `{text, roles}`; a piece that was understood has roles."""
    said: dict[tuple[int, int], list[str]] = {}
    for span in spans:
        value = span["value"]
        label = index.label(value) if value in index.entities else value
        said.setdefault((span["start"], span["end"]), []).append(label)
    pieces: list[Json] = []
    end = 0
    for (start, stop), labels in sorted(said.items()):
        if start < end:
            continue
        pieces += [{"text": text[end:start], "labels": []}] if start > end else []
        pieces.append({"text": text[start:stop], "labels": labels})
        end = stop
    if pieces and end < len(text):
        pieces.append({"text": text[end:], "labels": []})
    return pieces


def card(answer: Json, index: Index) -> Json:
    """What the card of a condition shows: its criteria by status, and how often it is seen."""
    presentations = answer["presentations"]
    sources = _once(source for item in answer["criteria"] for source in item["sources"]) or _once(
        item["source"] for item in presentations
    )
    own = [p["frequency"] for p in presentations if p["condition"]["id"] == answer["entity"]["id"]]
    shown = len(index.presentations_of.get(answer["entity"]["id"], ()))
    return {
        "answer": answer,
        "groups": _groups(answer["criteria"]),
        "frequency": max(own, key=FREQUENCY_WEIGHTS.__getitem__, default=None),
        "sources": sources[:MAX_SOURCES],
        "more_sources": len(sources) - MAX_SOURCES,
        "presentations": presentations[:MAX_SHOWN],
        "more_presentations": len(presentations) - MAX_SHOWN,
        "ways": shown,
        "urgency": answer["red_flags"][0]["urgency"] if answer["red_flags"] else None,
    }


def _groups(criteria: Sequence[Json]) -> dict[str, list[str]]:
    """Status → the criteria of that status in words, those of a finding together."""
    findings = {item["finding"] for item in criteria if item["finding"] and not item["absent"]}
    found: dict[str, list[str]] = {status: [] for status in STATUSES}
    for status in STATUSES:
        own = [item for item in criteria if item["status"] == status]
        for number, items in groupby(
            own, key=lambda item: item["finding"] if not item["absent"] else -1
        ):
            group = list(items)
            if number > 0:
                found[status].append(_finding_said(group, criteria, several=len(findings) > 1))
            else:
                found[status] += map(_alone_said, group)
    return {status: said for status, said in found.items() if said}


def _finding_said(group: Sequence[Json], criteria: Sequence[Json], *, several: bool) -> str:
    """Criteria of one finding as a phrase, with its symptom where it would not be clear."""
    said = ", ".join(ROLE_SAID[item["role"]].format(item["value"]["label"]) for item in group)
    said = said.replace(", in the ", " in the ", 1)
    if group[0]["role"] == "symptom":
        return said
    head = next(
        (
            item
            for item in criteria
            if item["finding"] == group[0]["finding"] and item["role"] == "symptom"
        ),
        None,
    )
    if head is None:
        return said
    if group[0]["status"] in _FOR and head["status"] not in _FOR:
        return f"another symptom {said}"
    return f"{head['value']['label']}: {said}" if several else said


def _alone_said(item: Json) -> str:
    label = item["value"]["label"]
    if item["absent"]:
        return f"{label}, which you say is absent"
    return f"risk factor: {label}"


def fact(answer: Json, subject: Json | None) -> Json:
    """What the card of a treatment, a symptom, … shows: its statements, each once."""
    statements: dict[tuple[Any, ...], Json] = {}
    for item in answer["criteria"]:
        is_plain = subject is not None and item["criterion"].startswith(subject["label"])
        said = "" if is_plain and not item["presentation"] else item["criterion"]
        key = (said, item.get("note"), item.get("frequency"))
        known = statements.setdefault(key, {**item, "said": said, "sources": []})
        known["sources"] = _once([*known["sources"], *item["sources"]])
    found = list(statements.values())
    return {
        "answer": answer,
        "statements": found[:MAX_SHOWN],
        "more": found[MAX_SHOWN:],
        "publishers": len({s["publisher"] for item in found for s in item["sources"]}),
    }


def flags_of(answers: Sequence[Json]) -> list[Json]:
    """The red flags of the conditions shown, `{urgency, flags}`, most urgent first.

    Each flag is `{entity, ranks}`; what more of the conditions have comes first.
    """
    found: dict[str | None, dict[str, Json]] = {urgency: {} for urgency in URGENCY_ORDER}
    for answer in answers:
        for flag in answer["red_flags"]:
            entity = flag["entity"]
            known = found[flag["urgency"]].setdefault(entity["id"], {"entity": entity, "of": []})
            known["of"].append({"rank": answer["rank"], "label": answer["entity"]["label"]})
    return [
        {
            "urgency": urgency,
            "flags": sorted(
                flags.values(), key=lambda flag: (-len(flag["of"]), flag["of"][0]["rank"])
            ),
        }
        for urgency, flags in found.items()
        if flags
    ]


def _mentioned(payload: Json) -> tuple[list[Json], list[Json]]:
    """The red flags that the question mentions: of conditions that are shown, and of others."""
    flags = [flag for flag in payload["mentioned_red_flags"] if not flag["general"]]
    shown = {answer["entity"]["id"] for answer in payload["answers"]}
    if payload["question"]["ask"] != "conditions":
        return flags, []
    here, elsewhere = [], []
    for flag in flags:
        own = [item for item in flag["conditions"] if item["entity"]["id"] in shown]
        others = [item for item in flag["conditions"] if item["entity"]["id"] not in shown]
        here += [{**flag, "conditions": own, "urgency": own[0]["urgency"]}] if own else []
        elsewhere += [{**flag, "conditions": others}] if others else []
    return here, elsewhere


def _concerned(verdict: Json, index: Index) -> list[Json]:
    """The conditions that the evidence of a verdict is about, with their red flags."""
    views = Views(index)
    found: dict[str, Json] = {}
    for side in ("supporting", "contradicting", "related"):
        for item in verdict[side]:
            one = item["claim"]["subject"] if "claim" in item else item["presentation"]["condition"]
            found.setdefault(one["id"], one)
    concerned = ({**one, "red_flags": views.red_flags(one["id"])} for one in found.values())
    flagged = [one for one in concerned if one["red_flags"]]
    return sorted(flagged, key=lambda one: URGENCY_ORDER[one["red_flags"][0]["urgency"]])[
        :MAX_CONCERNED
    ]


def _once(sources: Iterable[Json]) -> list[Json]:
    return list({source["id"]: source for source in sources}.values())


# -- CSV -------------------------------------------------------------------------------------


def as_csv(payload: Json) -> str:
    """The answers as a table: one row each, several values of a cell apart by semicolons."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    writer.writerows(_rows(payload["answers"]))
    return buffer.getvalue()


def _rows(answers: Iterable[Json]) -> Iterator[list[object]]:
    for answer in answers:
        sources = _once(source for item in answer["criteria"] for source in item["sources"])
        entity = answer["entity"]
        yield [
            answer["rank"],
            entity["label"],
            entity["id"],
            answer["score"],
            answer["match"],
            *(
                "; ".join(
                    dict.fromkeys(
                        item["criterion"] for item in answer["criteria"] if item["status"] == status
                    )
                )
                for status in STATUSES
            ),
            "; ".join(source["id"] for source in sources),
            "; ".join(source["publisher"] for source in sources),
            " ".join(source["url"] for source in sources if source["url"]),
        ]


# -- refusals --------------------------------------------------------------------------------


def help_for(problem: Mapping[str, Any], question: str) -> list[Json]:
    """Links for what was refused, `{said, url}`: the question mended, or a term to look for."""
    where = "vocabularies_page" if request.endpoint == "term_page" else "search_page"
    found = []
    for suggestion in problem["suggestions"]:
        mended = _mended(question, suggestion) if question else suggestion
        if question and _is_understood(mended):
            found.append({"said": mended, "url": url_for("ask", q=mended)})
        else:
            found.append({"said": suggestion, "url": url_for(where, q=suggestion)})
    return found


def _is_understood(text: str) -> bool:
    try:
        service().reader.read(text)
    except RequestError:
        return False
    return True


def examples() -> list[Json]:
    """The example questions as links."""
    return [{"said": text, "url": url_for("ask", q=text)} for text in EXAMPLES]


def _mended(question: str, suggestion: str) -> str:
    """The question with the word that a suggestion is nearest to replaced by it."""
    words = question.split()
    if not words or " " in suggestion:
        return suggestion
    folded = [fold_word(word.lower().strip(",.;?")) for word in words]
    near = difflib.get_close_matches(suggestion, folded, n=1, cutoff=0.6)
    if not near:
        return suggestion
    words[folded.index(near[0])] = suggestion
    return " ".join(words)
