"""Results of queries: read from any format, and compared up to the names of blank nodes."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from pyoxigraph import (
    BlankNode,
    Literal,
    NamedNode,
    Quad,
    QueryBoolean,
    QueryResultsFormat,
    RdfFormat,
    Triple,
    parse,
    parse_query_results,
)

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RS = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
XSD = "http://www.w3.org/2001/XMLSchema#"
INTEGERS = ("nteger", "long", "int", "short", "byte", "Long", "Int", "Short", "Byte")
NUMBERS_OTHERWISE = "numbers are written otherwise (1 for 01)"

Node = NamedNode | BlankNode
Term = Node | Literal | Triple


class Graph:
    """An RDF file, its terms as written."""

    def __init__(self, quads: Iterable[Quad]) -> None:
        self.quads = list(quads)
        self._objects: dict[tuple[Term, str], list[Term]] = defaultdict(list)
        for quad in self.quads:
            self._objects[quad.subject, quad.predicate.value].append(quad.object)

    def objects(self, subject: Term, predicate: str) -> list[Term]:
        return self._objects.get((subject, predicate), [])

    def object(self, subject: Term, predicate: str) -> Term | None:
        return next(iter(self.objects(subject, predicate)), None)

    def typed(self, kind: str) -> Term | None:
        """The first subject of a type."""
        found = (q.subject for q in self.quads if q.object == NamedNode(kind))
        return next(found, None)

    def text(self, subject: Term, predicate: str) -> str:
        """The value of an IRI or a literal, '' for a blank node or nothing."""
        found = self.object(subject, predicate)
        return found.value if isinstance(found, NamedNode | Literal) else ""

    def items(self, subject: Term, predicate: str) -> Iterator[Term]:
        """The items of a list."""
        rest = self.object(subject, predicate)
        while rest is not None and (first := self.object(rest, RDF + "first")) is not None:
            yield first
            rest = self.object(rest, RDF + "rest")


@dataclass(frozen=True, slots=True)
class Expected:
    """A result, as the suite's file has it. `lax`: REDUCED may leave out what is there twice."""

    body: bytes
    media_type: str
    base: str = ""
    ordered: bool = False
    lax: bool = False


Row = tuple[Term | None, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A result: its form (boolean, tabular, RDF), and its rows; a triple is a row of three."""

    form: str
    columns: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a test passed, and why not, or with what remark; `broken`: no reason excuses it."""

    passed: bool
    why: str = ""
    broken: bool = False


def read_answer(body: bytes, media_type: str, base: str | None = None) -> Answer:
    """A result in any format, that of SPARQL 1.0's test vocabulary included."""
    if media_type == "text/csv":
        return read_csv(body.decode())
    rdf = RdfFormat.from_media_type(media_type)
    if rdf is not None:
        graph = Graph(parse(body, rdf, base_iri=base))
        triples = {(quad.subject, quad.predicate, quad.object) for quad in graph.quads}
        return read_result_set(graph) or Answer("RDF", ("s", "p", "o"), list(triples))
    results = parse_query_results(body, QueryResultsFormat.from_media_type(media_type))
    if isinstance(results, QueryBoolean):
        return boolean("true" if results else "false")
    columns = tuple(variable.value for variable in results.variables)
    return Answer("tabular", columns, [tuple(row[name] for name in columns) for row in results])


def boolean(text: str) -> Answer:
    return Answer("boolean", ("boolean",), [(Literal(text),)])


def read_csv(text: str) -> Answer:
    """CSV has no types: every cell is a literal, but for blank nodes."""
    columns, *lines = csv.reader(io.StringIO(text, newline=""))
    rows: list[Row] = [
        tuple(BlankNode(cell[2:]) if cell.startswith("_:") else Literal(cell) for cell in line)
        for line in lines
    ]
    return Answer("tabular", tuple(columns), rows)


def read_result_set(graph: Graph) -> Answer | None:
    node = graph.typed(RS + "ResultSet")
    if node is None:
        return None
    if graph.text(node, RS + "boolean"):
        return boolean(graph.text(node, RS + "boolean"))
    columns = tuple(_literals(graph, node, "resultVariable"))
    solutions = graph.objects(node, RS + "solution")
    solutions = sorted(solutions, key=lambda each: int(graph.text(each, RS + "index") or 0))
    rows: list[Row] = []
    for solution in solutions:
        found = {
            graph.text(binding, RS + "variable"): graph.object(binding, RS + "value")
            for binding in graph.objects(solution, RS + "binding")
        }
        rows.append(tuple(found.get(name) for name in columns))
    return Answer("tabular", columns, rows)


def _literals(graph: Graph, node: Term, name: str) -> Iterator[str]:
    return (each.value for each in graph.objects(node, RS + name) if isinstance(each, Literal))


def compare(expected: Expected, right: Answer, answer: Answer) -> Outcome:
    """Whether an answer is the right one, up to the names of blank nodes."""
    if (right.form, set(right.columns)) != (answer.form, set(answer.columns)):
        return Outcome(False, f"columns {answer.columns}, expected {right.columns}")
    places = [answer.columns.index(name) for name in right.columns]
    rows: list[Row] = [tuple(row[place] for place in places) for row in answer.rows]
    for remark, form in (("", same), (NUMBERS_OTHERWISE, by_value)):
        wanted, got = list(map(form, right.rows)), list(map(form, rows))
        if expected.ordered:
            wanted, got = numbered(wanted), numbered(got)
        if isomorphic(wanted, got) or (expected.lax and reduces(wanted, got)):
            return Outcome(True, remark)
    if expected.ordered and isomorphic(right.rows, rows):
        return Outcome(False, "the right solutions in another order")
    return Outcome(False, difference(right.rows, rows))


def difference(wanted: list[Row], got: list[Row]) -> str:
    missing, extra = Counter(wanted) - Counter(got), Counter(got) - Counter(wanted)
    said = [" ".join(map(str, row)) for rows in (missing, extra) for row in [next(iter(rows), ())]]
    return f"{len(got)} rows for {len(wanted)}; missing: {said[0]}; extra: {said[1]}"


def reduces(wanted: list[Row], got: list[Row]) -> bool:
    return set(wanted) == set(got) and not Counter(got) - Counter(wanted)


def numbered(rows: Iterable[Row]) -> list[Row]:
    return [(*row, Literal(place)) for place, row in enumerate(rows)]


def same(row: Row) -> Row:
    return row


def by_value(row: Row) -> Row:
    """A row with its numbers in one way of writing."""
    return tuple(_canonical(term) if isinstance(term, Literal) else term for term in row)


def _canonical(literal: Literal) -> Literal:
    space, _, kind = literal.datatype.value.rpartition("#")
    text = literal.value
    if f"{space}#" != XSD or kind == "string":
        return literal
    try:
        if kind in ("double", "float"):
            text = repr(float(text))
        elif kind == "decimal" or kind.endswith(INTEGERS):
            text = format(Decimal(text).normalize(), "f")
            kind = "decimal" if kind == "decimal" else "integer"
        elif kind == "boolean":
            text = {"0": "false", "1": "true"}.get(text, text)
        elif kind in ("date", "dateTime"):
            text = text.replace("+00:00", "Z")
    except (ValueError, InvalidOperation):
        return literal
    return Literal(text, datatype=NamedNode(XSD + kind))


Colours = dict[BlankNode, int]


def isomorphic(left: list[Row], right: list[Row]) -> bool:
    """Whether some renaming of blank nodes makes two multisets of rows one."""
    return len(left) == len(right) and _matches(left, right, {}, {})


def _matches(left: list[Row], right: list[Row], ours: Colours, theirs: Colours) -> bool:
    """Refine the colours of the nodes until each is alone with its own, guessing at ties."""
    ours, theirs = _refined(left, ours), _refined(right, theirs)
    if _painted(left, ours) != _painted(right, theirs):
        return False
    tied = next((colour for colour, count in Counter(ours.values()).items() if count > 1), None)
    if tied is None:
        return True
    node = next(node for node, colour in ours.items() if colour == tied)
    chosen = hash((tied, "chosen"))
    others = [other for other, colour in theirs.items() if colour == tied]
    return any(
        _matches(left, right, {**ours, node: chosen}, {**theirs, other: chosen}) for other in others
    )


def _painted(rows: list[Row], colours: Colours) -> Counter[tuple[object, ...]]:
    return Counter(_paint(row, colours) for row in rows)


def _paint(row: Row, colours: Colours) -> tuple[object, ...]:
    return tuple(
        ("node", colours.get(term, 0)) if isinstance(term, BlankNode) else term for term in row
    )


def _refined(rows: list[Row], colours: Colours) -> Colours:
    """Colours by the rows a node stands in, and by the colours there."""
    while True:
        marks: dict[BlankNode, list[int]] = defaultdict(list)
        for row in rows:
            for term in {term for term in row if isinstance(term, BlankNode)}:
                places = tuple(term == other for other in row)
                marks[term].append(hash((places, _paint(row, colours))))
        refined = {
            node: hash((colours.get(node, 0), *sorted(seen))) for node, seen in marks.items()
        }
        if len(set(refined.values())) == len(set(colours.values())):
            return refined
        colours = refined
