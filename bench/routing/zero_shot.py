"""Protocol zero-shot: one frozen router for both benchmarks, made without any item of them. What it says is handed in here."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import plots
from .board import Board, Line, by_answers, by_chance, by_length, lines
from .report import Plot, Section, Target, table

Vector = NDArray[np.float64]

LENGTH: Final = "prompt length"
OURS: Final = "ours, zero-shot"
SUSPECT: Final = {"mmlu": 0.70, "gsm8k": 0.67}
KNOWN: Final = {"mmlu": 0.604, "gsm8k": 0.606}
"""APGR of prompt length on the open rows as known before: with many thresholds; RouteLLM's ten give a little less."""


def section(boards: Mapping[str, Board], guessed: Mapping[str, Mapping[str, Vector]], counted: str) -> Section:
    """`guessed`: P(strong wins) by benchmark, then router, OURS among them."""
    text = [
        "Random, length and oracle run through the same code. APGR and CPT by RouteLLM's method with its 10 bins; `fine` is APGR with",
        "100 bins. All gains over length are paired: the same resamples of the items.",
        "",
    ]
    found: dict[str, float] = {}
    targets: list[Target] = []
    pictures: list[Plot] = []
    for name, board in boards.items():
        wins = {"random": by_chance(board), LENGTH: by_length(board.prompts), **guessed[name], "oracle": by_answers(board)}
        seen = lines(board, wins)
        length = seen[LENGTH]
        text += [f"**{name.upper()}**, {len(board.items):,} open rows (length alone was known as {KNOWN[name]})", ""]
        head = ("router", "APGR", "gain over length", "CPT50", "CPT80", "fine")
        text += [*table(head, [_cells(router, one, length) for router, one in seen.items()]), ""]
        if seen[OURS].apgr.value > SUSPECT[name]:
            text += [f"**Suspect a leak**: {seen[OURS].apgr.value:.3f} is above {SUSPECT[name]:.2f}.", ""]
        found |= _figures(name, seen, length)
        targets.append(_aim(name, seen[OURS], length))
        pictures.append(_picture(name, board, wins))
    text += ["Others without in-domain labels reach .524 on MMLU and .475 on GSM8K (whole board).", counted]
    return Section("Zero-shot: RouteLLM's MMLU and GSM8K", tuple(text), found, tuple(pictures), tuple(targets))


def _aim(name: str, ours: Line, length: Line) -> Target:
    """Above 0 at 95 % on MMLU, not below 0 at 95 % on GSM8K."""
    gain = ours.over(length)
    if name == "mmlu":
        return Target(f"zero-shot MMLU: paired gain over length {gain.text(signed=True)}, wanted above 0 at 95 %", gain.low > 0)
    wanted = "wanted not below 0 (the interval must not lie below it)"
    return Target(f"zero-shot GSM8K: paired gain over length {gain.text(signed=True)}, {wanted}", gain.high >= 0)


def _figures(name: str, seen: Mapping[str, Line], length: Line) -> dict[str, float]:
    found: dict[str, float] = {}
    for router, one in seen.items():
        start = f"zero_shot.{name}.{router}"
        found |= {f"{start}.apgr": one.apgr.value, f"{start}.fine": one.fine, f"{start}.gain": one.over(length).value}
        found |= {f"{start}.cpt50": one.cpt50, f"{start}.cpt80": one.cpt80}
    return found


def _cells(router: str, one: Line, length: Line) -> tuple[str, ...]:
    gain = one.over(length).text(signed=True)
    return router, one.apgr.text(), gain, f"{one.cpt50:.1%}", f"{one.cpt80:.1%}", f"{one.fine:.3f}"


def _picture(name: str, board: Board, wins: Mapping[str, Vector]) -> Plot:
    curves = {router: board.curve(predicted) for router, predicted in wins.items()}
    drawn = plots.curves_of_routers(name.upper(), {router: (one.share, one.accuracy) for router, one in curves.items()})
    return Plot(f"routellm-{name}", f"Accuracy over the share sent to the strong model on {name.upper()}, by router", drawn)
