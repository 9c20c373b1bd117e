"""What the quirks of hosts change in a request's fields. Each function is one repair; none knows which host needs it.

A field's value is undecoded JSON or ready to be encoded. Repairs decode the messages only when they hold what has to change.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw

from ..common.call_ids import CallIds, spelled_short
from .mending import rename

Fields = dict[str, Any]

_NOTHING: Final = (b"null", b"[]")
_SHORT: Final = re.compile(r"[A-Za-z0-9]{9}", re.ASCII)
_REASONING: Final = ("reasoning_content", "reasoning", "reasoning_details")


def leaving_out(*names: str) -> Callable[[Fields], tuple[str, ...]]:
    """A repair that leaves out these fields."""

    def leave_out(fields: Fields) -> tuple[str, ...]:
        return tuple([name for name in names if not _is_empty(fields.pop(name, None))])

    return leave_out


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, Raw) and bytes(value) in _NOTHING)


def _decoded(fields: Fields, name: str) -> Any:
    """A field's value, decoded and kept so."""
    value = fields.get(name)
    if isinstance(value, Raw):
        value = fields[name] = msgspec.json.decode(value)
    return value


def _messages(fields: Fields, holding: str) -> list[dict[str, Any]]:
    """The messages when one of them may hold `holding`, else none; decoded ones are edited in place."""
    raw = fields["messages"]
    if isinstance(raw, Raw) and f'"{holding}"'.encode() not in bytes(raw) and b"\\u" not in bytes(raw):
        return []
    found: list[dict[str, Any]] = _decoded(fields, "messages")
    return found


def developer_as_system(fields: Fields) -> tuple[str, ...]:
    """Developer messages as system messages."""
    for message in _messages(fields, "developer"):
        if message.get("role") == "developer":
            message["role"] = "system"
    return ()


def string_content(fields: Fields) -> tuple[str, ...]:
    """Content that is all text as one string; content with images stays, as it has no other form."""
    for message in _messages(fields, "text"):
        content = message.get("content")
        if isinstance(content, list) and all(isinstance(p, dict) and isinstance(p.get("text"), str) for p in content):
            message["content"] = "\n\n".join([part["text"] for part in content])
    return ()


def short_ids(fields: Fields) -> tuple[str, ...]:
    """Ids of nine letters and digits, for calls and for the results that answer them."""
    rename(_messages(fields, "tool_call_id") or _messages(fields, "tool_calls"), CallIds(_SHORT, spelled_short))
    return ()


def no_names(fields: Fields) -> tuple[str, ...]:
    """Messages without names of their speakers; a `function` message's name says what was called and stays."""
    named = [message for message in _messages(fields, "name") if message.get("role") != "function" and "name" in message]
    for message in named:
        del message["name"]
    return ("name",) if named else ()


def no_reasoning_input(fields: Fields) -> tuple[str, ...]:
    """The history without thoughts."""
    lost = False
    for name in _REASONING:
        for message in _messages(fields, name):
            lost = message.pop(name, None) is not None or lost
    return ("thinking",) if lost else ()


def auto_choice_only(fields: Fields) -> tuple[str, ...]:
    """The nearest that offers by `tools` alone: none of them for `none`, the named one for a named one."""
    choice = _decoded(fields, "tool_choice")
    if choice is None or choice == "auto":
        return ()
    del fields["tool_choice"]
    if choice == "none":
        fields.pop("tools", None)
        fields.pop("parallel_tool_calls", None)
        return ()
    names = _chosen(choice)
    if names:
        fields["tools"] = [tool for tool in _decoded(fields, "tools") or () if _name(tool) in names]
    return ("tool_choice",)


def _chosen(choice: Any) -> set[str]:
    if not isinstance(choice, dict):
        return set()
    allowed = choice.get("allowed_tools")
    tools = allowed.get("tools") if isinstance(allowed, dict) else [choice]
    return {name for tool in tools or () if (name := _name(tool))}


def _name(tool: Any) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""


def no_empty_tools(fields: Fields) -> tuple[str, ...]:
    """No list of tools rather than an empty one."""
    tools = fields.get("tools")
    if isinstance(tools, Raw):
        tools = None if bytes(tools).strip() == b"null" else msgspec.json.decode(tools)
    if not tools:
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            fields.pop(name, None)
    return ()


def no_stream_options(fields: Fields) -> tuple[str, ...]:
    """No stream options; they are ours as much as the caller's, so nothing of his is lost."""
    fields.pop("stream_options", None)
    return ()


def integer_logprobs(fields: Fields) -> tuple[str, ...]:
    """Probabilities asked for by one number: of how many tokens in each place, at least of the one that was chosen."""
    wished, most = _decoded(fields, "logprobs"), _decoded(fields, "top_logprobs")
    fields.pop("top_logprobs", None)
    if isinstance(wished, bool):
        del fields["logprobs"]
        if wished:
            fields["logprobs"] = most or 1
    return ()


def max_tokens_only(fields: Fields) -> tuple[str, ...]:
    """The output limit under its older name."""
    limit = fields.pop("max_completion_tokens", None)
    if limit is not None:
        fields["max_tokens"] = limit
    return ()
