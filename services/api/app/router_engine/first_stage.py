"""The first stage: a request becomes z, all that the second stage and the record know of the prompt. No model may enter here.

z is float32, little endian, slots in the order of `SLOTS`: `difficulty` (0..1), `log_output` (ln(1 + expected output tokens)),
how much the prompt is of each trained facet (0..1; what is left of 1 is its distance to the training data), then the signals of
`lexical.SIGNALS`. Counts and shares only: no token, hashed or not, since hashed words can be guessed back.
"""

import math
import struct
from typing import Final

import numpy as np

from ..domain.request import ChatRequest
from ..text.features import Features, features
from .lengths import in_its_form
from .quality.learned import Judged, Vector, Weights, judge
from .quality.lexical import OUTPUT_BOUNDS, SIGNALS, difficulty, expected_output
from .quality.places import as_share
from .quality.reading import Reading, reading
from .quality.weights import SHIPPED
from .subject import Subject, subject

SLOTS: Final = ("difficulty", "log_output", *SHIPPED.facets, *SIGNALS)
"""Names of z's slots."""

_Z = struct.Struct(f"<{len(SLOTS)}f")
_HEAD = struct.Struct("<2f")

TOKENS_PER_WORD = 1.35
_TRANSLATION = SIGNALS.index("translation")


def first_stage(request: ChatRequest, weights: Weights = SHIPPED) -> bytes:
    """z of a request: a function of its messages and JSON mode alone."""
    signals, seen, read = _seen(request)
    told = _said_output(seen, signals)
    output = in_its_form(expected_output(signals) if told is None else told, request)
    judged = judge(read, weights)
    slots = (_difficulty(judged, signals), math.log1p(output), *judged.facets, *signals)
    return (_Z if len(slots) == len(SLOTS) else struct.Struct(f"<{len(slots)}f")).pack(*slots)


def read_request(request: ChatRequest) -> tuple[list[float], Reading]:
    """`(signals, what the learned weights read)` of a request, for training: what `first_stage` judges."""
    signals, _, read = _seen(request)
    return signals, read


def read(z: bytes) -> tuple[float, float]:
    """`(difficulty, expected output tokens)` of a z."""
    hard, log_output = _HEAD.unpack_from(z)
    return hard, math.expm1(log_output)


def facets(z: bytes, count: int) -> Vector:
    """How much the prompt of a z is of each of its `count` facets (count,)."""
    return np.frombuffer(z, dtype="<f4", count=count, offset=_HEAD.size).astype(np.float64)


def _seen(request: ChatRequest) -> tuple[list[float], Features, Reading]:
    about = subject(request)
    seen = features(about.text)
    signals = _signals(request, about, seen)
    return signals, seen, reading(about.text, seen, signals)


def _difficulty(judged: Judged, signals: list[float]) -> float:
    """0..1: as learned from tests, and for everyday talk, which no test is about, as hand-set words say."""
    learned = as_share(judged.difficulty)
    return learned + judged.talk * (difficulty(signals) - learned) if judged.talk else learned


def _signals(request: ChatRequest, about: Subject, seen: Features) -> list[float]:
    """In the order of SIGNALS. A subject's strength saturates, and counts for less among many other words."""
    room = 1.0 + seen.words / 100
    signals = [count / (count + room) if count else 0.0 for count in seen.counts]
    signals += (
        math.log1p(seen.chars),
        math.log1p(about.system),
        math.log1p(2 * about.exchanges),
        seen.digits,
        seen.marks,
        seen.operators,
        seen.foreign,
        float(min(seen.questions, 10)),
        math.log1p(seen.lines),
        math.log1p(seen.bullets),
        float(seen.fenced),
        float(request.json_mode),
    )
    return signals


def _said_output(seen: Features, signals: list[float]) -> float | None:
    """Output tokens where the prompt itself tells them: a number of words, or a text to translate. None = it does not."""
    low, high = OUTPUT_BOUNDS
    if seen.target_words:
        return min(max(seen.target_words * TOKENS_PER_WORD, low), high)
    if signals[_TRANSLATION] > 0:
        return min(max(seen.chars * 0.3, low), high)
    return None
