"""The table of a sweep: a line for the mean, the standard deviation, and each seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vanilla_gan.declare import as_word

Row = tuple[str, ...]


def rows_of(found: Mapping[str, Any]) -> tuple[Row, list[Row]]:
    """Returns the titles of the columns and the rows for what `summary` found."""
    columns = found["columns"]
    rows: list[Row] = []
    for of in found["combinations"]:
        name = title(of["settings"])
        before = f"{name}, " if name else ""
        rows += [
            (f"{before}mean", *_cells(of["mean"], columns)),
            (f"{before}standard deviation", *_cells(of["sd"], columns)),
            *(
                (f"{before}seed {run['seed']}", *_cells(run["numbers"], columns))
                for run in of["runs"]
            ),
        ]
    return ("", *columns), rows


def sweep_table(found: Mapping[str, Any]) -> str:
    """Returns the lines for a terminal: the runs below each other, a column for each number."""
    head, rows = rows_of(found)
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]

    def line(row: Row) -> str:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        return "  ".join([row[0].ljust(len(first)), *others])

    return "\n".join(line(row).rstrip() for row in (head, *rows))


def title(settings: Mapping[str, Any]) -> str:
    """Returns a combination of settings in words; empty if the sweep has no grid."""
    return ", ".join(f"{name} {as_word(value)}" for name, value in settings.items())


def _cells(numbers: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    return [_shown(numbers[name]) for name in columns]


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
