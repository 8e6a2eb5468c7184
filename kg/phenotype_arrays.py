"""The arrays that diseases are ranked from by phenotype: written by the import, mapped by readers.

Rule: one field of `Arrays` is one file; both sides know no other form. Terms and diseases are
numbered by their places: terms by id, diseases by label and then id, so that equal scores stand in
that order. What belongs to number n of something stands from `start[n]` to before `start[n + 1]`.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kg.errors import SnapshotError

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Texts = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class Arrays:
    """Every array, all of one dimension; texts are in UTF-8.

    `frequency` is of persons with the disease, from 0 to 1, in which a term or one below it is
    seen; `information` is in bits. `excluded` lists the diseases that a term is recorded not to
    belong to. A line is an annotation; `line_row` is its place in the table, from 0.
    """

    terms: Texts
    term_labels: Texts
    above_start: Ints
    above: Ints
    """Term → the term itself and its superclasses."""
    information: Floats
    start: Ints
    """Term → the diseases recorded with it or with a term below it, and how often."""
    disease: Ints
    frequency: Floats
    excluded_start: Ints
    excluded: Ints
    diseases: Texts
    disease_labels: Texts
    line_start: Ints
    """Disease → its annotations with phenotypes, the most informative first."""
    line_row: Ints
    line_term: Ints
    line_excluded: NDArray[np.bool_]
    line_frequency: Texts

    def write(self, folder: Path) -> None:
        """Write every array; the same arrays give the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name), allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> "Arrays":
        """Map every array; SnapshotError names one that is missing or damaged."""
        return cls(*(_mapped(folder / f"{field.name}.npy") for field in fields(cls)))


def _mapped(path: Path) -> NDArray[Any]:
    try:
        # As plain arrays: those of class memmap cost some microseconds at every slice.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise SnapshotError(f"{path} cannot be read: {error}") from None
