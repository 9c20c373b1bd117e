"""Good answers in each dialect's own bytes, from the same faces that the service shows its callers. No socket, no fault may enter."""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..clients.anthropic_client import FACE as ANTHROPIC
from ..clients.common.protocols import Call, Face
from ..clients.embedding.mock import played
from ..clients.gemini_client import FACE as GEMINI
from ..clients.mistral_client import FACE as MISTRAL
from ..clients.openai_client import FACE as OPENAI
from ..clients.played import play, spoken
from ..domain.answer import Completion, Delta
from ..domain.request import ChatRequest
from ..domain.target import Target
from ..errors import CallerError
from .asked import Asked

FACES: Final[dict[str, Face]] = {"openai": OPENAI, "anthropic": ANTHROPIC, "gemini": GEMINI, "mistral": MISTRAL}
_BODY: Final = (
    "This answer comes from the toxic upstream, which no model stands behind.",
    "It is what a provider in good health would have sent in this dialect.",
    "The name of the model decides how the answer fails; this one did not.",
)
_CREATED: Final = 1_767_225_600
_DIMENSIONS: Final = 16
_DONE: Final = b"data: [DONE]\n\n"
# what stands in the first event that tells how the answer ended; inside a text its quotes would be escaped
_FINISH: Final = {
    "openai": b'"finish_reason":"',
    "mistral": b'"finish_reason":"',
    "anthropic": b"event: message_delta\n",
    "gemini": b'"finishReason":"',
}


class Stream(Struct, frozen=True):
    """A good stream: events of content, those that tell the finish and the usage, and the dialect's terminator (Gemini: none)."""

    content: tuple[bytes, ...]
    finish: tuple[bytes, ...]
    terminator: tuple[bytes, ...]

    @property
    def events(self) -> tuple[bytes, ...]:
        """All of it."""
        return self.content + self.finish + self.terminator


def read(asked: Asked) -> ChatRequest:
    """The conversation. Raises CallerError where the dialect's face does."""
    return replace(FACES[asked.dialect].parse(asked.body), include_usage=True)


def completion_of(asked: Asked) -> Completion:
    """What is answered. Raises CallerError."""
    return play(read(asked), _target(asked), _BODY)


def whole(asked: Asked) -> bytes:
    """The whole answer's body, of whatever kind was asked for. Raises CallerError."""
    if asked.kind == "embeddings":
        return _embedded(asked)
    if asked.kind == "count":
        return b'{"input_tokens":%d}' % max(len(asked.body) // 4, 1)
    return rendered(asked, completion_of(asked))


def _embedded(asked: Asked) -> bytes:
    try:
        return played(Call("", asked.body), _target(asked))
    except msgspec.MsgspecError as error:
        raise CallerError(str(error)) from None


def rendered(asked: Asked, completion: Completion) -> bytes:
    """A whole answer that says this. Raises CallerError."""
    return FACES[asked.dialect].render(completion, read(asked), _call_id(asked), _CREATED)


def saying(asked: Asked, text: str) -> Completion:
    """The good answer with this text. Raises CallerError."""
    return replace(completion_of(asked), text=text, tool_calls=(), finish_reason="stop", logprobs=())


def stream(asked: Asked) -> Stream:
    """The good stream. Raises CallerError."""
    return written(asked, spoken(completion_of(asked)))


def written(asked: Asked, deltas: Sequence[Delta]) -> Stream:
    """A stream that says this. Raises CallerError."""
    writer = FACES[asked.dialect].writer(read(asked), _call_id(asked), _CREATED, asked.model)
    text = b"".join([writer.write(delta) for delta in deltas]) + writer.finish()
    events = tuple([event + b"\n\n" for event in text.split(b"\n\n")[:-1]])
    end = len(events)
    if events[-1] == _DONE or b'"type":"message_stop"' in events[-1]:
        end -= 1
    mark = _FINISH[asked.dialect]
    first = next((i for i, event in enumerate(events) if mark in event), end)
    return Stream(events[:first], events[first:end], events[end:])


def worth(asked: Asked) -> int:
    """The tokens that a whole answer would be billed with. Raises CallerError."""
    usage = completion_of(asked).usage
    return usage.output_tokens if usage is not None else 0


def tiny(dialect: str) -> bytes:
    """About the smallest event that adds one letter to an answer."""
    return _TINY[dialect]


def _target(asked: Asked) -> Target:
    return Target(
        name=asked.model,
        provider="toxic",
        model_id=asked.model,
        dialect=asked.dialect,
        wire=asked.dialect,
        base_url="",
        dimensions=_DIMENSIONS,
    )


def _call_id(asked: Asked) -> str:
    return hashlib.sha256(asked.body).hexdigest()[:24]


def _event(data: object) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


_CHUNK: Final = _event({"choices": [{"index": 0, "delta": {"content": "a"}}]})
_LETTER: Final = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
_TINY: Final = {
    "openai": _CHUNK,
    "mistral": _CHUNK,
    "anthropic": b"event: content_block_delta\n" + _event(_LETTER),
    "gemini": _event({"candidates": [{"content": {"role": "model", "parts": [{"text": "a"}]}}]}),
}
