"""One scripted provider on a real socket that plays all wires at once, each under a base URL of its own, and judges what it hears.

    upstream = JudgedUpstream()
    upstream.base_url("anthropic")                 # for providers.<name>.base_url of the service under test
    upstream.script(Said(text="Hi."), Said(...))   # the next answers, in order; without any it says Said()
    ...
    assert upstream.complaints == []               # every request was one that the provider would take
    upstream.heard[-1].wish.tools                  # what it understood, in no dialect's words

Several conversations at once are told apart by a mark that stands anywhere in their text: `script(..., mark="cell-7")`.
"""

import threading
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType, TracebackType

from support import STREAM_END, STREAM_HEAD, Heard, Upstream, framed, http

from . import (
    anthropic_asked,
    anthropic_said,
    gemini_asked,
    gemini_said,
    mistral_asked,
    mistral_said,
    openai_asked,
    openai_said,
    rules,
)
from .asked import Asked
from .said import Said
from .wish import Wish

WIRES = ("openai", "llama", "anthropic", "gemini", "mistral")
# what a wire's own path begins with, as the provider's real base URL does
_BASES = {"openai": "/openai/v1", "llama": "/llama/v1", "anthropic": "/anthropic", "gemini": "/gemini", "mistral": "/mistral/v1"}
_ASKED: dict[str, ModuleType] = {
    "openai": openai_asked, "llama": openai_asked, "anthropic": anthropic_asked, "gemini": gemini_asked, "mistral": mistral_asked,
}  # fmt: skip
SAYS: dict[str, ModuleType] = {
    "openai": openai_said, "llama": openai_said, "anthropic": anthropic_said, "gemini": gemini_said, "mistral": mistral_said,
}  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """One request: as it was asked, what is wrong with it, and (when nothing is) what it wishes."""

    asked: Asked
    complaints: tuple[str, ...]
    wish: Wish


class JudgedUpstream:
    """Plays every wire; see the module. Close it, or use it as a context."""

    def __init__(self) -> None:
        self.heard: list[Judged] = []
        self.complaints: list[str] = []
        self._scripts: dict[str, deque[Said]] = {"": deque()}
        self._lock = threading.Lock()
        self._upstream = Upstream(self._answer)

    def __enter__(self) -> "JudgedUpstream":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Take no further connections."""
        self._upstream.close()

    def base_url(self, wire: str) -> str:
        """Where the service under test finds this wire's provider. Loads the SDK that judges it, which takes a second."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what an SDK warns of at import is its own
            _ASKED[wire].types()
        return f"http://127.0.0.1:{self._upstream.port}{_BASES[wire]}"

    def script(self, *answers: Said, mark: str = "") -> None:
        """The next answers, in order, to requests that hold `mark` (without one: to all that hold no other's mark)."""
        with self._lock:
            self._scripts.setdefault(mark, deque()).extend(answers)

    def heard_of(self, mark: str) -> list[Judged]:
        """The requests that hold this mark, in order."""
        with self._lock:
            return [judged for judged in self.heard if mark in judged.asked.sent]

    def forget(self) -> None:
        """Begin anew: nothing scripted, nothing heard."""
        with self._lock:
            self._scripts = {"": deque()}
            self.heard.clear()
            self.complaints.clear()

    def _next(self, sent: str) -> Said:
        with self._lock:
            marked = next((mark for mark in self._scripts if mark and mark in sent), "")
            waiting = self._scripts[marked]
            return waiting.popleft() if waiting else Said()

    def _answer(self, heard: Heard) -> Iterator[bytes]:
        wire, path = _route(heard.path)
        asked = Asked.of(wire, path, heard.headers, heard.body)
        said = self._next(asked.sent)
        judged = judge(replace(asked, knows=said.knows))
        with self._lock:
            self.heard.append(judged)
            self.complaints += [f"{wire} {path}: {complaint}" for complaint in judged.complaints]
        yield from _spoken(said, judged)


def judge(asked: Asked) -> Judged:
    """The verdict on one request. Its wish is empty where it is too broken to be read."""
    dialect = _ASKED[asked.wire]
    complaints: list[str] = dialect.complaints(asked)
    if complaints or "mbed" in asked.path:
        return Judged(asked, tuple(complaints), Wish())
    wish: Wish = dialect.wish(asked)
    return Judged(asked, tuple(rules.faults(wish, asked.wire, asked.model, asked.sent)), wish)


def _route(path: str) -> tuple[str, str]:
    wire = path.split("/")[1]
    return wire, path.removeprefix(_BASES[wire])


def _spoken(said: Said, judged: Judged) -> Iterator[bytes]:
    dialect, asked = SAYS[judged.asked.wire], judged.asked
    if judged.complaints or said.failure:
        status, body = dialect.refused(list(judged.complaints)) if judged.complaints else dialect.fault(said)
        yield http(body, status)
    elif not asked.streams:
        body = dialect.whole(said, asked)
        yield http(body[: len(body) // 2] if said.breaks else body)
    else:
        yield STREAM_HEAD
        events = dialect.events(said, asked)
        if said.breaks:
            events = events[: (len(events) + 1) // 2] + ([dialect.broken()] if said.breaks == "error" else [])
        for event in events:
            size = said.stride or len(event)
            yield from (framed(event[at : at + size]) for at in range(0, len(event), size))
        yield STREAM_END
