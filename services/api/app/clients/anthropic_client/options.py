"""From the options of a caller's Messages body (tools, choice, thinking, form) to typed values. No content of turns."""

from typing import Any, Final, get_args

import msgspec
from msgspec import Raw, Struct

from ...domain.request import Effort, Format, Thinking, Tool, ToolChoice
from ...errors import CallerError
from .parts import Blocks
from .shapes import Marker, marker_of, read_at

_EFFORTS: Final = {word: word for word in get_args(Effort)}
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
# what a custom tool may say beside its function, in this dialect alone and without changing what it is
_ADVICE: Final = ("allowed_callers", "defer_loading", "eager_input_streaming", "input_examples")
_SHOWN: Final = {"summarized": True, "omitted": False}


class _Tool(Struct):
    name: str | None = None
    type: str | None = None
    description: str | None = None
    input_schema: Raw = msgspec.field(default_factory=Raw)
    strict: bool | None = None
    cache_control: Marker | None = None


class Choice(Struct):
    """Whether and which tool must be called."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingWish(Struct):
    """Whether to think; `budget_tokens` belongs to the type `enabled`."""

    type: str
    budget_tokens: int | None = None
    display: str | None = None


class OutputFormat(Struct):
    """The form of the answer."""

    type: str
    schema: Raw = msgspec.field(default_factory=Raw)


class OutputWish(Struct):
    """How much effort to spend, and the form of the answer."""

    effort: str | None = None
    format: OutputFormat | None = None


_tool = msgspec.json.Decoder(_Tool)


def tools_of(raws: list[Raw], nodes: list[Any], found: Blocks) -> tuple[Tool, ...]:
    """The functions among the tools; tools that the provider itself runs or defines are named as native."""
    tools: list[Tool] = []
    for place, raw in enumerate(raws):
        at, node = f"tools[{place}]", nodes[place]
        tool = read_at(raw, _tool, at)
        if tool.type == "function" or "function" in node:
            route = "/v1/chat/completions" if "function" in node else "/v1/responses"
            raise CallerError(f"{at}: a tool of type `function` belongs to POST {route}", param=at)
        if tool.type is not None and tool.type != "custom":
            found.native.append(f"{at} ({tool.type[:60]})")
            continue
        if tool.name is None or not bytes(tool.input_schema):
            missing = "name" if tool.name is None else "input_schema"
            raise CallerError(f"{at}.{missing}: required field is missing", param=f"{at}.{missing}")
        found.extra += [name for name in _ADVICE if node.get(name) is not None]
        marker = marker_of(tool.cache_control)
        tools.append(Tool(tool.name, tool.description or "", tool.input_schema, tool.strict, marker))
    return tuple(tools)


def choice_of(choice: Choice | None) -> ToolChoice | None:
    """The choice of tools. Raises CallerError for a type that does not exist."""
    if choice is None:
        return None
    if choice.type == "tool":
        if not choice.name:
            raise CallerError("tool_choice.name: required field is missing", param="tool_choice.name")
        return ToolChoice("required", (choice.name,))
    mode = _CHOICES.get(choice.type)
    if mode is None:
        raise CallerError("tool_choice.type: use one of auto, any, tool, none", param="tool_choice.type")
    return ToolChoice(mode)  # type: ignore[arg-type]


def parallel_of(choice: Choice | None) -> bool | None:
    """Whether several tools may be called at once; None = not said."""
    return None if choice is None or choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use


def thinking_of(wish: ThinkingWish | None, output: OutputWish | None, found: Blocks) -> Thinking | None:
    """How much to think. Words that nobody has heard of yet go to this dialect's own models alone."""
    effort: Effort | None = None
    if output is not None and output.effort is not None:
        effort = _EFFORTS.get(output.effort)
        if effort is None:
            found.native.append("output_config.effort")
    if wish is not None:
        return _thinking(wish, effort, found)
    return None if effort is None else Thinking(effort)


def _thinking(wish: ThinkingWish, effort: Effort | None, found: Blocks) -> Thinking:
    shown = _SHOWN.get(wish.display or "")
    if wish.type == "disabled":
        return Thinking("none")
    if wish.type == "enabled":
        if wish.budget_tokens is None:
            raise CallerError("thinking.budget_tokens: required field is missing", param="thinking.budget_tokens")
        return Thinking(effort, wish.budget_tokens, shown is not False)
    if wish.type == "between_tools":
        found.extra.append("thinking.between_tools")
    elif wish.type != "adaptive":
        found.native.append("thinking")
    return Thinking(effort, shown=shown)


def format_of(output: OutputWish | None, older: OutputFormat | None, found: Blocks) -> Format | None:
    """The form of the answer; `older` is the field that `output_config.format` replaces."""
    wish = output.format if output is not None and output.format is not None else older
    if wish is None:
        return None
    if wish.type != "json_schema":
        found.native.append("output_config.format")
        return None
    if not bytes(wish.schema):
        raise CallerError("output_config.format.schema: required field is missing", param="output_config.format.schema")
    return Format("json_schema", schema=wish.schema)


def tier_of(service_tier: str | None, speed: str | None) -> str | None:
    """The service tier in OpenAI's words."""
    if speed == "fast":
        return "fast"
    return "default" if service_tier == "standard_only" else service_tier
