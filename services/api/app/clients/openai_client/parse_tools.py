"""From a chat body's tools, tool choice and answer format to values. Only shapes: no message is read here."""

from typing import Literal

import msgspec
from msgspec import Raw, Struct

from ...domain.request import NOTHING, Format, Tool, ToolChoice
from ...errors import CallerError
from ..common.body import mistyped
from ..common.tools import held_choice
from .parse_parts import Marked


class FunctionTool(Struct):
    """A function as `tools[].function` and as the older `functions[]` describe it."""

    name: str
    description: str | None = None
    parameters: Raw = msgspec.field(default_factory=Raw)
    strict: bool | None = None


class ChatTool(Marked):
    """One of `tools`; only functions are common to all dialects. `name` beside `type` is how other routes spell a function."""

    type: str = "function"
    name: str | None = None
    function: FunctionTool | None = None
    input_schema: Raw = msgspec.field(default_factory=Raw)


class Named(Struct):
    """The name of a tool."""

    name: str


class Allowed(Struct):
    """The narrowed tools of a choice."""

    mode: Literal["auto", "required"]
    tools: list[Raw]


class Chosen(Struct):
    """A tool choice that is an object."""

    type: str | None = None
    name: str | None = None
    function: Named | None = None
    allowed_tools: Allowed | None = None


class JsonSchema(Struct):
    """The schema of a wished answer."""

    name: str = "answer"
    schema: Raw = msgspec.field(default_factory=Raw)
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(Struct):
    """The wished form of the answer."""

    type: str
    json_schema: JsonSchema | None = None


_ABSENT = (b"", b"null")
_MODES: tuple[Literal["auto", "none", "required"], ...] = ("auto", "none", "required")
_tool = msgspec.json.Decoder(ChatTool)
_choice = msgspec.json.Decoder(str | Chosen)


def tools_of(tools: list[Raw] | None, native: list[str]) -> tuple[Tool, ...]:
    """The functions among OpenAI's `tools`; other kinds (custom, server tools) are added to `native` by their place.

    Raises CallerError naming the field.
    """
    found = []
    for place, raw in enumerate(tools or ()):
        where = f"tools[{place}]"
        tool = _read_tool(raw, where)
        if tool.type == "function" and tool.function is not None:
            found.append(_function(tool.function, tool.marker))
        elif tool.type == "function" and tool.name is not None:
            raise CallerError(
                f"{where}: here `name` and `parameters` stand below `function`; beside `type` they belong to POST /v1/responses",
                param=where,
            )
        elif tool.type == "function":
            raise CallerError(f"{where}.function: required field is missing", param=f"{where}.function")
        else:
            native.append(where)
    return tuple(found)


def _read_tool(raw: Raw, where: str) -> ChatTool:
    try:
        tool = _tool.decode(raw)
    except msgspec.ValidationError as error:
        raise mistyped(error, where) from None
    if bytes(tool.input_schema) and tool.function is None:
        raise CallerError(f"{where}: tools with `input_schema` belong to POST /v1/messages, Anthropic's shape", param=where)
    return tool


def functions_of(functions: list[FunctionTool] | None) -> tuple[Tool, ...]:
    """The tools that the older `functions` describe."""
    return tuple([_function(function, "") for function in functions or ()])


def _function(function: FunctionTool, marker: str) -> Tool:
    parameters = function.parameters
    return Tool(
        name=function.name,
        description=function.description or "",
        parameters=NOTHING if bytes(parameters) in _ABSENT else parameters,
        strict=function.strict,
        marker=marker,
    )


def choice_of(raw: Raw | None, native: list[str], field: str = "tool_choice") -> ToolChoice | None:
    """OpenAI's `tool_choice` (or the older `function_call`, named by `field`); one of another kind is added to `native`."""
    if raw is None or bytes(raw) in _ABSENT:
        return None
    try:
        choice = _choice.decode(raw)
    except msgspec.ValidationError:
        raise CallerError(f"{field}: use auto, none, required or an object that names a tool", param=field) from None
    if isinstance(choice, str):
        return _word(choice, field)
    if choice.allowed_tools is not None:
        return _allowed(choice.allowed_tools, native, field)
    named = choice.function.name if choice.function is not None else choice.name if choice.type is None else None
    if named is not None:
        return ToolChoice("required", (named,))
    if choice.type in ("any", "tool", "auto", "none"):
        raise CallerError(f"{field}: an object of type {choice.type} belongs to POST /v1/messages", param=field)
    native.append(field)
    return None


def chosen_of(tools: list[Raw] | None, choice: Raw | None, native: list[str]) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The functions among `tools` and the choice from them. Raises CallerError naming the field."""
    found, chosen = tools_of(tools, native), choice_of(choice, native)
    return found, held_choice(chosen, found) if len(found) == len(tools or ()) else chosen


def _word(word: str, field: str) -> ToolChoice:
    if word == "any":  # what Mistral's callers are used to
        word = "required"
    for mode in _MODES:
        if word == mode:
            return ToolChoice(mode)
    raise CallerError(f"{field}: use auto, none, required or an object that names a tool", param=field)


def _allowed(allowed: Allowed, native: list[str], field: str) -> ToolChoice | None:
    names = []
    for raw in allowed.tools:
        try:
            tool = _choice.decode(raw)
        except msgspec.ValidationError:
            tool = ""
        if isinstance(tool, str) or tool.function is None:
            native.append(field)
            return None
        names.append(tool.function.name)
    return ToolChoice(allowed.mode, tuple(names))


def format_of(wished: ResponseFormat | None, native: list[str]) -> Format | None:
    """OpenAI's `response_format`; text is None, a kind that we do not know is added to `native`."""
    if wished is None or wished.type == "text":
        return None
    if wished.type == "json_object":
        return Format("json_object")
    if wished.type != "json_schema":
        native.append("response_format")
        return None
    told = wished.json_schema
    if told is None:
        raise CallerError("response_format.json_schema: required field is missing", param="response_format.json_schema")
    return Format(
        kind="json_schema",
        name=told.name,
        schema=NOTHING if bytes(told.schema) in _ABSENT else told.schema,
        strict=told.strict,
        description=told.description or "",
    )
