"""Looks at a query before any engine does: its form, and what this service never evaluates.

A lexer takes out strings, comments, IRIs, variables and the local parts of prefixed names; what
is left is keywords. It errs on the side of refusing: any keyword-like word that contains
`service` is refused, however it is glued to its neighbours. Should it be fooled all the same, a
worker has no file descriptor left to open a socket with.
"""

import re
from dataclasses import dataclass

from kg.errors import BadSparql, QueryTooLong, RefusedSparql

MAX_LENGTH = 256 * 1024
MAX_DEPTH = 200
FORMS = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")
_UPDATES = frozenset(
    "INSERT DELETE LOAD CLEAR DROP CREATE ADD MOVE COPY WITH".split()  # SPARQL 1.1 Update
)
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
    """What can be told of a query without parsing it.

    `variables` are in the order of first mention; `selects_all` says that they are the columns.
    """

    form: str
    selects_all: bool
    variables: tuple[str, ...]


def inspect(query: str) -> Outline:
    """The outline of a query that may be evaluated.

    QueryTooLong, RefusedSparql (update, SERVICE) or BadSparql say why it may not.
    """
    if len(query.encode("utf-8", "surrogatepass")) > MAX_LENGTH:
        raise QueryTooLong(f"the query is longer than {MAX_LENGTH // 1024} KiB")
    form = ""
    selects_all = False
    after_select = False
    depth = 0
    variables: dict[str, None] = {}
    for token in _TOKEN.finditer(query):
        kind, text = token.lastgroup, token[0]
        if kind == "open":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadSparql(f"the query is nested too deeply: more than {MAX_DEPTH} brackets")
        elif kind == "close":
            depth -= 1
        elif kind == "variable":
            variables.setdefault(text[1:])
            after_select = False
        elif kind == "other":
            selects_all = selects_all or (after_select and text == "*")
            after_select = False
        elif kind == "word":
            keyword = _keyword(text)
            if not form and depth == 0:
                form = _form(keyword)
                after_select = form == "SELECT"
            elif keyword not in ("DISTINCT", "REDUCED"):
                after_select = False
    if not form:
        raise BadSparql(f"no {', '.join(FORMS[:-1])} or {FORMS[-1]} is found in the query")
    return Outline(form, selects_all, tuple(variables))


def _keyword(word: str) -> str:
    """The part of a word that may be a keyword, upper case; the local part of a name is none."""
    keyword = word.partition(":")[0].upper()
    if "SERVICE" in keyword:
        raise RefusedSparql(
            "SERVICE is refused: this endpoint answers from its own graph only "
            "(a prefix may not be called so either)"
        )
    return keyword


def _form(keyword: str) -> str:
    if keyword in _UPDATES:
        raise RefusedSparql(
            f"{keyword} is refused: the graph is built from its sources, not written to"
        )
    return keyword if keyword in FORMS else ""
