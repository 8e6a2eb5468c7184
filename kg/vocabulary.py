"""The IRIs of Etiograph: namespaces, CURIEs, named graphs and the properties behind table columns.

IRIs are used inside, CURIEs at the edges; `expand` and `compress` are inverse.
"""

import re

from rdflib import Namespace, URIRef
from rdflib.namespace import DCTERMS, FOAF, OWL, RDF, RDFS, SH, SKOS, XSD

from kg.errors import BadParameter

ETIO = Namespace("https://w3id.org/etiograph/")
OBO = Namespace("http://purl.obolibrary.org/obo/")
OBOINOWL = Namespace("http://www.geneontology.org/formats/oboInOwl#")

PREFIXES: dict[str, str] = {
    "etio": str(ETIO),
    "dcterms": str(DCTERMS),
    "foaf": str(FOAF),
    "obo": str(OBO),
    "oboInOwl": str(OBOINOWL),
    "owl": str(OWL),
    "rdf": str(RDF),
    "rdfs": str(RDFS),
    "sh": str(SH),
    "skos": str(SKOS),
    "xsd": str(XSD),
}

DEFINITION = OBO.IAO_0000115
SYNONYM_SCOPES: dict[str, URIRef] = {
    "exact": OBOINOWL.hasExactSynonym,
    "narrow": OBOINOWL.hasNarrowSynonym,
    "broad": OBOINOWL.hasBroadSynonym,
    "related": OBOINOWL.hasRelatedSynonym,
}
"""Scope of a synonym → the property that states it; exact: means the same."""
SYNONYM_TYPES: dict[URIRef, str] = {
    ETIO.layTerm: "lay",
    ETIO.abbreviation: "abbreviation",
    ETIO.americanSpelling: "american",
}
"""Type of a synonym (oboInOwl:hasSynonymType) → its short name."""
MAPPING_PROPERTIES: dict[str, URIRef] = {
    "exact": SKOS.exactMatch,
    "close": SKOS.closeMatch,
    "broad": SKOS.broadMatch,
    "narrow": SKOS.narrowMatch,
}
"""Strength of a cross-reference → the property that states it; broad: theirs is broader."""
VOCABULARIES: dict[str, tuple[str, str]] = {
    "DOID": ("Disease Ontology", "http://purl.obolibrary.org/obo/DOID_"),
    "HP": ("Human Phenotype Ontology", "http://purl.obolibrary.org/obo/HP_"),
    "ICD10CM": ("ICD-10-CM", "http://purl.bioontology.org/ontology/ICD10CM/"),
    "MAXO": ("Medical Action Ontology", "http://purl.obolibrary.org/obo/MAXO_"),
    "MESH": ("MeSH", "http://id.nlm.nih.gov/mesh/"),
    "MONDO": ("Mondo Disease Ontology", "http://purl.obolibrary.org/obo/MONDO_"),
    "SYMP": ("Symptom Ontology", "http://purl.obolibrary.org/obo/SYMP_"),
    "UBERON": ("Uberon", "http://purl.obolibrary.org/obo/UBERON_"),
}
"""Prefix of a vocabulary that terms are mapped to → its name and namespace."""
DEFINED_SUBSET = ETIO.definedClasses
"""The subset of classes that the reasoner fills: named questions and useful groupings."""

TERMS_GRAPH = ETIO["graph/terms"]
PRESENTATIONS_GRAPH = ETIO["graph/presentations"]
FACTS_GRAPH = ETIO["graph/facts"]
SOURCES_GRAPH = ETIO["graph/sources"]
MAPPINGS_GRAPH = ETIO["graph/mappings"]
ENTAILED_GRAPH = ETIO["graph/entailed"]
NAMED_GRAPHS = (
    TERMS_GRAPH,
    PRESENTATIONS_GRAPH,
    FACTS_GRAPH,
    SOURCES_GRAPH,
    MAPPINGS_GRAPH,
    ENTAILED_GRAPH,
)
"""The named graphs of a snapshot."""
IMPORTS_GRAPH = ETIO["graph/imports"]
"""What is said of the vocabularies that stand beside the leg graph."""
ALL_GRAPH = ETIO["graph/all"]
"""In a remote engine, what is the default graph of a snapshot: engines differ in what theirs is."""
VERSION_GRAPH = ETIO["graph/version"]
"""In a remote engine, says which version is loaded."""

GRAPH_NAMES = frozenset(
    str(graph).rpartition("/")[2]
    for graph in (*NAMED_GRAPHS, IMPORTS_GRAPH, ALL_GRAPH, VERSION_GRAPH)
)
"""Last parts of our own graphs' names, which no import may have."""

TOP_CLASSES: dict[str, str] = {
    "Condition": "condition",
    "Symptom": "symptom",
    "BodyRegion": "region",
    "RiskFactor": "risk_factor",
    "Treatment": "treatment",
    "DiagnosticTest": "test",
    "Quality": "quality",
    "Timing": "timing",
    "Laterality": "laterality",
    "Factor": "factor",
    "PathologicalProcess": "process",
}
"""Local name of each top class → the `kind` of the entities below it."""

COLUMN_PROPERTIES: dict[str, URIRef] = {
    "region": ETIO.locatedIn,
    "quality": ETIO.hasQuality,
    "timing": ETIO.hasTiming,
    "laterality": ETIO.hasLaterality,
    "triggered_by": ETIO.triggeredBy,
    "aggravated_by": ETIO.aggravatedBy,
    "relieved_by": ETIO.relievedBy,
}
"""Column of presentations.tsv → the property of the presentation."""

RELATION_PROPERTIES: dict[str, URIRef] = {
    "has_risk_factor": ETIO.hasRiskFactor,
    "treated_by": ETIO.treatedBy,
    "prevented_by": ETIO.preventedBy,
    "has_complication": ETIO.hasComplication,
    "has_red_flag": ETIO.hasRedFlag,
    "affects_structure": ETIO.affectsStructure,
    "has_cause": ETIO.hasCause,
    "diagnosed_by": ETIO.diagnosedBy,
    "confused_with": ETIO.confusedWith,
}
"""Relation of facts.tsv → the property of the condition; `subtype_of` is rdfs:subClassOf."""

TERM_RELATIONS: dict[str, URIRef] = {
    "involves": ETIO.involves,
    "adjacent_to": ETIO.adjacentTo,
    "has_process": ETIO.hasProcess,
    "affects_structure": ETIO.affectsStructure,
}
"""What the definition of a term relates it to, besides its wholes → the property."""

FREQUENCIES: dict[str, URIRef] = {
    "typical": ETIO.Typical,
    "common": ETIO.Common,
    "uncommon": ETIO.Uncommon,
    "rare": ETIO.Rare,
    "unspecified": ETIO.FrequencyNotStated,
}

URGENCIES: dict[str, tuple[URIRef, URIRef]] = {
    "emergency": (ETIO.Emergency, ETIO.hasEmergencyRedFlag),
    "urgent": (ETIO.Urgent, ETIO.hasUrgentRedFlag),
    "see_doctor": (ETIO.SeeDoctor, ETIO.hasSeeDoctorRedFlag),
}
"""What a source says to do about a red flag → the individual and the property that say so; the
most urgent first."""

GRADES: dict[str, URIRef] = {
    "high": ETIO.HighEvidence,
    "moderate": ETIO.ModerateEvidence,
    "low": ETIO.LowEvidence,
    "very_low": ETIO.VeryLowEvidence,
}
"""Grade of a statement → its individual; `kg.builder.grading` says how it is given."""

PUBLISHER_KINDS: dict[str, URIRef] = {
    "government": ETIO.GovernmentPublisher,
    "medical_society": ETIO.MedicalSocietyPublisher,
    "hospital": ETIO.HospitalPublisher,
    "university": ETIO.UniversityPublisher,
    "reference": ETIO.ReferencePublisher,
    "charity": ETIO.CharityPublisher,
    "other": ETIO.OtherPublisher,
}

CITED: dict[str, str] = {
    "DECIPHER": "https://www.deciphergenomics.org/syndrome/",
    "OMIM": "https://omim.org/entry/",
    "ORPHA": "http://www.orpha.net/ORDO/Orphanet_",
    "PMID": "https://pubmed.ncbi.nlm.nih.gov/",
}
"""Prefix of identifiers that annotation tables use for diseases and sources → its namespace."""

PREFIXES.update({prefix: namespace for prefix, (_, namespace) in VOCABULARIES.items()})
PREFIXES.update(CITED)
_BY_NAMESPACE = {namespace: prefix for prefix, namespace in PREFIXES.items()}
_ILLEGAL_IN_IRI = re.compile(r"[\x00-\x20<>\"{}|\\^`]")


def import_graphs(name: str) -> tuple[URIRef, URIRef]:
    """The graph of what an import asserts, and that of what follows from it."""
    return ETIO[f"graph/{name}"], ETIO[f"graph/{name}-entailed"]


def is_iri(text: str) -> bool:
    """Whether `text` is an absolute IRI that can be written between angle brackets."""
    return bool(re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", text)) and not _ILLEGAL_IN_IRI.search(text)


def is_curie(text: str) -> bool:
    """Whether `text` begins with a known prefix and a colon."""
    prefix, colon, _ = text.partition(":")
    return bool(colon) and prefix in PREFIXES


def expand(curie: str) -> str:
    """Return the IRI of a CURIE such as `etio:Calf`; BadParameter for an unknown prefix."""
    prefix, _, local = curie.partition(":")
    if not is_curie(curie):
        raise BadParameter(
            f"{curie!r} is not a CURIE with a known prefix; known prefixes are "
            + ", ".join(sorted(PREFIXES))
        )
    if _ILLEGAL_IN_IRI.search(local):
        raise BadParameter(f"{curie!r} holds characters that no IRI may hold")
    return PREFIXES[prefix] + local


def compress(iri: str) -> str:
    """Return the CURIE of an IRI under a known namespace, else the IRI itself."""
    for end in range(len(iri) - 1, 0, -1):  # every namespace ends in one of these
        if iri[end - 1] in "/#_" and (prefix := _BY_NAMESPACE.get(iri[:end])):
            return f"{prefix}:{iri[end:]}"
    return iri


def local_name(label: str) -> str:
    """Return the UpperCamelCase local name of a label: `calf muscle` → `CalfMuscle`."""
    words = re.findall(r"[A-Za-z0-9]+", label.replace("'", "").replace("\u2019", ""))
    return "".join(word[0].upper() + word[1:] for word in words)
