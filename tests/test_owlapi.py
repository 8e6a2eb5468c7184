"""The ontology in the eyes of OWLAPI, the library inside Protégé, and of ELK."""

import gzip
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import owlready2
import pytest
from rdflib import Graph

from kg import layout
from kg.answers import MAX_LIMIT, Answerer
from kg.builder.axioms import read_axioms
from kg.builder.run import build
from kg.builder.saturation import saturate
from kg.questions import Criterion, Finding, Question, class_expression
from kg.reading import Reading
from kg.records import ROLES
from kg.service import Service
from tests import owlapi
from tests.conftest import ROOT, quietly

QUESTIONS = 240


@pytest.fixture(scope="module")
def hand_edited() -> Any:
    """The hand-edited files, with their imports."""
    return owlapi.load(ROOT / "ontology" / "etiograph.ttl")


@pytest.fixture(scope="module")
def release(leg: Service) -> Path:
    """The folder of the release."""
    return leg.snapshot.release_path


@pytest.fixture(scope="module")
def whole(release: Path) -> Any:
    """The released ontology."""
    return owlapi.load(release / layout.RELEASE_TURTLE)


@pytest.fixture(scope="module")
def graph(release: Path) -> Graph:
    """The released ontology as rdflib reads it."""
    return Graph().parse(release / layout.RELEASE_TURTLE)


@pytest.fixture(scope="module")
def elk(whole: Any) -> Iterator[Any]:
    """ELK over the released ontology."""
    reasoner = owlapi.elk(whole)
    yield reasoner
    reasoner.dispose()


def test_the_hand_edited_files_are_as_protege_saves_them(hand_edited: Any) -> None:
    different = [
        path.name
        for path, part in owlapi.parts(hand_edited)
        if owlapi.saved(part) != path.read_bytes()
    ]
    assert different == [], "run `python -m tests.owlapi`"


def test_what_protege_saves_builds_to_the_same_records(root: Path, tmp_path: Path) -> None:
    before = build(tmp_path / "one", root, reasoner=False, say=quietly)
    for path, part in owlapi.parts(owlapi.load(root / "ontology" / "etiograph.ttl")):
        path.write_bytes(owlapi.saved(part))
    after = build(tmp_path / "two", root, reasoner=False, say=quietly)
    assert after["files"][layout.INDEX] == before["files"][layout.INDEX]


def test_it_is_owl_2_dl_and_owl_2_el(whole: Any, hand_edited: Any) -> None:
    for ontology in (whole, hand_edited):
        assert owlapi.profile_violations(ontology, "OWL2DLProfile") == []
        assert owlapi.profile_violations(ontology, "OWL2ELProfile") == []


def test_a_misspelt_restriction_violates_the_profile(tmp_path: Path) -> None:
    """The check above can fail."""
    text = (ROOT / "ontology" / "schema.ttl").read_text(encoding="utf-8")
    broken = tmp_path / "broken.ttl"
    broken.write_text(
        text + "\netio:Bad a owl:Class ; rdfs:subClassOf [ a owl:Restriction ;"
        " owl:onProperty etio:partOf ; owl:someValueFrom etio:BodyRegion ] .\n",
        encoding="utf-8",
    )
    assert owlapi.profile_violations(owlapi.load(broken), "OWL2DLProfile")


def test_elk_finds_the_closure_of_the_build(graph: Graph, whole: Any, elk: Any) -> None:
    closure = saturate(read_axioms(graph))
    ours = {(iri, sup) for iri in closure.axioms.classes for sup in closure.superclasses(iri)}
    theirs = owlapi.subclass_pairs(elk, owlapi.named_classes(whole))
    assert len(ours) > 10_000
    assert ours == theirs


@pytest.mark.parametrize(
    "start", [owlapi.elk, pytest.param(owlapi.hermit, marks=pytest.mark.interop)]
)
def test_the_class_expression_of_a_question_has_its_entailed_answers(
    leg: Service, release: Path, start: Callable[[Any], Any]
) -> None:
    """Each question as a named class, all classified at once."""
    ontology = owlapi.load(release / layout.RELEASE_TURTLE)
    manchester = owlapi.Manchester(ontology)
    asked = list(questions(leg))
    assert len(set(asked)) >= 200
    for number, question in enumerate(asked):
        owlapi.define(ontology, f"Q{number}", manchester.parse(class_expression(question)))
    reasoner = start(ontology)
    answerer = leg.answerer
    answered = 0
    for number, question in enumerate(asked):
        ours = entailed(answerer, question)
        answered += bool(ours)
        theirs = owlapi.subclasses(reasoner, f"Q{number}") & {
            entity.iri for entity in leg.index.entities.values() if entity.kind == "condition"
        }
        assert theirs == ours, class_expression(question)
    reasoner.dispose()
    assert answered > QUESTIONS / 2


def entailed(answerer: Answerer, question: Question) -> set[str]:
    """The IRIs of the entailed answers, over all pages."""
    found: set[str] = set()
    offset, total = 0, 1
    while offset < total:
        payload = answerer.answer(Reading(question), MAX_LIMIT, offset)
        found.update(a["entity"]["iri"] for a in payload["answers"] if a["match"] == "entailed")
        offset, total = offset + MAX_LIMIT, payload["total"]
    return found


def questions(leg: Service) -> Iterator[Question]:
    """Questions about one or two findings: as recorded, more general, or mixed at random."""
    choose = random.Random(3)  # noqa: S311 - a test's data
    presentations = sorted(leg.index.presentations)
    seen: set[Question] = set()
    while len(seen) < QUESTIONS:
        findings = []
        for _ in range(choose.choice((1, 1, 2))):
            entailed = leg.index.presentations[choose.choice(presentations)].entailed
            roles = choose.sample(ROLES, choose.randint(1, 4))
            criteria = [
                Criterion(role, choose.choice(entailed[role])) for role in roles if entailed[role]
            ]
            findings.append(Finding.of(criteria or [Criterion("symptom", "etio:Pain")]))
        question = Question("conditions", findings=tuple(findings))
        if question not in seen:
            seen.add(question)
            yield question


def test_every_format_of_the_release_has_the_same_axioms(
    release: Path, whole: Any, tmp_path: Path
) -> None:
    axioms = owlapi.axiom_count(whole)
    assert axioms > 90_000
    assert owlapi.axiom_count(owlapi.load(release / layout.RELEASE_OWL)) == axioms
    plain = tmp_path / "etiograph.nt"
    plain.write_bytes(gzip.decompress((release / layout.RELEASE_TRIPLES).read_bytes()))
    assert owlapi.axiom_count(owlapi.load(plain)) == axioms
    with zipfile.ZipFile(release / layout.RELEASE_ZIP) as archive:
        archive.extractall(tmp_path)
    modular = owlapi.load(tmp_path / "etiograph" / "etiograph-full.ttl")
    assert owlapi.axiom_count(modular) == axioms


def test_rdflib_and_owlready2_read_the_release(release: Path, graph: Graph, whole: Any) -> None:
    lines = gzip.decompress((release / layout.RELEASE_TRIPLES).read_bytes()).decode()
    assert len(graph) == lines.count(" .\n")
    world = owlready2.World()
    with gzip.open(release / layout.RELEASE_TRIPLES) as file:
        world.get_ontology("https://w3id.org/etiograph").load(fileobj=file, only_local=True)
    assert len(list(world.classes())) == len(owlapi.named_classes(whole))


def test_the_folder_opens_offline_in_another_place(tmp_path: Path, hand_edited: Any) -> None:
    shutil.copytree(ROOT / "ontology", tmp_path / "clone")
    copy = owlapi.load(tmp_path / "clone" / "etiograph.ttl")
    assert owlapi.axiom_count(copy) == owlapi.axiom_count(hand_edited)


def test_the_release_says_what_it_is(whole: Any) -> None:
    identity = whole.getOntologyID()
    assert str(identity.getOntologyIRI().get()) == "https://w3id.org/etiograph"
    version = str(identity.getVersionIRI().get())
    assert version.endswith("/etiograph.owl")
    said = {str(a.getProperty().getIRI().getShortForm()) for a in whole.getAnnotations()}
    assert said >= {"title", "description", "license", "creator", "source", "versionInfo"}
