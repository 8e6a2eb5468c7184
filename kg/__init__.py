"""Etiograph: a knowledge graph of why legs hurt, and the questions it answers.

Every command imports this: keep it cheap.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from kg.graph import KnowledgeGraph

__version__ = "0.1.0"


def open_graph(folder: "Path | str | None" = None) -> "KnowledgeGraph":
    """The graph of a build folder (default: `build` of this checkout), for use in Python.

    SnapshotError tells why there is none.
    """
    from kg.graph import KnowledgeGraph

    return KnowledgeGraph.of_folder(folder)
