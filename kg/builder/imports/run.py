"""Runs an import: read → close → write its folder → put it into a new snapshot, which is published.

The snapshot that was current stays so until the new one is whole.
"""

import gzip
import hashlib
import json
import re
import shutil
import sqlite3
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import URLError

from kg import layout
from kg.builder.imports.annotations import HPO_LICENCE, describe_table, hpoa_table, read_table
from kg.builder.imports.content import Content, file_entry
from kg.builder.imports.entail import close
from kg.builder.imports.packages import RECIPES
from kg.builder.imports.phenotypes import read_hpoa, write_phenotypes
from kg.builder.imports.rdf import SUFFIXES, read_rdf, store_of
from kg.builder.imports.terms_file import write_terms
from kg.builder.snapshot import change_imports, current_imports
from kg.catalogue import Description
from kg.errors import BadParameter, OntologyError
from kg.vocabulary import GRAPH_NAMES

TABLES = (".tsv", ".hpoa")
DOWNLOAD_SECONDS = 60
LEVEL = 1
"""Of gzip: the files are for loading, not for sending."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What the caller says of an import, over what its file says; '' to leave that."""

    name: str = ""
    title: str = ""
    version: str = ""
    date: str = ""
    licence: str = ""


def import_all(
    folder: Path, sources: Iterable[str], wanted: Wanted | None = None, say: Say = print
) -> dict[str, Any]:
    """Take recipes, files and URLs into a new snapshot of a build folder; returns its manifest.

    OntologyError names what is wrong with a file, BadParameter with the request; nothing is taken
    in then.
    """
    wanted = wanted or Wanted()
    names = list(_with_fellows(sources))
    if wanted.name and len(names) > 1:
        raise BadParameter("--name is for one source at a time")
    with tempfile.TemporaryDirectory(prefix=".import-", dir=folder) as place:
        written: dict[str, Path] = {}
        for source in names:
            name, made = _Import(folder, Path(place), source, wanted, written, say).run()
            written[name] = made
        return change_imports(folder, written, (), say)


def remove_imports(folder: Path, names: Iterable[str], say: Say = print) -> dict[str, Any]:
    """Leave imports out of a new snapshot; BadParameter for one that is not there."""
    return change_imports(folder, {}, tuple(names), say)


def _with_fellows(sources: Iterable[str]) -> Iterable[str]:
    """Every source, a recipe's fellow after it."""
    found: dict[str, None] = {}
    for source in sources:
        found[source] = None
        if source in RECIPES and RECIPES[source].beside:
            found[RECIPES[source].beside] = None
    return found


class _Import:
    """One import on its way into a folder."""

    def __init__(
        self, folder: Path, place: Path, source: str, wanted: Wanted,
        written: Mapping[str, Path], say: Say,
    ) -> None:  # fmt: skip
        self._folder = folder
        self._place = place
        self._source = source
        self._wanted = wanted
        self._written = written
        self._say = say
        self._recipe = RECIPES.get(source)
        self._outside: Counter[str] = Counter()

    def run(self) -> tuple[str, Path]:
        """Read and write; returns the name and the folder, ready to be put into a snapshot."""
        path = self._path()
        name = self._wanted.name or self._source if self._recipe else self._wanted.name or path.stem
        _check_name(name)
        self._say(f"{name}: reading {path.name} …")
        target = self._place / layout.IMPORTS / name
        target.mkdir(parents=True)
        make = self._table if path.suffix in TABLES else self._vocabulary
        description, counts = make(name, path, target)
        description = self._described(description, path)
        self._seal(target, description, counts)
        said = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        self._say(f"  {description.title}, {description.version or 'no version'}: {said}")
        if self._outside:
            shown = "; ".join(f"{count} × {what}" for what, count in self._outside.most_common(5))
            self._say(f"  outside of OWL 2 EL, so kept as they are and not reasoned with: {shown}")
        return name, target

    def _path(self) -> Path:
        if self._recipe:
            return self._recipe.file()
        if self._source.startswith(("http://", "https://")):
            return _download(self._source, self._place)
        path = Path(self._source)
        if not path.is_file():
            raise BadParameter(
                f"{self._source!r} is neither a file nor a recipe, such as {', '.join(RECIPES)}",
                list(RECIPES),
            )
        known = (*SUFFIXES, *TABLES)
        if path.suffix not in known and path.suffixes[-1:] != [".gz"]:
            raise BadParameter(f"{path.name} must end in {', '.join(known)}", known)
        return path

    # -- vocabularies ----------------------------------------------------------------------

    def _vocabulary(
        self, name: str, path: Path, target: Path
    ) -> tuple[Description, dict[str, int]]:
        if self._recipe and self._recipe.lines:
            store, prefixes = store_of(self._recipe.lines(path)), dict[str, str]()
        else:
            store, prefixes = read_rdf(path)
        try:
            content = Content(store, prefixes)
        except OntologyError as error:
            raise OntologyError([f"{path.name}: {problem}" for problem in error.problems]) from None
        self._outside.update(content.outside)
        terms = content.terms()
        write_terms(target / layout.TERMS, terms, ())
        _write(target / layout.ASSERTED, [content.asserted()])
        _write(target / layout.ENTAILED, (one.encode() for one in content.entailed))
        counts = {"terms": len(terms), "asserted": len(store), "entailed": len(content.entailed)}
        return content.describe(name), counts

    # -- tables ----------------------------------------------------------------------------

    def _table(self, name: str, path: Path, target: Path) -> tuple[Description, dict[str, int]]:
        if path.suffix == ".hpoa":
            header, annotations = read_hpoa(path)
            table = hpoa_table(name, annotations)
            superclasses, labels = self._hierarchy()
            write_phenotypes(target / layout.PHENOTYPES, annotations, superclasses, labels)
            known = Description(
                name, "HPO annotations of diseases", "", "", HPO_LICENCE,
                "https://hpo.jax.org/", "", "table", "", "",
            )  # fmt: skip
        else:
            header, table = read_table(name, path, _leg_labels(self._folder))
            known = Description(name, "", "", "", "", "", "", "table", "", "")
        write_terms(target / layout.TERMS, table.terms, table.statements)
        asserted = _write(target / layout.ASSERTED, (one.encode() for one in table.lines))
        _write(target / layout.ENTAILED, ())
        counts = {
            "terms": len(table.terms),
            "statements": len(table.statements),
            "asserted": asserted,
            "entailed": 0,
        }
        return describe_table(name, header, known), counts

    def _hierarchy(self) -> tuple[dict[str, set[str]], dict[str, str]]:
        """The superclasses and labels of HPO, from this run or from the snapshot."""
        folder = self._written.get("hp") or current_imports(self._folder).get("hp")
        if folder is None:
            raise BadParameter(
                "phenotype.hpoa annotates with terms of HPO: import hp first, or with it"
            )
        return _above(folder / layout.TERMS)

    # -- description -----------------------------------------------------------------------

    def _described(self, description: Description, path: Path) -> Description:
        said = {key: value for key, value in asdict(self._wanted).items() if value}
        said.pop("name", None)
        if self._recipe:
            said = {"note": self._recipe.note, **said}
        title = description.title or path.name
        return replace(description, **{"title": title, **said}, files=(file_entry(path),))

    def _seal(self, target: Path, description: Description, counts: dict[str, int]) -> None:
        told = json.dumps(asdict(description), sort_keys=True)
        entry = {
            "description": asdict(description),
            "counts": counts,
            "outside": dict(self._outside),
            "imported": datetime.now(UTC).isoformat(timespec="seconds"),
            "content": hashlib.sha256(f"{told}{_converter()}".encode()).hexdigest()[:12],
        }
        (target / layout.IMPORT).write_text(json.dumps(entry, ensure_ascii=False), encoding="utf-8")


@cache
def _converter() -> str:
    """A hash of the modules that convert: another converter makes another version of a file."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return "".join(layout.sha256_of(path) for path in modules)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name) or name in GRAPH_NAMES:
        raise BadParameter(
            f"{name!r} cannot name a graph: give --name with small letters, digits and -, "
            f"but none of {', '.join(sorted(GRAPH_NAMES))}"
        )


def _write(path: Path, parts: Iterable[bytes]) -> int:
    """Write a gzipped file; returns its lines."""
    lines = 0
    with path.open("wb") as raw, gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) as file:
        for part in parts:
            file.write(part)
            lines += part.count(b"\n")
    return lines


def _download(url: str, place: Path) -> Path:
    path = place / (url.rstrip("/").rpartition("/")[2] or "download")
    try:
        answer = urllib.request.urlopen(url, timeout=DOWNLOAD_SECONDS)  # noqa: S310 - http(s)
        with answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
    except (URLError, OSError, ValueError) as error:
        raise BadParameter(f"{url} cannot be fetched: {error}") from None
    if path.suffix not in (*SUFFIXES, *TABLES, ".gz"):
        path = path.rename(path.with_suffix(".owl"))
    return path


def _leg_labels(folder: Path) -> dict[str, str]:
    """Label of each term of the leg graph, in small letters → its CURIE."""
    version = (folder / layout.CURRENT).read_text(encoding="utf-8").strip()
    records = json.loads((folder / version / layout.INDEX).read_bytes())
    return {one["label"].lower(): one["id"] for one in records["entities"]}


def _above(path: Path) -> tuple[dict[str, set[str]], dict[str, str]]:
    """All superclasses and the label of each term of a catalogue."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        labels = dict(connection.execute("SELECT id, label FROM term"))
        parents: dict[str, list[str]] = {identifier: [] for identifier in labels}
        for below, above in connection.execute(
            "SELECT t.id, p.id FROM parent JOIN term t ON t.number = term "
            "JOIN term p ON p.number = parent.parent"
        ):
            parents[below].append(above)
    return {one: set(above) for one, above in close(parents).items()}, labels
