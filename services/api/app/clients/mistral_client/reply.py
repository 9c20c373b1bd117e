"""What Mistral's answers mean, whole or in pieces. Nothing about requests or failures; the bytes are read by `shape`."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ...domain.answer import Completion, Delta, FinishReason, Fold
from ...errors import BadAnswer
from ..common.call_ids import minted
from ..common.said import arguments_text, held, read
from ..common.seal import sealed
from .shape import Choice, Chunk, Message, Said, Tool, counted, logprobs_of, said_of
from .words import DIALECT, FINISH

_NOBODY: Final = Message()
_text = msgspec.json.Decoder(str)


def decode(body: bytes) -> Completion:
    """A whole answer; `raw` is the body. It is gathered like a stream of one event, so that both forms mean the same."""
    said = said_of(body)
    if not all(map(_is_answer, said.choices or ())):
        raise BadAnswer("the provider's answer holds a choice that says nothing")
    answers = Answers()
    fold = Fold()
    for delta in (*answers.take(said), *answers.end()):
        fold.add(delta)
    return held(fold.completion(body))


class Told(Struct):
    """A call so far: its place and id as the provider gave them, and whether it has no arguments yet."""

    index: int | None
    id: str
    bare: bool = True


class Answer:
    """One answer as it comes: its calls, numbered as they appear, and whether its end was told."""

    __slots__ = ("_calls", "_choice", "_finished")

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._calls: list[Told] = []
        self._finished = False

    def take(self, choice: Choice, response_id: str) -> Iterator[Delta]:
        """The deltas of one message or piece of it."""
        messages = _spoken(choice)
        logprobs = logprobs_of(choice.logprobs)
        for message in messages:
            yield from _content(message.content, self._choice)
        if logprobs:
            yield Delta(logprobs=logprobs, choice=self._choice)
        calls = messages[-1].tool_calls
        if calls:
            yield from self._take_calls(calls, response_id)
        if choice.finish_reason is not None:
            yield from self.end(choice.finish_reason)

    def end(self, word: str | None = None) -> Iterator[Delta]:
        """What is only known at the end: calls without arguments, and a finish that fits what was said."""
        for place, told in enumerate(self._calls):
            if told.bare:
                told.bare = False
                yield Delta(tool_index=place, tool_arguments="{}", choice=self._choice)
        finish = self._finish(word)
        if finish is not None and not self._finished:
            self._finished = True
            yield Delta(finish_reason=finish, choice=self._choice)

    def _finish(self, word: str | None) -> FinishReason | None:
        finish: FinishReason | None = None if word is None else FINISH.get(word, "stop")
        if self._calls:
            return "tool_calls" if finish in (None, "stop") else finish
        return "stop" if finish == "tool_calls" else finish

    def _take_calls(self, tools: Sequence[Tool], response_id: str) -> Iterator[Delta]:
        here: set[int] = set()
        for tool in tools:
            name = (tool.function and tool.function.name) or ""
            call_id = "" if tool.id is None or tool.id == "null" else tool.id
            arguments = _arguments(tool)
            place = self._place(tool.index, call_id, name, here)
            if place is None:
                if not name:
                    raise BadAnswer("the provider's answer holds a call without a name")
                place = len(self._calls)
                self._calls.append(Told(tool.index, call_id))
                call_id = call_id or minted(response_id, str(self._choice), str(place), name)
            else:
                name = call_id = ""
            here.add(place)
            self._calls[place].bare = self._calls[place].bare and not arguments
            yield Delta(tool_index=place, tool_id=call_id, tool_name=name, tool_arguments=arguments, choice=self._choice)

    def _place(self, index: int | None, call_id: str, name: str, here: set[int]) -> int | None:
        """The call that a piece goes on with, None for a new one. Mistral's own calls are whole: a named piece is new."""
        for place in range(len(self._calls) - 1, -1, -1):
            told = self._calls[place]
            if index is not None and told.index != index:
                continue
            if call_id == told.id if call_id else not name:
                return None if name and place in here else place
        return None


class Answers:
    """All answers to one prompt, as their events come. The first must come at all."""

    __slots__ = ("_answers", "_id")

    def __init__(self) -> None:
        self._answers: dict[int, Answer] = {}
        self._id = ""

    def take(self, said: Said, raw: bytes = b"") -> list[Delta]:
        """The deltas of one event, the first of which carries `raw`."""
        self._id = self._id or said.id or ""
        text = _only_text(said)
        usage = counted(said.usage) if bytes(said.usage) else None
        head = Delta(text=text, usage=usage, response_id=said.id or "", model_id=said.model or "", raw=raw)
        deltas = [head]
        for choice in said.choices or ():
            answer = self._answers.get(choice.index)
            if answer is None:
                answer = self._answers[choice.index] = Answer(choice.index)
            if not text:
                deltas += answer.take(choice, self._id)
        return deltas

    def end(self) -> list[Delta]:
        """What is only known at the end. Raises BadAnswer when nothing was answered."""
        if 0 not in self._answers:
            raise BadAnswer("the provider's answer holds no choice")
        return [delta for answer in self._answers.values() for delta in answer.end()]


def _only_text(said: Said) -> str:
    """The text of an event that holds nothing else of the first answer, which is what most of a stream is."""
    if said.choices is None or len(said.choices) != 1:
        return ""
    choice = said.choices[0]
    if choice.index or choice.finish_reason is not None or choice.delta is None or bytes(choice.logprobs):
        return ""
    content = choice.delta.content
    return content if isinstance(content, str) and not choice.delta.tool_calls else ""


def _is_answer(choice: Choice) -> bool:
    if choice.message is None and not choice.messages:
        return False
    return choice.finish_reason is not None or any(
        message.content is not None or message.tool_calls for message in _spoken(choice)
    )


def _spoken(choice: Choice) -> list[Message]:
    """What the assistant says in a choice; what its own tools answered in between is not."""
    one = choice.delta or choice.message
    if one is not None:
        return [one]
    return [message for message in choice.messages or () if message.role in (None, "assistant")] or [_NOBODY]


def _content(content: str | list[Chunk] | None, choice: int) -> Iterator[Delta]:
    if isinstance(content, str):
        if content:
            yield Delta(text=content, choice=choice)
        return
    for chunk in content or ():
        if chunk.thinking is not None or chunk.type == "thinking":
            thought = chunk.thinking or ()
            text = thought if isinstance(thought, str) else "".join(piece.text or "" for piece in thought)
            if text or chunk.signature:
                yield Delta(reasoning=text, signature=sealed(DIALECT, chunk.signature or ""), choice=choice)
        elif chunk.text and chunk.type in (None, "text"):
            yield Delta(text=chunk.text, choice=choice)


def _arguments(tool: Tool) -> str:
    """The arguments in a piece of a call as JSON text: as the model wrote them, or the object that came instead."""
    raw = tool.function.arguments if tool.function else Raw(b"")
    data = bytes(raw)
    if not data or data == b"null":
        return ""
    return read(raw, _text) if data.startswith(b'"') else arguments_text(raw)
