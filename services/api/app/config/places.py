"""Can the service keep its files where its configuration puts them? Asked once, before anything is served. Opens, reads nothing."""

import os
import stat
import tempfile
from pathlib import Path

from .snapshot import Snapshot
from .yaml_text import ConfigError


def refuse_unwritable(snapshot: Snapshot) -> None:
    """Raises ConfigError, one line with the key, the path and the reason, for the first place that cannot be written."""
    for key, path in places_of(snapshot):
        try:
            try_to_write(path)
        except OSError as error:
            reason = f"cannot write {path} ({error.strerror or error})"
            raise ConfigError(snapshot.source, key, reason) from None


def places_of(snapshot: Snapshot) -> list[tuple[str, Path]]:
    """The key and the path of each file that is written."""
    places = [
        ("logging.per_call_path", snapshot.logging.per_call_path),
        ("logging.daily_rollup_path", snapshot.logging.daily_rollup_path),
    ]
    if snapshot.cache.backend == "local":
        places.append(("cache.path", snapshot.cache.path))
    return [(key, Path(path)) for key, path in places]


def try_to_write(path: Path) -> None:
    """Open `path` as the service will, and make a file beside it as it will. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return  # a device or a pipe has nothing beside it that is ours
        finally:
            os.close(fd)
    fd, probe = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(fd)
    Path(probe).unlink()
