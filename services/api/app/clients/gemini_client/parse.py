"""From a generateContent body to a ChatRequest. The model and the wish for a stream stand in the URL: they are not read here."""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from ...domain.request import ChatRequest, Foreign, Message, Original, Part, Role, Text
from ...errors import CallerError
from ..common.body import opened, typed

_CARRIED = frozenset({"contents", "systemInstruction", "generationConfig", "router"})
_CONFIG = frozenset({"maxOutputTokens", "temperature", "topP", "stopSequences", "seed", "responseMimeType"})
_ROLES: dict[str, Role] = {"user": "user", "model": "assistant"}


class _Content(Struct):
    parts: Annotated[list[Raw], Meta(min_length=1)]
    role: str | None = None


class _Config(Struct, rename="camel"):
    max_output_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    response_mime_type: str | None = None


class _Body(Struct, rename="camel"):
    contents: Annotated[list[_Content], Meta(min_length=1)]
    system_instruction: _Content | None = None
    generation_config: _Config | None = None


class _Part(Struct):
    text: str | None = None
    thought: bool | None = None


_body = msgspec.json.Decoder(_Body)
_part = msgspec.json.Decoder(_Part)


def parse(data: bytes) -> ChatRequest:
    """The caller's request. Raises CallerError naming the field to change."""
    tree, fields = opened(data)
    body = typed(data, _body)
    config = body.generation_config or _Config()
    native = [name for name in fields if name not in _CARRIED and tree[name] is not None]
    native += [f"generationConfig.{name}" for name in tree.get("generationConfig") or () if name not in _CONFIG]
    messages: list[Message] = []
    if body.system_instruction is not None:
        messages.append(_message("system", body.system_instruction, "systemInstruction", native))
    for place, content in enumerate(body.contents):
        where = f"contents[{place}]"
        role = _ROLES.get(content.role or "user")
        if role is None:
            raise CallerError(f"{where}.role: use one of {', '.join(_ROLES)}", param=f"{where}.role")
        messages.append(_message(role, content, where, native))
    return ChatRequest(
        messages=tuple(messages),
        include_usage=True,
        max_tokens=config.max_output_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        stop=tuple(config.stop_sequences or ()),
        seed=config.seed,
        json_mode=config.response_mime_type == "application/json",
        native=tuple(native),
        original=Original("gemini", fields),
    )


def _message(role: Role, content: _Content, where: str, native: list[str]) -> Message:
    return Message(role, tuple(_one(raw, f"{where}.parts[{place}]", native) for place, raw in enumerate(content.parts)))


def _one(raw: Raw, where: str, native: list[str]) -> Part:
    try:
        part = _part.decode(raw)
    except msgspec.ValidationError:
        raise CallerError(f"{where}: a part is an object", param=where) from None
    if part.text is None or part.thought:
        native.append(where)
        return Foreign("thought" if part.thought else "part", raw.copy())
    return Text(part.text)
