"""The content blocks of a caller's Messages body as they are spelled. No typed part may enter (they are made in `parts`)."""

from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from ...errors import CallerError
from ..common.body import mistyped
from ..common.faces import CHAT, MESSAGES, part_home

T = TypeVar("T")


class Marker(Struct):
    """A prompt-cache breakpoint."""

    type: str
    ttl: str | None = None


class Source(Struct):
    """Where what is looked at comes from."""

    type: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    content: str | list[Raw] = ""


class Switch(Struct):
    """Something that is on or off."""

    enabled: bool | None = None


class TextBlock(Struct, tag_field="type", tag="text"):
    """A text."""

    text: str
    cache_control: Marker | None = None
    citations: list[Raw] | None = None


class ImageBlock(Struct, tag_field="type", tag="image"):
    """An image."""

    source: Source
    cache_control: Marker | None = None
    transformations: Any = None


class DocumentBlock(Struct, tag_field="type", tag="document"):
    """A document, and what is told beside it."""

    source: Source
    title: str | None = None
    context: str | None = None
    cache_control: Marker | None = None
    citations: Switch | None = None


class ToolUseBlock(Struct, tag_field="type", tag="tool_use"):
    """A call that the assistant made."""

    id: str
    name: str
    input: Raw = msgspec.field(default_factory=Raw)
    cache_control: Marker | None = None


class ToolResultBlock(Struct, tag_field="type", tag="tool_result"):
    """What a called tool answered."""

    tool_use_id: str
    content: str | list[Raw] | None = None
    is_error: bool | None = None
    cache_control: Marker | None = None


class ThinkingBlock(Struct, tag_field="type", tag="thinking"):
    """A thought with its proof."""

    thinking: str
    signature: str = ""


class RedactedBlock(Struct, tag_field="type", tag="redacted_thinking"):
    """An encrypted thought."""

    data: str


class Kind(Struct):
    """The type of a block that may be of any."""

    type: str


Block = TextBlock | ImageBlock | DocumentBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock | RedactedBlock
_KINDS: Final = frozenset({"text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"})
_block = msgspec.json.Decoder(Block)
_kind = msgspec.json.Decoder(Kind)


def marker_of(control: Marker | None) -> str:
    """How long a breakpoint keeps what stands before it; "" where there is none."""
    return "" if control is None else "1h" if control.ttl == "1h" else "5m"


def block_of(raw: Raw) -> Block | None:
    """The block; None when it is wrong, or of a type that only this dialect has."""
    try:
        block: Block = _block.decode(raw)
    except msgspec.ValidationError:
        return None
    return block


def refuse_wrong(raw: Raw, at: str) -> None:
    """Return for a type that only this dialect has; else raise CallerError naming what is wrong with the block."""
    try:
        kind = _kind.decode(raw).type
    except msgspec.ValidationError:
        raise CallerError(f"{at}: a block is an object with a `type`", param=at) from None
    home = CHAT if kind in ("input_audio", "refusal") else part_home(kind)
    if home not in (None, MESSAGES):
        raise CallerError(f"{at}: a part of type `{kind}` belongs to {home}", param=at)
    if kind in _KINDS:
        read_at(raw, _block, at)


def read_at(raw: Raw, decoder: msgspec.json.Decoder[T], at: str) -> T:
    """What stands at this place of the body. Raises CallerError naming the place below it that is wrong."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        wrong = mistyped(error)
    where = f"{at}.{wrong.param}" if wrong.param else at
    raise CallerError(f"{where}: {wrong.message.partition(': ')[2]}", param=where)


def kind_of(raw: Raw) -> str:
    """The type of a block of which nothing else is known."""
    return _kind.decode(raw).type
