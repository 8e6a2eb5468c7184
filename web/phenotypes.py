"""Ranking of diseases by phenotype: as data, as a page, as CSV.

Rule: what is not recorded is said to be so; it is never a no.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from flask import Flask, jsonify, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kg.errors import BadParameter, RequestError
from kg.views import Json
from web.negotiation import integer
from web.problems import PROBLEM
from web.serving import service
from web.vocabularies import address_of, frequency_said

DISEASES = 20
"""How many diseases a ranking shows unless it is told."""
MAX_ON_PAGE = 100
SPARE = 2
"""Empty fields that the form has beside those filled in; at least FIELDS in all."""
FIELDS = 3
STATUSES = ("entailed", "compatible", "not_recorded", "contradicted")
_COLUMNS = ("rank", "name", "id", "score", "whole", "match", *STATUSES, "sources", "urls")
_KEYS = ("present", "absent", "limit")


def add_phenotypes(app: Flask) -> None:
    """Ranking by phenotype for programs, and the form for people."""

    @app.route("/api/v1/phenotypes/rank", methods=["GET", "POST"])
    def rank_phenotypes() -> BaseResponse:
        present, absent, limit = _asked()
        return jsonify(service().rank_phenotypes(present, absent, limit))

    @app.get("/phenotypes")
    def phenotypes() -> str | tuple[str, HTTPStatus]:
        present, absent = _filled("present"), _filled("absent")
        form = {"present": _fields(present), "absent": _fields(absent)}
        if not (present or absent) or service().imports.phenotypes is None:
            return render_template("phenotypes.html", form=form, can_rank=_can_rank())
        try:
            limit = min(integer("limit", DISEASES), MAX_ON_PAGE)
            ranking = service().rank_phenotypes(present, absent, limit)
        except RequestError as error:
            request.environ[PROBLEM] = type(error).__name__
            shown = {"form": form, "can_rank": True, "error": error}
            return render_template("phenotypes.html", **shown), HTTPStatus.UNPROCESSABLE_ENTITY
        return render_template(
            "phenotypes.html",
            form=form,
            can_rank=True,
            ranking=ranking,
            cards=cards(ranking),
            asked={"present": present, "absent": absent},
        )


def _can_rank() -> bool:
    return service().imports.phenotypes is not None


def _asked() -> tuple[list[str], list[str], int]:
    """Present and absent phenotypes: repeated parameters, or the lists of a JSON object."""
    if request.method == "GET":
        return _filled("present"), _filled("absent"), integer("limit", DISEASES)
    data = request.get_json()
    if not isinstance(data, dict):
        raise BadParameter('send an object: {"present": ["HP:0003394"], "absent": []}')
    unknown = sorted(set(data).difference(_KEYS))
    if unknown:
        raise BadParameter(f"unknown key {unknown[0]!r}; keys are {', '.join(_KEYS)}")
    limit = data.get("limit", DISEASES)
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise BadParameter("limit must be a whole number")
    return _texts(data, "present"), _texts(data, "absent"), limit


def _texts(data: dict[str, Any], key: str) -> list[str]:
    found = data.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadParameter(f"{key} must be a list of texts, such as HP:0003394 or a name")
    return found


def _filled(name: str) -> list[str]:
    """The values of a repeated parameter that are not blank."""
    return [text.strip() for text in request.args.getlist(name) if text.strip()]


def _fields(values: Sequence[str]) -> list[str]:
    """What stands in the fields of the form, the empty ones last."""
    return [*values, *[""] * max(SPARE, FIELDS - len(values))]


# -- what pages show -------------------------------------------------------------------------


def cards(ranking: Json) -> list[Json]:
    """What the cards show: the answer, its terms by status, the least status as `match`."""
    return [
        {
            "answer": answer,
            "match": _match(answer),
            "terms": sorted(answer["terms"], key=lambda term: STATUSES.index(term["degree"])),
        }
        for answer in ranking["ranking"]
    ]


def _match(answer: Json) -> str:
    present: list[str] = [term["degree"] for term in answer["terms"] if not term["absent"]]
    return max(present, key=STATUSES.index)


def other_readings(ranking: Json, question: str) -> list[Json]:
    """What each piece was read as, with the other meanings as questions: `{…piece, others}`."""
    words = " ".join(question.split())
    return [
        {
            **piece,
            "others": [
                {"term": other, "question": words.replace(piece["text"], other["label"], 1)}
                for other in piece["others"]
            ],
        }
        for piece in ranking["read_as"]
    ]


def common_question(ranking: Json) -> str:
    """The question to the leg graph, which knows what is common, in the words of the asker."""
    said = " and ".join(piece["text"] for piece in ranking["read_as"] if not piece["absent"])
    return f"causes of {said}"


def question_for(present: Iterable[str], absent: Iterable[str] = ()) -> str:
    """The question for the rare diseases with phenotypes, by their names."""
    lacking = " or ".join(absent)
    return f"rare diseases with {' and '.join(present)}" + (
        f" but without {lacking}" if lacking else ""
    )


def counterparts(asked: Json) -> Json | None:
    """The question about rare diseases that a question about conditions leads to, if any.

    `{said, url}`: its symptoms that have an exact or close counterpart in the imported HPO.
    """
    if service().imports.phenotypes is None or asked["ask"] != "conditions":
        return None
    present = _labels(asked["findings"])
    if not present:
        return None
    said = question_for(present, _labels(asked["absent"]))
    return {"said": said, "url": url_for("ask", q=said)}


def _labels(findings: Sequence[Sequence[Json]]) -> list[str]:
    """The names in HPO of the symptoms of findings, each once."""
    symptoms = (
        part["value"]["id"] for one in findings for part in one if part["role"] == "symptom"
    )
    labels = (_counterpart(symptom) for symptom in symptoms)
    return list(dict.fromkeys(label for label in labels if label))


def _counterpart(symptom: str) -> str | None:
    for strength in ("exact", "close"):
        for mapping in service().index.entity(symptom).mappings:
            if mapping.strength == strength and mapping.id.startswith("HP:"):
                reference = service().imports.reference(mapping.id)
                if reference is not None and not reference["obsolete"]:
                    return str(reference["label"])
    return None


# -- CSV -------------------------------------------------------------------------------------


def ranking_csv(ranking: Json) -> str:
    """The diseases as a table: one row each, several values of a cell apart by semicolons."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    writer.writerows(_row(answer, ranking["whole"]) for answer in ranking["ranking"])
    return buffer.getvalue()


def _row(answer: Json, whole: float) -> list[object]:
    sources = list(
        dict.fromkeys(
            source
            for term in answer["terms"]
            for annotation in term["annotations"]
            for source in annotation["sources"]
        )
    )
    return [
        answer["rank"],
        answer["entity"]["label"],
        answer["entity"]["id"],
        answer["score"],
        whole,
        _match(answer),
        *(
            "; ".join(_said(term) for term in answer["terms"] if term["degree"] == status)
            for status in STATUSES
        ),
        "; ".join(sources),
        " ".join(address for source in sources if (address := address_of(source))),
    ]


def _said(term: Json) -> str:
    """An asked term in a cell: `no Asthenia`, `Edema as Lymphedema: Frequent (HP:0040282)`."""
    said = f"no {term['label']}" if term["absent"] else str(term["label"])
    if term["matched"] and term["matched"]["id"] != term["id"]:
        said += f" as {term['matched']['label']}"
    written = (one["frequency"] for one in term["annotations"] if one["frequency"])
    frequency = next(written, None)
    return f"{said}: {frequency_said(frequency)}" if frequency else said
