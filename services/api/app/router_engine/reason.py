"""The sentence that says why this model: ASCII, at most 200 characters, understood without knowing the formula."""

from math import isnan
from typing import Final

from msgspec import Struct

from ..domain.request import Mode
from .predict import Figures

LIMIT: Final = 200
EASY, HARD = 0.35, 0.65


class Choice(Struct, frozen=True, eq=False):
    """A decision's facts: `ranked` rows best first, `place` of the one that was taken, the floor it had to pass (0 = none).

    `session_model` is the row that served the conversation so far.
    """

    mode: Mode
    names: tuple[str, ...]
    figures: Figures
    ranked: list[int]
    place: int
    near: int
    floor: float
    session_model: str | None = None


def reason(choice: Choice) -> str:
    """One sentence, beginning with the chosen row's name."""
    i = choice.ranked[choice.place]
    notes = _session_note(choice, i) + _price_note(choice, i)
    text = f"{choice.names[i][:60]}: {_kind(choice.figures.difficulty)}, {_because(choice, i)}{notes}"
    return (text if text.isascii() else text.encode("ascii", "replace").decode())[:LIMIT]


def _kind(difficulty: float) -> str:
    word = "easy" if difficulty < EASY else "hard" if difficulty > HARD else "middling"
    return f"{word} prompt (difficulty {difficulty:.2f})"


def _because(choice: Choice, i: int) -> str:
    quality = choice.figures.quality.tolist()  # plain floats: forty reads of one are cheaper than of an array
    if choice.place:
        return f"drawn to explore among the {choice.near} near-best, quality {quality[i]:.2f}"
    if len(choice.ranked) == 1:
        return f"the only model that this request allows, quality {quality[i]:.2f}"
    if choice.mode == "fast":
        return _fastest(choice, i)
    best = max(choice.ranked, key=quality.__getitem__)
    if quality[best] - quality[i] < 0.0005:
        return f"best predicted quality {quality[i]:.2f}{_money(choice, i)}"
    return f"quality {quality[i]:.2f} is within {quality[best] - quality[i]:.2f} of the best{_saving(choice, i, best)}"


def _fastest(choice: Choice, i: int) -> str:
    latency, quality = choice.figures.latency.tolist(), choice.figures.quality.tolist()
    faster = any(latency[j] < latency[i] and quality[j] >= choice.floor for j in choice.ranked)
    rank = "among the fastest" if faster else "the fastest"
    return f"{rank} with quality of at least {choice.floor:.2f}: about {latency[i] / 1000:.1f} s, quality {quality[i]:.2f}"


def _money(choice: Choice, i: int) -> str:
    cost = float(choice.figures.cost[i])
    return "" if isnan(cost) else f" at about {cost:.5f} US dollars"


def _saving(choice: Choice, i: int, best: int) -> str:
    """What the small loss of quality buys; NaN (an unknown price) compares false everywhere."""
    cost, dearer = float(choice.figures.cost[i]), float(choice.figures.cost[best])
    if 0 < cost < dearer:
        ratio = dearer / cost
        return f" at 1/{ratio:.0f} of its cost" if ratio >= 1.95 else f" at {100 / ratio:.0f} % of its cost"
    if cost == 0 < dearer:
        return " and costs nothing"
    if choice.figures.latency[i] < choice.figures.latency[best]:
        return f" in {choice.figures.latency[i] / 1000:.1f} s instead of {choice.figures.latency[best] / 1000:.1f} s"
    return ""


def _session_note(choice: Choice, i: int) -> str:
    return "; goes on with the conversation's model" if choice.names[i] == choice.session_model else ""


def _price_note(choice: Choice, i: int) -> str:
    return "; price unknown, taken as the dearest" if isnan(choice.figures.cost[i]) else ""
