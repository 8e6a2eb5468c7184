"""Closes EL axioms under the consequence rules and remembers why each fact holds.

The rules are those of Kazakov, Krötzsch and Simančík, "The Incredible ELK" (J. Autom. Reasoning
53, 2014), with property chains and ranges. A fact is `('sub', c, d)`: every c is a d, or
`('edge', c, r, d)`: every c has an r that is a d; concepts are numbered. Each fact is derived
once and keeps that derivation: the rule, the facts before it, and the axiom used.
"""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from kg.builder.axioms import NOTHING, THING, And, Axiom, Axioms, Concept, Named, Some

Fact = tuple[str, int, int] | tuple[str, int, str, int]


@dataclass(frozen=True, slots=True)
class Derivation:
    """Why a fact holds: the rule's name, the facts it used and the axiom, if one was used."""

    rule: str
    premises: tuple[Fact, ...] = ()
    axiom: Axiom | None = None


class Closure:
    """The saturated ontology; make one with `saturate`."""

    def __init__(self, axioms: Axioms) -> None:
        self.axioms = axioms
        self.concepts: list[Concept] = []
        self.why: dict[Fact, Derivation] = {}
        self._number: dict[Concept, int] = {}
        self._supers: dict[int, set[int]] = defaultdict(set)
        self._out: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self._in: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self._queue: deque[Fact] = deque()
        self._told: dict[int, list[tuple[int, Axiom]]] = defaultdict(list)
        self._conjunctions: dict[int, list[tuple[int, frozenset[int]]]] = defaultdict(list)
        self._existentials: dict[tuple[str, int], int] = {}
        self._chain_first: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._chain_second: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._thing = self.number(THING)
        self._nothing = self.number(NOTHING)
        self._load()

    # -- reading ---------------------------------------------------------------------------

    def number(self, concept: Concept) -> int:
        """The number of a concept, given on first sight."""
        known = self._number.get(concept)
        if known is None:
            known = self._number[concept] = len(self.concepts)
            self.concepts.append(concept)
        return known

    def _load(self) -> None:
        for axiom in self.axioms.subclass:
            sub = self.number(axiom.sub)
            self._told[sub].append((self.number(axiom.sup), axiom))
            self._watch(axiom.sub)
        for first, second, result in self.axioms.chains:
            self._chain_first[first].append((second, result))
            self._chain_second[second].append((first, result))

    def _watch(self, concept: Concept) -> None:
        """Index a concept that stands on the left of an axiom, so that it is concluded."""
        if isinstance(concept, Some):
            key = (concept.term_property, self.number(concept.filler))
            self._existentials[key] = self.number(concept)
            self._watch(concept.filler)
        elif isinstance(concept, And):
            numbers = frozenset(map(self.number, concept.parts))
            for number in numbers:
                self._conjunctions[number].append((self.number(concept), numbers))
            for part in concept.parts:
                self._watch(part)

    # -- deriving --------------------------------------------------------------------------

    def run(self) -> "Closure":
        """Apply the rules until nothing new follows."""
        for iri in self.axioms.classes:
            self._begin(self.number(Named(iri)))
        while self._queue:
            self._drain()
            self._narrow_to_ranges()
        return self

    def _drain(self) -> None:
        while self._queue:
            fact = self._queue.popleft()
            if len(fact) == 3:
                self._after_sub(fact)
            else:
                self._after_edge(fact)

    def _begin(self, concept: int) -> None:
        if concept not in self._supers:
            self._add_sub(concept, concept, Derivation("reflexivity"))
            self._add_sub(concept, self._thing, Derivation("top"))

    def _add_sub(self, sub: int, sup: int, why: Derivation) -> None:
        if sup not in self._supers[sub]:
            self._supers[sub].add(sup)
            self.why["sub", sub, sup] = why
            self._queue.append(("sub", sub, sup))

    def _add_edge(self, start: int, name: str, end: int, why: Derivation) -> None:
        if end not in self._out[start][name]:
            self._begin(end)
            self._out[start][name].add(end)
            self._in[end][name].add(start)
            self.why["edge", start, name, end] = why
            self._queue.append(("edge", start, name, end))

    def _after_sub(self, fact: tuple[str, int, int]) -> None:
        _, sub, sup = fact
        for told, axiom in self._told.get(sup, ()):
            self._add_sub(sub, told, Derivation("subclass", (fact,), axiom))
        concept = self.concepts[sup]
        composed = self.why[fact].rule in ("conjunction", "composition")
        if isinstance(concept, And) and not composed:  # composed: its parts are known already
            for part in concept.parts:
                self._add_sub(sub, self.number(part), Derivation("part", (fact,)))
        elif isinstance(concept, Some) and not composed:
            end = self.number(concept.filler)
            self._add_edge(sub, concept.term_property, end, Derivation("existential", (fact,)))
        supers = self._supers[sub]
        for conjunction, parts in self._conjunctions.get(sup, ()):
            if parts <= supers:
                premises = tuple(("sub", sub, part) for part in sorted(parts))
                self._add_sub(sub, conjunction, Derivation("conjunction", premises))
        for name, starts in list(self._in[sub].items()):
            for start in list(starts):
                self._conclude(("edge", start, name, sub), fact)

    def _after_edge(self, fact: tuple[str, int, str, int]) -> None:
        _, start, name, end = fact
        for sup in list(self._supers[end]):
            self._conclude(fact, ("sub", end, sup))
        for wider in self._wider(name):
            for second, result in self._chain_first.get(wider, ()):
                for step, last in self._steps(self._out[end], second):
                    why = Derivation("chain", (fact, ("edge", end, step, last)))
                    self._add_edge(start, result, last, why)
            for first, result in self._chain_second.get(wider, ()):
                for step, begin in self._steps(self._in[start], first):
                    why = Derivation("chain", (("edge", begin, step, start), fact))
                    self._add_edge(begin, result, end, why)

    def _wider(self, name: str) -> set[str]:
        """A property and all its super-properties."""
        return self.axioms.super_properties.get(name, {name})

    def _steps(self, edges: dict[str, set[int]], wanted: str) -> list[tuple[str, int]]:
        """The edges, as (property, other end), that are also edges of `wanted`."""
        return [
            (name, end)
            for name, ends in edges.items()
            if wanted in self._wider(name)
            for end in ends
        ]

    def _conclude(self, edge: tuple[str, int, str, int], sub: tuple[str, int, int]) -> None:
        """From `start r end` and `end ⊑ sup` conclude `start ⊑ s some sup` for s over r."""
        _, start, name, _ = edge
        sup = sub[2]
        if sup == self._nothing:
            self._add_sub(start, sup, Derivation("bottom", (edge, sub)))
        for wider in self._wider(name):
            existential = self._existentials.get((wider, sup))
            if existential is not None:
                self._add_sub(start, existential, Derivation("composition", (edge, sub)))

    def _narrow_to_ranges(self) -> None:
        """Give each edge whose end is not known to be in a range a second, narrower end.

        Only once nothing else follows: ranges rarely say anything new.
        """
        edges = [fact for fact in self.why if len(fact) == 4]
        for edge in edges:
            _, start, name, end = edge
            for wider in self._wider(name):
                for concept in self.axioms.ranges.get(wider, ()):
                    if self.number(concept) not in self._supers[end]:
                        narrowed = self.number(And(frozenset({self.concepts[end], concept})))
                        self._add_edge(start, name, narrowed, Derivation("range", (edge,)))

    # -- asking ----------------------------------------------------------------------------

    def superclasses(self, iri: str) -> list[str]:
        """Named classes that every instance of `iri` is an instance of, itself and Thing aside."""
        own = self.number(Named(iri))
        named = (self.concepts[sup] for sup in self._supers[own] if sup not in (own, self._thing))
        return sorted(concept.iri for concept in named if isinstance(concept, Named))

    def unsatisfiable(self) -> list[str]:
        """Named classes that can have no instance."""
        return [
            iri
            for iri in self.axioms.classes
            if self._nothing in self._supers[self.number(Named(iri))]
        ]

    def is_emptied_by_others(self, iri: str) -> bool:
        """Whether an unsatisfiable class is so only because something it relates to is."""
        return self.why["sub", self.number(Named(iri)), self._nothing].rule == "bottom"

    def existentials(self, iri: str) -> Iterator[tuple[str, str, Fact, Fact]]:
        """Each `(property, named filler)` of a class, with the edge and the subclass behind it."""
        start = self.number(Named(iri))
        seen: set[tuple[str, str]] = set()
        for name, ends in self._out[start].items():
            for end in ends:
                for sup in self._supers[end]:
                    concept = self.concepts[sup]
                    if not isinstance(concept, Named) or sup == self._thing:
                        continue
                    for wider in self._wider(name):
                        if (wider, concept.iri) not in seen:
                            seen.add((wider, concept.iri))
                            edge: Fact = ("edge", start, name, end)
                            yield wider, concept.iri, edge, ("sub", end, sup)

    def leaves(self, *facts: Fact) -> list[Axiom]:
        """The asserted axioms at the leaves of the proofs of `facts`, in the order of use."""
        found: dict[Axiom, None] = {}
        seen: set[Fact] = set()
        waiting = list(reversed(facts))
        while waiting:
            fact = waiting.pop()
            if fact in seen:
                continue
            seen.add(fact)
            derivation = self.why[fact]
            if derivation.axiom is not None:
                found.setdefault(derivation.axiom)
            waiting.extend(reversed(derivation.premises))
        return list(found)


def saturate(axioms: Axioms) -> Closure:
    """Return the closure of `axioms` under the EL rules."""
    return Closure(axioms).run()
