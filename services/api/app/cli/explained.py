"""How a decision is shown to people: a table of all candidates, what would have flipped it, what it saves. Asks nobody.

On a terminal with colours and as wide as it is; in a pipe as plain columns that `awk` can cut.
"""

import sys
from collections.abc import Sequence
from typing import Any, Final

HEAD: Final = ("model", "quality", "cost USD", "latency ms", "utility", "excluded")


def print_explained(decision: dict[str, Any]) -> None:
    """Print the `decision` of a dry reply."""
    if sys.stdout.isatty():
        _print_rich(decision)
        return
    print(decision["reason"])
    print_columns([HEAD, *(_row(one) for one in decision["candidates"])])
    for line in _lines(decision):
        print(line)


def print_columns(rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_rich(decision: dict[str, Any]) -> None:
    from rich import box  # noqa: PLC0415 - a tenth of a second that a pipe need not wait
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(highlight=False)
    console.print(f"[bold]{escape(decision['reason'])}[/bold]")
    table = Table(box=box.SIMPLE, header_style="bold")
    for name in HEAD:
        table.add_column(name, justify="left" if name in ("model", "excluded") else "right", overflow="fold")
    for place, one in enumerate(decision["candidates"]):
        style = "green" if place == 0 else "dim" if one["excluded"] else ""
        table.add_row(*map(escape, _row(one)), style=style)
    console.print(table)
    for line in _lines(decision):
        console.print(escape(line))


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    cost = "unknown" if one["cost_usd"] is None else f"{one['cost_usd']:.6f}"
    utility = "" if one.get("utility") is None else f"{one['utility']:.3f}"
    note = one["excluded"] or ("below the mode's floor" if one.get("below_floor") else "")
    return one["name"], _quality(one), cost, f"{one['latency_ms']:.0f}", utility, note


def _quality(one: dict[str, Any]) -> str:
    interval = one.get("interval")
    return f"{one['quality']:.2f}" if interval is None else f"{one['quality']:.2f} ({interval[0]:.2f}-{interval[1]:.2f})"


def _lines(decision: dict[str, Any]) -> list[str]:
    """What stands below the table; a service of an older version does not tell it."""
    lines = []
    if decision.get("session_model"):
        lines.append(f"conversation with {decision['session_model']}")
    saving = decision.get("saving")
    if saving is not None and saving["saved_usd"] is not None:
        share = f" ({saving['saved_usd'] / saving['baseline_usd']:.0%})" if saving["baseline_usd"] else ""
        word = "saves" if saving["saved_usd"] >= 0 else "costs"
        more = "" if saving["saved_usd"] >= 0 else " more"
        lines.append(
            f"{word} {abs(saving['saved_usd']):.6f} US dollars{more}{share.replace('-', '')} beside {saving['baseline']}"
        )
    return lines + list(decision.get("flips", ()))
