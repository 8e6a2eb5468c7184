"""Which representation a request wants: `?format=` over Accept over the first that is offered."""

from collections.abc import Mapping

from flask import request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable

from kg.errors import BadParameter

PAGE_AND_JSON = ("application/json", "text/html")
CSV_AND_JSON = ("application/json", "text/csv")
_ALIASES: dict[str, tuple[str, ...]] = {
    "ttl": ("turtle",),
    "ntriples": ("nt",),
    "n-triples": ("nt",),
    "json-ld": ("jsonld",),
    "rdf": ("rdfxml",),
    "rdf+xml": ("rdfxml",),
    "json": ("json", "jsonld"),
    "xml": ("xml", "rdfxml"),
    "application/json": ("json", "jsonld"),
    "application/xml": ("xml", "rdfxml"),
    "text/xml": ("xml", "rdfxml"),
    "text/plain": ("tsv", "nt"),
    "text/html": (),
}
"""`?format=` or a general media type → the keys it can mean, one for tables, one for graphs."""


def chosen(offered: tuple[str, ...]) -> str:
    """The media type to answer with; NotAcceptable lists what there is."""
    short = request.args.get("format")
    if short is not None:
        for media_type in offered:
            if short == media_type or short == media_type.rpartition("/")[2]:
                return media_type
        raise not_acceptable(offered)
    if not request.accept_mimetypes:
        return offered[0]
    best = _accepted().best_match(offered)
    if best is None:
        raise not_acceptable(offered)
    return best


def chosen_key(formats: Mapping[str, str], asked: str | None) -> str:
    """The key of a format (key → media type) to answer with; `asked` is what `?format=` says."""
    if asked:
        return _named_key(formats, asked)
    keys = {media_type: key for key, media_type in formats.items()}
    if (header := request.headers.get("Accept")) in keys:  # most programs ask for one type
        return keys[header]
    accepted = _accepted()
    if not accepted:
        return next(iter(formats))
    for media_type, meant in _ALIASES.items():
        for key in meant if "/" in media_type else ():
            if key in formats:
                keys.setdefault(media_type, key)
    best = accepted.best_match([*keys])
    if best is None:
        raise not_acceptable(tuple(formats.values()))
    return keys[best]


def _named_key(formats: Mapping[str, str], asked: str) -> str:
    for key in (asked, *_ALIASES.get(asked, ())):
        if key in formats:
            return key
    for key, media_type in formats.items():
        if asked == media_type:
            return key
    raise not_acceptable((*formats, *formats.values()))


def not_acceptable(offered: tuple[str, ...]) -> NotAcceptable:
    """The error that lists what is offered."""
    return NotAcceptable(f"this address offers {', '.join(offered)}")


def wants_page(asked: str | None = None) -> bool:
    """Whether the answer should be a page: only for a client that asks for HTML by name.

    `asked` is the format that a form names, where there is one.
    """
    asked = asked or request.args.get("format")
    if asked:
        return asked == "html"
    if "html" not in request.headers.get("Accept", ""):
        return False
    return _accepted().best_match(("application/json", "text/html")) == "text/html"


def _accepted() -> MIMEAccept:
    """What the client accepts, without parameters: every text that leaves here is UTF-8."""
    wanted = request.accept_mimetypes
    return MIMEAccept([(text.partition(";")[0].strip(), quality) for text, quality in wanted])


def integer(name: str, default: int) -> int:
    """A parameter that is a whole number."""
    text = request.args.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise BadParameter(f"{name} must be a whole number, not {text!r}") from None


def required(name: str) -> str:
    """A parameter that may not be missing or blank."""
    text = request.args.get(name, "")
    if not text.strip():
        raise BadParameter(f"{name} is missing: give ?{name}=…")
    return text
