"""The shapes of OpenAI's answers as leniently as its hosts differ: whole bodies and chunks. Types only, no meaning."""

from typing import Any

import msgspec
from msgspec import Struct


class Function(Struct, frozen=True):
    """The function half of a tool call, whole or in pieces. `arguments` is text, with some hosts an object."""

    name: str | None = None
    arguments: Any = None


class Custom(Struct, frozen=True):
    """The free-form half of a tool call."""

    name: str | None = None
    input: str | None = None


class Tool(Struct, frozen=True):
    """A tool call; `index` only in streams, and not with every host."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: Any = None


class Said(Struct, frozen=True):
    """A message or a streamed delta. Reasoning goes by three names among hosts."""

    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    tool_calls: list[Tool] | None = None
    function_call: Function | None = None


class Choice(Struct, frozen=True):
    """One of the answers."""

    index: int = 0
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    logprobs: Any = None
    usage: Any = None
    error: Any = None


class Chunk(Struct, frozen=True):
    """What is read of every chunk of a stream."""

    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    x_groq: Any = None


class Body(Struct, frozen=True):
    """A whole answer, or the chunk that opens a stream."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None
    x_groq: Any = None


BODY = msgspec.json.Decoder(Body)
CHUNK = msgspec.json.Decoder(Chunk)
NOTHING_SAID = Said()
