"""Tables for people: on a terminal as wide as it is and with colours, in a pipe as plain columns that `awk` can cut. Asks nobody."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .terminal import console, is_watched, one_line, width

if TYPE_CHECKING:
    from rich.table import Table

Row = Sequence[str]
CELL: Final = 120
"""Characters of one cell at most."""


def print_table(head: Row, rows: Sequence[Row], left: Sequence[str], styles: Sequence[str] = ()) -> None:
    """Print rows under their head. The columns named in `left` hold text, the others figures; `styles` are by row, in rich's words."""
    if is_watched():
        console().print(drawn(head, rows, left, styles))
    else:
        print_columns([head, *rows])


def print_columns(rows: Sequence[Row]) -> None:
    """Columns as wide as their widest cell, with two blanks between."""
    safe = [[one_line(cell, CELL) for cell in row] for row in rows]
    widths = [max(width(row[place]) for row in safe) for place in range(len(safe[0]))]
    for row in safe:
        print("  ".join(cell + " " * (most - width(cell)) for cell, most in zip(row, widths, strict=True)).rstrip())


def drawn(head: Row, rows: Sequence[Row], left: Sequence[str], styles: Sequence[str] = ()) -> "Table":
    """The table for a terminal."""
    from rich import box  # noqa: PLC0415 - a tenth of a second that a pipe need not wait
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE, header_style="bold", pad_edge=False)
    for name in head:
        table.add_column(name, justify="left" if name in left else "right", overflow="fold")
    for place, row in enumerate(rows):
        cells = [Text(one_line(cell, CELL)) for cell in row]
        table.add_row(*cells, style=styles[place] if place < len(styles) else "")
    return table


def print_line(text: object, style: str = "") -> None:
    """One line, in a style where somebody looks."""
    shown = one_line(text, 2_000)
    if is_watched() and style:
        console().print(shown, style=style, soft_wrap=True)
    else:
        print(shown)
