"""What a model answers, whole or in pieces. Only values: no dialect's field names."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "error"]
UsageSource = Literal["provider", "estimate", "none"]


class Usage(Struct, frozen=True, gc=False):
    """Tokens of one call. `input_tokens` includes cached ones, `output_tokens` includes reasoning, whatever a provider counts."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


class ToolCall(Struct, frozen=True, gc=False):
    """A function the model wants called; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class Delta(Struct, frozen=True, gc=False):
    """One piece of a streamed answer; every field is what this piece adds.

    `tool_index` (0, 1, ...; -1 = none) says which tool call `tool_id`, `tool_name` and `tool_arguments` extend.
    `usage` replaces what came before. `raw` is the event's data as the provider sent it, for faces of the same dialect.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_index: int = -1
    tool_id: str = ""
    tool_name: str = ""
    tool_arguments: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    response_id: str = ""
    model_id: str = ""
    raw: bytes = b""

    @property
    def speaks(self) -> bool:
        """Whether the caller sees something of the answer in this piece (time to first token counts from it)."""
        return bool(self.text or self.reasoning or self.refusal or self.tool_index >= 0)


class Completion(Struct, frozen=True):
    """A whole answer. `raw` is the provider's body (whole form) or the joined event data (streamed form)."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    response_id: str = ""
    model_id: str = ""
    raw: bytes = b""

    @classmethod
    def folded(cls, deltas: Iterable[Delta]) -> "Completion":
        """Gather a stream into the answer it spells out. The inverse of `unfolded` (but for `raw`)."""
        fold = Fold()
        for delta in deltas:
            fold.add(delta)
        return fold.completion()

    def unfolded(self) -> list[Delta]:
        """Spell the answer out as a stream: one piece per kind of content, the finish, then the usage."""
        pieces = [Delta(response_id=self.response_id, model_id=self.model_id)]
        if self.reasoning:
            pieces.append(Delta(reasoning=self.reasoning))
        if self.refusal:
            pieces.append(Delta(refusal=self.refusal))
        if self.text:
            pieces.append(Delta(text=self.text))
        pieces += [
            Delta(tool_index=i, tool_id=call.id, tool_name=call.name, tool_arguments=call.arguments)
            for i, call in enumerate(self.tool_calls)
        ]
        if self.finish_reason is not None:
            pieces.append(Delta(finish_reason=self.finish_reason))
        if self.usage is not None:
            pieces.append(Delta(usage=self.usage))
        return pieces


class Fold:
    """Gathers deltas as they pass; cheap enough to run beside every stream."""

    __slots__ = ("finish_reason", "model_id", "reasoning", "refusal", "response_id", "text", "tools", "usage")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.tools: dict[int, list[str]] = {}
        self.finish_reason: FinishReason | None = None
        self.usage: Usage | None = None
        self.response_id = ""
        self.model_id = ""

    def add(self, delta: Delta) -> None:
        """Take in one piece."""
        if delta.text:
            self.text.append(delta.text)
        if delta.reasoning or delta.refusal or delta.tool_index >= 0:
            self._add_other(delta)
        if delta.finish_reason is not None:
            self.finish_reason = delta.finish_reason
        if delta.usage is not None:
            self.usage = delta.usage
        if delta.response_id and not self.response_id:
            self.response_id = delta.response_id
        if delta.model_id and not self.model_id:
            self.model_id = delta.model_id

    def _add_other(self, delta: Delta) -> None:
        if delta.reasoning:
            self.reasoning.append(delta.reasoning)
        if delta.refusal:
            self.refusal.append(delta.refusal)
        if delta.tool_index >= 0:
            self._add_tool(delta)

    def _add_tool(self, delta: Delta) -> None:
        tool = self.tools.setdefault(delta.tool_index, ["", "", ""])
        tool[0] = tool[0] or delta.tool_id
        tool[1] = tool[1] or delta.tool_name
        tool[2] += delta.tool_arguments

    def completion(self, raw: bytes = b"") -> Completion:
        """The answer so far."""
        return Completion(
            text="".join(self.text),
            reasoning="".join(self.reasoning),
            refusal="".join(self.refusal),
            tool_calls=tuple(ToolCall(*self.tools[i]) for i in sorted(self.tools)),
            finish_reason=self.finish_reason,
            usage=self.usage,
            response_id=self.response_id,
            model_id=self.model_id,
            raw=raw,
        )
