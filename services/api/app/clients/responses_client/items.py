"""From the items of `input` to a conversation: turns of typed parts, and the tools offered in between. No other field may enter."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from ...domain.request import Called, Message, Part, Reasoning, Result, Role, Text
from ...errors import CallerError
from .body import CallItem, Kind, MessageItem, OutputItem, ReasoningItem, ToolsItem, read, unsupported
from .content import parts_of
from .kit import DIALECT, function_name, wrapped_input
from .proof import call_proof, thought_of

_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "developer"}

_kind = msgspec.json.Decoder(Kind)
_message = msgspec.json.Decoder(MessageItem)
_call = msgspec.json.Decoder(CallItem)
_output = msgspec.json.Decoder(OutputItem)
_reasoning = msgspec.json.Decoder(ReasoningItem)
_tools = msgspec.json.Decoder(ToolsItem)


class Conversation(Struct, frozen=True):
    """The turns, and the tools that items among them offer, each with its place in the body."""

    messages: tuple[Message, ...]
    tools: tuple[tuple[str, Raw], ...] = ()


def conversation_of(items: list[Raw]) -> Conversation:
    """The conversation that the items spell out. Raises CallerError naming the item, UnsupportedFeature for kept ones."""
    gathering = _Gathering()
    for place, raw in enumerate(items):
        gathering.take(raw, f"input[{place}]")
    return gathering.conversation()


class _Gathering:
    """Puts items together into turns: what the assistant thought, said and called in one go is one turn, so are results."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._spoken: list[Part] = []  # the assistant's turn under way
        self._results: list[Result] = []
        self._names: dict[str, str] = {}
        self._proofs: dict[str, tuple[str, str]] = {}
        self._tools: list[tuple[str, Raw]] = []

    def take(self, raw: Raw, where: str) -> None:
        """The next item."""
        kind = read(raw, _kind, where)
        name = kind.type or ("message" if kind.role is not None else "item_reference")
        if name == "message":
            self._take_message(read(raw, _message, where), where)
        elif name in ("function_call", "custom_tool_call"):
            self._take_call(read(raw, _call, where), name)
        elif name in ("function_call_output", "custom_tool_call_output"):
            self._take_output(read(raw, _output, where), where)
        elif name == "reasoning":
            self._take_reasoning(read(raw, _reasoning, where))
        elif name == "additional_tools":
            offered = read(raw, _tools, where).tools
            self._tools += [(f"{where}.tools[{place}]", tool) for place, tool in enumerate(offered)]
        elif name == "item_reference":
            raise unsupported(where, "nothing is stored here, so no item can be referred to: send the item itself")
        else:
            raise unsupported(where, f"an item of type {name[:60]} cannot be carried to any model here")

    def conversation(self) -> Conversation:
        """All that was taken. Proofs that came before their calls are theirs already; the rest came after them."""
        self._close()
        messages = tuple([self._proven(message) for message in self._messages] if self._proofs else self._messages)
        return Conversation(messages, tuple(self._tools))

    def _take_message(self, item: MessageItem, where: str) -> None:
        role = _ROLES.get(item.role)
        if role is None:
            raise CallerError(f"{where}.role: use one of {', '.join(_ROLES)}", param=f"{where}.role")
        parts = parts_of(item.content, f"{where}.content")
        if role != "assistant":
            self._close()
            self._messages.append(Message(role, parts))
            return
        self._continue()
        self._spoken += parts

    def _take_call(self, item: CallItem, kind: str) -> None:
        self._close_results()
        name = function_name(item.name, item.namespace)
        self._names[item.call_id] = name
        arguments = item.arguments if kind == "function_call" else wrapped_input(item.input)
        self._spoken.append(Called(item.call_id, name, arguments, *self._proofs.pop(item.call_id, ("", ""))))

    def _take_output(self, item: OutputItem, where: str) -> None:
        self._close_spoken()
        parts = parts_of(item.output, f"{where}.output") if item.output else (Text(""),)
        self._results.append(Result(item.call_id, parts, self._names.get(item.call_id, "")))

    def _take_reasoning(self, item: ReasoningItem) -> None:
        content = item.encrypted_content or ""
        proof = call_proof(content, DIALECT)
        if proof is not None:
            call_id, signature, signer = proof
            self._proofs[call_id] = (signature, signer)
            return
        text = "".join([part.text for part in item.content or ()]) or "".join([part.text for part in item.summary or ()])
        if text or content:
            self._continue()
            self._spoken.append(thought_of(text, content, DIALECT))

    def _continue(self) -> None:
        """Go on with the assistant's turn, or begin one: what was said before is a turn of its own unless it led to a call."""
        self._close_results()
        if any(isinstance(part, Text) for part in self._spoken) and not isinstance(self._spoken[-1], Called):
            self._close_spoken()

    def _close(self) -> None:
        self._close_spoken()
        self._close_results()

    def _close_spoken(self) -> None:
        if self._spoken:
            self._messages.append(Message("assistant", tuple(sorted(self._spoken, key=_rank))))
            self._spoken = []

    def _close_results(self) -> None:
        if self._results:
            self._messages.append(Message("tool", tuple(self._results)))
            self._results = []

    def _proven(self, message: Message) -> Message:
        if message.role != "assistant":
            return message
        return msgspec.structs.replace(message, parts=tuple([self._signed(part) for part in message.parts]))

    def _signed(self, part: Part) -> Part:
        if not isinstance(part, Called) or part.id not in self._proofs:
            return part
        signature, signer = self._proofs[part.id]
        return msgspec.structs.replace(part, signature=signature, signer=signer)


def _rank(part: Part) -> int:
    """Where a part stands in the assistant's turn: thoughts, then words, then calls."""
    return 0 if isinstance(part, Reasoning) else 2 if isinstance(part, Called) else 1
