"""An LRU bounded in bytes, with absolute expiry. One process, one thread at a time."""

from collections import OrderedDict
from collections.abc import Callable

OVERHEAD = 200
"""Bytes that an entry costs beside its key and value, about."""
LONGEST_LIFE = 10 * 366 * 86_400.0
"""Seconds; nobody may ask for more. An entry that ends later was kept before a clock jumped back, and would never end."""


def is_over(expires: float, now: float) -> bool:
    """Whether an entry that ends at `expires` has ended at `now` (both wall time in seconds)."""
    return not now < expires <= now + LONGEST_LIFE


class MemoryCache:
    """Values by key. A hit renews the place in the order, never the expiry. `now` is wall time in seconds."""

    __slots__ = ("_bytes", "_entries", "_most", "_now")

    def __init__(self, max_bytes: int, now: Callable[[], float]) -> None:
        self._most = max_bytes
        self._now = now
        self._bytes = 0
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """The value, unless it expired."""
        found = self._entries.get(key)
        if found is None:
            return None
        if is_over(found[1], self._now()):
            self.delete(key)
            return None
        self._entries.move_to_end(key)
        return found[0]

    def set(self, key: str, value: bytes, expires: float) -> None:
        """Keep a value until `expires`; the longest unused go when room is needed. One too large for all the room is not kept."""
        self.delete(key)
        size = len(key) + len(value) + OVERHEAD
        if size > self._most:
            return
        self._entries[key] = (value, expires)
        self._bytes += size
        while self._bytes > self._most:
            oldest, (old, _) = self._entries.popitem(last=False)
            self._bytes -= len(oldest) + len(old) + OVERHEAD

    def delete(self, key: str) -> bool:
        """Forget a value; whether it was there."""
        found = self._entries.pop(key, None)
        if found is None:
            return False
        self._bytes -= len(key) + len(found[0]) + OVERHEAD
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes in use."""
        return self._bytes
