"""Questions as data: structured questions, causes, telling apart, checking a statement."""

from flask import Flask, jsonify, request
from werkzeug.wrappers import Response as BaseResponse

from kg.answers import DEFAULT_LIMIT
from kg.errors import BadParameter
from kg.records import ROLES
from kg.views import Json
from web.negotiation import integer
from web.serving import service

_OTHER_NAMES = {"worse_with": "aggravated_by", "brought_on_by": "triggered_by"}
_PERSON = ("age", "sex", "risk_factor")
_PAGING = ("limit", "offset", "format")


def add_reasoning(app: Flask) -> None:
    """What takes a question, candidates or a statement, and reasons over what is recorded."""

    @app.post("/api/v1/questions")
    def questions() -> BaseResponse:
        return jsonify(service().answer(_body(), *_page()))

    @app.get("/api/v1/causes")
    def causes() -> BaseResponse:
        return jsonify(service().answer(_causes(), *_page()))

    @app.post("/api/v1/differential")
    def differential() -> BaseResponse:
        return jsonify(service().differential(_body()))

    @app.post("/api/v1/verify")
    def verify() -> BaseResponse:
        return jsonify(service().verify(_body()))


def _body() -> object:
    """The JSON of the request; BadParameter where there is none, or one nested too deeply."""
    try:
        data = request.get_json(force=True, silent=True)
    except RecursionError:
        raise BadParameter("the JSON is nested too deeply") from None
    if data is None:
        raise BadParameter("send a JSON object")
    return data


def _page() -> tuple[int, int]:
    return integer("limit", DEFAULT_LIMIT), integer("offset", 0)


def _causes() -> Json:
    """A question for conditions from parameters: one finding, what is not there, and a person."""
    known = (*ROLES, *_OTHER_NAMES, "without", *_PERSON, *_PAGING)
    for name in request.args:
        if name not in known:
            raise BadParameter(
                f"there is no parameter {name!r}; there are {', '.join(known)}", known
            )
    criteria = [
        {"role": _OTHER_NAMES.get(name, name), "value": value}
        for name in (*ROLES, *_OTHER_NAMES)
        for value in request.args.getlist(name)
    ]
    absent = [[{"role": "symptom", "value": value}] for value in request.args.getlist("without")]
    age = request.args.get("age")
    return {
        "ask": "conditions",
        "findings": [criteria] if criteria else [],
        "absent": absent,
        "person": {
            "age": integer("age", 0) if age is not None else None,
            "sex": request.args.get("sex"),
            "risk_factors": request.args.getlist("risk_factor"),
        },
    }
