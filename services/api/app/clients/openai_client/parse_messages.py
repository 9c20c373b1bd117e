"""From a chat body's messages to turns of typed parts. Neither the body's other fields nor any wire may enter."""

from collections.abc import Sequence
from typing import Any

from msgspec import Raw, Struct
from msgspec.json import encode

from ...domain.request import Called, Foreign, Media, Message, Part, Result, Role, Text
from ...errors import CallerError
from ..common.call_ids import minted
from .parse_parts import Marked, Notes, part_of
from .parse_thoughts import reasoning_of, signature_of

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


class Function(Struct):
    """What a call calls; `arguments` is JSON text, with some clients an object."""

    name: str
    arguments: Any = ""


class Call(Marked):
    """A tool call in an assistant's turn."""

    id: str | None = None
    type: str | None = None
    function: Function | None = None
    extra_content: Any = None


class ChatMessage(Marked):
    """One turn; fields not named here travel as they are."""

    role: str = ""
    content: str | list[Raw] | None = None
    name: str | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str | None = None
    function_call: Function | None = None
    refusal: str | None = None
    audio: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None


def messages_of(messages: Sequence[ChatMessage], notes: Notes) -> tuple[Message, ...]:
    """The turns, in order; what only this dialect carries is noted. Raises CallerError naming the field to change."""
    walk = _Walk(notes)
    return tuple([walk.message(message, place) for place, message in enumerate(messages)])


class _Walk:
    """The conversation so far: which function was called last under which id, as the older `function` turns do not say."""

    __slots__ = ("_called", "_notes")

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._called: dict[str, str] = {}

    def message(self, message: ChatMessage, place: int) -> Message:
        content, role = message.content, message.role
        if type(content) is str and (role == "user" or role == "system"):  # noqa: PLR1714 - faster than a set, and hot
            return Message(role, (Text(content, message.marker),), message.name)  # type: ignore[arg-type]
        where = f"messages[{place}]"
        known = _ROLES.get(role)
        if known is None:
            raise CallerError(f"{where}.role: use one of {', '.join(sorted(_ROLES))}", param=f"{where}.role")
        if known == "tool":
            return Message("tool", (self._result(message, place),))
        if known == "assistant":
            return Message("assistant", self._assistant(message, place), message.name)
        if content is None:
            raise _missing(f"{where}.content")
        return Message(known, self._content(message, place), message.name)

    def _content(self, message: ChatMessage, place: int) -> tuple[Part, ...]:
        content = message.content
        if content is None:
            return ()
        if isinstance(content, str):
            return (Text(content, message.marker),)
        parts = [part_of(raw, place, i, self._notes) for i, raw in enumerate(content)]
        last = parts[-1] if parts else None
        if message.marker and isinstance(last, Text):  # a marker on the turn stands for one on its last part
            parts[-1] = Text(last.text, last.marker or message.marker)
        return tuple(parts)

    def _assistant(self, message: ChatMessage, place: int) -> tuple[Part, ...]:
        where = f"messages[{place}]"
        told = message.reasoning_content if message.reasoning_content is not None else message.reasoning
        thoughts = reasoning_of(told if isinstance(told, str) else None, message.reasoning_details)
        said = self._content(message, place)
        if message.refusal:
            said += (Text(message.refusal),)
        calls = self._calls(message, place)
        if message.audio is not None:
            self._notes.native.append(f"{where}.audio")
            calls = (*calls, Foreign("audio", Raw(b"null")))
        if message.content is None and not (thoughts or said or calls or message.refusal is not None):
            raise _missing(f"{where}.content")
        if calls:  # an empty text beside calls says nothing, and other dialects refuse it
            said = tuple([part for part in said if not (isinstance(part, Text) and not part.text)])
        return (*thoughts, *said, *calls)

    def _calls(self, message: ChatMessage, place: int) -> tuple[Part, ...]:
        calls = [self._call(call, place, i) for i, call in enumerate(message.tool_calls or ())]
        legacy = message.function_call
        if legacy is not None:
            arguments = _arguments(legacy)
            call_id = minted(str(place), legacy.name, arguments)
            self._called[legacy.name] = call_id
            calls.append(Called(call_id, legacy.name, arguments))
        return tuple(calls)

    def _call(self, call: Call, place: int, i: int) -> Part:
        where = f"messages[{place}].tool_calls[{i}]"
        if call.function is None:
            if call.type is None or call.type == "function":
                raise _missing(f"{where}.function")
            self._notes.native.append(where)
            return Foreign(call.type, Raw(b"null"))
        if call.id is None:
            raise _missing(f"{where}.id")
        signature, signer = signature_of(call.extra_content) if call.extra_content is not None else ("", "")
        return Called(call.id, call.function.name, _arguments(call.function), signature, signer, call.marker)

    def _result(self, message: ChatMessage, place: int) -> Part:
        where = f"messages[{place}]"
        if message.content is None:
            raise _missing(f"{where}.content")
        name = message.name or ""
        call_id = message.tool_call_id
        if call_id is None and message.role == "function":
            call_id = self._called.get(name) or minted(str(place), name)
        if call_id is None:
            raise _missing(f"{where}.tool_call_id")
        parts = self._content(ChatMessage(content=message.content), place)
        told = tuple([part for part in parts if isinstance(part, Text | Media)])
        if len(told) < len(parts):
            return Foreign("tool", Raw(b"null"))  # the part that no other dialect carries is noted already
        return Result(call_id, told, name, marker=message.marker)


def _arguments(function: Function) -> str:
    arguments = function.arguments
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else encode(arguments).decode()


def _missing(where: str) -> CallerError:
    return CallerError(f"{where}: required field is missing", param=where)
