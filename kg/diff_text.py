"""What differs between two versions, in lines for a terminal.

Gained and new are marked +, lost and old -, what moved or changed ~.
"""

from collections.abc import Iterator, Sequence

from kg.views import Json

SHOWN = 10
"""Lines of one kind; the rest is counted, and is in the JSON."""


def text_of(found: Json) -> str:
    """The payload of `kg.diff.compare_versions` as text."""
    return "\n".join(_lines(found))


def _lines(found: Json) -> Iterator[str]:
    for name in ("old", "new"):
        one = found[name]
        yield f"{name}: {one['version']}, made {one['created']}, {one['triples']:,} triples"
    for item in found["questions"]:
        yield f"\n{item['question']}"
        yield from _question(item)
    for item in found["queries"]:
        values = " ".join(f"{name}={value}" for name, value in item["parameters"].items())
        yield f"\n{item['query']} {values}"
        yield from _query(item)
    for name, table in found["records"].items():
        yield f"\n{name}"
        yield from _records(table)
    for item in found["imports"]:
        yield f"\nimported {item['name']}: {item['old'] or 'not there'} → {item['new'] or 'gone'}"
    questions, queries = len(found["questions"]), len(found["queries"])
    yield f"\n{questions} of {found['asked']} questions are answered otherwise, and " \
          f"{queries} of {found['run']} queries."  # fmt: skip
    if not found["differ"]:
        yield "Nothing differs."
    yield found["disclaimer"]


def _question(item: Json) -> Iterator[str]:
    for name in ("error", "reading", "verdict"):
        if name in item:
            yield f"  ~ {name}: {item[name]['old'] or '-'} → {item[name]['new'] or '-'}"
    gained, lost = item.get("gained", ()), item.get("lost", ())
    yield from _some([f"  + {one['label']}, rank {one['rank']}" for one in gained])
    yield from _some([f"  - {one['label']}, rank {one['rank']}" for one in lost])
    moved = [
        f"  ~ {one['label']}: rank {one['old']} → {one['new']}" for one in item.get("moved", ())
    ]
    yield from _some(moved)
    scores = [
        f"  ~ {one['label']}: score {one['old']:.3f} → {one['new']:.3f}"
        for one in item.get("scores", ())
    ]
    yield from _some(scores)
    for name in ("red_flags", "evidence"):
        said = name.replace("_", " ").removesuffix("s")
        yield from _some([f"  + {said}: {one}" for one in item.get(f"{name}_gained", ())])
        yield from _some([f"  - {said}: {one}" for one in item.get(f"{name}_lost", ())])


def _query(item: Json) -> Iterator[str]:
    if "error" in item:
        yield f"  ~ error: {item['error']['old'] or '-'} → {item['error']['new'] or '-'}"
    yield from _some([f"  + {_row(row)}" for row in item.get("gained", ())])
    yield from _some([f"  - {_row(row)}" for row in item.get("lost", ())])


def _row(row: Json) -> str:
    return ", ".join(str(value) for value in row.values() if value is not None)


def _records(table: Json) -> Iterator[str]:
    for mark, name in (("+", "added"), ("-", "removed")):
        yield from _some([f"  {mark} {one['label']} ({one['id']})" for one in table[name]])
    changed = [
        f"  ~ {one['label']} ({one['id']}): {', '.join(one['fields'])}" for one in table["changed"]
    ]
    yield from _some(changed)


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:SHOWN]
    if len(lines) > SHOWN:
        yield f"    and {len(lines) - SHOWN} more"
