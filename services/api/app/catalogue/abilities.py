"""What a model's public figures say of its abilities. Data and arithmetic alone; no model's name may enter.

An ability is P(good answer), 0..1, for a prompt of middling difficulty in a domain. A benchmark's figure is moved to that scale: its
log-odds are added to by as much as trained models with a published figure are from it in the mean (`python -m training.calibrate`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

DOMAINS: Final = ("maths", "code", "science", "knowledge", "reasoning")
"""What a model can be more or less able in."""

BENCHMARKS: Final[dict[str, tuple[str, float]]] = {
    "mmlu": ("knowledge", -1.47),
    "gpqa": ("science", 0.37),
    "math": ("maths", -0.56),
    "gsm8k": ("maths", -2.88),
    "humaneval": ("code", -1.53),
}
"""Name -> its domain, and what is added to the log-odds of a figure (zero-shot; single models lie about 0.5 from it)."""

STATED: Final = 20.0
"""How many scored answers it is worth that somebody stated a model's quality."""
PUBLISHED: Final = 40.0
"""The same for published figures."""
GUESSED: Final = 6.0
"""The same for a guess by price and size."""

_BOUND: Final = 0.985

PRICE_LINE: Final = (0.75, 1.03)
"""Log-odds of quality at one US dollar per million output tokens, and for each factor of ten: the catalogue's own rows, standard deviation
0.4."""
SIZE_LINE: Final = (-2.5, 0.9)
"""The same for a billion parameters, from 53 trained open models of 2023 and 2024, standard deviation 0.65."""
_SMALLEST, _LARGEST = 0.1, 5000.0


def by_domain(figures: Mapping[str, float]) -> dict[str, float]:
    """Abilities by domain from figures by domain or benchmark, 0..1. A domain's own figure wins; of its benchmarks the mean counts."""
    told: dict[str, list[float]] = {}
    for name, figure in figures.items():
        if name in BENCHMARKS:
            domain, shift = BENCHMARKS[name]
            told.setdefault(domain, []).append(log_odds(figure) + shift)
    found = {domain: share(sum(values) / len(values)) for domain, values in told.items()}
    return found | {name: figure for name, figure in figures.items() if name in DOMAINS}


def overall(abilities: Mapping[str, float]) -> float:
    """One quality from abilities by domain, of which there is at least one: the mean of their log-odds."""
    return share(sum(map(log_odds, abilities.values())) / len(abilities))


def guessed(model_id: str, dollars: float | None) -> float:
    """A quality from the size that a model's name tells and from its price (US dollars per million output tokens); 0.5 without either."""
    told = []
    size = billions(model_id)
    if size is not None:
        told.append(SIZE_LINE[0] + SIZE_LINE[1] * math.log10(size))
    if dollars:
        told.append(PRICE_LINE[0] + PRICE_LINE[1] * math.log10(min(max(dollars, 0.01), 100.0)))
    return share(sum(told) / len(told)) if told else 0.5


def billions(model_id: str) -> float | None:
    """The billions of parameters in a name (`llama-3-70b`, `Mixtral-8x7B`), None if it tells none."""
    for word in _words(model_id.lower()):
        if len(word) > 1 and word.endswith("b"):
            experts, times, each = word[:-1].rpartition("x")
            size = _number(each) * (_number(experts) if times else 1.0)
            if _SMALLEST <= size <= _LARGEST:
                return size
    return None


def log_odds(figure: float) -> float:
    """Of a figure that is kept from 0 and 1."""
    bounded = min(max(figure, 1 - _BOUND), _BOUND)
    return math.log(bounded / (1 - bounded))


def share(odds: float) -> float:
    """The figure of log-odds."""
    return 1.0 / (1.0 + math.exp(-odds))


def _words(name: str) -> Sequence[str]:
    return name.translate({ord(mark): " " for mark in "-_/:@ "}).split()


def _number(text: str) -> float:
    return float(text) if text.replace(".", "", 1).isdecimal() and text.isascii() else 0.0
