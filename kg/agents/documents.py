"""What `fetch` gives: an entity, a source, a claim or a presentation as a text with its sources.

The shape `{id, title, url, text, metadata}` is what known clients expect of a tool of this name.
"""

from collections.abc import Iterable, Sequence

from kg.agents.briefs import Sources, claim_said, flags, framed
from kg.entities import describe
from kg.index import Index
from kg.records import ROLES
from kg.views import RELATION_SAID, URGENCY_SAID, Json, Views
from kg.vocabulary import TERM_RELATIONS, compress, expand, is_iri

_RELATED = {
    "parents": "is a",
    "part_of": "is part of",
    "equivalent_to": "is the same as",
    "children": "kinds",
    "parts": "parts",
    "members": "holds",
    **{relation: relation.replace("_", " ") for relation in TERM_RELATIONS},
}
"""What a description relates an entity to, and how that is said."""


class Documents:
    """Makes documents from the records of one index."""

    def __init__(self, index: Index, version: str) -> None:
        self._index = index
        self._views = Views(index)
        self._version = version

    def of(self, name: str, most: int) -> Json:
        """The document of what a CURIE, IRI or label names; a list in it has `most` items.

        UnknownEntity tells what may be meant instead.
        """
        identifier = compress(name) if is_iri(name) else name.strip()
        if identifier in self._index.sources:
            return self._source(identifier, most)
        if identifier in self._index.claims:
            return self._claim(identifier)
        if identifier in self._index.presentations:
            return self._presentation(identifier)
        return self._entity(self._index.resolve(name).id, most)

    # -- entities --------------------------------------------------------------------------

    def _entity(self, identifier: str, most: int) -> Json:
        described = describe(self._index, identifier, self._version)
        sources = Sources()
        lines = [
            f"{described['label']} ({_words(described['kind'])}): {described['definition']}",
            _listed("also called", described["synonyms"], most),
            *_related(described, most),
            *_flags_said(described["red_flags"], sources, most),
            *_claims_said(described["relations"], sources, most),
            *_claims_said(described["inverse_relations"], sources, most, inverse=True),
            *_presentations_said(described["presentations"], sources, most),
            *_presented_in(described["presented_in"], most),
        ]
        return framed(
            self._version,
            red_flags=flags(described["red_flags"][:most], sources),
            id=identifier,
            title=described["label"],
            url=described["iri"],
            text="\n".join(filter(None, lines)),
            metadata={
                "kind": described["kind"],
                "synonyms": described["synonyms"][:most],
                "mappings": [f"{one['strength']} {one['id']}" for one in described["mappings"]],
            },
            sources=sources.cited,
        )

    # -- what supports -----------------------------------------------------------------------

    def _source(self, identifier: str, most: int) -> Json:
        source = self._views.source(identifier)
        claims = [c for c in self._index.claims.values() if c.source == identifier]
        shown = [p for p in self._index.presentations.values() if p.source == identifier]
        stated = [claim_said(self._views.claim(one)) for one in claims]
        stated += [_presentation_said(self._views.presentation(one)) for one in shown]
        copied = f", a copy of {source['copy_of']}" if source["copy_of"] else ""
        text = [
            f"{source['title']}: {source['publisher']} ({source['publisher_kind']}){copied}.",
            f"{len(stated)} statements rest on it:",
            *_some(stated, most),
        ]
        return self._document(identifier, source["title"], source["url"], text, "source", Sources())

    def _claim(self, identifier: str) -> Json:
        claim = self._views.claim(self._index.claims[identifier])
        sources = Sources()
        cited = _marks(sources.cite([claim["source"]]))
        note = f" ({claim['note']})" if claim["note"] else ""
        text = [f"{claim_said(claim)}{note}; evidence: {claim['grade']}{cited}"]
        return self._document(identifier, claim_said(claim), None, text, "claim", sources)

    def _presentation(self, identifier: str) -> Json:
        shown = self._views.presentation(self._index.presentations[identifier])
        sources = Sources()
        cited = _marks(sources.cite([shown["source"]]))
        text = [f"{_presentation_said(shown)}; evidence: {shown['grade']}{cited}"]
        title = f"a presentation of {shown['condition']['label']}"
        return self._document(identifier, title, None, text, "presentation", sources)

    def _document(
        self, identifier: str, title: str, url: str | None, lines: Sequence[str], kind: str,
        sources: Sources,
    ) -> Json:  # fmt: skip
        return framed(
            self._version,
            id=identifier,
            title=title,
            url=url or expand(identifier),
            text="\n".join(lines),
            metadata={"kind": kind},
            sources=sources.cited,
        )


def _words(name: str) -> str:
    return name.replace("_", " ")


# -- lines -----------------------------------------------------------------------------------


def _listed(said: str, items: Sequence[str], most: int) -> str:
    return f"{said}: {'; '.join(_some(items, most))}" if items else ""


def _some(items: Sequence[str], most: int) -> list[str]:
    more = len(items) - most
    return [*items[:most], *([f"and {more} more"] if more > 0 else [])]


def _marks(cited: Json) -> str:
    """The ids of sources as a mark behind a statement: ` [etio:S1, etio:S2 and 3 more]`."""
    more = f" and {cited['more_sources']} more" if "more_sources" in cited else ""
    return f" [{', '.join(cited['sources'])}{more}]"


def _related(described: Json, most: int) -> Iterable[str]:
    for key, said in _RELATED.items():
        value = described[key]
        if isinstance(value, list):
            yield _listed(said, [one["label"] for one in value], most)
        elif value:
            yield f"{said}: {value}"


def _flags_said(red_flags: Sequence[Json], sources: Sources, most: int) -> Iterable[str]:
    said = [
        flag["entity"]["label"]
        + (f": {URGENCY_SAID[flag['urgency']]}" if flag["urgency"] else "")
        + _marks(sources.cite(flag["sources"]))
        for flag in red_flags[:most]
    ]
    unsaid = [flag["entity"]["label"] for flag in red_flags[most:]]
    yield _listed("red flags", [*said, *unsaid], most)


def _claims_said(
    relations: dict[str, list[Json]], sources: Sources, most: int, *, inverse: bool = False
) -> Iterable[str]:
    """One line for each relation, each value once with the sources of all its claims."""
    for relation, claims in relations.items():
        if relation == "has_red_flag" and not inverse:
            continue
        cited: dict[str, list[Json]] = {}
        for claim in claims:
            label = claim["subject" if inverse else "value"]["label"]
            cited.setdefault(label, []).append(claim["source"])
        said = RELATION_SAID[relation]
        heading = f"conditions of which it is said that each {said} this" if inverse else said
        items = list(cited)
        marked = [f"{label}{_marks(sources.cite(cited[label]))}" for label in items[:most]]
        yield _listed(heading, [*marked, *items[most:]], most)


def _presentations_said(shown: Sequence[Json], sources: Sources, most: int) -> Iterable[str]:
    if shown:
        yield f"{len(shown)} presentations are recorded:"
    marked = [
        f"- {_presentation_said(one)}{_marks(sources.cite([one['source']]))} ({one['id']})"
        for one in shown[:most]
    ]
    yield from marked
    if len(shown) > most:
        yield f"and {len(shown) - most} more"


def _presented_in(roles: dict[str, list[Json]], most: int) -> Iterable[str]:
    for role, conditions in roles.items():
        labels = [one["label"] for one in conditions]
        yield _listed(f"recorded as {_words(role)} of {len(labels)} conditions", labels, most)


def _presentation_said(shown: Json) -> str:
    parts = [
        f"{_words(role)} {' and '.join(one['label'] for one in shown[role])}"
        for role in ROLES
        if shown[role]
    ]
    return f"{shown['condition']['label']}: {', '.join(parts)}; {shown['frequency']}"
