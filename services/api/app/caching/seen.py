"""Which keys may be in the file: a Bloom filter over their 64-bit hashes, so that a miss costs no look into SQLite.

Rows of this and of other processes are learnt by their ids, which only grow. No SQL here.
"""

from collections.abc import Callable, Sequence

BITS = 21
"""A quarter of a MiB. Of 100,000 entries two in a thousand misses still look into the file, of a million about half: it only slows."""
LEARN_SECONDS = 0.25
"""What another process kept is found after this long at the latest."""
MOST_LEARNT = 2_000
"""Rows learnt at once: a large file is learnt over several calls, and looked into meanwhile."""
_MASK = (1 << BITS) - 1

Newer = Callable[[int, int], Sequence[tuple[int, int]]]
"""`(row id, most) -> [(id, hash)]` of the rows behind an id, in order."""


class Seen:
    """Hashes that were added; `maybe` is wrong only towards yes."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray(1 << (BITS - 3))

    def add(self, number: int) -> None:
        """Add a hash of 64 bits, signed or not."""
        bits = self._bits
        for place in (number & _MASK, number >> BITS & _MASK, number >> 2 * BITS & _MASK):
            bits[place >> 3] |= 1 << (place & 7)

    def maybe(self, number: int) -> bool:
        """Whether the hash may have been added."""
        bits = self._bits
        first, second, third = number & _MASK, number >> BITS & _MASK, number >> 2 * BITS & _MASK
        return bool(
            bits[first >> 3] >> (first & 7) & 1 and bits[second >> 3] >> (second & 7) & 1 and bits[third >> 3] >> (third & 7) & 1
        )


class Known:
    """What one file may hold, kept up to date on the reader's thread; the writer's thread only asks `seen`."""

    __slots__ = ("_all", "_last_row", "_learnt", "_newer", "seen")

    def __init__(self, newer: Newer) -> None:
        self._newer = newer
        self._last_row = 0
        self._learnt = float("-inf")
        self._all = False
        self.seen = Seen()

    def may_hold(self, number: int, now: float) -> bool:
        """Whether the file is worth a look for this hash; `now` is monotonic seconds. May raise what `newer` raises."""
        if now - self._learnt >= LEARN_SECONDS:
            self._learn(now)
        return not self._all or self.seen.maybe(number)

    def outdate(self) -> None:
        """Let the next question learn first, however lately that was done."""
        self._learnt = float("-inf")

    def _learn(self, now: float) -> None:
        news = self._newer(self._last_row, MOST_LEARNT)
        for _, number in news:
            self.seen.add(number)
        if news:
            self._last_row = news[-1][0]
        self._all = len(news) < MOST_LEARNT
        if self._all:
            self._learnt = now
