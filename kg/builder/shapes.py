"""Checks the compiled rows against the SHACL shapes of ontology/shapes.ttl."""

from pathlib import Path
from typing import cast

import pyshacl
from rdflib import SH, Graph
from rdflib.term import Node

from kg.builder.terms import parse_turtle
from kg.errors import OntologyError
from kg.vocabulary import compress

SHAPES_FILE = "shapes.ttl"


def check_shapes(asserted: Graph, shapes: Path) -> int:
    """Validate; returns how many shapes hold. OntologyError names each row that breaks one."""
    rules = parse_turtle(shapes, shapes.parent)
    conforms, report, _ = pyshacl.validate(asserted, shacl_graph=rules, inplace=True)
    if not conforms:
        broken = cast(Graph, report)
        raise OntologyError(
            sorted({_said(broken, node) for node in broken.objects(None, SH.result)})
        )
    targets = (SH.targetClass, SH.targetSubjectsOf, SH.targetObjectsOf)
    return len({shape for target in targets for shape in rules.subjects(target)})


def _said(report: Graph, result: Node) -> str:
    focus = compress(str(report.value(result, SH.focusNode)))
    value = report.value(result, SH.value)
    found = f", but found {compress(str(value))}" if value is not None else ""
    return f"{focus}: {report.value(result, SH.resultMessage)}{found}"
