"""Says what is wrong with a pattern that empties a query, and what would be right instead."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from itertools import chain
from typing import NamedTuple, TypeVar

from rdflib.namespace import XSD
from rdflib.term import Literal, Node, URIRef

from kg.errors import RequestError
from kg.index import Index
from kg.sparql.blame import Blame, Engine, Place
from kg.sparql.guard import tokenize
from kg.sparql.patterns import Element, Piece, Query, constants, is_iri
from kg.vocabulary import expand
from kg.words import phrase

MAX_NAMES = 5000
MAX_SPELLING = 60
"""The longest word that near ones are looked for; comparing takes the square of it."""
MAX_PROPERTIES = 100
MAX_SAID = 80
SHOWN = 3
SAID = {
    "FILTER": "No solution of its group passes this filter.",
    "MINUS": "It takes away every solution that stands before it.",
    "HAVING": "There are groups, but none meets this condition.",
    "OFFSET": "There are no more solutions than OFFSET skips.",
    "LIMIT": "There are solutions, but LIMIT lets none through.",
}
_APART = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_-]")
_PLAIN_LOCAL = re.compile(r"\w(?:[\w-]*\w)?")

Named = TypeVar("Named", bound=Node | str)


class Advice(NamedTuple):
    """One sentence or two for a person, and texts that would be right."""

    reason: str
    suggestions: Sequence[str] = ()


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
            general = SAID.get(element.kind, "Nothing in the data matches it.")
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
        yield Advice(f"{_short(iri.text)} {said}{where}.{_perhaps(near)}", near)

    def _unknown(self, constant: Piece, verb: str, place: Place) -> Iterator[Advice]:
        """For a constant whose role is not told."""
        if not is_iri(constant.tokens[0]):
            yield from self._literal(constant, f"{self._s} {verb} {self._o}", self._o, place)
        elif not self.engine.knows(constant.text):
            near = self._near(constant.text, is_property=False)
            yield Advice(f"{_short(constant.text)} is not in the data.{_perhaps(near)}", near)

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
            reason = "is not in the data in this form: language, datatype and case count."
            yield Advice(f"{_short(text)} {reason}{_perhaps(shown)}", shown)
            return
        if self.engine.has(f"{self._s} {self._p} {text}"):
            return
        wanted = str(self.engine.term(text))
        some = self._literals(wanted, lambda test: within(f"{pattern} {test}"), variable)
        near = self._shown(_closest(wanted, some, str))
        yield Advice(f"{_short(text)} is not in the data.{_perhaps(near)}", near)

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
    return f" Perhaps {' or '.join(map(_short, texts[:SHOWN]))}." if texts else ""


def _short(text: str) -> str:
    """A text as it fits in a sentence."""
    return text if len(text) <= MAX_SAID else f"{text[:MAX_SAID]}…"


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
