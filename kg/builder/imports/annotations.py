"""Annotation tables: HPO's `phenotype.hpoa`, and a table of our own form for anything else.

Both become statements: of each a simple triple (unless it is excluded) and a claim with its source,
as the leg graph has them.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rdflib import DCTERMS, OWL, RDFS, XSD

from kg.builder.imports.ntriples import TYPE, iri, line, literal
from kg.builder.imports.phenotypes import Annotation, share_of
from kg.catalogue import Description, Statement, Term
from kg.errors import BadParameter, OntologyError
from kg.vocabulary import ETIO, OBO, RELATION_PROPERTIES, expand, is_curie, is_iri

HAS_PHENOTYPE = str(OBO.RO_0002200)
"""Relation Ontology: has phenotype."""
HPO_LICENCE = "https://hpo.jax.org/app/license"
COLUMNS = ("subject", "relation", "value", "excluded", "frequency", "source", "note")
LABELS = ("subject_label", "value_label")
RELATIONS = {"has_phenotype": HAS_PHENOTYPE} | {
    name: str(known) for name, known in RELATION_PROPERTIES.items()
}
_HEADER = re.compile(r"#\s*([\w-]+)\s*:\s*(.*)")
_CLAIM = f"<{ETIO.Claim}>"
_SUBJECT, _PROPERTY, _VALUE = (
    f"<{p}>" for p in (ETIO.claimSubject, ETIO.claimProperty, ETIO.claimValue)
)
_SOURCE, _LABEL = f"<{DCTERMS.source}>", f"<{RDFS.label}>"
_EXCLUDED, _FREQUENCY, _NOTE = (f"<{p}>" for p in (ETIO.isExcluded, ETIO.frequency, ETIO.note))


class Table(NamedTuple):
    """The terms that a table names, its statements and, to be read once, its triples."""

    terms: list[Term]
    statements: list[Statement]
    lines: Iterator[str]


def hpoa_table(name: str, annotations: Sequence[Annotation]) -> Table:
    """The content of a file of HPO's disease annotations."""
    terms = {a.disease: Term(a.disease, expand(a.disease), a.name) for a in annotations}
    statements = [_hpoa_statement(annotation) for annotation in annotations]

    def lines() -> Iterator[str]:
        yield from _named(terms.values())
        yield from _simple(statements)
        for row, (annotation, statement) in enumerate(zip(annotations, statements, strict=True)):
            yield from _claim(name, row, statement)
            yield from _details(_row(name, row), annotation)

    return Table(list(terms.values()), statements, lines())


def _hpoa_statement(a: Annotation) -> Statement:
    details = (
        ("evidence", a.evidence), ("onset", a.onset), ("sex", a.sex.lower()),
        ("modifier", a.modifier), ("aspect", a.aspect), ("biocuration", a.biocuration),
    )  # fmt: skip
    share = share_of(a.frequency)
    return Statement(
        subject=a.disease,
        relation="has_phenotype",
        value=a.phenotype,
        excluded=a.excluded or share == 0,  # none of those looked at had it
        frequency=a.frequency,
        share=share,
        source=a.reference,
        note="; ".join(f"{name}: {value}" for name, value in details if value),
    )


def _details(row: str, a: Annotation) -> Iterator[str]:
    """What a row says besides; modifiers and onsets are terms of HPO."""
    yield line(row, f"<{ETIO.evidenceCode}>", literal(a.evidence))
    for predicate, values in ((ETIO.onset, a.onset), (ETIO.modifier, a.modifier)):
        for value in filter(None, values.split(";")):
            yield line(row, f"<{predicate}>", _node(value.strip()))
    if a.sex:
        yield line(row, f"<{ETIO.sex}>", literal(a.sex))
    yield line(row, f"<{DCTERMS.contributor}>", literal(a.biocuration))


def read_table(name: str, path: Path, labels: Mapping[str, str]) -> tuple[dict[str, str], Table]:
    """The header and content of a table of our own form; OntologyError names line and column.

    Lines `#key: value` (title, version, date, licence, homepage) come first, then the columns
    COLUMNS, of which excluded, frequency and note may be missing, and LABELS may be added. Subject
    and value are CURIEs, IRIs or, by `labels` (label → CURIE), terms of the leg graph.
    """
    header, rows = _rows(path)
    problems: list[str] = []
    terms: dict[str, Term] = {}
    statements = []
    for number, row in rows:
        try:
            statements.append(_statement(row, labels, terms))
        except BadParameter as error:
            problems.append(f"{path.name}, line {number}: {error}")
    if problems:
        raise OntologyError(problems)

    def lines() -> Iterator[str]:
        yield from _named(terms.values())
        yield from _simple(statements)
        for row_number, statement in enumerate(statements):
            yield from _claim(name, row_number, statement)
            if statement.note:
                yield line(_row(name, row_number), _NOTE, literal(statement.note))

    return header, Table(list(terms.values()), statements, lines())


def _rows(path: Path) -> tuple[dict[str, str], list[tuple[int, dict[str, str]]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OntologyError([f"{path.name}: {error}"]) from None
    lines = text.splitlines()
    begin = next((at for at, one in enumerate(lines) if not one.startswith("#")), len(lines))
    found = (_HEADER.fullmatch(one) for one in lines[:begin])
    header = {match[1].lower(): match[2].strip() for match in found if match}
    reader = csv.reader(lines[begin:], delimiter="\t", quoting=csv.QUOTE_NONE)
    columns = next(reader, [])
    _check_columns(path, begin + 1, columns)
    rows = []
    for number, cells in enumerate(reader, begin + 2):
        if len(cells) != len(columns):
            what = f"{len(cells)} columns where the first row has {len(columns)}"
            raise OntologyError([f"{path.name}, line {number}: {what}"])
        rows.append((number, dict(zip(columns, (cell.strip() for cell in cells), strict=True))))
    return header, rows


def _check_columns(path: Path, number: int, columns: Sequence[str]) -> None:
    needed = {"subject", "relation", "value", "source"}
    unknown = [column for column in columns if column not in (*COLUMNS, *LABELS)]
    missing = sorted(needed.difference(columns))
    if unknown or missing:
        what = f"unknown column {unknown[0]!r}" if unknown else f"no column {missing[0]!r}"
        columns_said = ", ".join((*COLUMNS, *LABELS))
        raise OntologyError([f"{path.name}, line {number}: {what}; columns are {columns_said}"])


def _statement(
    row: Mapping[str, str], labels: Mapping[str, str], terms: dict[str, Term]
) -> Statement:
    subject = _identifier(row["subject"], labels)
    value = _identifier(row["value"], labels)
    if row["relation"] not in RELATIONS:
        known = ", ".join(RELATIONS)
        raise BadParameter(f"relation {row['relation']!r} is none of {known}")
    if row.get("excluded", "") not in ("", "yes"):
        raise BadParameter("excluded must be yes or empty")
    if not row["source"]:
        raise BadParameter("there is no source: give a CURIE such as PMID:1234, or an address")
    _identifier(row["source"], {})
    for identifier, label in ((subject, "subject_label"), (value, "value_label")):
        if row.get(label):
            terms[identifier] = Term(identifier, _iri(identifier), row[label])
    frequency = row.get("frequency", "")
    share = share_of(frequency)
    excluded = row.get("excluded") == "yes" or share == 0
    source, note = row["source"], row.get("note", "")
    return Statement(subject, row["relation"], value, excluded, frequency, share, source, note)


def _identifier(text: str, labels: Mapping[str, str]) -> str:
    if text.lower() in labels:
        return labels[text.lower()]
    if is_curie(text):
        expand(text)
        return text
    if is_iri(text) and text.startswith(("http://", "https://", "urn:")):
        return text
    raise BadParameter(
        f"{text!r} is no CURIE with a known prefix, no IRI and no label of the leg graph"
    )


def describe_table(name: str, header: Mapping[str, str], default: Description) -> Description:
    """What a table's header says of it, over what is known of it before."""
    dated = re.search(r"\d{4}-\d{2}-\d{2}", header.get("date", header.get("version", "")))
    return Description(
        name=name,
        title=header.get("title") or default.title or name,
        version=header.get("version") or default.version,
        date=dated[0] if dated else default.date,
        licence=header.get("licence") or header.get("license") or default.licence,
        homepage=header.get("homepage") or default.homepage,
        note=default.note,
        kind="table",
        hierarchy="",
        prefix="",
    )


# -- triples -------------------------------------------------------------------------------


def _named(terms: Iterable[Term]) -> Iterator[str]:
    for term in terms:
        yield line(iri(term.iri), TYPE, f"<{OWL.Class}>")
        yield line(iri(term.iri), _LABEL, literal(term.label))


def _simple(statements: Iterable[Statement]) -> Iterable[str]:
    """Each triple that is stated, once."""
    return dict.fromkeys(
        line(_node(s.subject), f"<{RELATIONS[s.relation]}>", _node(s.value))
        for s in statements
        if not s.excluded
    )


def _row(name: str, row: int) -> str:
    return f"<{ETIO}import/{name}/r{row}>"


def _claim(name: str, row: int, s: Statement) -> Iterator[str]:
    node = _row(name, row)
    yield line(node, TYPE, _CLAIM)
    yield line(node, _SUBJECT, _node(s.subject))
    yield line(node, _PROPERTY, f"<{RELATIONS[s.relation]}>")
    yield line(node, _VALUE, _node(s.value))
    if s.excluded:
        yield line(node, _EXCLUDED, literal("true", datatype=str(XSD.boolean)))
    if s.frequency:
        yield line(node, _FREQUENCY, _node(s.frequency))
    for source in filter(None, s.source.split(";")):
        yield line(node, _SOURCE, _node(source.strip()))


def _node(text: str) -> str:
    """The node of a CURIE or an IRI; what is neither is a literal."""
    if is_curie(text):
        return f"<{_iri(text)}>"
    return iri(text) if text.startswith(("http://", "https://")) and is_iri(text) else literal(text)


def _iri(identifier: str) -> str:
    return expand(identifier) if is_curie(identifier) else identifier
