"""A result as a table that a notebook shows and pandas takes; it needs neither of them.

What a table says beside its rows (warnings, the disclaimer) is shown with it, never apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

Row = dict[str, Any]
SHOWN = 20
"""Rows that are printed; a notebook shows all."""
WIDTH = 60


@dataclass(frozen=True)
class Table(Sequence[Row]):
    """Rows with a heading and notes; `payload` is the whole that they are taken from.

    `pandas.DataFrame(table.to_rows())` makes a data frame of it.
    """

    rows: tuple[Row, ...]
    heading: str
    notes: tuple[str, ...] = ()
    payload: Mapping[str, Any] = field(default_factory=dict)

    def to_rows(self) -> list[Row]:
        """The rows as plain dictionaries, in the order of the table."""
        return [dict(row) for row in self.rows]

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, at: Any) -> Any:
        return self.rows[at]

    def __repr__(self) -> str:
        lines = [self.heading, *self.notes]
        shown = [[_cell(row.get(name)) for name in self.columns] for row in self.rows[:SHOWN]]
        cells = [self.columns, *shown]
        widths = [min(WIDTH, max(map(len, column))) for column in zip(*cells, strict=True)]
        for row in cells if self.rows else ():
            padded = (cell[:WIDTH].ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  ".join(padded).rstrip())
        more = len(self.rows) - SHOWN
        return "\n".join([*lines, *([f"and {more} more rows"] if more > 0 else [])])

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(f"<tr>{self._html_cells(row)}</tr>" for row in self.rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<h4>{escape(self.heading)}</h4>{notes}{table if self.rows else ''}"

    def _html_cells(self, row: Row) -> str:
        return "".join(f"<td>{escape(_cell(row.get(name)))}</td>" for name in self.columns)


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
