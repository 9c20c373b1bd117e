"""From a caller's Messages body to a ChatRequest. What only Anthropic's dialect can carry is named, never dropped."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.request import ChatRequest, Foreign, Message, Original, Part, Role, Text
from ...errors import CallerError
from ..common.body import opened, typed

_CARRIED = frozenset(
    {"model", "max_tokens", "messages", "system", "temperature", "top_p", "stop_sequences", "stream", "metadata", "router"}
)


class _Turn(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Raw]


class _Metadata(Struct):
    user_id: str | None = None


class _Body(Struct):
    model: str
    max_tokens: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    messages: Annotated[list[_Turn], Meta(min_length=1)]
    system: str | list[Raw] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    metadata: _Metadata | None = None


class _Part(Struct):
    type: str
    text: str | None = None


_body = msgspec.json.Decoder(_Body)
_part = msgspec.json.Decoder(_Part)


def parse(data: bytes) -> ChatRequest:
    """The caller's request. Raises CallerError naming the field to change."""
    tree, fields = opened(data)
    body = typed(data, _body)
    native = [name for name in fields if name not in _CARRIED and tree[name] is not None]
    messages: list[Message] = []
    if body.system:
        messages.append(_message("system", body.system, "system", native))
    for place, turn in enumerate(body.messages):
        messages.append(_message(turn.role, turn.content, f"messages[{place}].content", native))
    return ChatRequest(
        messages=tuple(messages),
        model=body.model,
        stream=bool(body.stream),
        include_usage=True,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=tuple(body.stop_sequences or ()),
        needs=frozenset({"tools"}) if "tools" in native else frozenset(),
        native=tuple(native),
        user=body.metadata.user_id if body.metadata else None,
        original=Original("anthropic", fields),
    )


def _message(role: Role, content: str | list[Raw], where: str, native: list[str]) -> Message:
    if isinstance(content, str):
        return Message(role, (Text(content),))
    return Message(role, tuple(_one(raw, f"{where}[{place}]", native) for place, raw in enumerate(content)))


def _one(raw: Raw, where: str, native: list[str]) -> Part:
    try:
        part = _part.decode(raw)
    except msgspec.ValidationError:
        raise CallerError(f"{where}: a block is an object with a `type`", param=where) from None
    if part.type != "text":
        native.append(where)
        return Foreign(part.type, raw.copy())
    if part.text is None:
        raise CallerError(f"{where}.text: required field is missing", param=f"{where}.text")
    return Text(part.text)
