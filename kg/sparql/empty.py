"""Says why a query has no solutions: which pattern empties it, and what would be right instead.

The engine is asked growing parts of the query. Adding a pattern to a group never brings solutions
back, so the first part without any is found by halving. All texts are the query's own.
"""

import re
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import chain
from typing import NamedTuple, TypeVar

from rdflib.namespace import XSD
from rdflib.term import Literal, Node, URIRef

from kg.errors import QueryTimeout, RequestError
from kg.index import Index
from kg.sparql.guard import Outline, tokenize
from kg.sparql.patterns import (
    Element,
    Piece,
    Query,
    constants,
    declared_prefixes,
    groups_of,
    is_iri,
    split_group,
    split_query,
)
from kg.views import Json
from kg.vocabulary import expand
from kg.words import phrase

MAX_QUERIES = 40
MAX_SECONDS = 10.0
MAX_TEXT = 32 * 1024
"""The longest query that is taken apart: it is done in the process that answers everybody."""
MAX_NESTED = 20
MAX_ALONE = 8
MAX_NAMES = 5000
MAX_SPELLING = 60
"""The longest word that near ones are looked for; comparing takes the square of it."""
MAX_PROPERTIES = 100
SHOWN = 3
_SAID = {
    "FILTER": "No solution of its group passes this filter.",
    "MINUS": "It takes away every solution that stands before it.",
    "HAVING": "There are groups, but none meets this condition.",
    "OFFSET": "There are no more solutions than OFFSET skips.",
    "LIMIT": "There are solutions, but LIMIT lets none through.",
}
_UNTOLD = "It cannot be told which pattern empties the query"
_APART = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_-]")
_PLAIN_LOCAL = re.compile(r"\w(?:[\w-]*\w)?")

Named = TypeVar("Named", bound=Node | str)
Select = Callable[[str], tuple[list[str], list[list[Node | None]]]]


class Advice(NamedTuple):
    """One sentence or two for a person, and texts that would be right."""

    reason: str
    suggestions: Sequence[str] = ()


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


def _explained(outline: Outline, query: Query, adviser: "Adviser") -> Json:
    engine, text = adviser.engine, outline.text
    if query.group is None:
        blame = _unknown_name(query, engine)
    elif _may_count_nothing(query) and engine.has(f"{{ {query.select(query.modifiers)} }}"):
        blame = None
    else:
        blame = _search_query(text, query, Place(), engine)
    if blame is None:
        return {**_payload(Advice("")), "empty": False, "reason": None}
    is_pattern = blame.element.kind not in _SAID and blame.element.kind != "DESCRIBE"
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


def _unknown_name(query: Query, engine: Engine) -> Blame | None:
    """The first IRI of a DESCRIBE, if none of them is described."""
    named = [token for token in query.named if is_iri(token)]
    if not named or any(engine.has(f"{one.text} {engine.p} {engine.o}") for one in named):
        return None
    first = Element("DESCRIBE", named[0].text, named[0].start, (named[0],))
    return Blame(first, Place(), None)


def _search_query(text: str, query: Query, place: Place, engine: Engine) -> Blame | None:
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
        return _search_query(text, split_query(text, inner.tokens), place, engine) or blame
    is_graph = element.kind == "GRAPH"
    opening = text[element.start : inner.tokens[0].start] if is_graph else "{"
    within = place.within(opening, is_graph=is_graph)
    elements = split_group(text, inner.tokens)
    return _search(text, elements, within, engine, _barren(elements, within, engine))


class Adviser:
    """Finds what is wrong with a pattern, and what is spelt like it in the data."""

    def __init__(
        self, engine: Engine, query: Query, index: Index | None, prefixes: Mapping[str, str]
    ) -> None:
        self.engine = engine
        self._dataset = query.dataset
        self._index = index
        self._prefixes = prefixes
        self._s, self._p, self._o = engine.s, engine.p, engine.o

    def advise(self, blame: Blame, *, alone: bool) -> Advice:
        """The first of all advices that holds; a slow engine is not waited for."""
        element = blame.element
        shared = ", ".join(sorted(element.variables & _variables_before(blame)))
        general = "It has solutions by itself, but none that agree with what stands before it"
        general = f"{general} on {shared}." if shared else f"{general}."
        if not alone:
            general = _SAID.get(element.kind, "Nothing in the data matches it.")
        with suppress(RequestError):
            return next(self._advices(blame, alone), Advice(general))
        return Advice(general)

    def _advices(self, blame: Blame, alone: bool) -> Iterator[Advice]:
        element = blame.element
        if element.kind == "FILTER":
            yield from self._on_filter(blame)
        elif element.kind in ("VALUES", "DESCRIBE"):
            yield from self._on_given(element, blame.group, blame.place)
        elif element.kind == "TRIPLE":
            if not alone:
                yield from self._elsewhere(blame)
                yield from self._on_constants(blame)
            given = (e for e in blame.group if e.kind in ("VALUES", "BIND"))
            for other in given if alone else ():
                if other.variables & element.variables:
                    yield from self._on_given(other, [element], blame.place)
            if element.parts:
                yield from self._otherwise(blame, element.parts)

    def _elsewhere(self, blame: Blame) -> Iterator[Advice]:
        """For a pattern that holds in other graphs than the query looks in."""
        text = blame.element.text
        if not (blame.place.graphs or self._dataset) or not self.engine.has(text, everywhere=True):
            return
        g = self.engine.g
        graphs = self.engine.values(g, f"GRAPH {g} {{ {text} }}", SHOWN, everywhere=True)
        where = "this graph" if blame.place.graphs else "the graphs of FROM"
        yield Advice(f"It has solutions, but not in {where}.", self._shown(graphs))

    def _on_constants(self, blame: Blame) -> Iterator[Advice]:
        """For terms that are not in the data, or not in their role."""
        parts, place = blame.element.parts, blame.place
        if not parts:
            for constant in constants(blame.element.tokens):
                yield from self._unknown(constant, self._p, place)
            return
        subject, verb, other = parts
        for iri in constants(subject.tokens):
            yield from self._misplaced(iri, f"{iri.text} {self._p} {self._o}", "a subject", place)
        for iri in constants(verb.tokens):
            yield from self._misplaced(iri, f"{self._s} {iri.text} {self._o}", "a property", place)
        for constant in constants(other.tokens):
            if is_iri(constant.tokens[0]):
                pattern = f"{self._s} {self._p} {constant.text}"
                yield from self._misplaced(constant, pattern, "an object", place)
            else:
                yield from self._unknown(constant, verb.text, place)

    def _misplaced(self, iri: Piece, pattern: str, role: str, place: Place) -> Iterator[Advice]:
        if self.engine.has(place.alone(pattern)):
            return
        is_known = self.engine.knows(iri.text)
        said = f"is in the data, but never as {role}" if is_known else "is not in the data"
        where = " in these graphs" if is_known and (place.graphs or self._dataset) else ""
        near = [] if is_known else self._near(iri.text, is_property=role == "a property")
        yield Advice(f"{iri.text} {said}{where}.{_perhaps(near)}", near)

    def _unknown(self, constant: Piece, verb: str, place: Place) -> Iterator[Advice]:
        """For a constant whose role is not told."""
        if not is_iri(constant.tokens[0]):
            yield from self._literal(constant, f"{self._s} {verb} {self._o}", self._o, place)
        elif not self.engine.knows(constant.text):
            near = self._near(constant.text, is_property=False)
            yield Advice(f"{constant.text} is not in the data.{_perhaps(near)}", near)

    def _literal(
        self, literal: Piece, pattern: str, variable: str, place: Place, *, joined: bool = False
    ) -> Iterator[Advice]:
        """For a literal that `variable` never is in `pattern`: its other forms, or near ones."""
        within = place.joined if joined else place.alone
        text = literal.text
        same = f"FILTER(ISLITERAL({variable}) && LCASE(STR({variable})) = LCASE(STR({text})))"
        forms = self.engine.values(variable, within(f"{pattern} {same}"), SHOWN)
        if self.engine.term(text) in forms:
            return
        shown = self._shown(forms)
        if shown:
            reason = f"{text} is not in the data in this form: language, datatype and case count."
            yield Advice(f"{reason}{_perhaps(shown)}", shown)
            return
        if self.engine.has(f"{self._s} {self._p} {text}"):
            return
        wanted = str(self.engine.term(text))
        some = self._literals(wanted, lambda test: within(f"{pattern} {test}"), variable)
        near = self._shown(_closest(wanted, some, str))
        yield Advice(f"{text} is not in the data.{_perhaps(near)}", near)

    def _literals(self, wanted: str, pattern: Callable[[str], str], variable: str) -> list[Node]:
        """Literals that `variable` is in a pattern with a test: near names, else some."""
        names = [entity.label for entity in self._index.entities.values()] if self._index else []
        like = ", ".join(Literal(name).n3() for name in _closest(wanted, names, str))
        same = pattern(f"FILTER(STR({variable}) IN ({like}))")
        found = self.engine.values(variable, same, MAX_NAMES) if like else []
        some = pattern(f"FILTER(ISLITERAL({variable}))")
        return found or self.engine.values(variable, some, MAX_NAMES)

    def _on_given(self, given: Element, group: Sequence[Element], place: Place) -> Iterator[Advice]:
        """For the terms of a VALUES, BIND or DESCRIBE that meet the triples of a group."""
        triples = (e for e in group if e.parts and e.parts[2].text in given.variables)
        verb = next((triple.parts[1].text for triple in triples), self._p)
        for constant in constants(given.tokens)[:SHOWN]:
            yield from self._unknown(constant, verb, place)

    def _on_filter(self, blame: Blame) -> Iterator[Advice]:
        element, group = blame.element, [e for e in blame.group if e.kind != "FILTER"]
        words = {token.text.upper() for token in element.tokens}
        bound = frozenset(chain.from_iterable(e.variables for e in group))
        lost = sorted(element.variables - bound) if "EXISTS" not in words else []
        if lost:
            near = get_close_matches(lost[0], bound, n=SHOWN)
            yield Advice(f"{lost[0]} is in no pattern of this group.{_perhaps(near)}", near)
        for variable, constant in _compared(element):
            if not is_iri(constant.tokens[0]):
                yield from self._literal(constant, "", variable, blame.place, joined=True)
        for constant in constants(element.tokens):
            if is_iri(constant.tokens[0]):
                yield from self._unknown(constant, self._p, blame.place)

    def _otherwise(self, blame: Blame, parts: tuple[Piece, ...]) -> Iterator[Advice]:
        """For a pattern that would hold the other way round, or with another property."""
        subject, verb, other = (part.text for part in parts)
        is_type = _local(verb) in ("a", "type")
        can_turn = parts[2].tokens[0].kind != "open" and not _is_literal(parts[2])
        if can_turn and not is_type:
            turned = f"{other} {verb} {subject}"
            if self.engine.has(blame.place.joined(turned)):
                yield Advice("The other way round there are solutions.", [turned])
        if parts[1].tokens[0].kind == "variable":
            return
        pattern = blame.place.joined(f"{subject} {self._p} {other}")
        found = self.engine.values(self._p, pattern, MAX_PROPERTIES)
        wanted = "subClassOf" if is_type else _local(verb)
        near = _closest(wanted, found, _local) or found[:SHOWN]
        shown = self._shown(near)
        if shown:
            yield Advice(f"There are solutions with another property.{_perhaps(shown)}", shown)

    def _near(self, text: str, *, is_property: bool) -> list[str]:
        """IRIs of the data that are spelt or called almost like this one."""
        iri = str(self.engine.term(text))
        by_name = [] if is_property else self._called(iri)
        return self._shown(by_name or self._variants(iri) or self._spelt(iri, is_property))

    def _called(self, iri: str) -> list[Node]:
        """The entities with this local name as label or synonym."""
        if self._index is None:
            return []
        ranks = self._index.called(phrase(_APART.sub(" ", _local(iri))))
        best = sorted(ranks, key=lambda one: (ranks[one], one))
        return [URIRef(self._index.entities[one].iri) for one in best]

    def _variants(self, iri: str) -> list[Node]:
        """Known IRIs that differ in http or https, in # or / only."""
        scheme, _, rest = iri.partition(":")
        if scheme not in ("http", "https"):
            return []
        other = f"{'http' if scheme == 'https' else 'https'}:{rest}"
        local = _local(iri)
        stems = {one.removesuffix(local)[:-1] for one in (iri, other)}
        variants = sorted({f"{stem}{mark}{local}" for stem in stems for mark in "/#"} - {iri})
        return [URIRef(one) for one in variants if self.engine.knows(f"<{one}>")]

    def _spelt(self, iri: str, is_property: bool) -> list[Node]:
        """Known IRIs with a local name like that of this one."""
        s, p, o = self._s, self._p, self._o
        known = self.engine.values(p, f"{s} {p} {o}", MAX_NAMES)
        if not is_property:
            known += self.engine.values(o, f"{s} a {o}", MAX_NAMES)
            known += self._entities() or self.engine.values(s, f"{s} {p} {o}", MAX_NAMES)
        return _closest(_local(iri), known, _local)

    def _entities(self) -> list[Node]:
        if self._index is None:
            return []
        classes = (expand(one.id) for one in self._index.top_classes)
        return [*map(URIRef, classes), *(URIRef(e.iri) for e in self._index.entities.values())]

    def _shown(self, terms: Iterable[Node]) -> list[str]:
        return [self._text(term) for term in terms]

    def _text(self, term: Node) -> str:
        """A term as it can be written in this query."""
        if isinstance(term, Literal):
            return (Literal(str(term)) if term.datatype == XSD.string else term).n3()
        for prefix, namespace in self._prefixes.items():
            local = str(term).removeprefix(namespace)
            if local != str(term) and _PLAIN_LOCAL.fullmatch(local):
                return f"{prefix}:{local}"
        return f"<{term}>"


def _variables_before(blame: Blame) -> frozenset[str]:
    tokens = tokenize(blame.place.before)
    return frozenset(f"?{token.text[1:]}" for token in tokens if token.kind == "variable")


def _perhaps(texts: Sequence[str]) -> str:
    return f" Perhaps {' or '.join(texts[:SHOWN])}." if texts else ""


def _local(iri: Node | str) -> str:
    """What stands after the last / or # or the prefix of an IRI."""
    return re.split(r"[/#:]", str(iri).rstrip(">/#"))[-1]


def _closest(wanted: str, terms: Iterable[Named], spelling: Callable[[Named], str]) -> list[Named]:
    """The terms whose spelling is most like the wanted one, whatever the case."""
    if len(wanted) > MAX_SPELLING:
        return []
    spelt: dict[str, list[Named]] = defaultdict(list)
    for term in terms:
        spelt[spelling(term).casefold()].append(term)
    near = get_close_matches(wanted.casefold(), spelt, n=SHOWN)
    return list(dict.fromkeys(chain.from_iterable(spelt[name] for name in near)))


def _is_literal(part: Piece) -> bool:
    return bool(constants(part.tokens)) and not is_iri(part.tokens[0])


def _compared(element: Element) -> Iterator[tuple[str, Piece]]:
    """The variables of a filter that must equal a constant, each with it."""
    tokens = element.tokens
    for constant in constants(tokens):
        at = tokens.index(constant.tokens[0])
        end = at + len(constant.tokens)
        sides = (tokens[max(at - 2, 0) : at], tuple(reversed(tokens[end : end + 2])))
        for side in sides:
            if len(side) == 2 and side[0].kind == "variable" and side[1].text == "=":
                yield side[0].text, constant
