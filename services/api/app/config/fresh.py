"""Keeping a configuration fresh: has the file changed, and what of a change has to wait for a restart. No timer, no thread."""

from pathlib import Path

import msgspec

from .snapshot import Snapshot

# of `cache:`, by the plan's name: what a running worker cannot change, and the key that people know it by
_FIXED_IN_CACHE = {"backend": "backend", "path": "path", "redis_url": "redis_url", "max_bytes": "max_mb"}


class Watched:
    """A file and how it last looked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looks = self._look()

    def _look(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def changed(self) -> bool:
        """Whether the file looks other than at the last asking."""
        looks = self._look()
        if looks == self._looks:
            return False
        self._looks = looks
        return True


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
