"""What the toxic upstream was asked and how each exchange ended. No secret may enter: a credential is shown by its digest."""

import hashlib
import re
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import IO, Final

import msgspec
from msgspec import Struct

MOST_ENTRIES: Final = 10_000
_MOST_HEADERS: Final = 100
_MOST_CHARS: Final = 200
_SECRET = re.compile(r"(?i)auth|key|token|secret|cookie|password")
_PLAIN_QUERY = re.compile(r"(?i)([?&](?:key|api_key|access_token)=)[^&]*")
_encode = msgspec.json.Encoder().encode


class Entry(Struct, kw_only=True):
    """One request. It changes while its exchange goes on; all clock values are seconds of the system's monotonic clock.

    `complete` = an answer was sent to the end that HTTP gives it. `ended` = when the upstream was through with it.
    `client_closed` = when the other side hung up, also after the end; None as long as it has not, or when the upstream
    closed first. `bytes_sent` counts what was handed to the socket, `billed_tokens` what a provider would charge that goes
    on when the caller has left.
    """

    id: int
    connection: int
    reused: bool
    method: str
    path: str
    at: str = ""
    monotonic: float = 0.0
    model: str = ""
    fault: str = ""
    headers: dict[str, str] = {}
    bytes_in: int = 0
    bytes_sent: int = 0
    complete: bool = False
    ended: float | None = None
    client_closed: float | None = None
    billed_tokens: int = 0


class Log:
    """The last entries, oldest first; with `file` each of their steps is a JSON line there too."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self.entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self._file = file
        self.asked = 0

    def open(self, connection: int, reused: bool, method: str, path: str, headers: Mapping[str, str]) -> Entry:
        """The entry of a request whose head has come."""
        self.asked += 1
        entry = Entry(
            id=self.asked,
            connection=connection,
            reused=reused,
            method=method,
            path=_PLAIN_QUERY.sub(r"\1[secret]", path)[:2000],
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            monotonic=monotonic(),
            headers=shown_headers(headers),
        )
        self.entries.append(entry)
        return entry

    def end(self, entry: Entry) -> None:
        """The upstream is through with this request."""
        entry.ended = monotonic()
        self.note("ended", entry)

    def hang_up(self, entry: Entry) -> None:
        """The other side left."""
        if entry.client_closed is None:
            entry.client_closed = monotonic()
            self.note("closed", entry)

    def note(self, step: str, entry: Entry) -> None:
        """Write one step (asked, ended, closed) to the file, if there is one. A file that takes no more is given up."""
        if self._file is None:
            return
        try:
            self._file.write(_encode({"step": step, **msgspec.structs.asdict(entry)}) + b"\n")
            self._file.flush()
        except OSError:
            self._file = None

    def lines(self) -> bytes:
        """All entries as JSON lines."""
        return b"".join([_encode(entry) + b"\n" for entry in self.entries])

    def clear(self) -> None:
        """Forget all entries; numbering goes on."""
        self.entries.clear()


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers as they may be logged: credentials by eight digits of their digest, so that keys can be told apart."""
    shown = {}
    for name, value in list(headers.items())[:_MOST_HEADERS]:
        shown[name[:_MOST_CHARS]] = _digest(value) if _SECRET.search(name) else value[:_MOST_CHARS]
    return shown


def _digest(value: str) -> str:
    return f"sha256:{hashlib.sha256(value.encode('latin-1', 'replace')).hexdigest()[:8]}"
