"""Splits a query into the elements of its groups, by brackets and keywords alone.

It is for queries that an engine has accepted already: there is no grammar here, and a piece is
always the query's own text. What cannot be split is a BadSparql.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kg.errors import BadSparql
from kg.sparql.guard import FORMS, MAX_LENGTH, Token, tokenize

_WITH_BRACKET = frozenset({"FILTER", "BIND"})
_WITH_GROUP = frozenset({"OPTIONAL", "MINUS", "GRAPH", "VALUES", "LATERAL", "SERVICE"})
_MODIFIERS = ("GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "VALUES")


class Piece(NamedTuple):
    """Some tokens in a row, with the text from the first to the last."""

    text: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """A part of a group that joins, restricts or extends its solutions.

    `kind` is TRIPLE, GROUP, UNION, SELECT (a sub-select) or the keyword it begins with; `start` is
    its place in the query. `parts` are subject, verb and object of a TRIPLE that could be divided.
    """

    kind: str
    text: str
    start: int
    tokens: tuple[Token, ...] = field(repr=False)
    parts: tuple[Piece, ...] = ()

    @property
    def variables(self) -> frozenset[str]:
        return frozenset("?" + t.text[1:] for t in self.tokens if t.kind == "variable")


@dataclass(frozen=True, slots=True)
class Query:
    """A query, or a sub-select, in parts; `group` is what its WHERE holds, None without one.

    `head` is its SELECT clause, or `SELECT *` for the other forms; `named` are the terms of a
    DESCRIBE.
    """

    prologue: str
    dataset: str
    head: str
    named: tuple[Token, ...]
    group: Piece | None
    modifiers: tuple[Element, ...]

    def select(self, modifiers: Sequence[Element]) -> str:
        """The query as a sub-select with only some of its modifiers."""
        body = self.group.text if self.group else ""
        kept = (modifier.text for modifier in self.modifiers if modifier in modifiers)
        return f"{self.head} {{ {body} }} {' '.join(kept)}"


def split_query(text: str, tokens: Sequence[Token] | None = None) -> Query:
    """The parts of a query; `tokens` are those of a sub-select."""
    tokens = _separated(tokenize(text)) if tokens is None else tokens
    form = next(i for i, token in enumerate(tokens) if _keyword(token) in FORMS)
    is_construct = _keyword(tokens[form]) == "CONSTRUCT"
    after = form + 1
    if is_construct and tokens[after].text == "{":
        after = _past(tokens, after)  # the template
    body = next((i for i in _level(tokens, after) if tokens[i].text == "{"), len(tokens))
    words = {_keyword(tokens[i]): i for i in reversed(list(_level(tokens, after, body)))}
    where = words.get("WHERE", body)
    source = words.get("FROM", where)
    is_select = _keyword(tokens[form]) == "SELECT"
    past = _past(tokens, body) if body < len(tokens) else body
    return Query(
        prologue=text[: tokens[form].start] if form else "",
        dataset=piece(text, tokens[source:where]).text,
        head=piece(text, tokens[form:source]).text if is_select else "SELECT *",
        named=tuple(tokens[after:source]),
        group=piece(text, tokens[body + 1 : past - 1]) if body < len(tokens) else None,
        modifiers=tuple(_modifiers(text, tokens[past:])),
    )


def split_group(text: str, tokens: Sequence[Token]) -> list[Element]:
    """The elements between the braces of a group, in text order, triples one by one."""
    elements: list[Element] = []
    at = 0
    while at < len(tokens):
        if tokens[at].text == ".":
            at += 1
            continue
        kind, end = _kind_and_end(tokens, at)
        found = tokens[at:end]
        elements += _triples(text, found) if kind == "TRIPLE" else [_element(kind, text, found)]
        at = end
    return elements


def groups_of(text: str, tokens: Sequence[Token]) -> list[Piece]:
    """What stands between the braces of each outermost group."""
    opened = [i for i in _level(tokens, 0) if tokens[i].text == "{"]
    return [piece(text, tokens[i + 1 : _past(tokens, i) - 1]) for i in opened]


def piece(text: str, tokens: Sequence[Token]) -> Piece:
    """The tokens with their text."""
    if not tokens:
        return Piece("", ())
    return Piece(text[tokens[0].start : tokens[-1].start + len(tokens[-1].text)], tuple(tokens))


def constants(tokens: Sequence[Token]) -> list[Piece]:
    """The IRIs and literals among tokens; names of functions and datatypes are none."""
    found = []
    for at, token in enumerate(tokens):
        before = tokens[at - 1].text if at else ""
        after = tokens[at + 1].text if at + 1 < len(tokens) else ""
        if before == "^" and tokens[at - 2].text == "^":
            continue
        if token.kind == "string":
            found.append(_literal(tokens, at))
        elif (is_iri(token) and after != "(") or _is_plain(token):
            found.append(Piece(token.text, (token,)))
    return found


def is_iri(token: Token) -> bool:
    """Whether a token is an IRI or a prefixed name."""
    is_name = token.kind == "word" and ":" in token.text and not token.text.startswith("_:")
    return is_name or token.kind == "iri"


def declared_prefixes(query: Query) -> dict[str, str]:
    """The prefixes that the prologue declares with an absolute IRI."""
    tokens = tokenize(query.prologue)
    return {
        tokens[i + 1].text[:-1]: tokens[i + 2].text[1:-1]
        for i, token in enumerate(tokens[:-2])
        if _keyword(token) == "PREFIX" and ":" in tokens[i + 2].text
    }


def _separated(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, with the dot that ends a triple cut from a word glued to it (`.FILTER`)."""
    found = []
    for token in tokens:
        if token.kind == "word" and token.text[0] == "." and not token.text[1:2].isdigit():
            found.append(Token("other", ".", token.start))
            token = Token("word", token.text[1:], token.start + 1)
        found.append(token)
    return found


def _keyword(token: Token) -> str:
    return token.text.upper() if token.kind == "word" and ":" not in token.text else ""


def _past(tokens: Sequence[Token], at: int) -> int:
    """The index after the bracket that closes the first one from `at` on."""
    depth = 0
    for i in range(at, len(tokens)):
        depth += (tokens[i].kind == "open") - (tokens[i].kind == "close")
        if depth == 0 and tokens[i].kind == "close":
            return i + 1
    raise BadSparql("a bracket of the query is not closed")


def _level(tokens: Sequence[Token], at: int, end: int | None = None) -> Iterator[int]:
    """The indexes of the tokens outside of brackets; a bracket is its opening alone."""
    end = len(tokens) if end is None else end
    while at < end:
        yield at
        at = _past(tokens, at) if tokens[at].kind == "open" else at + 1


def _element(kind: str, text: str, tokens: Sequence[Token]) -> Element:
    return Element(kind, piece(text, tokens).text, tokens[0].start, tuple(tokens))


def _kind_and_end(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    word = _keyword(tokens[at])
    if word in _WITH_BRACKET:
        return word, _past(tokens, at)
    if word in _WITH_GROUP:
        opened = next(i for i in _level(tokens, at) if tokens[i].text == "{")
        return word, _past(tokens, opened)
    if tokens[at].text == "{":
        return _groups(tokens, at)
    return "TRIPLE", next((i for i in _level(tokens, at) if _ends(tokens, i)), len(tokens))


def _groups(tokens: Sequence[Token], at: int) -> tuple[str, int]:
    kind = "SELECT" if _keyword(tokens[at + 1]) == "SELECT" else "GROUP"
    end = _past(tokens, at)
    while end < len(tokens) and _keyword(tokens[end]) == "UNION":
        kind, end = "UNION", _past(tokens, end)
    return kind, end


def _ends(tokens: Sequence[Token], at: int) -> bool:
    """Whether a statement ends before this token; `{|` opens an annotation, not a group."""
    if tokens[at].text == "{":
        return tokens[at + 1].text != "|"
    return tokens[at].text == "." or _keyword(tokens[at]) in _WITH_BRACKET | _WITH_GROUP


def _triples(text: str, tokens: Sequence[Token]) -> list[Element]:
    """A statement as single triples; one whose subject is no plain term stays whole."""
    if tokens[0].kind == "open" or tokens[0].text == "<":
        return [_element("TRIPLE", text, tokens)]
    subject, size = piece(text, tokens[:1]), 0
    found: list[Element] = []
    for number, listed in enumerate(_parted(tokens[1:], ";")):
        verb, first = _verb(listed), subject if number == 0 else None
        for place, other in enumerate(_parted(listed[verb:], ",")):
            parts = (subject, piece(text, listed[:verb]), piece(text, other))
            shown = first or parts[1]
            found.append(_triple(parts, (shown if place == 0 else parts[2]).tokens[0].start))
            size += len(found[-1].text)
            if size > MAX_LENGTH:  # a long subject is repeated by every triple
                return [_element("TRIPLE", text, tokens)]
    return found


def _triple(parts: tuple[Piece, Piece, Piece], start: int) -> Element:
    tokens = tuple(token for part in parts for token in part.tokens)
    return Element("TRIPLE", " ".join(part.text for part in parts), start, tokens, parts)


def _parted(tokens: Sequence[Token], by: str) -> Iterator[Sequence[Token]]:
    """The tokens between separators outside of brackets; empty parts are left out."""
    start = 0
    for end in (*(i for i in _level(tokens, 0) if tokens[i].text == by), len(tokens)):
        if end > start:
            yield tokens[start:end]
        start = end + 1


def _verb(tokens: Sequence[Token]) -> int:
    """How many of the tokens are the verb: a variable, an IRI or a path."""
    at = 0
    while at < len(tokens):
        while tokens[at].text in ("^", "!"):
            at += 1
        at = _past(tokens, at) if tokens[at].kind == "open" else at + 1
        while tokens[at].text in ("*", "+", "?") and not _is_signed(tokens, at):
            at += 1
        if tokens[at].text not in ("/", "|"):
            break
        at += 1
    return at


def _is_signed(tokens: Sequence[Token], at: int) -> bool:
    """Whether this `+` is the sign of a number."""
    after = tokens[at + 1] if at + 1 < len(tokens) else tokens[at]
    return after.start == tokens[at].start + 1 and after.text[0].isdigit()


def _literal(tokens: Sequence[Token], at: int) -> Piece:
    """A string with its language or datatype."""
    end = at + 1
    rest = [token.text for token in tokens[end : end + 2]]
    if end < len(tokens) and tokens[end].kind == "language":
        end += 1
    elif rest == ["^", "^"]:
        end += 3
    joined = "".join(token.text for token in tokens[at:end])
    return Piece(joined, tuple(tokens[at:end]))


def _is_plain(token: Token) -> bool:
    """Whether a token is a number or a boolean."""
    return token.kind == "word" and (
        token.text in ("true", "false") or token.text.lstrip("-.")[:1].isdigit()
    )


def _modifiers(text: str, tokens: Sequence[Token]) -> Iterator[Element]:
    starts = [i for i in _level(tokens, 0) if _keyword(tokens[i]) in _MODIFIERS]
    for start, end in zip(starts, (*starts[1:], len(tokens)), strict=False):
        yield _element(_keyword(tokens[start]), text, tokens[start:end])
