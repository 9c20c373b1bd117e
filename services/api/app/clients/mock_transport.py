"""A provider without a key, played in process: it reads our calls and answers in its dialect's own bytes.

So mock mode runs through the same wires as real calls. No socket may be opened here; nothing here costs money.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from ..domain.answer import Completion
from ..domain.request import ChatRequest
from ..domain.target import Target
from .common.protocols import Call, Deadlines, Face, Reply
from .embedding.mock import played, plays
from .played import play, spoken

_CREATED = 1_767_225_600
# a stream's first token comes after this share of the whole latency
_FIRST_SHARE = 0.35
_LARGE = 256 * 1024  # bytes of a call that are read beside the event loop


class MockReply:
    """A played answer."""

    status = 200

    def __init__(self, pieces: list[bytes], first_s: float, gap_s: float) -> None:
        self._pieces = deque(pieces)
        self._wait = first_s
        self._gap_s = gap_s

    @property
    def headers(self) -> Mapping[str, str]:
        """None that matter."""
        return {}

    async def read(self) -> bytes:
        """The whole body, after the simulated latency."""
        pieces = []
        while piece := await self.chunk():
            pieces.append(piece)
        return b"".join(pieces)

    async def chunk(self) -> bytes:
        """The next piece, after its share of the simulated latency."""
        if not self._pieces:
            return b""
        wait, self._wait = self._wait, self._gap_s
        if wait > 0:
            await asyncio.sleep(wait)
        return self._pieces.popleft()


class MockTransport:
    """Plays every provider. `faces` maps a dialect to its Face; `scale` multiplies the simulated latency (0 = none)."""

    def __init__(self, faces: Mapping[str, Face], scale: float = 1.0) -> None:
        self._faces = faces
        self.scale = scale

    @asynccontextmanager
    async def open(self, call: Call, target: Target, deadlines: Deadlines) -> AsyncIterator[Reply]:
        """The played answer to this call, read from the very bytes a provider would get."""
        seconds = target.avg_latency_ms / 1000 * self.scale
        if plays(call):
            yield MockReply([played(call, target)], seconds, 0.0)
            return
        face = self._faces[target.dialect]
        large = len(call.body) > _LARGE
        request = await asyncio.to_thread(face.parse, call.body) if large else face.parse(call.body)
        completion = play(request, target)
        if not call.stream:
            yield MockReply([face.render(completion, request, call_id(completion), _CREATED)], seconds, 0.0)
            return
        writer = face.writer(_asking_usage(request), call_id(completion), _CREATED, target.model_id)
        pieces = [writer.write(delta) for delta in spoken(completion)] + [writer.finish()]
        pieces = [piece for piece in pieces if piece]
        gap = seconds * (1 - _FIRST_SHARE) / len(pieces)
        yield MockReply(pieces, seconds * _FIRST_SHARE, gap)

    async def close(self) -> None:
        """Nothing is pooled."""


def _asking_usage(request: ChatRequest) -> ChatRequest:
    return msgspec.structs.replace(request, include_usage=True)


def call_id(completion: Completion) -> str:
    """An id like a provider's, the same for the same answer."""
    said = completion.text + "".join([call.arguments for call in completion.tool_calls])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:24]
