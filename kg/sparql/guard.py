"""Looks at a query before any engine does: its form, and what this service never evaluates.

A lexer takes out strings, comments, IRIs, variables and the local parts of prefixed names; what
is left is keywords. It errs on the side of refusing: any keyword-like word that contains
`service` is refused, however it is glued to its neighbours. Should it be fooled all the same, a
worker has no file descriptor left to open a socket with.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from kg.errors import BadSparql, QueryTooLong, RefusedSparql

MAX_LENGTH = 256 * 1024
MAX_DEPTH = 200
MAX_TOKENS = 20_000
LOOKED_AT = 20
"""How many words may be the misspelt beginning of a query."""
FORMS = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")
_UPDATES = frozenset(
    {"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"}
)
"""The keywords that begin a SPARQL 1.1 update."""
_VOLATILE = ("NOW", "RAND", "UUID")
"""How the names of functions end that answer anew each time."""
_ABSOLUTE = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]*:")
_TOKEN = re.compile(
    r'''
    (?P<comment>\#[^\r\n]*)
  | (?P<iri><[^<>"{}|^`\\\x00-\x20]*>)
  | (?P<string>"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^'\\]|\\.|'(?!''))*\'\'\'
      |"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*')
  | (?P<language>@[a-zA-Z]+(?:-[a-zA-Z0-9]+)*)
  | (?P<variable>[?$]\w+)
  | (?P<word>(?:[\w:%-]|\\.|\.(?=[\w:%\\-]))+)
  | (?P<open>[({\[])
  | (?P<close>[)}\]])
  | (?P<other>\S)
    ''',
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A piece of a query: the name of its kind in `_TOKEN`, its text and where it starts."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Outline:
    """A query that may be evaluated, and what can be told of it without parsing it.

    `start` is where the prologue ends; `variables` are in the order of first mention; `star` is the
    place of the `*` of a SELECT that asks for all of them, or None; `volatile` says that its answer
    differs from time to time; `is_relative` that it has IRIs which a base must complete.
    """

    text: str
    form: str
    start: int
    star: int | None
    variables: tuple[str, ...]
    names_graphs: bool
    volatile: bool
    is_relative: bool


def tokenize(query: str) -> list[Token]:
    """The tokens of a text, without white space and comments."""
    return list(_tokens(query))


def _tokens(query: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(query):
        kind = match.lastgroup
        if kind is not None and kind != "comment":
            yield Token(kind, match[0], match.start())


def inspect(query: str) -> Outline:
    """The outline of a query that may be evaluated.

    QueryTooLong, RefusedSparql (update, SERVICE) or BadSparql say why it may not.
    """
    try:
        size = len(query) if query.isascii() else len(query.encode())
    except UnicodeEncodeError as error:
        raise BadSparql(f"the query holds {query[error.start]!r}, which is no character") from None
    if size > MAX_LENGTH:
        raise QueryTooLong(f"the query is longer than {MAX_LENGTH // 1024} KiB")
    tokens = _tokens_within_limits(query)
    words = [_keyword(token.text) if token.kind == "word" else token.text for token in tokens]
    place = _place_of_form(tokens, words)
    after = place + 1
    while words[after : after + 1] in (["DISTINCT"], ["REDUCED"]):
        after += 1
    is_star = words[place] == "SELECT" and words[after : after + 1] == ["*"]
    body = words.index("{") if "{" in words else len(words)
    return Outline(
        text=query,
        form=words[place],
        start=tokens[place].start,
        star=tokens[after].start if is_star else None,
        variables=tuple(dict.fromkeys(t.text[1:] for t in tokens if t.kind == "variable")),
        names_graphs="FROM" in words[place:body],
        volatile=any(word.endswith(_VOLATILE) for word in words),
        is_relative=any(t.kind == "iri" and not is_absolute(t.text) for t in tokens),
    )


def is_absolute(iri: str) -> bool:
    """Whether an IRI in angle brackets needs no BASE."""
    return _ABSOLUTE.match(iri) is not None


def with_columns(text: str, star: int, columns: Sequence[str]) -> str:
    """The query with the `*` at `star` replaced by these variables."""
    names = " ".join(f"?{name}" for name in columns)
    return f"{text[:star]}{names}{text[star + 1 :]}"


def bind(query: str, terms: Mapping[str, str]) -> str:
    """The query with variables replaced by terms, each as N-Triples has it.

    What is selected keeps its name. Strings, comments and names are left alone: it is tokens that
    are replaced.
    """
    parts = []
    end = 0
    selected = True
    for kind, text, start in tokenize(query):
        selected = selected and text != "{"
        if kind == "variable" and text[1:] in terms:
            term = terms[text[1:]]
            parts += [query[end:start], f"({term} AS {text})" if selected else term]
            end = start + len(text)
    return "".join((*parts, query[end:]))


def _tokens_within_limits(query: str) -> list[Token]:
    """The tokens, unless they are too many or nested too deeply; the rest is not looked at."""
    depth = 0
    tokens: list[Token] = []
    for token in _tokens(query):
        depth += (token.kind == "open") - (token.kind == "close")
        if depth > MAX_DEPTH:
            raise BadSparql(f"the query is nested too deeply: more than {MAX_DEPTH} brackets")
        if len(tokens) == MAX_TOKENS:
            raise QueryTooLong(f"the query has more than {MAX_TOKENS} words and signs")
        tokens.append(token)
    return tokens


def _place_of_form(tokens: Sequence[Token], words: Sequence[str]) -> int:
    """The place of the keyword that says what the query does; what stands before is prologue."""
    for place, (token, word) in enumerate(zip(tokens, words, strict=True)):
        if token.kind == "word" and ":" not in token.text:
            if word in _UPDATES:
                raise RefusedSparql(
                    f"{word} is refused: the graph is built from its sources, not written to"
                )
            if word in FORMS:
                return place
    first = list(dict.fromkeys(words))[:LOOKED_AT]
    near = [form for word in first for form in get_close_matches(word, FORMS, n=1, cutoff=0.7)]
    raise BadSparql(f"no {', '.join(FORMS[:-1])} or {FORMS[-1]} is found in the query", near[:1])


def _keyword(word: str) -> str:
    """The part of a word that may be a keyword, upper case; the local part of a name is none."""
    keyword = word.partition(":")[0].upper()
    if "SERVICE" in keyword:
        raise RefusedSparql(
            "SERVICE is refused: this endpoint answers from its own graph only "
            "(a prefix may not be called so either)"
        )
    return keyword
