"""The fields of a Responses body that we read, and reading them with errors that name the place. No meaning may enter."""

from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from ...errors import CallerError, UnsupportedFeature
from ..common.body import mistyped
from ..common.wishes import RouterWishes

T = TypeVar("T")
NOTHING: Final = Raw(b"")
NULL: Final = b"null"


class StreamOptions(Struct, frozen=True):
    """What a stream is to hold; nothing in it changes an answer."""

    include_obfuscation: bool | None = None


class ReasoningWish(Struct, frozen=True):
    """How much to think, and whether a summary of the thoughts is wished."""

    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    context: Raw = msgspec.field(default_factory=Raw)
    mode: Raw = msgspec.field(default_factory=Raw)


class TextFormat(Struct, frozen=True):
    """The form of the text: `text`, `json_object`, or `json_schema` with its fields beside the type."""

    type: str
    name: str | None = None
    schema: Raw = msgspec.field(default_factory=Raw)
    strict: bool | None = None
    description: str | None = None


class TextWish(Struct, frozen=True):
    """How the text is to be."""

    format: TextFormat | None = None
    verbosity: str | None = None


class ResponsesBody(Struct, frozen=True):
    """A Responses body. Fields that are not named here are the caller's own and are reported as dropped."""

    model: str
    input: str | list[Raw]
    instructions: str | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    include: list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Raw] | None = None
    tool_choice: Raw = msgspec.field(default_factory=Raw)
    parallel_tool_calls: bool | None = None
    text: TextWish | None = None
    reasoning: ReasoningWish | None = None
    service_tier: str | None = None
    truncation: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, Any] | None = None
    router: RouterWishes | None = None


class Kind(Struct, frozen=True):
    """What an item, a part or a tool says it is."""

    type: str | None = None
    role: str | None = None
    id: str | None = None


class MessageItem(Struct, frozen=True):
    """One turn of one side."""

    role: str
    content: str | list[Raw]


class CallItem(Struct, frozen=True):
    """A call made earlier: `arguments` of a function, `input` of a custom tool."""

    call_id: str
    name: str
    arguments: str = ""
    input: str = ""
    namespace: str | None = None


class OutputItem(Struct, frozen=True):
    """What a called tool answered."""

    call_id: str
    output: str | list[Raw]


class SummaryPart(Struct, frozen=True):
    """A piece of a thought's text."""

    text: str = ""


class ReasoningItem(Struct, frozen=True):
    """A thought of an earlier turn."""

    summary: list[SummaryPart] | None = None
    content: list[SummaryPart] | None = None
    encrypted_content: str | None = None


class ToolsItem(Struct, frozen=True):
    """Tools that are offered from inside the conversation."""

    tools: list[Raw]


class InputAudio(Struct, frozen=True):
    """A sound: base64 `data` of `format` wav or mp3."""

    data: str
    format: str


class Breakpoint(Struct, frozen=True):
    """A prompt-cache breakpoint after a part."""

    ttl: str | None = None


class ContentPart(Struct, frozen=True):
    """One part of a turn's content, of any type."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: InputAudio | None = None
    prompt_cache_breakpoint: Breakpoint | None = None


class Grammar(Struct, frozen=True):
    """The form of a custom tool's input: `text`, or `grammar` with its definition."""

    type: str
    syntax: str = ""
    definition: str = ""


class DeclaredTool(Struct, frozen=True):
    """A tool that the caller runs (function, custom), or a named group of such tools (namespace)."""

    name: str
    description: str | None = None
    parameters: Raw = msgspec.field(default_factory=Raw)
    strict: bool | None = None
    format: Grammar | None = None
    tools: list[Raw] | None = None


class Choice(Struct, frozen=True):
    """A tool choice that is more than a word."""

    type: str
    name: str | None = None
    namespace: str | None = None
    mode: str | None = None
    tools: list[Raw] | None = None


def read(raw: Raw, decoder: msgspec.json.Decoder[T], where: str) -> T:
    """`raw` through `decoder`. Raises CallerError naming the field below `where`."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        inner = mistyped(error)
        if inner.param is None:
            raise CallerError(inner.message.replace("body", where, 1), param=where) from None
        raise CallerError(f"{where}.{inner.message}", param=f"{where}.{inner.param}") from None


def told(raw: Raw) -> bool:
    """Whether a field is there and is not null."""
    return bytes(raw) not in (b"", NULL)


def unsupported(where: str, what: str) -> UnsupportedFeature:
    """The refusal of something that only OpenAI's own servers could do."""
    return UnsupportedFeature(f"{where}: {what}", param=where)
