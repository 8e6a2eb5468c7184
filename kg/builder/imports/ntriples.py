"""Writes N-Triples lines; what is no IRI is refused, so that one line never spoils a file."""

import re

from kg.errors import OntologyError
from kg.vocabulary import is_iri

_SPECIAL = re.compile(r'[\x00-\x1f"\\\x7f]')
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"


def iri(text: str) -> str:
    """`<text>`; OntologyError where it is no IRI."""
    if not is_iri(text):
        raise OntologyError([f"{text!r} is no IRI"])
    return f"<{text}>"


def literal(text: str, language: str = "", datatype: str = "") -> str:
    """A literal with a language tag or a datatype (IRI), or plain."""
    quoted = f'"{_SPECIAL.sub(_escaped, text)}"'
    if language:
        return f"{quoted}@{language}"
    return f"{quoted}^^<{datatype}>" if datatype else quoted


def line(subject: str, predicate: str, value: str) -> str:
    """One triple of terms written already."""
    return f"{subject} {predicate} {value} .\n"


def _escaped(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\u{ord(match[0]):04X}"
