"""How a decision is shown to people: a table of all candidates, what would have flipped it, what it saves. Asks nobody."""

from typing import Any, Final

from msgspec import Struct

from .tables import Look, print_line, print_table

HEAD: Final = ("model", "quality", "cost USD", "latency ms", "utility", "excluded")
LOOK: Final = Look(left=("model", "excluded"), folds=("excluded",), spare=("utility", "latency ms"))


class Explained(Struct, frozen=True):
    """A decision in words and figures."""

    reason: str
    rows: list[tuple[str, ...]]
    styles: list[str]
    below: list[str]

    @classmethod
    def of(cls, decision: dict[str, Any]) -> "Explained":
        """From the `decision` of a dry reply. May raise LookupError, TypeError and ValueError for what is none."""
        candidates = decision["candidates"]
        styles = ["green" if place == 0 else "dim" if one["excluded"] else "" for place, one in enumerate(candidates)]
        return cls(decision["reason"], [_row(one) for one in candidates], styles, _lines(decision))

    def show(self) -> None:
        """Print it."""
        print_line(self.reason, "bold")
        print_table(HEAD, self.rows, LOOK, self.styles)
        for line in self.below:
            print_line(line)


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
