"""The home page's helpers: the body map's lists, and the form that builds a question."""

from functools import lru_cache
from http import HTTPStatus
from typing import Any

from flask import Flask, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kg.bodymap import conditions_in, conditions_question, region_lists
from kg.index import Index
from kg.picklists import pick_lists, picked
from kg.questions import sentence
from kg.structure import MAX_AGE, SEXES
from kg.views import DISCLAIMER, Json
from web.serving import service

EXAMPLE_GROUPS = (
    (
        "What you feel",
        (
            "I'm 65 and smoke, sudden swollen red calf, no fever",
            "causes of calf cramps relieved by rest",
            "leg pain worse standing, better bending forward",
            "heel pain, first steps in the morning",
        ),
    ),
    (
        "A condition",
        (
            "red flags of sciatica",
            "treatments for plantar fasciitis",
            "risk factors for deep vein thrombosis",
            "what relieves restless legs syndrome",
            "how is gout diagnosed",
        ),
    ),
    (
        "Whether it is so, and which it is",
        (
            "does plantar fasciitis cause heel pain",
            "is sciatica treated by exercise",
            "What is the difference between sciatica and piriformis syndrome?",
        ),
    ),
)
"""What can be asked, in words, by what it is about."""
DRAWN = (
    "etio:Hip",
    "etio:Groin",
    "etio:Thigh",
    "etio:Knee",
    "etio:Shin",
    "etio:Ankle",
    "etio:Foot",
    "etio:Toe",
    "etio:LowerBack",
    "etio:Buttock",
    "etio:BackOfThigh",
    "etio:PoplitealFossa",
    "etio:Calf",
    "etio:AchillesTendon",
    "etio:Heel",
    "etio:BallOfFoot",
    "etio:ArchOfFoot",
)
"""The regions of the body map."""
UNDRAWN = (
    "etio:Leg",
    "etio:LowerLeg",
    "etio:InnerThigh",
    "etio:OuterThigh",
    "etio:InnerKnee",
    "etio:OuterKnee",
    "etio:InnerAnkle",
    "etio:OuterAnkle",
    "etio:Sole",
    "etio:BigToe",
    "etio:Pelvis",
)
"""Regions offered beside the map."""
SAID_SHORTER = {"etio:PoplitealFossa": "back of knee", "etio:Leg": "whole leg", "etio:Toe": "toes"}


def add_home(app: Flask) -> None:
    """The lists of a region, and the question that the form builds."""

    @app.get("/api/v1/regions/<curie>")
    def region(curie: str) -> BaseResponse:
        index = service().index
        lists = region_lists(index, index.resolve(curie).id)
        return jsonify({**lists, "version": service().version, "disclaimer": DISCLAIMER})

    @app.get("/build")
    def build() -> BaseResponse:
        index = service().index
        question = picked(index, request.args.to_dict())
        return redirect(url_for("ask", q=sentence(question, index)), HTTPStatus.SEE_OTHER)


def home_context() -> dict[str, Any]:
    """What home.html shows."""
    index = service().index
    return {
        "example_groups": EXAMPLE_GROUPS,
        "regions": _regions(index),
        "undrawn": UNDRAWN,
        "pick_lists": pick_lists(index),
        "sexes": SEXES,
        "max_age": MAX_AGE,
        "counts": service().health()["counts"],
    }


@lru_cache(maxsize=1)
def _regions(index: Index) -> dict[str, Json]:
    """The regions of the map that the graph has → `{id, label, count, question}`."""
    return {
        region: {
            "id": region,
            "label": SAID_SHORTER.get(region, index.label(region)),
            "count": len(conditions_in(index, region)),
            "question": conditions_question(index, region),
        }
        for region in (*DRAWN, *UNDRAWN)
        if region in index.entities
    }
