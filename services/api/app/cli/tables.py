"""Tables for people: on a terminal as wide as it is and with colours, in a pipe as plain columns that `awk` can cut. Asks nobody."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from .terminal import console, is_watched, one_line, width

if TYPE_CHECKING:
    from rich.table import Table

Row = Sequence[str]
GAP: Final = 2
FOLDED: Final = 16
"""Columns of a terminal that a cell which folds has at least."""
CELL: Final = 120
"""Characters of one cell at most."""


class Look(Struct, frozen=True):
    """How a table stands on a terminal. Columns named in `left` hold text, the others figures; those in `folds` may take several lines.

    Where the terminal is too narrow, columns named in `spare` are left out, the first of them first.
    """

    left: Sequence[str] = ()
    folds: Sequence[str] = ()
    spare: Sequence[str] = ()


def print_table(head: Row, rows: Sequence[Row], look: Look, styles: Sequence[str] = ()) -> None:
    """Print rows under their head; `styles` are by row, in rich's words. A pipe gets all columns."""
    if is_watched():
        shown = console()
        shown.print(drawn(head, rows, look, shown.width, styles))
    else:
        print_columns([head, *rows])


def print_columns(rows: Sequence[Row]) -> None:
    """Columns as wide as their widest cell, with two blanks between."""
    safe = [[one_line(cell, CELL) for cell in row] for row in rows]
    widths = [max(width(row[place]) for row in safe) for place in range(len(safe[0]))]
    for row in safe:
        print("  ".join(cell + " " * (most - width(cell)) for cell, most in zip(row, widths, strict=True)).rstrip())


def fitting(head: Row, rows: Sequence[Row], look: Look, columns: int) -> list[int]:
    """The places of the columns that are shown on a terminal so wide."""
    widths = [max(width(one_line(row[place], CELL)) for row in (head, *rows)) for place in range(len(head))]
    needed = [min(most, FOLDED) if name in look.folds else most for name, most in zip(head, widths, strict=True)]
    kept = list(range(len(head)))
    for name in look.spare:
        if sum(needed[place] for place in kept) + GAP * (len(kept) - 1) <= columns:
            break
        kept.remove(head.index(name))
    return kept


def drawn(head: Row, rows: Sequence[Row], look: Look, columns: int, styles: Sequence[str] = ()) -> "Table":
    """The table for a terminal so wide."""
    from rich.table import Table  # noqa: PLC0415 - a tenth of a second that a pipe need not wait
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    kept = fitting(head, rows, look, columns)
    for name in (head[place] for place in kept):
        folds = name in look.folds
        table.add_column(name, justify="left" if name in look.left else "right", overflow="fold", no_wrap=not folds)
    for number, row in enumerate(rows):
        cells = [Text(one_line(row[place], CELL)) for place in kept]
        table.add_row(*cells, style=styles[number] if number < len(styles) else "")
    return table


def print_line(text: object, style: str = "") -> None:
    """One line, in a style where somebody looks."""
    shown = one_line(text, 2_000)
    if is_watched() and style:
        console().print(shown, style=style, soft_wrap=True)
    else:
        print(shown)
