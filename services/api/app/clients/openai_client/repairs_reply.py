"""What the quirks of hosts change in an answer's own bytes, whole or streamed. Each class is one repair of one answer."""

from typing import Any, Final, Protocol

import msgspec

from ...domain.answer import Delta
from ..common.call_ids import minted
from ..common.sse import Event
from .reply_shape import Function, Tool
from .stream import DONE, Calls, OpenAITaker

_encode: Final = msgspec.json.Encoder().encode


class Editor(Protocol):
    """Edits one answer: its decoded body, or the decoded chunks of its stream in order."""

    def edit(self, choice: dict[str, Any], said: dict[str, Any]) -> bool:
        """Edits a choice and what it says (its message or delta) in place; whether anything changed."""
        ...


class ToolIndexes:
    """Gives streamed tool calls the indexes and ids that they lack, as the reader counts them."""

    def __init__(self) -> None:
        self._calls: dict[int, Calls] = {}

    def edit(self, choice: dict[str, Any], said: dict[str, Any]) -> bool:
        """Edits the calls of one piece; a whole message needs no index."""
        if "delta" not in choice:
            return False
        changed = False
        answer = _number(choice)
        for told in _calls_of(said):
            place, opens, name = self._place(told, answer)
            if type(told.get("index")) is not int:
                told["index"] = place
                changed = True
            if opens and not told.get("id"):
                told["id"] = minted(str(answer), str(place), name)
                changed = True
        return changed

    def _place(self, told: dict[str, Any], answer: int) -> tuple[int, bool, str]:
        function = told.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        name = name if isinstance(name, str) else ""
        index, call_id = told.get("index"), told.get("id")
        tool = Tool(
            index=index if type(index) is int else None,
            id=call_id if isinstance(call_id, str) else None,
            function=Function(name),
        )
        place, opens = self._calls.setdefault(answer, Calls()).place(tool, name)
        return place, opens, name


class FinishReasons:
    """Says `tool_calls` where the host says `stop` though it made calls."""

    def __init__(self) -> None:
        self._called: set[int] = set()

    def edit(self, choice: dict[str, Any], said: dict[str, Any]) -> bool:
        """Edits the finish reason of one choice."""
        index = _number(choice)
        if _calls_of(said):
            self._called.add(index)
        if choice.get("finish_reason") != "stop" or index not in self._called:
            return False
        choice["finish_reason"] = "tool_calls"
        return True


def _number(choice: dict[str, Any]) -> int:
    """Which answer a choice belongs to."""
    index = choice.get("index")
    return index if type(index) is int else 0


def _calls_of(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The calls in a message or a piece of one; what is no call is the reader's to refuse."""
    calls = said.get("tool_calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def edited(data: bytes, editors: list[Editor]) -> bytes:
    """A body or a chunk after all edits; the very bytes when there is nothing to edit, or nothing that could be."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return data
    choices = body.get("choices") if isinstance(body, dict) else None
    changed = False
    for choice in choices if isinstance(choices, list) else ():
        said = (choice.get("delta") or choice.get("message")) if isinstance(choice, dict) else None
        said = said if isinstance(said, dict) else {}
        if isinstance(choice, dict):
            for editor in editors:
                changed = editor.edit(choice, said) or changed
    return _encode(body) if changed else data


class EditedTaker(OpenAITaker):
    """Takes chunks as they are after the edits, so that what is passed on and what is read are the same."""

    __slots__ = ("_editors",)

    def __init__(self, editors: list[Editor]) -> None:
        super().__init__()
        self._editors = editors

    def take(self, event: Event) -> list[Delta]:
        """The deltas of one event, edited."""
        if event.data == DONE:
            return super().take(event)
        return super().take(Event(event.event, edited(event.data, self._editors)))
