"""Explains why a query has no solutions, as JSON."""

from collections.abc import Mapping

from kg.errors import RequestError
from kg.index import Index
from kg.sparql.advice import SAID, SHOWN, Advice, Adviser
from kg.sparql.blame import MAX_QUERIES, Blame, Engine, Place, Select, search_query, unknown_name
from kg.sparql.guard import Outline
from kg.sparql.patterns import Query, declared_prefixes, split_query
from kg.views import Json

__all__ = ["MAX_QUERIES", "Select", "explain_empty"]
MAX_TEXT = 32 * 1024
"""The longest query that is taken apart: it is done in the process that answers everybody."""
_UNTOLD = "It cannot be told which pattern empties the query"


def explain_empty(
    outline: Outline, select: Select, index: Index | None, prefixes: Mapping[str, str]
) -> Json:
    """Why a query has no solutions: `{empty, pattern, line, column, alone, before, reason, …}`.

    `alone` is whether the pattern has solutions by itself, null for what has none of its own
    (filters, MINUS, modifiers); `before` the pattern just before it, with which there still are
    some. If the cause cannot be told, `pattern` is null and `reason` says why. Never raises.
    """
    if len(outline.text) > MAX_TEXT:
        return _payload(Advice(f"{_UNTOLD}: it is too long."))
    try:
        query = split_query(outline.text)
        engine = Engine(select, query, outline)
        names = {**prefixes, **declared_prefixes(query)}
        return _explained(outline, query, Adviser(engine, query, index, names))
    except (LookupError, StopIteration):
        return _payload(Advice(f"{_UNTOLD}: it could not be taken apart."))
    except RequestError as error:
        return _payload(Advice(f"{_UNTOLD}: {error}."))


def _explained(outline: Outline, query: Query, adviser: Adviser) -> Json:
    engine, text = adviser.engine, outline.text
    if query.group is None:
        blame = unknown_name(query, engine)
    elif _may_count_nothing(query) and engine.has(f"{{ {query.select(query.modifiers)} }}"):
        blame = None
    else:
        blame = search_query(text, query, Place(), engine)
    if blame is None:
        return {**_payload(Advice("")), "empty": False, "reason": None}
    is_pattern = blame.element.kind not in SAID and blame.element.kind != "DESCRIBE"
    alone = engine.has(blame.place.alone(blame.element.text)) if is_pattern else None
    advice = adviser.advise(blame, alone=bool(alone))
    return _payload(advice, text, blame, alone)


def _may_count_nothing(query: Query) -> bool:
    """Whether it may have a solution without any in its WHERE, as a COUNT of them has."""
    kinds = {modifier.kind for modifier in query.modifiers}
    return "GROUP" not in kinds and ("HAVING" in kinds or "(" in query.head)


def _payload(
    advice: Advice, text: str = "", blame: Blame | None = None, alone: bool | None = None
) -> Json:
    start = blame.element.start if blame else 0
    return {
        "empty": True,
        "pattern": blame.element.text if blame else None,
        "line": text.count("\n", 0, start) + 1 if blame else None,
        "column": start - text.rfind("\n", 0, start) if blame else None,
        "alone": alone,
        "before": blame.previous.text if blame and blame.previous else None,
        "reason": f"{blame.note if blame else ''}{advice.reason}",
        "suggestions": list(dict.fromkeys(advice.suggestions))[:SHOWN],
    }
