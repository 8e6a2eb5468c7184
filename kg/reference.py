"""The reference of the ontology: its figures, its tree of terms and its relations."""

from collections import Counter

from kg.index import Index
from kg.records import Property
from kg.views import Json, Views
from kg.vocabulary import VOCABULARIES, expand


def reference(index: Index) -> Json:
    """`{counts, mappings, kinds, groups, properties}`.

    `kinds` has, for each top class, `{id, label, definition, kind, count, tree}`, where `tree` is
    a list of `{entity, count, below}`, `count` being how many terms stand below.
    """
    views = Views(index)
    kinds = Counter(entity.kind for entity in index.entities.values())
    mapped: Counter[str] = Counter()
    for entity in index.entities.values():
        mapped.update({mapping.id.partition(":")[0] for mapping in entity.mappings})
    return {
        "counts": dict(kinds),
        "mappings": [
            {"vocabulary": name, "terms": mapped[prefix]}
            for prefix, (name, _) in VOCABULARIES.items()
        ],
        "kinds": [
            {
                "id": top.id,
                "label": top.label,
                "definition": top.definition,
                "kind": top.kind,
                "count": kinds[top.kind],
                "tree": _tree(index, views, _roots(index, top.kind)),
            }
            for top in index.top_classes
        ],
        "groups": views.references(e.id for e in index.entities.values() if e.kind == "group"),
        "properties": [_property(index, term_property) for term_property in index.properties],
    }


def _roots(index: Index, kind: str) -> list[str]:
    return [
        entity.id
        for entity in index.entities.values()
        if entity.kind == kind and not any(p in index.entities for p in entity.parents)
    ]


def _tree(index: Index, views: Views, identifiers: list[str]) -> list[Json]:
    found = []
    for item in views.references(identifiers):
        below = _tree(index, views, index.children.get(item["id"], []))
        count = sum(1 + child["count"] for child in below)
        found.append({"entity": item, "count": count, "below": below})
    return found


def _property(index: Index, term_property: Property) -> Json:
    classes = {top.id: top.label for top in index.top_classes}
    labels = {other.id: other.label for other in index.properties}
    return {
        "id": term_property.id,
        "label": term_property.label,
        "definition": term_property.definition,
        "domain": classes.get(term_property.domain, term_property.domain) or None,
        "range": classes.get(term_property.range, term_property.range) or None,
        "parents": [labels.get(parent, parent) for parent in term_property.parents],
        "chains": list(term_property.chains),
        "mappings": [
            {"strength": m.strength, "id": m.id, "iri": expand(m.id)}
            for m in term_property.mappings
        ],
    }
