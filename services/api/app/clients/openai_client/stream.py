"""OpenAI's event stream as hosts send it: chunks to deltas. `Delta.raw` is the whole event as it goes on the wire."""

from typing import Final

from msgspec import Struct, field
from msgspec.structs import force_setattr

from ...domain.answer import Delta, FinishReason
from ..common.call_ids import minted
from ..common.reading import EventReader
from ..common.said import read
from ..common.sse import Event
from . import reply
from .failure import error_event, stray_error
from .reply_shape import BODY, CHUNK, NOTHING_SAID, Body, Choice, Chunk, Said, Tool
from .usage import usage_of

DONE: Final = b"[DONE]"
_LF: Final = 10  # as a number, since `in` finds a byte much faster than a string of one


class Calls(Struct):
    """The tool calls of one answer so far: hosts number them with gaps, all alike, or not at all; ours are 0, 1, 2...

    `places` maps a host's number to ours, `ids` are those under which the calls were opened.
    """

    count: int = 0
    places: dict[int, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    def place(self, tool: Tool, name: str) -> tuple[int, bool]:
        """(our number of the call that this piece belongs to, whether the piece opens it)."""
        known = self.count - 1 if tool.index is None else self.places.get(tool.index, -1)
        if known >= 0 and not self._another(tool, name, known):
            return known, False
        place, self.count = self.count, self.count + 1
        if tool.index is not None:
            self.places[tool.index] = place
        self.ids.append(tool.id or "")
        return place, True

    def _another(self, tool: Tool, name: str, known: int) -> bool:
        """Whether a piece under a known number is a new call: only a named one can be, and its id is another."""
        if not name:
            return False
        if tool.id:
            return tool.id != self.ids[known]
        return tool.index is None


class OpenAITaker:
    """Takes chunks until `[DONE]`. The chunk that opens the stream tells the ids; they are not read again."""

    __slots__ = ("_calls", "_ended", "_id", "_opened", "finished")

    def __init__(self) -> None:
        self._calls: dict[int, Calls] | None = None
        self._ended: set[int] = set()  # the answers whose finish was told
        self._id = ""
        self._opened = False
        self.finished = False

    def take(self, event: Event) -> list[Delta]:
        """The deltas of one event. Raises RouterError for an error, wherever it stands in the event."""
        data = event.data
        if data == DONE:
            self.finished = True
            return []
        if event.event == "error":
            raise error_event(data)
        if not self._opened:
            return self._open(data)
        chunk = read(data, CHUNK)
        choices = chunk.choices
        if choices and len(choices) == 1 and chunk.usage is None and chunk.error is None and chunk.x_groq is None:
            told = plain(choices[0])
            if told is not None:
                return [Delta(text=told[0], reasoning=told[1], raw=event_of(data))]
        deltas = self._deltas(chunk, data)
        if not deltas:
            return [Delta(raw=event_of(data))]
        force_setattr(deltas[0], "raw", event_of(data))  # nobody else has seen it yet, and a copy costs more than all the rest
        return deltas

    def rest(self) -> list[Delta]:
        """The finish of answers with calls that a host never told: agents go on by that word."""
        calling = self._calls or ()
        return [Delta(finish_reason="tool_calls", choice=index) for index in calling if index not in self._ended]

    def _open(self, data: bytes) -> list[Delta]:
        """The chunk that opens the stream: like every other, and its ids come first."""
        body = read(data, BODY)
        self._id = body.id or ""
        deltas = self._deltas(body, data)
        self._opened = True
        return [Delta(response_id=self._id, model_id=body.model or "", raw=event_of(data)), *deltas]

    def _deltas(self, chunk: Chunk | Body, data: bytes) -> list[Delta]:
        """Everything that a chunk may hold, in the order in which it means something: content, calls, finish, usage."""
        reply.raise_error(chunk.error, chunk.x_groq)
        told = chunk.usage if chunk.usage is not None else reply.groq(chunk.x_groq, "usage")
        if not chunk.choices and told is None:
            error = stray_error(data)
            if error is not None:
                raise error
        deltas: list[Delta] = []
        for choice in chunk.choices or ():
            reply.raise_error(choice.error)
            deltas += self._choice(choice)
            told = choice.usage if told is None else told
        usage = usage_of(told)
        if usage is not None:
            deltas.append(Delta(usage=usage))
        return deltas

    def _choice(self, choice: Choice) -> list[Delta]:
        said = choice.delta or choice.message or NOTHING_SAID
        index = choice.index
        deltas = [
            Delta(reasoning=thought.text, signature=thought.signature, redacted=thought.redacted, choice=index)
            for thought in reply.thoughts_of(said)
        ]
        if said.refusal:
            deltas.append(Delta(refusal=said.refusal, choice=index))
        text = reply.text_of(said)
        logprobs = () if choice.logprobs is None else reply.logprobs_of(choice.logprobs)
        if text or logprobs:
            deltas.append(Delta(text=text, logprobs=logprobs, choice=index))
        if said.tool_calls or said.function_call is not None:
            deltas += self._pieces(said, index)
        reason = self._finish(choice)
        if reason is not None:
            deltas.append(Delta(finish_reason=reason, choice=index))
        return deltas

    def _finish(self, choice: Choice) -> FinishReason | None:
        if choice.finish_reason is None:
            return None
        self._ended.add(choice.index)
        return reply.finish_of(choice.finish_reason, self._calls is not None and choice.index in self._calls)

    def _pieces(self, said: Said, index: int) -> list[Delta]:
        if self._calls is None:
            self._calls = {}
        calls = self._calls.setdefault(index, Calls())
        tools = list(said.tool_calls or ())
        if said.function_call is not None:
            tools.append(Tool(index=-1, function=said.function_call))
        return [self._piece(tool, calls, index) for tool in tools]

    def _piece(self, tool: Tool, calls: Calls, index: int) -> Delta:
        name, arguments = reply.spelled(tool)
        place, opens = calls.place(tool, name)
        return Delta(
            tool_index=place,
            tool_id=(tool.id or minted(self._id, str(index), str(place), name)) if opens else "",
            tool_name=name if opens else "",
            tool_arguments=arguments,
            signature=reply.signature_of(tool),
            choice=index,
        )


def plain(choice: Choice) -> tuple[str, str] | None:
    """(text, thought), one of them empty, of a choice that holds nothing else; None for any other.

    Nearly every chunk of every stream is one of these, so this is asked before anything else.
    """
    said = choice.delta
    if said is None or choice.finish_reason is not None or choice.index or said.tool_calls is not None:
        return None
    if said.refusal is not None or said.reasoning_details is not None or said.function_call is not None:
        return None
    if choice.logprobs is not None or choice.usage is not None or choice.error is not None:
        return None
    text = said.content
    thought = said.reasoning if said.reasoning_content is None else said.reasoning_content
    if thought is None:
        return (text, "") if type(text) is str else None
    return ("", thought) if type(thought) is str and not text else None


def event_of(data: bytes) -> bytes:
    """One event as it goes on the wire."""
    if _LF in data:
        data = data.replace(b"\n", b"\ndata: ")
    return b"data: %b\n\n" % data


def reader() -> EventReader:
    """A fresh reader for one streamed answer."""
    return EventReader(OpenAITaker(), reply.decode)
