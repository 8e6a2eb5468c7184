"""The build on the small graph: counts by hand, faults named, the old snapshot kept."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from oxrdflib import OxigraphStore
from rdflib import BNode, Dataset, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, FOAF, OWL, RDF, RDFS, SH, SKOS

from kg import layout
from kg.builder.compile import compile_tables, merge
from kg.builder.inputs import input_hash, is_current
from kg.builder.run import build
from kg.builder.shapes import check_shapes
from kg.builder.tables import read_tables
from kg.builder.terms import Terms, load_terms
from kg.builder.verify import verify
from kg.errors import OntologyError
from kg.service import Service
from kg.snapshot import open_snapshot
from kg.vocabulary import DEFINITION, ETIO, MAPPINGS_GRAPH, OBOINOWL, TERMS_GRAPH
from tests.conftest import ROOT, quietly, small_root


def rebuild(root: Path) -> dict[str, object]:
    return build(root / "build", root, reasoner=False, say=quietly)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def problems_of(root: Path) -> list[str]:
    with pytest.raises(OntologyError) as caught:
        rebuild(root)
    return list(caught.value.problems)


def test_counts_are_those_counted_by_hand(small: Service) -> None:
    counts = small.health()["counts"]
    assert counts["terms"] == 29
    assert counts["rows"] == {"presentations": 7, "facts": 8, "sources": 3, "mappings": 2}
    assert counts["presentations"] == 8  # P1 names two regions


def test_hermit_agrees_on_the_small_graph(root: Path) -> None:
    said: list[str] = []
    manifest = build(root / "build", root, say=said.append)
    assert manifest["reasoner"] == "HermiT"
    assert any("subclass pairs agree" in line for line in said)


def test_same_inputs_give_the_same_version(root: Path, small: Service) -> None:
    assert rebuild(root)["version"] == small.version
    assert rebuild(root)["version"] == small.version


def test_each_table_has_its_own_graph_and_the_default_graph_is_their_union(small: Service) -> None:
    dataset = small.snapshot.dataset
    names = {str(graph.identifier).rpartition("/")[2] for graph in dataset.graphs()}
    assert names >= {"entailed", "facts", "presentations", "sources", "terms"}
    in_graphs = "SELECT (COUNT(*) AS ?n) { SELECT DISTINCT ?s ?p ?o { GRAPH ?g { ?s ?p ?o } } }"
    in_default = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
    assert [*dataset.query(in_graphs)] == [*dataset.query(in_default)]


def test_a_row_with_two_regions_is_two_presentations(small: Service) -> None:
    ids = {p.id for p in small.index.presentations_of["etio:Claudication"]}
    assert ids == {"etio:P1-Calf", "etio:P1-Thigh", "etio:P2-Leg"}


def test_located_in_climbs_part_of(small: Service) -> None:
    entailed = small.index.presentations["etio:P1-Calf"].entailed
    assert entailed["region"] == ("etio:Calf", "etio:Leg", "etio:LowerLeg")
    assert entailed["symptom"] == ("etio:Cramp", "etio:LegPain", "etio:Pain")
    assert small.index.presentations["etio:P5-LowerLeg"].entailed["relieved_by"] == (
        "etio:Rest",
        "etio:Sitting",
    )


def test_a_kind_of_a_condition_inherits_presentations_and_claims(small: Service) -> None:
    severe = "etio:SevereClaudication"
    assert {p.row for p in small.index.presentations_of[severe]} == {"P1", "P2"}
    assert {c.id for c in small.index.claims_about[severe]} == {
        "etio:F1", "etio:F2", "etio:F3", "etio:F4", "etio:F5", "etio:F8",
    }  # fmt: skip


def test_simple_triples_can_be_asked_for(small: Service) -> None:
    answers = small.snapshot.dataset.query(
        """PREFIX etio: <https://w3id.org/etiograph/>
        SELECT ?condition { ?condition etio:hasSymptom etio:Cramp ; etio:presentsIn etio:Calf }"""
    )
    assert {str(row[0]).rpartition("/")[2] for row in answers} == {  # type: ignore[index]
        "Claudication", "SevereClaudication", "RestlessLegs", "Clot",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "old", "new", "expected"),
    [
        ("presentations", "P1\tclaudication", "P1\tclaudicaton",
         "presentations.tsv:2: condition: no term is labelled 'claudicaton'; did you mean 'clau"),
        ("presentations", "calf;thigh", "calf;calves",
         "presentations.tsv:2: region: no term is labelled 'calves'; it is a synonym of 'calf'"),
        ("presentations", "P1\tclaudication\tcramp", "P1\tclaudication\trest",
         "presentations.tsv:2: symptom: 'rest' is a factor, not a symptom"),
        ("presentations", "typical\tS1\nP2", "often\tS1\nP2",
         "presentations.tsv:2: frequency: 'often' is not known; one of common, rare,"),
        ("presentations", "typical\tS1\nP2", "typical\tS9\nP2", "source_id: 'S9' is not known"),
        ("presentations", "P2\t", "P1\t", "presentations.tsv:3: presentation_id: P1 is already"),
        ("presentations", "calf;thigh", "calf;;thigh", "an empty value between semicolons"),
        ("presentations", "calf;thigh", "calf;calf", "the same value twice"),
        ("presentations", "calf;thigh", "calf; thigh", "white space around"),
        ("presentations", "calf;thigh\t", "calf;thigh", "presentations.tsv:2: 11 cells, but 12"),
        ("facts", "has_risk_factor\tsmoking\t\t\t", "has_risk\tsmoking\t\t\t",
         "facts.tsv:2: relation: 'has_risk' is not known; one of affects_structure"),
        ("facts", "diagnosed_by\tultrasound", "diagnosed_by\tsmoking",
         "facts.tsv:7: value: 'smoking' is a risk_factor, not a test"),
        ("facts", "treated_by\texercise training", "treated_by\t", "value: the cell is empty"),
        ("sources", "government", "state", "sources.tsv:2: publisher_kind: 'state'"),
        ("sources", "https://example.org/one", "example.org", "is not an http address"),
    ],
)  # fmt: skip
def test_a_faulty_row_is_named_with_its_reason(
    root: Path, table: str, old: str, new: str, expected: str
) -> None:
    change(root / "ontology" / "facts" / f"{table}.tsv", old, new)
    problems = problems_of(root)
    assert any(expected in problem for problem in problems), problems


def test_all_faulty_rows_are_reported_at_once(root: Path) -> None:
    change(root / "ontology" / "facts" / "facts.tsv", "smoking", "smokin")
    change(root / "ontology" / "facts" / "facts.tsv", "ultrasound", "ultrasond")
    assert len(problems_of(root)) == 3


def test_a_wrong_header_is_refused(root: Path) -> None:
    change(root / "ontology" / "facts" / "sources.tsv", "publisher_kind", "kind")
    assert problems_of(root)[0].startswith("sources.tsv:1: the header must be: source_id url")


def test_an_import_outside_the_catalog_is_refused(root: Path) -> None:
    change(
        root / "ontology" / "etiograph.ttl",
        "<https://w3id.org/etiograph/terms/small>",
        "<http://127.0.0.1:9/evil>",
    )
    assert "is not in catalog-v001.xml" in problems_of(root)[0]


def test_broken_turtle_names_the_file(root: Path) -> None:
    change(root / "ontology" / "terms" / "small.ttl", "etio:Calf a owl:Class ;", "etio:Calf a ;;")
    assert "small.ttl: not Turtle" in problems_of(root)[0]


def test_an_expression_outside_el_is_refused(root: Path) -> None:
    path = root / "ontology" / "terms" / "small.ttl"
    extra = (
        "etio:Clot rdfs:subClassOf [ a owl:Restriction ; owl:onProperty etio:partOf ; "
        "owl:allValuesFrom etio:Leg ] ."
    )
    path.write_text(path.read_text(encoding="utf-8") + extra, encoding="utf-8")
    assert "outside the EL profile" in problems_of(root)[0]


def test_an_unsatisfiable_class_is_explained(root: Path) -> None:
    path = root / "ontology" / "terms" / "small.ttl"
    extra = "etio:Exercise rdfs:subClassOf etio:Symptom ."
    path.write_text(path.read_text(encoding="utf-8") + extra, encoding="utf-8")
    problems = problems_of(root)
    problem = next(p for p in problems if p.startswith("Exercise can have no instance"))
    assert "Exercise SubClassOf Symptom" in problem
    assert "Symptom and Treatment SubClassOf owl:Nothing" in problem


def test_a_failed_build_leaves_the_old_snapshot(root: Path) -> None:
    before = rebuild(root)["version"]
    change(root / "ontology" / "facts" / "facts.tsv", "smoking", "smokin")
    problems_of(root)
    assert open_snapshot(root / "build").version == before
    assert not [path for path in (root / "build").iterdir() if path.name.startswith(".new")]


def test_a_broken_rule_leaves_the_old_snapshot(root: Path) -> None:
    before = rebuild(root)["version"]
    change(root / "ontology" / "terms" / "small.ttl", '"The limb from hip to foot."', '"A  limb."')
    assert "label_whitespace.rq" in problems_of(root)[0]
    assert open_snapshot(root / "build").version == before


def test_staleness_follows_the_inputs(root: Path) -> None:
    folder = root / "build"
    assert not is_current(folder, root)
    build(folder, root, say=quietly)
    assert is_current(folder, root)
    before = input_hash(root)
    change(root / "ontology" / "facts" / "facts.tsv", "strong", "very strong")
    assert input_hash(root) != before
    assert not is_current(folder, root)


def test_a_snapshot_without_the_reasoner_counts_as_stale(root: Path) -> None:
    rebuild(root)
    assert not is_current(root / "build", root)


def test_old_snapshots_are_removed_but_not_all(root: Path) -> None:
    for note in ("a", "b", "c", "d"):
        change(root / "ontology" / "facts" / "facts.tsv", "\tS2\n", f"{note}\tS2\n")
        rebuild(root)
    kept = [path for path in (root / "build").iterdir() if (path / "manifest.json").exists()]
    assert len(kept) == 3


def test_what_a_killed_build_left_is_removed_in_time(root: Path) -> None:
    for name, age in ((".new-old", 7200), (".new-young", 60)):
        (root / "build" / name).mkdir(parents=True)
        then = time.time() - age
        os.utime(root / "build" / name, (then, then))
    rebuild(root)
    assert not (root / "build" / ".new-old").exists()
    assert (root / "build" / ".new-young").exists()


@pytest.mark.parametrize("moment", [0.1, 0.4, 0.7, 1.0, 1.3])
def test_a_build_killed_at_any_moment_leaves_the_old_snapshot(root: Path, moment: float) -> None:
    before = rebuild(root)["version"]
    change(root / "ontology" / "facts" / "facts.tsv", "strong", "very strong")
    script = (
        "import sys; from pathlib import Path; from kg.builder.run import build;"
        "build(Path(sys.argv[1]) / 'build', Path(sys.argv[1]), reasoner=False)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(root)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    time.sleep(moment)
    process.kill()
    process.wait()
    after = open_snapshot(root / "build").version
    done = rebuild(root)["version"]
    assert after in (before, done)
    assert open_snapshot(root / "build").version == done != before


NEW = ETIO.Bad
TEXT = Literal("zzz", lang="en")
MATCH = URIRef("http://purl.obolibrary.org/obo/UBERON_8480048")
Fault = list[tuple[Any, Any, Any]]
FAULTS: dict[str, tuple[Fault, Fault]] = {
    "label_missing": ([(NEW, RDF.type, OWL.Class)], []),
    "label_multiple": ([(ETIO.Calf, RDFS.label, TEXT)], []),
    "label_duplicate": ([(ETIO.Calf, RDFS.label, Literal("thigh", lang="en"))], []),
    "label_whitespace": ([(ETIO.Calf, OBOINOWL.hasExactSynonym, Literal("a  b"))], []),
    "label_formatting": ([(ETIO.Calf, RDFS.label, Literal("<b>calf</b>", lang="en"))], []),
    "definition_missing": ([(ETIO.Calf, DEFINITION, Literal("Another one."))], []),
    "definition_duplicate": ([(NEW, DEFINITION, Literal("a HURT."))], []),
    "definition_formatting": ([(NEW, DEFINITION, Literal("without a stop"))], []),
    "synonym_duplicate": ([(ETIO.Thigh, OBOINOWL.hasExactSynonym, Literal("Calves"))], []),
    "synonym_repeats_name": ([(ETIO.Thigh, OBOINOWL.hasBroadSynonym, Literal("thigh"))], []),
    "synonym_type_undeclared": ([(BNode(), OBOINOWL.hasSynonymType, NEW)], []),
    "subset_undeclared": ([(ETIO.Calf, OBOINOWL.inSubset, NEW)], []),
    "class_orphan": ([(NEW, RDF.type, OWL.Class)], []),
    "subclass_cycle": (
        [(ETIO.Calf, RDFS.subClassOf, ETIO.Thigh), (ETIO.Thigh, RDFS.subClassOf, ETIO.Calf)], [],
    ),
    "superclass_redundant": ([(ETIO.CalfMuscle, RDFS.subClassOf, ETIO.BodyRegion)], []),
    "equivalent_class_no_genus": ([(NEW, OWL.equivalentClass, BNode())], []),
    "equivalent_class_multiple": ([(ETIO.Calf, OWL.equivalentClass, ETIO.Thigh)], []),
    "vocabulary_misused": ([(BNode(), URIRef(f"{OWL}someValueFrom"), ETIO.Calf)], []),
    "entity_undeclared": ([(ETIO.Calf, RDFS.seeAlso, NEW)], []),
    "entity_name_invalid": ([(ETIO["a-b"], RDF.type, OWL.Class)], []),
    "deprecated_used": ([(ETIO.Pain, OWL.deprecated, Literal(True))], []),
    "deprecated_misused": ([(NEW, RDFS.label, Literal("obsolete thing", lang="en"))], []),
    "mapping_exact_shared": ([(ETIO.Thigh, SKOS.exactMatch, MATCH)], []),
    "mapping_twice": ([(ETIO.Calf, SKOS.closeMatch, MATCH)], []),
    "part_of_cycle": ([(ETIO.Calf, ETIO.partOf, ETIO.Calf)], []),
    "involves_cycle": ([(ETIO.Cold, ETIO.involves, ETIO.Cold)], []),
    "adjacency_one_sided": (
        [(ETIO.Calf, RDFS.subClassOf, BNode("b")), (BNode("b"), OWL.onProperty, ETIO.adjacentTo),
         (BNode("b"), OWL.someValuesFrom, ETIO.Thigh)], [],
    ),
    "range_broken": ([(ETIO["P1-Calf"], ETIO.locatedIn, ETIO.Smoking)], []),
    "domain_broken": ([(ETIO.Smoking, ETIO.hasRiskFactor, ETIO.Smoking)], []),
    "claim_not_entailed": ([], [(ETIO.Claudication, ETIO.hasRiskFactor, ETIO.Smoking)]),
    "claim_about_itself": ([(ETIO.F1, ETIO.claimValue, ETIO.Claudication)], []),
    "urgency_missing": ([], [(ETIO.Claudication, ETIO.hasSeeDoctorRedFlag, ETIO.Swelling)]),
    "source_unused": ([(NEW, RDF.type, ETIO.Source)], []),
    "ontology_header": ([(NEW, RDF.type, OWL.Ontology)], []),
}  # fmt: skip
"""Rule → the triples that, added to or removed from the small graph, break it."""
RULES = ROOT / "queries" / "verify"


def test_every_rule_has_a_fault_here() -> None:
    assert set(FAULTS) == {path.stem for path in RULES.glob("*.rq")}


@pytest.mark.parametrize("name", FAULTS)
def test_every_rule_has_an_offender_it_finds(small_build: Path, tmp_path: Path, name: str) -> None:
    """Each rule of queries/verify passes on the small graph and fails on its own fault."""
    shutil.copy(RULES / f"{name}.rq", tmp_path)
    store = ox.Store()
    store.extend(list(ox.Store.read_only(str(open_snapshot(small_build).store_path))))
    dataset = Dataset(store=OxigraphStore(store=store))
    assert verify(dataset, tmp_path) == 1
    added, removed = FAULTS[name]
    for graph in list(dataset.graphs()):
        if graph.identifier in (MAPPINGS_GRAPH if name == "mapping_twice" else TERMS_GRAPH,
                                dataset.default_graph.identifier):  # fmt: skip
            for triple in added:
                graph.add(triple)
        for triple in removed:
            graph.remove(triple)
    with pytest.raises(OntologyError) as caught:
        verify(dataset, tmp_path)
    assert caught.value.problems[0].startswith(f"{name}.rq: ")


def test_release_triples_are_the_default_graph(small_build: Path) -> None:
    snapshot = open_snapshot(small_build)
    text = gzip.decompress((snapshot.path / "etiograph.nt.gz").read_bytes()).decode()
    assert len(text.splitlines()) == snapshot.manifest["counts"]["triples"]
    assert Graph().parse(data=text, format="nt").value(ETIO.Calf, RDFS.label) == Literal(
        "calf", lang="en"
    )


def test_the_manifest_names_every_file(small_build: Path) -> None:
    snapshot = open_snapshot(small_build)
    named = set(snapshot.manifest["files"])
    there = {
        str(path.relative_to(snapshot.path))
        for path in snapshot.path.rglob("*")
        if path.is_file() and path.name not in ("LOCK", "LOG", "manifest.json")
    }
    assert named == there
    assert json.loads((snapshot.path / "manifest.json").read_text())["format"] == layout.FORMAT


P1, F1, S1 = ETIO["P1-Calf"], ETIO.F1, ETIO.S1
BROKEN: dict[str, tuple[Fault, Fault]] = {
    "a presentation has one label": ([], [(P1, RDFS.label, None)]),
    "presentation_id is P": ([], [(P1, DCTERMS.identifier, None)]),
    "a presentation has one source": ([(P1, DCTERMS.source, ETIO.S2)], []),
    "a presentation has one frequency": ([(P1, ETIO.frequency, ETIO.Rare)], []),
    "a presentation has one evidence grade": ([], [(P1, ETIO.evidenceGrade, None)]),
    "a presentation belongs to a condition": ([], [(None, OWL.someValuesFrom, P1)]),
    "a presentation has one symptom": ([], [(P1, RDFS.subClassOf, ETIO.Cramp)]),
    "a fact has one label": ([], [(F1, RDFS.label, None)]),
    "fact_id is F": ([(F1, DCTERMS.identifier, Literal("1"))], []),
    "a fact has one source": ([], [(S1, RDF.type, ETIO.Source)]),
    "a fact is about one condition": ([(F1, ETIO.claimSubject, ETIO.Cramp)], []),
    "a fact has one relation": ([], [(F1, ETIO.claimProperty, None)]),
    "a fact has one value": ([], [(F1, ETIO.claimValue, None)]),
    "a fact has one evidence grade": ([(F1, ETIO.evidenceGrade, ETIO.Emergency)], []),
    "a fact has at most one note": ([(F1, ETIO.note, Literal("x"))], []),
    "urgency is emergency": ([(ETIO.F4, ETIO.urgency, ETIO.Rare)], []),
    "only a red flag has an urgency": ([(F1, ETIO.urgency, ETIO.Urgent)], []),
    "source_id is a capital letter": ([(S1, DCTERMS.identifier, Literal("one"))], []),
    "a source has one title": ([], [(S1, DCTERMS.title, None)]),
    "a source has one publisher": ([], [(S1, DCTERMS.publisher, None)]),
    "a source has one publisher kind": ([(S1, ETIO.publisherKind, ETIO.Rare)], []),
    "a source copies at most one": ([(S1, ETIO.copyOf, Literal("A")), (S1, ETIO.copyOf, TEXT)], []),
    "a source has at most one web address": ([(S1, FOAF.page, Literal("http://a.b"))], []),
    "a cross-reference is an identifier": ([(ETIO.Calf, SKOS.closeMatch, ETIO.Thigh)], []),
}  # fmt: skip
"""Message of a shape → the triples that, added to or removed from the small graph, break it."""
SHAPES = ROOT / "ontology" / "shapes.ttl"


def test_every_shape_has_a_fault_here() -> None:
    messages = [str(message) for message in Graph().parse(SHAPES).objects(None, SH.message)]
    assert len(messages) == len(BROKEN)
    assert [m for m in messages if not any(m.startswith(said) for said in BROKEN)] == []


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The compiled small graph."""
    ontology = small_root(tmp_path_factory.mktemp("rows") / "root") / "ontology"
    return merge(compile_tables(Terms(load_terms(ontology)), read_tables(ontology)))


def test_shapes_that_are_missing_or_broken_are_named(root: Path) -> None:
    shapes = root / "ontology" / "shapes.ttl"
    shapes.write_text("etio:Nothing a sh:NodeShape .", encoding="utf-8")
    assert problems_of(root)[0].startswith("shapes.ttl: not Turtle")
    shapes.unlink()
    assert problems_of(root)[0].startswith("shapes.ttl: No such file")


def test_the_shapes_hold_on_the_small_graph(rows: Graph) -> None:
    assert check_shapes(rows, SHAPES) == 4


@pytest.mark.parametrize("message", BROKEN)
def test_every_shape_has_an_offender_it_finds(rows: Graph, message: str) -> None:
    added, removed = BROKEN[message]
    faulty = Graph()
    for triple in rows:
        faulty.add(triple)
    for pattern in removed:
        assert list(faulty.triples(pattern))
        faulty.remove(pattern)
    for triple in added:
        faulty.add(triple)
    with pytest.raises(OntologyError) as error:
        check_shapes(faulty, SHAPES)
    assert any(f": {message}" in problem for problem in error.value.problems)
