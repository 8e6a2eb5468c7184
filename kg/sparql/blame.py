"""Finds the pattern that empties a query.

The engine is asked growing parts of the query. Adding a pattern to a group never brings solutions
back, so the first part without any is found by halving. All texts are the query's own.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from rdflib.term import Node

from kg.errors import QueryTimeout
from kg.sparql.guard import Outline
from kg.sparql.patterns import Element, Piece, Query, groups_of, is_iri, split_group, split_query

MAX_QUERIES = 40
MAX_SECONDS = 10.0
MAX_NESTED = 20
MAX_ALONE = 8

Select = Callable[[str], tuple[list[str], list[list[Node | None]]]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a query a pattern stands: the text before and after it, and the GRAPHs around it."""

    before: str = ""
    after: str = ""
    graphs: tuple[str, ...] = ()

    def joined(self, pattern: str) -> str:
        """The pattern with all that stands before it."""
        return f"{self.before} {pattern} {self.after}"

    def alone(self, pattern: str) -> str:
        """The pattern in its graph, without what it is joined with."""
        return f"{' '.join(self.graphs)} {pattern} {'}' * len(self.graphs)}"

    def behind(self, elements: Iterable[Element]) -> "Place":
        """The place after further elements."""
        return replace(self, before=f"{self.before} {_written(elements)}")

    def within(self, opening: str, *, is_graph: bool) -> "Place":
        """The place in a group that begins here."""
        graphs = (*self.graphs, opening) if is_graph else self.graphs
        return Place(f"{self.before} {opening}", f"}} {self.after}", graphs)


@dataclass(frozen=True, slots=True)
class Blame:
    """An element that empties a join: its place, what stands before, the others of its group."""

    element: Element
    place: Place
    previous: Element | None
    group: Sequence[Element] = ()
    note: str = ""


def _written(elements: Iterable[Element]) -> str:
    return " ".join(f"{element.text} ." for element in elements)


class Engine:
    """Asks about a query's data, a bounded number of times; QueryTimeout is the end of it."""

    def __init__(self, select: Select, query: Query, outline: Outline) -> None:
        self._select = select
        self._query = query
        self._left = MAX_QUERIES
        self._deadline = time.monotonic() + MAX_SECONDS
        new = "?any"
        while any(f"?{name}".startswith(new) for name in outline.variables):
            new += "_"
        self._one = f"{new}1"
        self.s, self.p, self.o, self.g = (f"{new}_{role}" for role in "spog")
        """Variables that the query does not use."""

    def has(self, pattern: str, *, everywhere: bool = False) -> bool:
        """Whether a pattern has a solution; `everywhere`: whatever FROM says."""
        return bool(self._rows(f"(1 AS {self._one})", pattern, 1, everywhere=everywhere))

    def values(
        self, variable: str, pattern: str, limit: int, *, everywhere: bool = False
    ) -> list[Node]:
        """The different terms that a variable stands for."""
        rows = self._rows(f"DISTINCT {variable}", pattern, limit, everywhere=everywhere)
        return [row[0] for row in rows if row[0] is not None]

    def term(self, text: str) -> Node | None:
        """The term that a text of the query means."""
        rows = self._rows(f"({text} AS {self._one})", "", 1)
        return rows[0][0] if rows else None

    def knows(self, text: str) -> bool:
        """Whether an IRI stands anywhere in the data."""
        s, p, o, g = self.s, self.p, self.o, self.g
        triples = (f"{text} {p} {o}", f"{s} {text} {o}", f"{s} {p} {text}")
        named = (f"GRAPH {g} {{ {triple} }}" for triple in triples)
        places = (*triples, *named, f"GRAPH {text} {{ {s} {p} {o} }}")
        return self.has(" UNION ".join(f"{{ {place} }}" for place in places), everywhere=True)

    def _rows(
        self, columns: str, pattern: str, limit: int, *, everywhere: bool = False
    ) -> list[list[Node | None]]:
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._deadline:
            raise QueryTimeout("finding the cause takes too long")
        dataset = "" if everywhere else self._query.dataset
        query = f"SELECT {columns} {dataset} {{ {pattern} }} LIMIT {limit}"
        return self._select(f"{self._query.prologue} {query}")[1]


def unknown_name(query: Query, engine: Engine) -> Blame | None:
    """The first IRI of a DESCRIBE, if none of them is described."""
    named = [token for token in query.named if is_iri(token)]
    if not named or any(engine.has(f"{one.text} {engine.p} {engine.o}") for one in named):
        return None
    first = Element("DESCRIBE", named[0].text, named[0].start, (named[0],))
    return Blame(first, Place(), None)


def search_query(text: str, query: Query, place: Place, engine: Engine) -> Blame | None:
    """What empties a query or sub-select: a part of its WHERE, or else a modifier."""
    elements = split_group(text, query.group.tokens if query.group else ())
    barren = _barren(elements, place, engine)
    if barren is not None or not engine.has(place.joined(_written(elements))):
        return _search(text, elements, place, engine, barren)
    kinds = ("HAVING", "VALUES", "OFFSET", "LIMIT")  # in the order in which they apply
    kept = [modifier for modifier in query.modifiers if modifier.kind == "GROUP"]
    last = elements[-1] if elements else None
    for modifier in sorted(
        (one for one in query.modifiers if one.kind in kinds), key=lambda one: kinds.index(one.kind)
    ):
        kept.append(modifier)
        if not engine.has(place.joined(f"{{ {query.select(kept)} }}")):
            return Blame(modifier, place.behind(elements), last, elements)
    return None


def _barren(elements: Sequence[Element], place: Place, engine: Engine) -> int | None:
    """The first triple without solutions of its own: cheap to ask, where a whole join is not."""
    triples = [at for at, element in enumerate(elements) if element.kind == "TRIPLE"]
    asked = triples[:MAX_ALONE] if len(elements) > 1 else ()
    return next((at for at in asked if not engine.has(place.alone(elements[at].text))), None)


def _search(
    text: str,
    elements: Sequence[Element],
    place: Place,
    engine: Engine,
    barren: int | None,
) -> Blame:
    """The element that empties a group which is known to be empty; filters come last."""
    ordered = sorted(elements, key=lambda element: element.kind == "FILTER")
    end = len(ordered) - 1 if barren is None else ordered.index(elements[barren])
    first = bisect_left(
        range(end),
        True,
        key=lambda last: not engine.has(place.behind(ordered[:last]).joined(ordered[last].text)),
    )
    previous = ordered[first - 1] if first else None
    blame = Blame(ordered[first], place.behind(ordered[:first]), previous, elements)
    with suppress(QueryTimeout):
        return _innermost(text, blame, engine)
    return blame


def _innermost(text: str, blame: Blame, engine: Engine) -> Blame:
    """The part of a nested group that is to blame; the element itself if it has no parts."""
    element = blame.element
    is_nested = element.kind in ("GROUP", "UNION", "GRAPH", "SELECT")
    if not is_nested or blame.place.before.count("{") > MAX_NESTED:
        return blame
    groups = groups_of(text, element.tokens)
    if not groups[0].tokens:
        return blame
    note = "No alternative of the UNION has solutions here. In the first: " if groups[1:] else ""
    found = _inside(text, blame, groups[0], engine)
    previous = found.previous or blame.previous
    return replace(found, previous=previous, note=f"{note}{found.note}") if found else blame


def _inside(text: str, blame: Blame, inner: Piece, engine: Engine) -> Blame:
    element, place = blame.element, blame.place
    if inner.tokens[0].text.upper() == "SELECT":
        place = Place(" ".join(place.graphs), "}" * len(place.graphs), place.graphs)
        if engine.has(place.joined(f"{{ {inner.text} }}")):
            return blame
        return search_query(text, split_query(text, inner.tokens), place, engine) or blame
    is_graph = element.kind == "GRAPH"
    opening = text[element.start : inner.tokens[0].start] if is_graph else "{"
    within = place.within(opening, is_graph=is_graph)
    elements = split_group(text, inner.tokens)
    return _search(text, elements, within, engine, _barren(elements, within, engine))
