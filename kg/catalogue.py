"""The look-ups of an imported vocabulary: one SQLite file, known to its writer and its reader.

SQLite, because a catalogue of a hundred thousand terms must open at once and take no memory until
it is asked. Names stand in the order in which they are shown where they fit equally well, so that
the first rows that a search finds are the best.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kg.words import fold_word, tokens

FORMAT = 1
SCOPES = ("label", "exact", "narrow", "broad", "related")
"""What a name is to its term; an earlier one comes first in a search."""
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE term (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, iri TEXT NOT NULL, label TEXT NOT NULL,
    definition TEXT NOT NULL, comment TEXT NOT NULL, obsolete INTEGER NOT NULL,
    replaced_by TEXT NOT NULL);
CREATE TABLE name (
    number INTEGER PRIMARY KEY, term INTEGER NOT NULL, text TEXT NOT NULL, folded TEXT NOT NULL,
    scope TEXT NOT NULL, type TEXT NOT NULL);
CREATE TABLE code (code TEXT NOT NULL, term INTEGER NOT NULL, relation TEXT NOT NULL);
CREATE TABLE parent (term INTEGER NOT NULL, parent INTEGER NOT NULL);
CREATE TABLE relation (term INTEGER NOT NULL, property TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE annotation (
    number INTEGER PRIMARY KEY, subject TEXT NOT NULL, relation TEXT NOT NULL, value TEXT NOT NULL,
    excluded INTEGER NOT NULL, frequency TEXT NOT NULL, share REAL, source TEXT NOT NULL,
    note TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5(
    text, content='', detail=none, prefix='1 2 3 4', tokenize='unicode61');
"""
"""`code`: other identifiers of a term: an alternative id, a cross-reference. `share`: a frequency
as a number from 0 to 1, null where none is recorded. The rows of `words` are those of `name`."""
INDEXES = """
CREATE UNIQUE INDEX term_id ON term (id);
CREATE INDEX term_iri ON term (iri);
CREATE INDEX name_folded ON name (folded);
CREATE INDEX name_term ON name (term);
CREATE INDEX code_code ON code (code);
CREATE INDEX code_term ON code (term);
CREATE INDEX parent_term ON parent (term, parent);
CREATE INDEX parent_parent ON parent (parent, term);
CREATE INDEX relation_term ON relation (term);
CREATE INDEX annotation_subject ON annotation (subject);
CREATE INDEX annotation_value ON annotation (value);
"""


@dataclass(slots=True)
class Name:
    """Another name of a term; `scope` is one of SCOPES, `type` for example `layperson` or ''."""

    text: str
    scope: str
    type: str = ""


@dataclass(slots=True)
class Term:
    """A term of an imported vocabulary; `parents` and `relations` name others by CURIE or IRI.

    `codes` are `(code, relation)`: alternative ids, and cross-references by strength.
    """

    id: str
    iri: str
    label: str = ""
    definition: str = ""
    comment: str = ""
    obsolete: bool = False
    replaced_by: str = ""
    synonyms: list[Name] = field(default_factory=list)
    codes: list[tuple[str, str]] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    relations: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Statement:
    """A row of an annotation table: `subject` and `value` are CURIEs, `relation` a property's.

    `excluded`: the source says that it is not so. `frequency` is as written, `share` its number
    from 0 to 1, None where none is recorded.
    """

    subject: str
    relation: str
    value: str
    excluded: bool
    frequency: str
    share: float | None
    source: str
    note: str


@dataclass(frozen=True)
class Description:
    """What an import is: shown wherever its terms are. '' is what its file does not tell.

    `hierarchy` is how its terms stand below one another: `is_a` (OWL subclasses), `broader` (SKOS),
    or '' for a table. `files` are name, size in bytes and SHA-256 of what was read.
    """

    name: str
    title: str
    version: str
    date: str
    licence: str
    homepage: str
    note: str
    kind: str
    hierarchy: str
    prefix: str
    files: tuple[dict[str, Any], ...] = ()


def words_to_index(text: str) -> str:
    """The words under which a name is found: as spelt, and folded where that differs."""
    plain = tokens(text)
    folded = (fold_word(word) for word in plain)
    return " ".join([*plain, *(word for word in folded if word not in plain)])


def match_expression(words: Iterable[str], *, begun: bool) -> str:
    """The full-text query for names that hold all the words; the last may be begun only."""
    plain = list(words)
    parts = []
    for place, word in enumerate(plain):
        star = "*" if begun and place == len(plain) - 1 else ""
        spellings = dict.fromkeys((word + star, fold_word(word)))
        parts.append(
            "(" + " OR ".join(f'"{w.rstrip("*")}"{"*" * w.endswith("*")}' for w in spellings) + ")"
        )
    return " AND ".join(parts)
