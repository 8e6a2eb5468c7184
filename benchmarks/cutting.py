"""Cuts a part out of imported vocabularies and annotations, so that a whole set has smaller ones.

A part holds all superclasses of each of its terms, and a smaller part is within a larger one.
"""

import gzip
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from kg import layout

PARENTS = (
    b"<http://www.w3.org/2004/02/skos/core#broader>",
    b"<http://www.w3.org/2000/01/rdf-schema#subClassOf>",
)
KINDS = (
    b" <http://www.w3.org/2004/02/skos/core#Concept> .\n",
    b" <http://www.w3.org/2002/07/owl#Class> .\n",
)
ANNOTATED = b"<http://www.w3.org/2002/07/owl#annotatedSource>"
TERM, MEANT = 3, (6, 7, 9)
"""Columns of phenotype.hpoa: the phenotype; and terms that its rows are described by."""
OBO = b"<http://purl.obolibrary.org/obo/%b>"
SEED = 11


class Vocabulary:
    """The triples that an import asserts, by the term that they are about."""

    def __init__(self, folder: Path) -> None:
        self.lines: dict[bytes, list[bytes]] = defaultdict(list)
        self._parents: dict[bytes, list[bytes]] = defaultdict(list)
        about: dict[bytes, bytes] = {}
        with gzip.open(folder / layout.ASSERTED) as file:
            for line in file:
                subject, predicate, value = line.split(b" ", 2)
                self.lines[subject].append(line)
                if predicate in PARENTS and value.startswith(b"<"):
                    self._parents[subject].append(value.removesuffix(b" .\n"))
                elif predicate == ANNOTATED:
                    about[subject] = value.removesuffix(b" .\n")
        for node, term in about.items():
            self.lines[term] += self.lines.pop(node)
        self._terms = sorted(
            subject for subject, lines in self.lines.items() if any(map(_is_typed, lines))
        )

    def part(self, share: float, needed: Iterable[bytes] = ()) -> set[bytes]:
        """What is no term, the terms needed, and others until such a share of all is in it."""
        order = random.Random(SEED).sample(self._terms, len(self._terms))  # noqa: S311
        chosen = self.lines.keys() - set(self._terms)
        for term in needed:
            self._take(term, chosen)
        for term in order:
            if len(chosen) >= share * len(self.lines):
                break
            self._take(term, chosen)
        return chosen

    def _take(self, term: bytes, chosen: set[bytes]) -> None:
        pending = [term]
        while pending:
            one = pending.pop()
            if one not in chosen and one in self.lines:
                chosen.add(one)
                pending += self._parents.get(one, ())

    def write(self, chosen: set[bytes], path: Path) -> None:
        """The triples of a part as a file."""
        with path.open("wb") as file:
            for term, lines in self.lines.items():
                if term in chosen:
                    file.writelines(lines)


def _is_typed(line: bytes) -> bool:
    return line.endswith(KINDS)


def annotations(path: Path) -> Iterator[list[bytes]]:
    """The rows of a phenotype.hpoa, without what stands before them."""
    with path.open("rb") as file:
        for line in file:
            if not line.startswith((b"#", b"database_id")):
                yield line.split(b"\t")


def iri(identifier: bytes) -> bytes:
    return OBO % identifier.strip().replace(b":", b"_")


def meant(path: Path) -> set[bytes]:
    """The terms by which rows are described: onsets, frequencies, modifiers."""
    return {
        iri(one)
        for row in annotations(path)
        for column in MEANT
        for one in row[column].split(b";")
        if one.startswith(b"HP:")
    }


def cut_annotations(path: Path, share: float, chosen: set[bytes], target: Path) -> None:
    """Write such a share of the rows, all of them about terms of a part."""
    with path.open("rb") as file:
        lines = file.readlines()
    head = [line for line in lines if line.startswith((b"#", b"database_id"))]
    fitting = [one for one in lines[len(head) :] if iri(one.split(b"\t", 4)[TERM]) in chosen]
    count = min(len(fitting), round(share * (len(lines) - len(head))))
    rows = random.Random(SEED).sample(fitting, count)  # noqa: S311 - a repeatable draw
    target.write_bytes(b"".join([*head, *rows]))
