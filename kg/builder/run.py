"""Runs a build: assemble → close → check with HermiT → write, verify and publish the snapshot."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rdflib import OWL, RDF

from kg.builder.axioms import NOTHING, Named, describe, read_axioms
from kg.builder.compile import Triples, compile_tables, merge
from kg.builder.dataset import make_quads
from kg.builder.entailed import entail
from kg.builder.hermit import check_with_hermit
from kg.builder.index import make_records
from kg.builder.inputs import ROOT, input_hash
from kg.builder.proofs import write_proofs
from kg.builder.saturation import Closure, saturate
from kg.builder.shapes import SHAPES_FILE, check_shapes
from kg.builder.snapshot import write_snapshot
from kg.builder.tables import read_tables
from kg.builder.terms import Terms, load_terms
from kg.errors import OntologyError
from kg.vocabulary import PRESENTATIONS_GRAPH

Say = Callable[[str], None]


def build(
    folder: Path, root: Path = ROOT, *, reasoner: bool = True, say: Say = print
) -> dict[str, Any]:
    """Build a snapshot of `root`/ontology in `folder` and return its manifest.

    OntologyError tells what is wrong with the inputs; the snapshot that was current stays so.
    """
    started = time.perf_counter()
    inputs = input_hash(root)
    with _step(say, "read terms and tables") as done:
        terms = Terms(load_terms(root / "ontology"))
        tables = read_tables(root / "ontology")
        done(
            f"{len(terms.kinds)} terms, {len(tables.presentations)} presentation rows, "
            f"{len(tables.facts)} fact rows, {len(tables.sources)} sources"
        )
    with _step(say, "compile to OWL") as done:
        compiled = compile_tables(terms, tables)
        asserted = merge(compiled)
        shapes = check_shapes(asserted, root / "ontology" / SHAPES_FILE)
        done(f"{len(asserted)} triples; {shapes} shapes hold")
    with _step(say, "close") as done:
        closure = saturate(read_axioms(asserted))
        _check_satisfiable(closure)
        presentations = _classes(compiled[PRESENTATIONS_GRAPH])
        entailed = entail(closure, {str(iri) for iri in terms.kinds}, presentations)
        done(
            f"{len(closure.axioms.classes)} classes, {len(closure.axioms.subclass)} axioms, "
            f"{len(closure.why)} facts derived, {len(entailed.proofs)} simple triples"
        )
    if reasoner:
        with _step(say, "check with HermiT") as done:
            superclasses = {iri: closure.superclasses(iri) for iri in closure.axioms.classes}
            done(f"consistent; {check_with_hermit(asserted, superclasses)} subclass pairs agree")
    with _step(say, "write, verify and publish") as done:
        quads = make_quads(compiled, entailed)
        manifest = write_snapshot(
            folder,
            quads,
            make_records(terms, tables, asserted, entailed).to_json(),
            write_proofs(closure, entailed),
            {
                "inputs": inputs,
                "reasoner": "HermiT" if reasoner else None,
                "counts": {
                    "classes": len(closure.axioms.classes),
                    "terms": len(terms.kinds),
                    "presentations": len(presentations),
                    "rows": {
                        "presentations": len(tables.presentations),
                        "facts": len(tables.facts),
                        "sources": len(tables.sources),
                        "mappings": len(tables.mappings),
                    },
                    "asserted": len(asserted),
                },
            },
            root,
        )
        counts = manifest["counts"]
        done(f"{counts['triples']} triples, {counts['rules']} rules hold")
    seconds = time.perf_counter() - started
    say(f"snapshot {manifest['version']} in {folder} after {seconds:.1f} s")
    return manifest


@contextmanager
def _step(say: Say, name: str) -> Iterator[Say]:
    """Announce and time a step; it reports what it did through the function it is given."""
    say(f"{name} …")
    started = time.perf_counter()
    report: list[str] = []
    yield report.append
    say(f"  {time.perf_counter() - started:5.1f} s  {'; '.join(report)}")


def _check_satisfiable(closure: Closure) -> None:
    """Report the classes that are empty by themselves, not those that they drag along."""
    problems = []
    empty = set(closure.unsatisfiable())
    for iri in sorted(empty):
        if not empty.isdisjoint(closure.superclasses(iri)) or closure.is_emptied_by_others(iri):
            continue
        name = describe(Named(iri))
        own = closure.number(Named(iri))
        reasons = closure.leaves(("sub", own, closure.number(NOTHING)))
        problems.append(f"{name} can have no instance: " + "; ".join(map(str, reasons)))
    if empty:
        if len(empty) > len(problems):
            problems.append(f"{len(empty) - len(problems)} more classes are empty because of these")
        raise OntologyError(problems)


def _classes(triples: Triples) -> set[str]:
    return {str(s) for s, predicate, kind in triples if (predicate, kind) == (RDF.type, OWL.Class)}
