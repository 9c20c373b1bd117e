"""What hand-set words say of a prompt's difficulty and of the length of its answer: the prior for prompts that are unlike all that
was trained on. The weights follow what makes prompts hard for people too. No model's name, no price and no learned weight may enter.
"""

import math
from collections.abc import Sequence
from operator import mul
from typing import Final

from ...text.lexicon import SUBJECTS

SIGNALS: Final = (
    *SUBJECTS,
    "log_chars",
    "log_system_chars",
    "log_turns",
    "digits",
    "marks",
    "operators",
    "foreign",
    "questions",
    "log_lines",
    "log_bullets",
    "fenced",
    "json_mode",
)
"""What is read: first `lexicon.SUBJECTS`, 0..1 each; `log_` is ln(1 + n); the rest are shares, counts and flags."""

_DIFFICULTY: Final = {
    "code": 1.2,
    "maths": 2.2,
    "reasoning": 2.2,
    "creative": 0.3,
    "translation": -0.3,
    "extraction": -0.5,
    "summary": -0.6,
    "question": -0.3,
    "smalltalk": -0.9,
    "constraint": 1.6,
    "terse": -0.5,
    "long": 0.8,
    "advanced": 3.4,
    "simple": -1.2,
    "log_chars": 0.22,
    "log_turns": 0.15,
    "digits": 2.0,
    "marks": 1.5,
    "operators": 4.0,
    "foreign": 0.3,
    "log_bullets": 0.3,
    "fenced": 0.4,
}
_DIFFICULTY_BIAS: Final = -2.75

_LOG_OUTPUT: Final = {
    "code": 0.7,
    "maths": 0.4,
    "reasoning": 0.8,
    "creative": 0.9,
    "extraction": -0.7,
    "summary": -0.1,
    "question": -0.2,
    "smalltalk": -0.8,
    "terse": -1.7,
    "long": 1.1,
    "advanced": 0.5,
    "simple": -1.2,
    "log_chars": 0.12,
    "log_bullets": 0.15,
    "json_mode": -0.4,
}
_LOG_OUTPUT_BIAS: Final = 4.6
OUTPUT_BOUNDS: Final = (8.0, 4000.0)
"""Expected output tokens are kept inside."""


def _vector(weights: dict[str, float]) -> tuple[float, ...]:
    return tuple(weights.get(name, 0.0) for name in SIGNALS)


_DIFFICULTY_VECTOR: Final = _vector(_DIFFICULTY)
_LOG_OUTPUT_VECTOR: Final = _vector(_LOG_OUTPUT)


def difficulty(signals: Sequence[float]) -> float:
    """How hard the prompt is, 0..1, from its signals in the order of SIGNALS."""
    return 1 / (1 + math.exp(-_DIFFICULTY_BIAS - sum(map(mul, _DIFFICULTY_VECTOR, signals))))


def expected_output(signals: Sequence[float]) -> float:
    """About how many tokens the answer takes, unless the prompt says so itself; inside OUTPUT_BOUNDS."""
    low, high = OUTPUT_BOUNDS
    return min(max(math.exp(_LOG_OUTPUT_BIAS + sum(map(mul, _LOG_OUTPUT_VECTOR, signals))), low), high)
