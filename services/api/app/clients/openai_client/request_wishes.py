"""From a request's wishes (tools, form, sampling, thinking) to the fields of OpenAI's chat body. No message is made here."""

from typing import Any, Final

from ...domain.request import ChatRequest, Effort, Format, Thinking, Tool, ToolChoice
from ...domain.target import Target
from ..common.tools import chosen_tools, nearest_effort, schema_of

_PLAIN: Final = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "user", "top_logprobs", "verbosity")
MOST_STOPS: Final = 4
# budgets of thinking tokens and the efforts they stand for, as Google's OpenAI-compatible endpoint reads them
# (ai.google.dev/gemini-api/docs/openai, "Thinking"): low 1,024, medium 8,192, high 24,576
_EFFORTS: Final[tuple[tuple[int, Effort], ...]] = ((0, "none"), (1024, "low"), (8192, "medium"))


def wished_fields(request: ChatRequest, strict: bool, dropped: set[str]) -> dict[str, Any]:
    """The fields beside messages and limits. `strict` = the host is OpenAI itself, with its lists of fields and kinds."""
    wished: dict[str, Any] = {
        **{name: getattr(request, name) for name in _PLAIN},
        "stop": list(request.stop[:MOST_STOPS] if strict else request.stop) or None,
        "n": request.n if request.n > 1 else None,
        "logprobs": True if request.logprobs else None,
        "service_tier": request.tier,
        "top_k": None if strict or request.top_k is None else int(request.top_k),
        "response_format": None if request.format is None else _format(request.format),
    }
    if strict:
        dropped.update(_beyond(request))
    return {name: value for name, value in wished.items() if value is not None} | _tools(request, strict, dropped)


def _beyond(request: ChatRequest) -> list[str]:
    """What OpenAI itself has no place for."""
    beyond = ["stop"] if len(request.stop) > MOST_STOPS else []
    return beyond if request.top_k is None else [*beyond, "top_k"]


def effort_of(thinking: Thinking) -> Effort | None:
    """The effort that a wish comes down to; None for the model's own measure."""
    if thinking.effort is not None:
        return thinking.effort
    if thinking.budget is None:
        return None
    for budget, effort in _EFFORTS:
        if thinking.budget <= budget:
            return effort
    return "high"


def told_thinking(thinking: Thinking, target: Target, strict: bool) -> tuple[Effort | None, list[str]]:
    """(the effort to tell, None = none; the names of what is lost with it): there is no other word for a wish to think."""
    wish = effort_of(thinking)
    effort, less = (None, False) if wish is None else taken_effort(wish, target)
    lost = ["reasoning_effort"] if less else []
    if wish == "none" and thinking.effort is None:
        return effort, lost  # a budget of nothing is that word exactly
    thinks = not target.known or "reasoning" in target.capabilities
    hidden = thinking.shown is True and wish != "none" and (strict or not thinks)  # OpenAI itself tells no thoughts
    return effort, [*lost, "thinking"] if thinking.budget is not None or hidden else lost


def taken_effort(wish: Effort, target: Target) -> tuple[Effort | None, bool]:
    """(the word to send, None = none; whether that is less than was wished) for this model."""
    if target.known and "reasoning" not in target.capabilities:
        return None, wish != "none"
    taken = nearest_effort(wish, target.efforts)
    return taken, taken != wish


def _format(wished: Format) -> dict[str, Any]:
    if wished.kind == "json_object":
        return {"type": "json_object"}
    told: dict[str, Any] = {"name": wished.name}
    if wished.description:
        told["description"] = wished.description
    if bytes(wished.schema):
        told["schema"] = wished.schema
    if wished.strict is not None:
        told["strict"] = wished.strict
    return {"type": "json_schema", "json_schema": told}


def _tools(request: ChatRequest, strict: bool, dropped: set[str]) -> dict[str, Any]:
    choice = request.tool_choice
    tools = request.tools
    if choice is not None and len(choice.names) > 1 and not strict:
        tools = chosen_tools(tools, choice.names)
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in tools]} if tools else {}
    if any(tool.marker for tool in tools):
        dropped.add("cache_control")
    if choice is not None and (tools or choice.mode == "required"):
        fields["tool_choice"] = _choice(choice, strict)
    if request.parallel_tools is not None and tools:
        fields["parallel_tool_calls"] = request.parallel_tools
    return fields


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = schema_of(tool)
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice, strict: bool) -> str | dict[str, Any]:
    if not choice.names or choice.mode == "none":
        return choice.mode
    named = [{"type": "function", "function": {"name": name}} for name in choice.names]
    if len(named) == 1 and choice.mode == "required":
        return named[0]
    if not strict:
        return choice.mode
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": named}}
