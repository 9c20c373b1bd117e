"""The stylesheet and the modules of the pages: read once, known by name, told apart by their content. No page."""

import hashlib
from pathlib import Path
from typing import Final

from .answers import NoPage, Reply
from .render import HERE

KINDS: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Assets:
    """Everything in `static/`. A file's link holds a hash of its content, so a browser may keep it for long."""

    def __init__(self, folder: Path = HERE / "static") -> None:
        files = sorted(path for path in folder.iterdir() if path.suffix in KINDS)
        self._files = {path.name: (KINDS[path.suffix], path.read_bytes()) for path in files}
        whole = b"\0".join(content for _, content in self._files.values())
        self._version = hashlib.sha256(whole).hexdigest()[:12]

    def link(self, base: str, name: str) -> str:
        """Where a page finds it. One version for all, since modules import each other by relative paths."""
        return f"{base}/static/{self._version}/{name}"

    def reply(self, path: str) -> Reply:
        """The file at `<version>/<name>`. Raises NoPage."""
        version, _, name = path.partition("/")
        if name not in self._files or version != self._version:
            raise NoPage(404, "No such file", "The page that asked for it is of another version: load it again.")
        kind, content = self._files[name]
        return Reply(200, kind, content, ((b"cache-control", b"private, max-age=86400, immutable"),))
