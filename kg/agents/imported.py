"""What `fetch` gives of an imported term: a text with the source of each statement."""

from collections.abc import Iterable, Iterator

from kg.agents.briefs import framed
from kg.views import Json


def document(term: Json, most: int) -> Json:
    """The document of a term as `kg.terms` describes it; a list in it has `most` items."""
    about = term["vocabulary"]
    return framed(
        term["version"],
        id=term["id"],
        title=term["label"],
        url=term["iri"],
        text="\n".join(filter(None, _lines(term, most))),
        metadata={
            "kind": "imported term",
            "vocabulary": {name: value for name, value in about.items() if value},
            "leg_entities": [f"{one['strength']} {one['id']}" for one in term["leg_entities"]],
        },
    )


def _lines(term: Json, most: int) -> Iterator[str]:
    about = term["vocabulary"]
    version = f" {about['version']}" if about["version"] else ""
    yield f"{term['label']} ({about['title']}{version}): {term['definition'] or 'not defined'}"
    if term["obsolete"]:
        yield f"Obsolete; replaced by {_named(term['replaced_by'] or {'id': 'nothing'})}"
    yield _listed("also called", (one["text"] for one in term["synonyms"]), most)
    yield _listed("place", map(_named, term["place"]), len(term["place"]), " > ")
    yield _listed("is a", map(_named, term["parents"]), most)
    yield _listed("kinds", map(_named, term["children"]), most, total=term["children_total"])
    yield _listed("the leg graph's", map(_named, term["leg_entities"]), most)
    for name, end in (("statements", "value"), ("stated_in", "subject")):
        rows = term[name]
        said = (_statement(row, end) for row in rows["rows"])
        what = "states" if end == "value" else "is stated of"
        yield _listed(what, said, most, total=rows["total"])


def _statement(row: Json, end: str) -> str:
    """One statement, without the term that the text is of."""
    excluded = "not " if row["excluded"] else ""
    frequency = row["frequency"]
    often = f", {frequency['label']}" if frequency else ", how often is not recorded"
    return f"{excluded}{_named(row[end])}{often} [{', '.join(row['sources'])}]"


def _named(one: Json) -> str:
    label = one.get("label")
    return f"{label} ({one['id']})" if label else str(one["id"])


def _listed(
    said: str, items: Iterable[str], most: int, between: str = "; ", total: int | None = None
) -> str:
    found = list(items)
    if not found:
        return ""
    more = (len(found) if total is None else total) - most
    shown = between.join(found[:most])
    return f"{said}: {shown}" + (f"{between}and {more} more" if more > 0 else "")
