"""Turns the engine's complaint about a query into one that says where, what, and what to do."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from kg.errors import BadSparql
from kg.sparql.guard import Token, is_absolute, tokenize
from kg.vocabulary import PREFIXES

SHOWN_NEAR = 30
SHOWN_EXPECTED = 120
_PLACED = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)
_SENTENCES = {
    "The SELECT contains a variable that is unbound": (
        "a variable is selected that is neither grouped by nor aggregated"
    ),
    "The SELECT overrides an existing variable": (
        "the name after AS is that of a variable which the pattern binds already"
    ),
    "SELECT * is not authorized with GROUP BY": (
        "SELECT * cannot stand with GROUP BY: name the columns"
    ),
}
"""What the engine says among the things it expected → what is meant."""
_WORDS = """
    AS ASC ASK AVG BASE BIND BNODE BOUND BY CONCAT CONSTRUCT CONTAINS COUNT DATATYPE DESC DESCRIBE
    DISTINCT EXISTS FILTER FROM GRAPH GROUP GROUP_CONCAT HAVING IN IRI ISBLANK ISIRI ISLITERAL LANG
    LANGMATCHES LCASE LIMIT MAX MIN MINUS NAMED NOT OFFSET OPTIONAL ORDER PREFIX REDUCED REGEX
    REPLACE SAMETERM SAMPLE SELECT SEPARATOR STR STRAFTER STRBEFORE STRENDS STRLEN STRSTARTS SUBSTR
    SUM UCASE UNDEF UNION VALUES WHERE
"""
_KEYWORDS = _WORDS.split()
_PAIRS = {"(": ")", "{": "}", "[": "]"}


def explain_fault(message: str, text: str) -> BadSparql:
    """The error for an engine's message (`error at LINE:COLUMN: …`) about the query `text`."""
    found = _PLACED.fullmatch(message)
    if found is None:
        return BadSparql(message)
    line, column = int(found[1]), int(found[2])
    offset = _offset(text, line, column)
    tokens = tokenize(text)
    reason, suggestions = _reason(found[3], text, tokens, offset)
    near = text[offset:].split("\n", 1)[0][:SHOWN_NEAR]
    where = f"near {near!r}" if near.strip() else "at the end"
    return BadSparql(f"line {line}, column {column}: {reason} ({where})", suggestions)


def _offset(text: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return min(start + column - 1, len(text))


def _reason(
    expected: str, text: str, tokens: Sequence[Token], offset: int
) -> tuple[str, Sequence[str]]:
    """What is wrong, from the most to the least certain, and texts that would be right."""
    if "Prefix not found" in expected:
        return _unknown_prefix(tokens, offset)
    for said, meant in _SENTENCES.items():
        if said in expected:
            return meant, ()
    quote = next((token for token in tokens if token.kind == "other" and token.text in "\"'"), None)
    if quote is not None:
        return f"the string that begins at {_place(text, quote.start)} does not end", ()
    relative = [t.text for t in tokens if t.kind == "iri" and not is_absolute(t.text)]
    if relative and not any(token.text.upper() == "BASE" for token in tokens):
        return f"{relative[0]} is not absolute, and there is no BASE to complete it", ()
    bracket = next(_unpaired(tokens), None)
    if bracket is not None:
        partner = "closed" if bracket.text in _PAIRS else "opened"
        return f"the {bracket.text!r} at {_place(text, bracket.start)} is not {partner}", ()
    misspelt = next(_misspelt(tokens, offset), None)
    if misspelt is not None:
        return f"{misspelt[0]!r} is no keyword", misspelt[1:]
    plain = " ".join(expected.replace(", [_]", "").split())
    if "[_]" in plain or "unreported" in plain:
        return "this is not expected here", ()
    return (plain if len(plain) <= SHOWN_EXPECTED else "this is not SPARQL 1.1"), ()


def _unknown_prefix(tokens: Sequence[Token], offset: int) -> tuple[str, Sequence[str]]:
    before = [token.text for token in tokens if token.start < offset and ":" in token.text]
    name = before[-1].partition(":")[0] if before else ""
    near = get_close_matches(name, PREFIXES, n=3, cutoff=0.5)
    reason = f"the prefix {name}: is not declared; add PREFIX {name}: <…>"
    return reason, [f"{prefix}:" for prefix in near]


def _unpaired(tokens: Sequence[Token]) -> Iterator[Token]:
    """Brackets without their partner: the first that closes nothing, then the innermost open."""
    opened: list[Token] = []
    for token in tokens:
        if token.kind == "open":
            opened.append(token)
        elif token.kind == "close":
            if not opened or _PAIRS[opened[-1].text] != token.text:
                yield opened[-1] if opened else token
                return
            opened.pop()
    yield from reversed(opened)


def _misspelt(tokens: Sequence[Token], offset: int) -> Iterator[list[str]]:
    """Words about the place that are almost a keyword, each with the keywords it is almost."""
    for token in reversed(tokens):
        word = token.text.upper()
        if token.kind != "word" or ":" in word or token.start > offset or word in _KEYWORDS:
            continue
        near = get_close_matches(word, _KEYWORDS, n=2, cutoff=0.7)
        if near:
            yield [token.text, *near]


def _place(text: str, offset: int) -> str:
    before = text[:offset]
    return f"line {before.count(chr(10)) + 1}, column {offset - before.rfind(chr(10))}"
