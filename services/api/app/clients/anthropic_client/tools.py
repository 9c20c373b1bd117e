"""From a ChatRequest's tools and their choice to Anthropic's fields. No content of turns may enter."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import Called, ChatRequest, Tool, ToolChoice
from ...domain.target import Target
from ..common.tools import chosen_tools, schema_of
from .blocks import cache_control

_TYPES: Final = {"auto": "auto", "required": "any", "none": "none"}
_object = msgspec.json.Decoder(dict[str, Raw])
_NO_CHOICE: Final = ToolChoice()


def add_tools(request: ChatRequest, target: Target, fields: dict[str, Any], dropped: list[str]) -> None:
    """Set `tools` and `tool_choice`.

    A history with calls is refused without tools: then the called ones are declared by name and none may be called.
    """
    choice = request.tool_choice or _NO_CHOICE
    forced = choice.mode == "required" and len(choice.names) == 1
    tools = request.tools if forced else chosen_tools(request.tools, choice.names)
    if tools:
        fields["tools"] = [_declared(tool, target, dropped) for tool in tools]
        told = _choice(request, {"type": "tool", "name": choice.names[0]} if forced else {"type": _TYPES[choice.mode]})
        if told is not None:
            fields["tool_choice"] = told
        return
    called = dict.fromkeys(part.name for message in request.messages for part in message.parts if isinstance(part, Called))
    if called:
        fields["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in called]
        fields["tool_choice"] = {"type": "none"}


def forces(request: ChatRequest) -> bool:
    """Whether a tool must be called, which models refuse to think about."""
    return bool(request.tools) and request.tool_choice is not None and request.tool_choice.mode == "required"


def _choice(request: ChatRequest, choice: dict[str, Any]) -> dict[str, Any] | None:
    """The choice, None where it would say nothing. One call at a time is part of a choice, of `none` not."""
    if request.parallel_tools is False and choice["type"] != "none":
        return {**choice, "disable_parallel_tool_use": True}
    return choice if request.tool_choice is not None else None


def _declared(tool: Tool, target: Target, dropped: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": tool.name}
    if tool.description:
        told["description"] = tool.description
    told["input_schema"] = _input_schema(tool)
    if tool.strict:
        if "json_schema" in target.capabilities or not target.known:
            told["strict"] = True
        else:
            dropped.append("strict")
    if tool.marker:
        told["cache_control"] = cache_control(tool.marker)
    return told


def _input_schema(tool: Tool) -> Raw | dict[str, Any]:
    """The parameters, of type object as is required here and taken for granted elsewhere."""
    schema = schema_of(tool)
    try:
        fields = _object.decode(schema)
    except msgspec.ValidationError:
        return schema
    return schema if "type" in fields else {"type": "object", **fields}
