"""A table that reads well in a notebook, a terminal and a README: Markdown with aligned columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Column names and rows of cells (strings; others are shown with ``str``).

    A column whose cells all look like numbers is right-aligned. A ``note`` stands below.
    """

    columns: list[str]
    rows: list[list]
    note: str = ""

    @classmethod
    def of(cls, rows: Iterable[dict]) -> Table:
        """A table of at least one row, each ``{column: cell}``."""
        rows = list(rows)
        return cls(list(rows[0]), [list(row.values()) for row in rows])

    def only(self, *columns: str) -> Table:
        """The same rows with these columns alone, where a page has no room for all."""
        at = [self.columns.index(name) for name in columns]
        return Table([*columns], [[row[i] for i in at] for row in self.rows], self.note)

    def markdown(self) -> str:
        cells = [[str(cell) for cell in row] for row in self.rows]
        columns = list(zip(self.columns, *cells, strict=True))
        widths = [max(3, *(len(cell) for cell in column)) for column in columns]
        right = [_is_numeric(column[1:]) for column in columns]
        rule = ["-" * (w - 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)]
        lines = [_line(self.columns, widths, right), "| " + " | ".join(rule) + " |"]
        lines += [_line(row, widths, right) for row in cells]
        return "\n".join(lines + ["", self.note] * bool(self.note))

    __str__ = __repr__ = _repr_markdown_ = markdown


# A number, a sum such as "99.43 ± 0.02", a share such as "9943/10000", a time such as "3.2 s".
NUMERIC = re.compile(r"\**[-+−]?\d[-+−\d.,/ \u00a0±%()]*( s)?\**")


def _is_numeric(cells) -> bool:
    return any(cells) and all(NUMERIC.fullmatch(cell) for cell in cells if cell)


def _line(cells, widths, right) -> str:
    padded = [
        cell.rjust(width) if r else cell.ljust(width)
        for cell, width, r in zip(cells, widths, right, strict=True)
    ]
    return "| " + " | ".join(padded) + " |"
