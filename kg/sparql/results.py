"""Writes results in the SPARQL 1.1 formats, with a limit on rows and bytes and a fixed order.

The engine's own writers know no limit and give `SELECT *` columns in changing order.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import pyoxigraph as ox

from kg.vocabulary import PREFIXES

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Row = Sequence[Term | None]

SOLUTION_FORMATS: dict[str, str] = {
    "json": "application/sparql-results+json",
    "xml": "application/sparql-results+xml",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
}
GRAPH_FORMATS: dict[str, str] = {
    "turtle": "text/turtle",
    "nt": "application/n-triples",
    "jsonld": "application/ld+json",
    "rdfxml": "application/rdf+xml",
}
_XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"
_XML_HEAD = '<?xml version="1.0"?>\n<sparql xmlns="http://www.w3.org/2005/sparql-results#">'


@dataclass(frozen=True, slots=True)
class Limits:
    """The most rows (or triples) and bytes that one result may have."""

    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Written:
    """A result's bytes, its number of rows, and whether a limit cut it off."""

    body: bytes
    rows: int
    truncated: bool


def write_boolean(value: bool, form: str) -> Written:
    """An ASK result; CSV and TSV, which the standard does not define for it, get one word."""
    word = "true" if value else "false"
    text = {
        "json": f'{{"head":{{}},"boolean":{word}}}',
        "xml": f"{_XML_HEAD}<head/><boolean>{word}</boolean></sparql>",
    }.get(form, f"{word}\r\n")
    return Written(text.encode(), 1, False)


def write_solutions(
    variables: Sequence[str], rows: Iterable[Row], form: str, limits: Limits
) -> Written:
    """A SELECT result in one of SOLUTION_FORMATS."""
    head, line, tail = {
        "json": (_json_head, _json_row, "]}}"),
        "xml": (_xml_head, _xml_row, "</results></sparql>"),
        "csv": (_csv_head, _csv_row, ""),
        "tsv": (_tsv_head, _tsv_row, ""),
    }[form]
    separator = "," if form == "json" else ""
    lines = (line(variables, row) for row in rows)
    return _collect(head(variables), lines, separator, tail, limits)


def write_graph(triples: Iterable[ox.Triple], form: str, limits: Limits) -> Written:
    """A CONSTRUCT or DESCRIBE result in one of GRAPH_FORMATS; triples are cut, never split."""
    kept: list[ox.Triple] = []
    truncated = False
    for triple in triples:
        if len(kept) == limits.rows:
            truncated = True
            break
        kept.append(triple)
    formats = {
        "turtle": ox.RdfFormat.TURTLE,
        "nt": ox.RdfFormat.N_TRIPLES,
        "jsonld": ox.RdfFormat.JSON_LD,
        "rdfxml": ox.RdfFormat.RDF_XML,
    }
    body = ox.serialize(sorted(kept, key=str), format=formats[form], prefixes=PREFIXES)
    return Written(body or b"", len(kept), truncated)


def _collect(head: str, lines: Iterable[str], separator: str, tail: str, limits: Limits) -> Written:
    parts = [head]
    size = len(head)
    rows = 0
    truncated = False
    for line in lines:
        size += len(line.encode())
        if rows == limits.rows or size > limits.size:
            truncated = True
            break
        if rows and separator:
            parts.append(separator)
        parts.append(line)
        rows += 1
    parts.append(tail)
    return Written("".join(parts).encode(), rows, truncated)


def _bound(variables: Sequence[str], row: Row) -> Iterator[tuple[str, Term]]:
    for variable, value in zip(variables, row, strict=True):
        if value is not None:
            yield variable, value


def _json_head(variables: Sequence[str]) -> str:
    return f'{{"head":{{"vars":{json.dumps(list(variables))}}},"results":{{"bindings":['


def _json_row(variables: Sequence[str], row: Row) -> str:
    cells = {variable: _json_term(value) for variable, value in _bound(variables, row)}
    return json.dumps(cells, ensure_ascii=False, separators=(",", ":"))


def _json_term(term: Term) -> dict[str, object]:
    if isinstance(term, ox.NamedNode):
        return {"type": "uri", "value": term.value}
    if isinstance(term, ox.BlankNode):
        return {"type": "bnode", "value": term.value}
    if isinstance(term, ox.Triple):
        inner = {
            "subject": _json_term(term.subject),
            "predicate": _json_term(term.predicate),
            "object": _json_term(term.object),
        }
        return {"type": "triple", "value": inner}
    literal: dict[str, object] = {"type": "literal", "value": term.value}
    if term.language:
        literal["xml:lang"] = term.language
    elif term.datatype.value != _XSD_STRING:
        literal["datatype"] = term.datatype.value
    return literal


def _xml_head(variables: Sequence[str]) -> str:
    named = "".join(f"<variable name={quoteattr(variable)}/>" for variable in variables)
    return f"{_XML_HEAD}<head>{named}</head><results>"


def _xml_row(variables: Sequence[str], row: Row) -> str:
    cells = (
        f"<binding name={quoteattr(variable)}>{_xml_term(value)}</binding>"
        for variable, value in _bound(variables, row)
    )
    return f"<result>{''.join(cells)}</result>"


def _xml_term(term: Term) -> str:
    if isinstance(term, ox.NamedNode):
        return f"<uri>{escape(term.value)}</uri>"
    if isinstance(term, ox.BlankNode):
        return f"<bnode>{escape(term.value)}</bnode>"
    if isinstance(term, ox.Triple):
        return (
            f"<triple><subject>{_xml_term(term.subject)}</subject>"
            f"<predicate>{_xml_term(term.predicate)}</predicate>"
            f"<object>{_xml_term(term.object)}</object></triple>"
        )
    note = ""
    if term.language:
        note = f" xml:lang={quoteattr(term.language)}"
    elif term.datatype.value != _XSD_STRING:
        note = f" datatype={quoteattr(term.datatype.value)}"
    return f"<literal{note}>{escape(term.value, {chr(13): '&#13;'})}</literal>"


def _csv_line(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(list(cells))
    return buffer.getvalue()


def _csv_head(variables: Sequence[str]) -> str:
    return _csv_line(variables)


def _csv_row(_: Sequence[str], row: Row) -> str:
    return _csv_line(_csv_cell(value) for value in row)


def _csv_cell(term: Term | None) -> str:
    if term is None:
        return ""
    if isinstance(term, ox.BlankNode | ox.Triple):
        return str(term)
    return term.value


def _tsv_head(variables: Sequence[str]) -> str:
    return "\t".join(f"?{variable}" for variable in variables) + "\n"


def _tsv_row(_: Sequence[str], row: Row) -> str:
    cells = ("" if value is None else str(value).replace("\t", "\\t") for value in row)
    return "\t".join(cells) + "\n"
