"""The predictor: what a prompt's signals say about its difficulty and the length of its answer, and how well a model of some
ability answers it. Weights are data, hashed into `WEIGHTS_ID`, which every decision names. No model's name, no price may enter.

A one-parameter logistic model of item response (Rasch): `logit P(good) = logit(quality) + SPREAD * (0.5 - difficulty)`. So the
`quality` of a catalogue row is P(good answer) for a prompt of middling difficulty; an easy prompt lifts every model towards 1
and makes them alike, a hard one pulls them apart. The weights are set by hand, from what makes prompts hard for people too.
"""

import hashlib
import math
from collections.abc import Sequence
from operator import mul
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

POLICY: Final = "lexical-1"
"""Names the second stage and the form above; a change of either is another policy."""

SPREAD: Final = 5.0
"""How far difficulty moves the log-odds: from +2.5 at the easiest to -2.5 at the hardest prompt."""

ABILITY_BOUNDS: Final = (0.02, 0.985)
"""Catalogue figures are kept inside: no model is hopeless or perfect, and the log-odds stay finite."""

SIGNALS: Final = (
    "code",
    "maths",
    "reasoning",
    "creative",
    "translation",
    "extraction",
    "summary",
    "question",
    "smalltalk",
    "constraint",
    "terse",
    "long",
    "advanced",
    "simple",
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
"""What the predictor reads: first `lexicon.SUBJECTS`, 0..1 each; `log_` is ln(1 + n); the rest are shares, counts and flags."""

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

WEIGHTS_ID: Final = hashlib.sha256(
    repr(
        (
            SIGNALS,
            _DIFFICULTY_VECTOR,
            _DIFFICULTY_BIAS,
            _LOG_OUTPUT_VECTOR,
            _LOG_OUTPUT_BIAS,
            OUTPUT_BOUNDS,
            SPREAD,
            ABILITY_BOUNDS,
        )
    ).encode()
).hexdigest()[:12]
"""The same weights always have the same id, whoever computes it."""


def difficulty(signals: Sequence[float]) -> float:
    """How hard the prompt is, 0..1, from its signals in the order of SIGNALS."""
    return 1 / (1 + math.exp(-_DIFFICULTY_BIAS - sum(map(mul, _DIFFICULTY_VECTOR, signals))))


def expected_output(signals: Sequence[float]) -> float:
    """About how many tokens the answer takes, unless the prompt says so itself; inside OUTPUT_BOUNDS."""
    low, high = OUTPUT_BOUNDS
    return min(max(math.exp(_LOG_OUTPUT_BIAS + sum(map(mul, _LOG_OUTPUT_VECTOR, signals))), low), high)


def log_odds(quality: float) -> float:
    """A catalogue figure (0..1) as the ability that `good_answer` takes."""
    low, high = ABILITY_BOUNDS
    bounded = min(max(quality, low), high)
    return math.log(bounded / (1 - bounded))


def good_answer(abilities: Vector, difficulty: float) -> Vector:
    """P(good answer) of each model, 0..1."""
    odds: Vector = np.exp(SPREAD * (difficulty - 0.5) - abilities)
    return 1.0 / (1.0 + odds)
