"""Describes the service in RDF: its endpoint (SPARQL 1.1 Service Description), its data (VoID and
DCAT, with figures counted by SPARQL), its named queries (SHACL), its prefixes.

Everything described has an IRI of its own and no blank node, so that the same description is the
same bytes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urljoin

from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, OWL, RDF, RDFS, SDO, SH, VOID, XSD
from rdflib.term import Node

from kg import layout
from kg.figures import Counts, Statistics
from kg.queries import NamedQuery, Parameter
from kg.sparql.guard import bind
from kg.sparql.results import GRAPH_FORMATS, SOLUTION_FORMATS
from kg.views import DISCLAIMER
from kg.vocabulary import ETIO, PREFIXES, compress, expand, import_graphs, is_curie, is_iri

SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
MEDIA_TYPES = Namespace("https://www.iana.org/assignments/media-types/")
FORMATS = Namespace("http://www.w3.org/ns/formats/")
FORMAT_NAMES = {
    "application/sparql-results+json": "SPARQL_Results_JSON",
    "application/sparql-results+xml": "SPARQL_Results_XML",
    "text/csv": "SPARQL_Results_CSV",
    "text/tab-separated-values": "SPARQL_Results_TSV",
    "text/turtle": "Turtle",
    "application/n-triples": "N-Triples",
    "application/ld+json": "JSON-LD",
    "application/rdf+xml": "RDF_XML",
}
"""Media type → its name among the W3C's formats."""
PACKED = {
    layout.RELEASE_TRIPLES: (DCAT.compressFormat, "application/n-triples"),
    layout.RELEASE_ZIP: (DCAT.packageFormat, "text/turtle"),
}
"""File of a release that is packed → how DCAT names its packing, and the media type within."""
DOCUMENT = ".well-known/void"
DATASET = f"{DOCUMENT}#dataset"
ALL_GRAPHS = f"{DOCUMENT}#graphs"


def describe_service(endpoint: str, base: str, *, union: bool = False) -> Graph:
    """What the endpoint is able to; `union`: its default graph is the union of the named graphs."""
    graph = _graph()
    service, dataset, graphs = URIRef(endpoint), URIRef(base + DATASET), URIRef(base + ALL_GRAPHS)
    formats = (*_formats(SOLUTION_FORMATS), *_formats(GRAPH_FORMATS))
    _describe(graph, service, SD.Service, {
        SD.endpoint: [service],
        SD.supportedLanguage: [SD.SPARQL11Query],
        SD.resultFormat: formats,
        SD.feature: [SD.UnionDefaultGraph] if union else [],
        SD.defaultEntailmentRegime: [URIRef("http://www.w3.org/ns/entailment/Simple")],
        SD.defaultDataset: [graphs],
        RDFS.seeAlso: [URIRef(f"{base}sparql-examples")],
    })  # fmt: skip
    _describe(graph, graphs, SD.Dataset, {SD.defaultGraph: [dataset]})
    _describe(graph, dataset, SD.Graph, {RDFS.seeAlso: [URIRef(base + DOCUMENT)]})
    return graph


def prefix_document(prefixes: Mapping[str, str], media_type: str, version: str) -> str:
    """The prefixes as plain JSON, as a JSON-LD context, or as the head of a Turtle file."""
    if media_type == "text/turtle":
        return "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in prefixes.items())
    if media_type == "application/ld+json":
        context = {name: _context(iri) for name, iri in prefixes.items()}
        return json.dumps({"@context": {"@version": 1.1, **context}}, indent=2)
    return json.dumps({"prefixes": dict(prefixes), "version": version}, indent=2)


def _context(namespace: str) -> Any:
    """A JSON-LD prefix; one whose namespace ends in a letter or `_` has to be declared as such."""
    return namespace if namespace[-1] in ":/?#[]@" else {"@id": namespace, "@prefix": True}


# -- VoID and DCAT -------------------------------------------------------------------------


def describe_dataset(
    base: str,
    statistics: Statistics,
    version: str,
    manifest: Mapping[str, Any] | None = None,
    examples: Sequence[str] = (),
) -> Graph:
    """The data that is served at `base`, an address that ends in a slash.

    With the `manifest` of a snapshot it is the leg graph, with its release as distributions;
    `examples` are IRIs of entities, by default some of the largest classes.
    """
    graph = _graph()
    dataset = URIRef(base + DATASET)
    shown = examples or list(statistics.examples.values())[:3]
    _describe(
        graph, URIRef(base + DOCUMENT), VOID.DatasetDescription, {FOAF.primaryTopic: [dataset]}
    )
    _describe(graph, dataset, VOID.Dataset, {
        RDF.type: [DCAT.Dataset, SD.Graph],
        OWL.versionInfo: [Literal(version)],
        URIRef(f"{DCAT}version"): [Literal(version)],
        VOID.exampleResource: list(map(URIRef, shown)),
    })  # fmt: skip
    _add_header(graph, dataset, statistics.header, is_ours=manifest is not None)
    _add_access(graph, dataset, base)
    _add_figures(graph, dataset, statistics)
    _add_graphs(graph, dataset, base, statistics.graphs)
    if manifest is not None:
        _add_release(graph, dataset, base, manifest)
        _add_imports(graph, dataset, base, manifest["imports"], statistics.graphs)
    return graph


def _add_header(
    graph: Graph, dataset: URIRef, header: Mapping[URIRef, Sequence[Node]], *, is_ours: bool
) -> None:
    said = {DCTERMS.title: [Literal("RDF data", lang="en")], **header}
    if is_ours:
        text = " ".join(map(str, (*said.get(DCTERMS.description, ()), DISCLAIMER)))
        said[DCTERMS.description] = [Literal(text, lang="en")]
    for role in (DCTERMS.creator, DCTERMS.publisher):  # names in OWL, agents in DCAT
        agents = list(said.get(role, ()))
        for place, name in enumerate(agents):
            if isinstance(name, Literal):
                agents[place] = agent = URIRef(f"{dataset}-{role.rpartition('/')[2]}-{place + 1}")
                _describe(graph, agent, FOAF.Agent, {FOAF.name: [name]})
        said[role] = agents
    _describe(graph, dataset, VOID.Dataset, said)


def _add_access(graph: Graph, dataset: URIRef, base: str) -> None:
    """Where to get the data and ask it, and the catalog that lists both."""
    endpoint = URIRef(f"{base}sparql")
    _describe(graph, dataset, VOID.Dataset, {
        VOID.sparqlEndpoint: [endpoint],
        VOID.dataDump: [URIRef(f"{base}rdf-graphs?default")],
        VOID.feature: _formats(GRAPH_FORMATS),
    })  # fmt: skip
    _describe(graph, URIRef(f"{base}{DOCUMENT}#catalog"), DCAT.Catalog, {
        DCTERMS.title: [Literal("What is served here", lang="en")],
        DCAT.dataset: [dataset],
        DCAT.service: [endpoint],
    })  # fmt: skip
    _describe(graph, endpoint, DCAT.DataService, {
        DCTERMS.title: [Literal("SPARQL endpoint", lang="en")],
        DCTERMS.conformsTo: [URIRef("http://www.w3.org/TR/sparql11-protocol/")],
        DCAT.endpointURL: [endpoint],
        DCAT.endpointDescription: [endpoint],
        DCAT.servesDataset: [dataset],
    })  # fmt: skip


def _add_figures(graph: Graph, dataset: URIRef, statistics: Statistics) -> None:
    named = (*statistics.properties, *statistics.classes)
    vocabularies = sorted({re.sub(r"[^/#:]*$", "", iri) for iri in named if is_iri(iri)})
    _describe(graph, dataset, VOID.Dataset, {
        **_literals(statistics.whole),
        VOID.uriSpace: [Literal(statistics.uri_space)] if statistics.uri_space else [],
        VOID.vocabulary: list(map(URIRef, vocabularies)),
    })  # fmt: skip
    for name, counts in statistics.properties.items():
        _add_property(graph, dataset, _part(dataset, "property", name), name, counts)
    for name, counts in statistics.classes.items():
        part = _part(dataset, "class", name)
        graph.add((dataset, VOID.classPartition, part))
        example = statistics.examples.get(name)
        _describe(graph, part, VOID.Dataset, {
            VOID["class"]: [name],
            VOID.exampleResource: [example] if example else [],
            **_literals(counts),
        })  # fmt: skip
    for (class_, name), counts in statistics.pairs.items():
        whole = _part(dataset, "class", class_)
        _add_property(
            graph, whole, _part(whole, f"{_fragment(class_)}-property", name), name, counts
        )


def _add_property(graph: Graph, whole: URIRef, part: URIRef, name: URIRef, counts: Counts) -> None:
    graph.add((whole, VOID.propertyPartition, part))
    _describe(graph, part, VOID.Dataset, {VOID.property: [name], **_literals(counts)})


def _add_graphs(graph: Graph, dataset: URIRef, base: str, graphs: Mapping[URIRef, Counts]) -> None:
    """The default graph, which is the dataset here, and the named graphs beside it."""
    named = {name: _part(dataset, "named", name) for name in graphs}
    _describe(graph, URIRef(base + ALL_GRAPHS), SD.Dataset, {
        SD.defaultGraph: [dataset],
        SD.namedGraph: list(named.values()),
    })  # fmt: skip
    for name, counts in graphs.items():
        _add_named_graph(graph, dataset, base, name, _literals(counts))


def _add_named_graph(
    graph: Graph, dataset: URIRef, base: str, name: URIRef, said: Mapping[URIRef, Sequence[Node]]
) -> None:
    named, part = _part(dataset, "named", name), _part(dataset, "graph", name)
    dump = URIRef(f"{base}rdf-graphs?{urlencode({'graph': name})}")
    _describe(graph, named, SD.NamedGraph, {SD.name: [name], SD.graph: [part]})
    _describe(graph, part, VOID.Dataset, {RDF.type: [SD.Graph], VOID.dataDump: [dump], **said})


def _add_imports(
    graph: Graph,
    dataset: URIRef,
    base: str,
    imports: Mapping[str, Mapping[str, Any]],
    counted: Mapping[URIRef, Counts],
) -> None:
    """The graphs of what is imported: whose they are, and their size.

    That is known without counting, which takes too long where imports are large.
    """
    for name, entry in imports.items():
        counts = entry["counts"]
        sizes = (counts["asserted"], counts["entailed"])
        for graph_name, size in zip(import_graphs(name), sizes, strict=True):
            named = _part(dataset, "named", graph_name)
            _describe(graph, URIRef(base + ALL_GRAPHS), SD.Dataset, {SD.namedGraph: [named]})
            _add_named_graph(graph, dataset, base, graph_name, {
                **_source(entry["description"]),
                VOID.triples: [] if graph_name in counted else [Literal(size)],
            })  # fmt: skip


def _source(about: Mapping[str, str]) -> dict[URIRef, list[Node]]:
    """What an import is, as far as it says."""
    licence, homepage = about["licence"], about["homepage"]
    licences: list[Node] = [URIRef(licence) if is_iri(licence) else Literal(licence)]
    return {
        DCTERMS.title: [Literal(about["title"])],
        DCTERMS.license: licences if licence else [],
        OWL.versionInfo: [Literal(about["version"])] if about["version"] else [],
        RDFS.seeAlso: [URIRef(homepage)] if is_iri(homepage) else [],
    }


def _add_release(graph: Graph, dataset: URIRef, base: str, manifest: Mapping[str, Any]) -> None:
    """What only a snapshot has: when it was built, its files, look-ups by IRI."""
    built = Literal(manifest["created"], datatype=XSD.dateTime)
    files = {
        name: URIRef(f"{base}ontology.{name.partition('.')[2]}") for name in layout.RELEASE_TYPES
    }
    _describe(graph, dataset, VOID.Dataset, {
        DCTERMS.hasVersion: [URIRef(f"{ETIO}{manifest['version']}/{layout.RELEASE_OWL}")],
        DCTERMS.issued: [built],
        DCTERMS.modified: [built],
        DCAT.landingPage: [URIRef(base)],
        FOAF.homepage: [URIRef(base)],
        VOID.uriLookupEndpoint: [URIRef(f"{base}api/v1/entities?iri=")],
        DCAT.distribution: list(files.values()),
        VOID.dataDump: [files[name] for name in files if name != layout.RELEASE_MAPPINGS],
    })  # fmt: skip
    for name, address in files.items():
        _add_file(graph, address, name, manifest["files"][f"{layout.RELEASE}/{name}"])


def _add_file(graph: Graph, address: URIRef, name: str, file: Mapping[str, Any]) -> None:
    checksum = URIRef(f"{address}#sha256")
    media_type = layout.RELEASE_TYPES[name]
    packing, within = PACKED.get(name, (None, media_type))
    _describe(graph, address, DCAT.Distribution, {
        DCTERMS.title: [Literal(name)],
        DCAT.accessURL: [address],
        DCAT.downloadURL: [address],
        DCAT.mediaType: [MEDIA_TYPES[within]],
        DCAT.byteSize: [Literal(file["bytes"], datatype=XSD.nonNegativeInteger)],
        SPDX.checksum: [checksum],
        **({packing: [MEDIA_TYPES[media_type]]} if packing else {}),
    })  # fmt: skip
    _describe(graph, checksum, SPDX.Checksum, {
        SPDX.algorithm: [SPDX.checksumAlgorithm_sha256],
        SPDX.checksumValue: [Literal(file["sha256"], datatype=XSD.hexBinary)],
    })  # fmt: skip


# -- named queries -------------------------------------------------------------------------


def describe_queries(queries: Sequence[NamedQuery], endpoint: str) -> Graph:
    """The named queries with their examples as values, ready to run at the endpoint."""
    graph = _graph()
    document = URIRef(urljoin(endpoint, "sparql-examples"))
    prefixes = URIRef(f"{document}#prefixes")
    for name, namespace in PREFIXES.items():
        declaration = _part(document, "prefix", name)
        _describe(graph, prefixes, OWL.Ontology, {SH.declare: [declaration]})
        _describe(graph, declaration, SH.PrefixDeclaration, {
            SH.prefix: [Literal(name)],
            SH.namespace: [Literal(namespace, datatype=XSD.anyURI)],
        })  # fmt: skip
    for query in queries:
        node = URIRef(f"{document}#{query.name}")
        _add_query(graph, node, query, endpoint)
        graph.add((node, SH.prefixes, prefixes))
    return graph


def _add_query(graph: Graph, node: URIRef, query: NamedQuery, endpoint: str) -> None:
    values = {parameter.name: parameter.example for parameter in query.parameters}
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    kinds = {parameter.kind or parameter.name for parameter in query.parameters}
    text = "\n".join(line for line in query.text.splitlines() if not line.startswith("#+"))
    page = urljoin(endpoint, f"api/v1/queries/{query.name}?{urlencode(values)}")
    _describe(graph, node, SH.SPARQLSelectExecutable, {
        RDF.type: [SH.SPARQLExecutable],
        RDFS.comment: [Literal(f"{query.summary} Here: {told}." if told else query.summary, "en")],
        SH.select: [Literal(bind(text, {p.name: _term(p) for p in query.parameters}))],
        SDO.target: [URIRef(endpoint)],
        SDO.keywords: [Literal(k.replace("_", " ")) for k in sorted({query.name, *kinds})],
        RDFS.seeAlso: [URIRef(page)],
    })  # fmt: skip


def _term(parameter: Parameter) -> str:
    """The example of a parameter, as N-Triples has it."""
    if parameter.type == "text":
        return Literal(parameter.example).n3()
    curie = parameter.example
    return URIRef(expand(curie) if is_curie(curie) else curie).n3()


# -- RDF -----------------------------------------------------------------------------------


def _graph() -> Graph:
    """An empty graph that knows the prefixes."""
    graph = Graph(bind_namespaces="none")
    ours = {"dcat": DCAT, "formats": FORMATS, "schema": SDO, "sd": SD, "spdx": SPDX, "void": VOID}
    for prefix, namespace in {**PREFIXES, **ours}.items():
        graph.bind(prefix, namespace)
    return graph


def _describe(
    graph: Graph, node: URIRef, kind: URIRef, said: Mapping[URIRef, Sequence[Node]]
) -> None:
    """State the class of a node and the values of its properties."""
    graph.add((node, RDF.type, kind))
    for name, values in said.items():
        for value in values:
            graph.add((node, name, value))


def _literals(counts: Counts) -> dict[URIRef, list[Node]]:
    return {name: [Literal(number)] for name, number in counts.items()}


def _formats(formats: Mapping[str, str]) -> list[URIRef]:
    return [FORMATS[FORMAT_NAMES[media_type]] for media_type in formats.values()]


def _part(whole: URIRef, kind: str, name: str) -> URIRef:
    """The IRI of a part, in the same document as the whole."""
    return URIRef(f"{whole.partition('#')[0]}#{kind}-{_fragment(name)}")


def _fragment(iri: str) -> str:
    return quote(compress(iri), safe=":")
