"""What the learned weights read of a text: words as buckets, and a few dozen numbers. Training and service run this very code, so a
prompt looks the same to both. Judges nothing; no weight may enter.
"""

import math
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ...text.features import Features, folded, seen_part
from ...text.hashed import Buckets, buckets
from .lexical import SIGNALS

Numbers = NDArray[np.float32]

FRAME: Final = ("log_system_chars", "log_turns", "json_mode")
"""Signals of the conversation around the text: the weights never saw one, so they do not read them."""
SHAPE: Final = (
    "log_words",
    "variety",
    "word_length",
    "log_long_words",
    "log_numbers",
    "log_sentences",
    "log_commas",
    "log_formulas",
    "options",
    "log_option_chars",
    "option_digits",
    "log_stem_words",
    "log_stem_numbers",
    "log_stem_sentences",
)
"""Counted here. `variety` = distinct words per word. `options` = answers to choose from, `log_option_chars` = of one of them,
`option_digits` = share of digits in them; the stem is what stands before them, or all of it."""
NUMBERS: Final = (*(name for name in SIGNALS if name not in FRAME), *SHAPE)
"""Names of the numbers, in their order."""

LONG_WORD: Final = 9
"""Bytes."""
LETTERS: Final = "ABCDEFGHIJ"
_KEPT: Final = tuple(i for i, name in enumerate(SIGNALS) if name not in FRAME)
_LONE: Final = frozenset(bytes((byte,)) for byte in b"abcdefghijklmnopqrstuvwxyz'-")


class Reading(Struct, frozen=True, eq=False, gc=False):
    """A text as `buckets` (of its words and pairs of words) and `numbers` (in the order of NUMBERS)."""

    buckets: Buckets
    numbers: Numbers


def reading(text: str, seen: Features, signals: list[float]) -> Reading:
    """`seen` and `signals` (in the order of `lexical.SIGNALS`) are those of `text`."""
    numbers = [signals[i] for i in _KEPT]
    numbers += _shape(seen_part(text), seen.spoken, seen.words)
    # a lone letter is an option's name or a variable: it would tell benchmarks apart, not prompts
    words = [word for word in seen.spoken if len(word) > 1 or word not in _LONE]
    return Reading(buckets(words), np.array(numbers, dtype=np.float32))


def _shape(text: str, spoken: list[bytes], distinct: int) -> tuple[float, ...]:
    lengths = list(map(len, spoken))
    n = len(spoken) or 1
    numbers, sentences = sum(map(bytes.isdigit, spoken)), _sentences(text)
    stem_words, stem_numbers, stem_sentences = len(spoken), numbers, sentences
    options, option_chars, option_digits = 0, 0.0, 0.0
    start = text.find("\nA. ")
    if start >= 0:
        options = _options(text, start)
        option_chars = (len(text) - start) / options
        said = folded(text[:start].encode("utf-8", "surrogatepass"))
        stem_words, stem_numbers, stem_sentences = len(said), sum(map(bytes.isdigit, said)), _sentences(text[:start])
        option_digits = sum(map(str.isdecimal, text[start:])) / (len(text) - start)
    return (
        math.log1p(len(spoken)),
        distinct / n,
        sum(lengths) / n,
        math.log1p(len([length for length in lengths if length >= LONG_WORD])),
        math.log1p(numbers),
        math.log1p(sentences),
        math.log1p(text.count(",")),
        math.log1p(text.count("$") + text.count("\\")),
        float(options),
        math.log1p(option_chars),
        option_digits,
        math.log1p(stem_words),
        math.log1p(stem_numbers),
        math.log1p(stem_sentences),
    )


def _sentences(text: str) -> int:
    return text.count(". ") + text.count("? ") + text.count(".\n")


def _options(text: str, start: int) -> int:
    """How many answers to choose from there are, each on a line of its own after its letter and a dot."""
    count = 1
    while count < len(LETTERS) and text.find(f"\n{LETTERS[count]}. ", start) > 0:
        count += 1
    return count
