"""Distributions of times that can be added up: lanes of equal width on a logarithmic scale. Knows no table and no file.

A lane is one byte. Lane 0 holds what is shorter than SHORTEST, lane n the times from SHORTEST * RATIO**(n-1) on, lane 255 all that is
longer than an hour and more. A percentile is given as the middle of its lane, so it is at most 3.1 % off (half a lane's width).

Kept are the lanes themselves, one byte a call and in no order, while there are few; from CROWDED on 256 counts of 8 bytes each.
"""

import math
from collections import Counter

SHORTEST = 500
"""Microseconds."""
RATIO = 1.0635
"""Of a lane's end to its beginning: 254 of them reach from half a millisecond to an hour."""
CROWDED = 1024
_LANES = 256
_WIDTH = 8
_DENSE = _LANES * _WIDTH
_SCALE = 1 / math.log(RATIO)


def lane_of(micros: int) -> int:
    """The lane (0..255) of a time in microseconds."""
    return 0 if micros < SHORTEST else min(int(math.log(micros / SHORTEST) * _SCALE) + 1, _LANES - 1)


def added(kept: bytes, more: bytes) -> bytes:
    """The histogram of both. Lanes are kept as they come while they are few, else as counts."""
    if len(kept) + len(more) < CROWDED:
        return kept + more
    return (_counts(kept) + _counts(more)).to_bytes(_DENSE, "little")


def _counts(kept: bytes) -> int:
    """256 counts as one whole number: adding two of them adds every lane. No count comes near 2**64, so none runs over."""
    if len(kept) == _DENSE:
        return int.from_bytes(kept, "little")
    return sum(count << (8 * _WIDTH * lane) for lane, count in Counter(kept).items())


def percentile(kept: bytes, share: float) -> float | None:
    """Milliseconds below which this share (0..1) of the times lies; None without any."""
    if not kept:
        return None
    dense = _counts(kept).to_bytes(_DENSE, "little")
    counts = [_one(dense, lane) for lane in range(_LANES)]
    wanted = max(math.ceil(sum(counts) * share), 1)
    for lane, count in enumerate(counts):
        wanted -= count
        if wanted <= 0:
            return _middle(lane)
    return None


def _one(dense: bytes, lane: int) -> int:
    return int.from_bytes(dense[lane * _WIDTH : (lane + 1) * _WIDTH], "little")


def _middle(lane: int) -> float:
    """Milliseconds, four significant digits: more would promise what a lane does not know."""
    micros = SHORTEST / 2 if lane == 0 else SHORTEST * RATIO ** (lane - 0.5)
    return float(f"{micros / 1000:.4g}")


class Merging:
    """An SQL aggregate: histograms, or times in microseconds, into one histogram."""

    def __init__(self) -> None:
        self._short: list[bytes] = []
        self._counts = 0

    def step(self, value: bytes | int | None) -> None:
        """Add one row's."""
        if value is None:
            return
        if isinstance(value, int):
            self._short.append(bytes((lane_of(value),)))
        elif len(value) < CROWDED:
            self._short.append(value)
        else:
            self._counts += _counts(value)

    def finalize(self) -> bytes:
        """The sum of all."""
        short = b"".join(self._short)
        return added(short, b"") if not self._counts else (self._counts + _counts(short)).to_bytes(_DENSE, "little")
