"""Whether an answer goes round in circles. Lists, tables, code, refrains and rulers repeat themselves too, and are none.

Two probes cost next to nothing for an answer that does not: the end of the text searched for before it, and pieces of
its middle behind them. Only what they find is looked at closely.
"""

from collections import Counter

from .phrases import OFTEN, REPEATS, WRITE

_SHORTEST = 160
"""Shorter texts that repeat themselves are emphasis."""
_PROBE = 32
_LABEL = 20
"""Shorter pieces may be labels, one and the same for many things;"""
_MANY_LABELS = 400
"""this many characters of them are too much."""
_GRAM = 6
_READ = 20_000
_RULER = frozenset("-=_*~#.+|/\\:,;0123456789 \n\t─━═│┃")
"""A line across the page, an empty table, a field of numbers."""


_NUMBERS = " \t0123456789.)-*•"
"""What a list puts before an entry."""


def loops(prompt: str, text: str) -> bool:
    """Whether the text ends in one piece over and over, or says little else than the same few pieces."""
    if len(text) < _SHORTEST:
        return False
    end = text[-_READ:].rstrip()
    if not (_circles(end) or _same_lines(end) or _covered(end)):
        return False
    return not _wanted(prompt[:_READ].lower())


def _wanted(prompt: str) -> bool:
    """Whether the prompt asks for repetition."""
    often = any(word in prompt for word in OFTEN) and any(word in prompt for word in WRITE)
    return often or any(word in prompt for word in REPEATS)


def _circles(text: str) -> bool:
    """Whether the text ends in at least five copies of one piece (three of a long one)."""
    size = len(text)
    before = text.rfind(text[-_PROBE:], 0, size - 1)
    if before < 0:
        return False
    period = size - _PROBE - before
    unit = text[-period:]
    copies, at = 1, size - period
    while at >= period and text[at - period : at] == unit:
        copies += 1
        at -= period
    if copies * period < _needed(unit):
        return False
    return copies >= 5 or (copies >= 3 and period >= 200)


def _needed(unit: str) -> int:
    """How many characters of this piece over and over are more than anybody means."""
    if set(unit) <= _RULER:
        return 10**9
    return _SHORTEST if len(unit) >= _LABEL else _MANY_LABELS


def _same_lines(text: str) -> bool:
    """Whether most lines are the same but for their numbers."""
    if text.count("\n") < 8:
        return False
    lines = [bare for line in text.split("\n") if len(bare := line.lstrip(_NUMBERS)) >= _LABEL]
    if len(lines) < 8 or len(set(lines)) * 2 > len(lines):
        return False
    lines = [bare for line in _prose(text) if len(bare := line.lstrip(_NUMBERS)) >= _LABEL]
    return bool(lines) and Counter(lines).most_common(1)[0][1] >= max(6, 0.6 * len(lines))


def _covered(text: str) -> bool:
    """Whether most words stand in runs of six that occur four times or more (a loop that counts, or varies a word)."""
    if not (_recurs(text, len(text) // 3) or _recurs(text, len(text) // 2)):
        return False
    words = [word for line in _prose(text) for word in line.lower().lstrip(_NUMBERS).split()]
    if len(words) < 60:
        return False
    grams = list(zip(*(words[shift:] for shift in range(_GRAM)), strict=False))
    often = {gram for gram, count in Counter(grams).items() if count >= 4}
    covered = bytearray(len(words))
    for at, gram in enumerate(grams):
        if gram in often:
            covered[at : at + _GRAM] = b"\1" * _GRAM
    return sum(covered) >= 0.7 * len(words)


def _recurs(text: str, at: int) -> bool:
    """Whether the piece of text at this place occurs again, and four times in all."""
    probe = text[at : at + _PROBE]
    return text.find(probe, at + 1) >= 0 and text.count(probe) >= 4


def _prose(text: str) -> list[str]:
    """The lines that are neither code nor table."""
    lines, fenced = [], False
    for line in text.split("\n"):
        bare = line.lstrip()
        if bare.startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and not bare.startswith("|"):
            lines.append(line)
    return lines
