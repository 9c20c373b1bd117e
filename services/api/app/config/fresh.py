"""Keeping a configuration fresh: has the file changed, and what of a change has to wait for a restart. No timer, no thread."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from .snapshot import Snapshot

SETTLE_SECONDS = 0.4
"""A file that changed less than this ago is asked about once more before it is read: editors and copies write in pieces."""
Looks = tuple[int, int, int, int] | None

# of `cache:`, by the plan's name: what a running worker cannot change, and the key that people know it by
_FIXED_IN_CACHE = {"backend": "backend", "path": "path", "redis_url": "redis_url", "max_bytes": "max_mb"}


class Watched:
    """A file and how it last looked. `now` is wall time in seconds."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._looks = self._awaited = self._look()

    def _look(self) -> Looks:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        # the time of its inode too: whoever may read it can change without a word of it
        return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino

    def changed(self) -> bool:
        """Whether the file looks other than at the last asking; one that was written a moment ago may be half written and waits."""
        looks = self._look()
        if looks == self._looks:
            self._awaited = looks
            return False
        if looks != self._awaited and looks is not None and abs(self._now() - looks[0] / 1e9) < SETTLE_SECONDS:
            self._awaited = looks
            return False
        self._looks = self._awaited = looks
        return True

    def again(self) -> None:
        """Let the next asking say that it changed: what was wrong with reading it may pass without a trace in the file."""
        self._looks = None
        self._awaited = self._look()


def kept_until_restart(new: Snapshot, old: Snapshot) -> tuple[Snapshot, tuple[str, ...]]:
    """`new` with what cannot change under way taken from `old`, and the keys that therefore wait for a restart."""
    waiting: list[str] = []
    kept: dict[str, object] = {}
    for section in ("server", "logging"):
        if getattr(new, section) != getattr(old, section):
            waiting.append(section)
            kept[section] = getattr(old, section)
    fixed = {name: getattr(old.cache, name) for name in _FIXED_IN_CACHE}
    cache = msgspec.structs.replace(new.cache, **fixed)
    if cache != new.cache:
        waiting += [f"cache.{_FIXED_IN_CACHE[name]}" for name, value in fixed.items() if getattr(new.cache, name) != value]
        kept["cache"] = cache
    return (msgspec.structs.replace(new, **kept) if kept else new), tuple(waiting)
