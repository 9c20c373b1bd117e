"""From a Mistral chat body to a ChatRequest. What only Mistral's dialect can carry is named, never dropped."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.request import ChatRequest, Foreign, Message, Original, Part, Text
from ...errors import CallerError
from ..common.body import opened, typed

_CARRIED = frozenset(
    {
        "model", "messages", "max_tokens", "temperature", "top_p", "stop", "random_seed", "stream", "response_format", "metadata",
        "router",
    }
)  # fmt: skip


class _Message(Struct):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[Raw] | None = None
    tool_calls: Raw | None = None
    tool_call_id: str | None = None


class _Format(Struct):
    type: str


class _Body(Struct):
    model: str
    messages: Annotated[list[_Message], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1.5)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    random_seed: Annotated[int, Meta(ge=0)] | None = None
    stream: bool | None = None
    response_format: _Format | None = None


class _Part(Struct):
    type: str = "text"
    text: str | None = None


_body = msgspec.json.Decoder(_Body)
_part = msgspec.json.Decoder(_Part)


def parse(data: bytes) -> ChatRequest:
    """The caller's request. Raises CallerError naming the field to change."""
    tree, fields = opened(data)
    body = typed(data, _body)
    native = [name for name in fields if name not in _CARRIED and tree[name] is not None]
    messages = tuple(_message(message, f"messages[{place}]", native) for place, message in enumerate(body.messages))
    form = body.response_format.type if body.response_format else "text"
    if form not in ("text", "json_object"):
        native.append("response_format")
    stop = body.stop or ()
    return ChatRequest(
        messages=messages,
        model=body.model,
        stream=bool(body.stream),
        include_usage=True,
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        seed=body.random_seed,
        json_mode=form == "json_object",
        needs=frozenset({"tools"}) if "tools" in native else frozenset(),
        native=tuple(native),
        original=Original("mistral", fields),
    )


def _message(message: _Message, where: str, native: list[str]) -> Message:
    parts: tuple[Part, ...] = ()
    if isinstance(message.content, str):
        parts = (Text(message.content),)
    elif message.content is not None:
        parts = tuple(_one(raw, f"{where}.content[{place}]", native) for place, raw in enumerate(message.content))
    if message.tool_calls is not None or message.tool_call_id is not None:
        native.append(where)
        parts += (Foreign("tools", Raw(b"null")),)
    return Message(message.role, parts)


def _one(raw: Raw, where: str, native: list[str]) -> Part:
    try:
        part = _part.decode(raw)
    except msgspec.ValidationError:
        raise CallerError(f"{where}: a chunk is an object with a `type`", param=where) from None
    if part.type != "text":
        native.append(where)
        return Foreign(part.type, raw.copy())
    if part.text is None:
        raise CallerError(f"{where}.text: required field is missing", param=f"{where}.text")
    return Text(part.text)
