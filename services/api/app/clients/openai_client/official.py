"""What our chat face takes beyond OpenAI's own fields, and OpenAI itself refuses: said in its words, or left out and told.

Callers write these fields for models of other providers, give back those of our own answers, and do not know who answers next
(`auto`, a fallback). Only fields whose meaning we know are touched: an unknown one may be OpenAI's newest, and travels.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import ChatRequest
from ...domain.target import Target
from .parse_parts import marker_of
from .parse_thinking import THINKING_FIELDS, thinking_of
from .request_messages import BREAKPOINTS, knows_breakpoints
from .request_wishes import told_thinking

Fields = dict[str, Any]
_OLD_LIMIT: Final = "max_tokens"
_LIMIT: Final = "max_completion_tokens"
_THOUGHTS: Final = ("reasoning_content", "reasoning", "reasoning_details")
_NULL: Final = (b"", b"null")
_MARK: Final = "cache_control"
_BREAKPOINT: Final = "prompt_cache_breakpoint"
# what stands in an item only where there is something to do; the first in tools and messages, the others in assistants' turns
_SIGN: Final = b'"cache_control"'
_SIGNS: Final = (_SIGN, b'"reasoning', b'"extra_content"')
_encode = msgspec.json.Encoder().encode


def made_official(fields: Fields, request: ChatRequest, target: Target) -> set[str]:
    """Edit the caller's own fields for OpenAI; the names of what got lost. Nothing happens to a body of OpenAI's own fields."""
    lost: set[str] = set()
    thinks = not target.known or "reasoning" in target.capabilities
    if thinks and not target.max_tokens_field and _is_told(fields.get(_OLD_LIMIT)):
        # refused by every model that thinks, says the API reference of `max_tokens`; the newer name is taken by all
        fields.setdefault(_LIMIT, fields.pop(_OLD_LIMIT))
        fields.pop(_OLD_LIMIT, None)
    if request.thinking is not None and thinks:
        _say_effort(fields, request, target, lost)
    if _is_told(fields.pop("top_k", None)):
        lost.add("top_k")
    if not request.tools and bytes(fields.get("tools") or b"").strip() == b"[]":
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            fields.pop(name, None)
    answered = any(message.role == "assistant" for message in request.messages)
    _edit("messages", _SIGNS if answered else (_SIGN,), _message, fields, target, lost)
    _edit("tools", (_SIGN,), _tool, fields, target, lost)
    _mark_end(fields, target, lost)
    return lost


def _is_told(value: Any) -> bool:
    return value is not None and bytes(value) not in _NULL


def _say_effort(fields: Fields, request: ChatRequest, target: Target, lost: set[str]) -> None:
    """`reasoning_effort` instead of the other ways in which a wish to think is spelled."""
    tree = {name: msgspec.json.decode(fields[name]) for name in THINKING_FIELDS if name in fields}
    others = [name for name in thinking_of(tree)[1] if name != "reasoning_effort"]
    for name in others:
        del fields[name]
    if not others or "reasoning_effort" in fields or request.thinking is None:
        return
    effort, less = told_thinking(request.thinking, target, True)
    lost.update(less)
    if effort is not None:
        fields["reasoning_effort"] = effort


def _edit(
    name: str,
    signs: tuple[bytes, ...],
    edit: Callable[[Fields, bool, set[str]], bool],
    fields: Fields,
    target: Target,
    lost: set[str],
) -> None:
    """Have every item of a list edited; the list stays byte for byte where none needs it."""
    raw = bytes(fields.get(name) or b"")
    if not any(sign in raw for sign in signs):
        return
    items = msgspec.json.decode(raw)
    edited = [edit(item, knows_breakpoints(target), lost) for item in items if isinstance(item, dict)]
    if any(edited):
        fields[name] = Raw(_encode(items))


def _message(message: Fields, breakpoints: bool, lost: set[str]) -> bool:
    """Whether the message had to be edited."""
    edited = False
    for name in _THOUGHTS:
        if name in message:
            edited = True
            if message.pop(name):
                lost.add("thinking")
    for call in _dicts(message.get("tool_calls")):
        if call.pop("extra_content", None) is not None:
            edited = True
            lost.add("thinking")
        edited = _mark(call, False, lost) or edited
    if _MARK in message:
        edited = True
        _mark_content(message, marker_of(message.pop(_MARK)), breakpoints, lost)
    for part in _dicts(message.get("content")):
        edited = _mark(part, breakpoints, lost) or edited
    return edited


def _tool(tool: Fields, breakpoints: bool, lost: set[str]) -> bool:
    return _mark(tool, False, lost)


def _mark(node: Fields, breakpoints: bool, lost: set[str]) -> bool:
    """Anthropic's breakpoint as OpenAI's where there is a place for it; whether there was one."""
    if _MARK not in node:
        return False
    marker = marker_of(node.pop(_MARK))
    if marker and breakpoints:
        node.setdefault(_BREAKPOINT, BREAKPOINTS[marker])
    elif marker:
        lost.add(_MARK)
    return True


def _mark_end(fields: Fields, target: Target, lost: set[str]) -> None:
    """A breakpoint at the end of the whole prompt."""
    raw = fields.pop(_MARK, None)
    if raw is None:
        return
    messages = msgspec.json.decode(fields["messages"])
    last: Fields = next((message for message in reversed(messages) if message.get("content")), {})
    if _mark_content(last, marker_of(msgspec.json.decode(raw)), knows_breakpoints(target), lost):
        fields["messages"] = Raw(_encode(messages))


def _mark_content(message: Fields, marker: str, breakpoints: bool, lost: set[str]) -> bool:
    """A message's breakpoint goes onto its last part; whether it did."""
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if marker and not (breakpoints and content):
        lost.add(_MARK)
    if not (marker and breakpoints and content):
        return False
    content[-1].setdefault(_BREAKPOINT, BREAKPOINTS[marker])
    message["content"] = content
    return True


def _dicts(items: Any) -> Iterator[Fields]:
    return (item for item in items if isinstance(item, dict)) if isinstance(items, list) else iter(())
