"""What changed between two versions of the graph, by the ids of its records."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from kg import layout
from kg.errors import UnknownEntity
from kg.index import Index
from kg.records import Claim, Entity, Presentation, Records, Source
from kg.snapshot import Snapshot
from kg.views import RELATION_SAID, Json

DERIVED = frozenset(
    {"iri", "ancestors", "broader", "contradicts_relief_by", "defined_as", "entailed", "heirs",
     "conditions"}
)  # fmt: skip
"""Fields that the reasoner fills: they follow from others, and changes in them are not listed."""

Record = Entity | Presentation | Claim | Source


@dataclass(frozen=True)
class Tables:
    """The records of a version by id, as an Index has them."""

    entities: Mapping[str, Entity]
    presentations: Mapping[str, Presentation]
    claims: Mapping[str, Claim]
    sources: Mapping[str, Source]

    @classmethod
    def of(cls, records: Records) -> "Tables":
        """The tables of records."""
        return cls(
            {one.id: one for one in records.entities},
            {one.id: one for one in records.presentations},
            {one.id: one for one in records.claims},
            {one.id: one for one in records.sources},
        )


Known = Tables | Index
Named = Callable[[Known, Any], str]


@dataclass(frozen=True)
class Version:
    """Another version that lies beside the one that is served."""

    name: str
    created: str
    path: Path


def compare(old: Known, new: Known) -> Json:
    """`{conditions, terms, presentations, facts, sources}`, each `{added, removed, changed}`.

    These are lists of `{id, label, page}`, and of what changed also `fields`; `page` is the
    entity that a page is about, None if there is none any more.
    """
    conditions, terms = _split(old), _split(new)
    return {
        "conditions": _compared(old, new, conditions[0], terms[0], _label),
        "terms": _compared(old, new, conditions[1], terms[1], _label),
        "presentations": _compared(
            old, new, old.presentations, new.presentations, _presentation_said
        ),
        "facts": _compared(old, new, old.claims, new.claims, _claim_said),
        "sources": _compared(old, new, old.sources, new.sources, _source_said),
    }


def earlier_versions(snapshot: Snapshot) -> list[Version]:
    """The versions beside a snapshot that are older and can be read, the newest first."""
    created = str(snapshot.manifest["created"])
    found = []
    for path in snapshot.path.parent.glob(f"*/{layout.MANIFEST}"):
        version = _version(path)
        if version is not None and version.name != snapshot.version and version.created < created:
            found.append(version)
    return sorted(found, key=lambda version: version.created, reverse=True)


def changes_since(snapshot: Snapshot, name: str) -> Json:
    """What changed from an earlier version to this; UnknownEntity if it is not there."""
    for version in earlier_versions(snapshot):
        if version.name == name:
            return _changes(version.path, snapshot.version, snapshot.index)
    raise UnknownEntity(f"there is no earlier version {name!r} here")


@lru_cache(maxsize=4)
def _changes(path: Path, _served: str, index: Index) -> Json:
    data = json.loads((path / layout.INDEX).read_bytes())
    return compare(Tables.of(Records.from_json(data)), index)


def _version(manifest_path: Path) -> Version | None:
    """The version of a manifest; None if it is damaged or of another format."""
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        is_whole = manifest["format"] == layout.FORMAT and manifest[layout.SEAL] == layout.seal(
            manifest
        )
        found = Version(str(manifest["version"]), str(manifest["created"]), manifest_path.parent)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if is_whole and (found.path / layout.INDEX).is_file() else None


def _split(index: Known) -> tuple[Mapping[str, Entity], Mapping[str, Entity]]:
    conditions = {e.id: e for e in index.entities.values() if e.kind == "condition"}
    return conditions, {e.id: e for e in index.entities.values() if e.kind != "condition"}


def _compared(
    old: Known, new: Known, before: Mapping[str, Any], after: Mapping[str, Any], said: Named
) -> Json:
    def items(index: Known, known: Mapping[str, Any], identifiers: Iterable[str]) -> list[Json]:
        return [
            {"id": one, "label": said(index, known[one]), "page": _page(new, known[one])}
            for one in sorted(identifiers)
        ]

    fields_of = {
        one: _changed_fields(before[one], after[one]) for one in before.keys() & after.keys()
    }
    changed = items(new, after, [one for one, names in fields_of.items() if names])
    return {
        "added": items(new, after, after.keys() - before.keys()),
        "removed": items(old, before, before.keys() - after.keys()),
        "changed": [{**item, "fields": fields_of[item["id"]]} for item in changed],
    }


def _changed_fields(before: Record, after: Record) -> list[str]:
    if before == after:
        return []
    stated = [one.name for one in fields(before) if one.name not in DERIVED]
    stated += ["condition"] if isinstance(before, Presentation) else []
    return [name for name in stated if getattr(before, name) != getattr(after, name)]


def _page(index: Known, record: Record) -> str | None:
    if isinstance(record, Source):
        return None
    subject = {Presentation: "condition", Claim: "subject", Entity: "id"}[type(record)]
    identifier = str(getattr(record, subject))
    return identifier if identifier in index.entities else None


def _label(_: Known, entity: Entity) -> str:
    return entity.label


def _presentation_said(index: Known, presentation: Presentation) -> str:
    parts = [index.entities[one].label for one in presentation.recorded["symptom"]]
    regions = [index.entities[one].label for one in presentation.recorded["region"]]
    where = f" in the {' and '.join(regions)}" if regions else ""
    return f"{index.entities[presentation.condition].label}: {', '.join(parts)}{where}"


def _claim_said(index: Known, claim: Claim) -> str:
    said = RELATION_SAID[claim.relation]
    return f"{index.entities[claim.subject].label} {said} {index.entities[claim.value].label}"


def _source_said(_: Known, source: Source) -> str:
    return f"{source.title} ({source.publisher})"
