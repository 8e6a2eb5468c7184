"""Conditions side by side: a form to pick them, and the page of what tells them apart."""

from flask import Flask, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kg.errors import BadParameter
from kg.index import Index
from web.negotiation import PAGE_AND_JSON, chosen
from web.problems import STATUS_OF
from web.serving import service

FEWEST, MOST = 2, 5
"""How many conditions are compared on a page."""
EXAMPLES = (
    ("deep vein thrombosis", "cellulitis", "ruptured Baker's cyst"),
    ("gout", "pseudogout", "septic arthritis"),
    ("peripheral artery disease", "lumbar spinal stenosis"),
    ("plantar fasciitis", "tarsal tunnel syndrome"),
)


def add_compare(app: Flask) -> None:
    """The page that compares the conditions in `c`."""

    @app.get("/compare")
    def compare() -> str | BaseResponse | tuple[str, int]:
        names = [text for text in map(str.strip, request.args.getlist("c")) if text]
        is_page = chosen(PAGE_AND_JSON) == "text/html"
        if is_page and len(set(names)) == 1:
            return _form(names)
        try:
            found = service().differential({"candidates": _few(names)}) if names else None
        except BadParameter as error:
            if not is_page:
                raise
            return _form(names, error), STATUS_OF[BadParameter]
        if not is_page:
            if found is None:
                raise BadParameter("c is missing: give ?c=… for each condition")
            return jsonify(found)
        if found is None:
            return _form(names)
        ids = [one["id"] for one in found["candidates"]]
        if names != ids:
            return redirect(url_for("compare", c=ids))
        return render_template("compare.html", found=found, names=names)


def _few(names: list[str]) -> list[str]:
    """Each name once; BadParameter where they are too few or too many to compare."""
    once = list(dict.fromkeys(names))
    if not FEWEST <= len(once) <= MOST:
        given = "one is" if len(once) == 1 else f"{len(once)} are"
        raise BadParameter(f"pick {FEWEST} to {MOST} conditions; {given} picked")
    return once


def _form(names: list[str], error: BadParameter | None = None) -> str:
    index = service().index
    return render_template(
        "compare.html",
        names=[_label(name, index) for name in names][:MOST],
        problem=error,
        most=MOST,
        conditions=sorted(map(index.label, index.presentations_of), key=str.casefold),
        examples=_examples(index),
    )


def _label(name: str, index: Index) -> str:
    return index.label(name) if name in index.entities else name


def _examples(index: Index) -> list[list[str]]:
    """The examples of which every condition is known."""
    known = set(map(index.label, index.presentations_of))
    return [list(names) for names in EXAMPLES if known.issuperset(names)]
