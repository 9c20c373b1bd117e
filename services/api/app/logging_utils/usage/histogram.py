"""Distributions of times that can be added up: lanes of equal width on a logarithmic scale. Knows no table and no file.

A lane is one byte. Lane 0 holds what is shorter than SHORTEST, lane n the times from SHORTEST * RATIO**(n-1) on, lane 255 all that is
longer than an hour and more. A percentile is given as the middle of its lane, so it is at most 3.1 % off (half a lane's width).

Kept are the lanes themselves, one byte a call and in no order, while there are few; from CROWDED on 256 counts of 8 bytes each.
"""

import math
from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from struct import Struct

SHORTEST = 500
"""Microseconds."""
RATIO = 1.0635
"""Of a lane's end to its beginning: 254 of them reach from half a millisecond to an hour."""
CROWDED = 256
_LANES = 256
_WIDTH = 8
_DENSE = _LANES * _WIDTH
_COUNTS = Struct(f"<{_LANES}Q")
# four significant digits: more would promise what a lane does not know
_MIDDLES = tuple(float(f"{(SHORTEST * RATIO ** (lane - 0.5) if lane else SHORTEST / 2) / 1000:.4g}") for lane in range(_LANES))
_BYTES = tuple(bytes((lane,)) for lane in range(_LANES))
_SCALE = 1 / math.log(RATIO)


def lane_of(micros: int) -> bytes:
    """The lane of a time in microseconds, one byte."""
    return _BYTES[0 if micros < SHORTEST else min(int(math.log(micros / SHORTEST) * _SCALE) + 1, _LANES - 1)]


def packed(lanes: bytes) -> bytes:
    """The histogram of these lanes, however many they are."""
    if len(lanes) < CROWDED:
        return lanes
    return _counted(lanes).to_bytes(_DENSE, "little")


def added(one: bytes, other: bytes) -> bytes:
    """The histogram of both. Lanes are kept as they come while they are few, else as counts."""
    if len(one) + len(other) < CROWDED:
        return one + other
    return (_counts(one) + _counts(other)).to_bytes(_DENSE, "little")


def _counts(kept: bytes) -> int:
    """256 counts as one whole number: adding two of them adds every lane. No count comes near 2**64, so none runs over."""
    return int.from_bytes(kept, "little") if len(kept) == _DENSE else _counted(kept)


def _counted(lanes: bytes) -> int:
    return sum(count << (8 * _WIDTH * lane) for lane, count in Counter(lanes).items())


def percentile(kept: bytes, share: float) -> float | None:
    """Milliseconds below which this share (0..1) of the times lies; None without any."""
    if not kept:
        return None
    if len(kept) != _DENSE:
        return _MIDDLES[sorted(kept)[max(math.ceil(len(kept) * share), 1) - 1]]
    running = list(accumulate(_COUNTS.unpack(kept)))
    return _MIDDLES[bisect_left(running, max(math.ceil(running[-1] * share), 1))]


class Merging:
    """An SQL aggregate: long histograms into one. Of none it is empty."""

    def __init__(self) -> None:
        self._counts = 0

    def step(self, kept: bytes) -> None:
        """Add one row's."""
        self._counts += _counts(kept)

    def finalize(self) -> bytes:
        """The sum of all."""
        return self._counts.to_bytes(_DENSE, "little") if self._counts else b""
