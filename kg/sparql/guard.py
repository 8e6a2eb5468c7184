"""Looks at a query before any engine does: its form, and what this service never evaluates.

A lexer takes out strings, comments, IRIs, variables and the local parts of prefixed names; what
is left is keywords. It errs on the side of refusing: any keyword-like word that contains
`service` is refused, however it is glued to its neighbours. Should it be fooled all the same, a
worker has no file descriptor left to open a socket with.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kg.errors import BadSparql, QueryTooLong, RefusedSparql

MAX_LENGTH = 256 * 1024
MAX_DEPTH = 200
FORMS = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")
_UPDATES = frozenset(
    {"INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"}
)
"""The keywords that begin a SPARQL 1.1 update."""
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


@dataclass(frozen=True, slots=True)
class Outline:
    """A query that may be evaluated, and what can be told of it without parsing it.

    `variables` are in the order of first mention; `selects_all` says that they are the columns.
    """

    text: str
    form: str
    selects_all: bool
    variables: tuple[str, ...]


def inspect(query: str) -> Outline:
    """The outline of a query that may be evaluated.

    QueryTooLong, RefusedSparql (update, SERVICE) or BadSparql say why it may not.
    """
    if len(query.encode("utf-8", "surrogatepass")) > MAX_LENGTH:
        raise QueryTooLong(f"the query is longer than {MAX_LENGTH // 1024} KiB")
    tokens = [(match.lastgroup, match[0]) for match in _TOKEN.finditer(query)]
    _check_depth(kind for kind, _ in tokens)
    words = [_keyword(text) if kind == "word" else text for kind, text in tokens]
    place = _place_of_form(tokens, words)
    after = [word for word in words[place + 1 : place + 3] if word not in ("DISTINCT", "REDUCED")]
    return Outline(
        text=query,
        form=words[place],
        selects_all=words[place] == "SELECT" and after[:1] == ["*"],
        variables=tuple(dict.fromkeys(text[1:] for kind, text in tokens if kind == "variable")),
    )


def _check_depth(kinds: Iterable[str | None]) -> None:
    depth = 0
    for kind in kinds:
        depth += (kind == "open") - (kind == "close")
        if depth > MAX_DEPTH:
            raise BadSparql(f"the query is nested too deeply: more than {MAX_DEPTH} brackets")


def _place_of_form(tokens: Sequence[tuple[str | None, str]], words: Sequence[str]) -> int:
    """The place of the keyword that says what the query does; what stands before is prologue."""
    for place, ((kind, text), word) in enumerate(zip(tokens, words, strict=True)):
        if kind == "word" and ":" not in text:
            if word in _UPDATES:
                raise RefusedSparql(
                    f"{word} is refused: the graph is built from its sources, not written to"
                )
            if word in FORMS:
                return place
    raise BadSparql(f"no {', '.join(FORMS[:-1])} or {FORMS[-1]} is found in the query")


def _keyword(word: str) -> str:
    """The part of a word that may be a keyword, upper case; the local part of a name is none."""
    keyword = word.partition(":")[0].upper()
    if "SERVICE" in keyword:
        raise RefusedSparql(
            "SERVICE is refused: this endpoint answers from its own graph only "
            "(a prefix may not be called so either)"
        )
    return keyword
