"""A call's id: 24 hex digits that sort by time: milliseconds, 8 digits of chance per process, a counter. No other kind of id."""

import os
import time


class _Ids:
    """Ids without a system call each: time, then a process's own chance, then its count."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """New chance, as every process needs."""
        self._own = os.urandom(4).hex()
        self._count = int.from_bytes(os.urandom(2))

    def new(self) -> str:
        """The next id."""
        self._count = (self._count + 1) & 0xFFFF
        return f"{int(time.time() * 1000):012x}{self._own}{self._count:04x}"


_ids = _Ids()
os.register_at_fork(after_in_child=_ids.renew)
new_id = _ids.new
