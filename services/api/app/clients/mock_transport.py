"""A provider without a key, played in process: it reads our calls and answers in its dialect's own bytes.

So mock mode runs through the same wires as real calls. No socket may be opened here; nothing here costs money.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from ..domain.answer import Completion, Delta, FinishReason, Usage
from ..domain.request import ChatRequest
from ..domain.target import Target
from ..text.tokens import estimate_request, estimate_tokens
from .common.protocols import Call, Deadlines, Face, Reply
from .common.turns import JSON_WISH

_CREATED = 1_767_225_600
_WORDS_PER_PIECE = 4
# a stream's first token comes after this share of the whole latency
_FIRST_SHARE = 0.35
_BODY = (
    "This is a simulated answer, because no key is set for this provider.",
    "A real model would respond here to the prompt you sent.",
    "Token counts are estimates and nothing was charged.",
    "Set the provider's key in .env and restart to get real answers.",
)


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
        face = self._faces[target.dialect]
        request = face.parse(call.body)
        completion = play(request, target)
        seconds = target.avg_latency_ms / 1000 * self.scale
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
    return ChatRequest(messages=request.messages, model=request.model, include_usage=True)


def call_id(completion: Completion) -> str:
    """An id like a provider's, the same for the same answer."""
    return hashlib.sha256(completion.text.encode()).hexdigest()[:24]


def play(request: ChatRequest, target: Target) -> Completion:
    """The whole played answer: marked `[MOCK]`, cut at `max_tokens`, valid JSON where JSON was asked."""
    topic = " ".join(request.prompt.split())[:80]
    text = f"[MOCK] {target.model_id} on: {topic}\n\n" + " ".join(_BODY)
    if request.json_mode or _asks_for_json(request):
        text = '{"answer": "[MOCK] ' + target.model_id + '", "simulated": true}'
    finish: FinishReason = "stop"
    if request.max_tokens is not None and estimate_tokens(text) > request.max_tokens:
        text = text[: max(request.max_tokens * 4, 6)]
        finish = "length"
    usage = Usage(input_tokens=estimate_request(request), output_tokens=estimate_tokens(text))
    return Completion(text=text, finish_reason=finish, usage=usage, model_id=target.model_id)


def _asks_for_json(request: ChatRequest) -> bool:
    """Whether JSON was asked for in words, as it is where the dialect has no field for it."""
    return any(message.role == "system" and JSON_WISH in message.text for message in request.messages)


def spoken(completion: Completion) -> list[Delta]:
    """The answer as a stream of a few words each."""
    words = completion.text.split(" ")
    groups = [words[i : i + _WORDS_PER_PIECE] for i in range(0, len(words), _WORDS_PER_PIECE)]
    texts = [" ".join(group) + (" " if i < len(groups) - 1 else "") for i, group in enumerate(groups)]
    opening, *rest = completion.unfolded()
    return [opening, *(Delta(text=text) for text in texts), *(delta for delta in rest if not delta.text)]
