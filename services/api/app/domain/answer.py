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


class Thought(Struct, frozen=True, gc=False):
    """A piece of reasoning: its text and the provider's `signature`, or an encrypted one (`redacted`) without text."""

    text: str = ""
    signature: str = ""
    redacted: str = ""


class ToolCall(Struct, frozen=True, gc=False):
    """A function the model wants called; `arguments` is JSON text as the model wrote it, `signature` the provider's proof."""

    id: str
    name: str
    arguments: str
    signature: str = ""


class TokenLogprob(Struct, frozen=True):
    """The natural logarithm of one token's probability, and the likeliest tokens in its place."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Delta(Struct, frozen=True, gc=False):
    """One piece of a streamed answer; every field is what this piece adds.

    `tool_index` (0, 1, ...; -1 = none) says which tool call `tool_id`, `tool_name` and `tool_arguments` extend. `signature` is
    that call's, or else ends the thought that `reasoning` spells; `redacted` is a whole thought. `choice` says which answer
    the piece belongs to (only with `n` above 1). `usage` replaces what came before. `raw` is the event as it goes on the
    wire, for faces of the same dialect.
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
    signature: str = ""
    redacted: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    choice: int = 0

    @property
    def speaks(self) -> bool:
        """Whether the caller sees something of the answer in this piece (time to first token counts from it)."""
        return bool(self.text or self.reasoning or self.refusal or self.tool_index >= 0 or self.redacted)


class Completion(Struct, frozen=True):
    """A whole answer. `raw` is the provider's body (whole form) or the joined events (streamed form).

    `others` are further answers to the same prompt (`n` above 1), without usage, id and model, which are told once. A
    thought without signature and text of its own kind is followed by none: two such thoughts are one.
    """

    text: str = ""
    thoughts: tuple[Thought, ...] = ()
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    response_id: str = ""
    model_id: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    others: "tuple[Completion, ...]" = ()
    raw: bytes = b""

    @property
    def reasoning(self) -> str:
        """All thoughts' text."""
        return "".join([thought.text for thought in self.thoughts])

    @classmethod
    def folded(cls, deltas: Iterable[Delta]) -> "Completion":
        """Gather a stream into the answer it spells out. The inverse of `unfolded` (but for `raw`)."""
        fold = Fold()
        for delta in deltas:
            fold.add(delta)
        return fold.completion()

    def unfolded(self) -> list[Delta]:
        """Spell the answer out as a stream: one piece per kind of content, the finish, then the usage."""
        pieces = [Delta(response_id=self.response_id, model_id=self.model_id), *self._content(0)]
        for place, other in enumerate(self.others, 1):
            pieces += other._content(place)
        if self.usage is not None:
            pieces.append(Delta(usage=self.usage))
        return pieces

    def _content(self, choice: int) -> list[Delta]:
        pieces = [Delta(reasoning=t.text, signature=t.signature, redacted=t.redacted, choice=choice) for t in self.thoughts]
        if self.refusal:
            pieces.append(Delta(refusal=self.refusal, choice=choice))
        if self.text or self.logprobs:
            pieces.append(Delta(text=self.text, logprobs=self.logprobs, choice=choice))
        pieces += [
            Delta(
                tool_index=i,
                tool_id=call.id,
                tool_name=call.name,
                tool_arguments=call.arguments,
                signature=call.signature,
                choice=choice,
            )
            for i, call in enumerate(self.tool_calls)
        ]
        if self.finish_reason is not None:
            pieces.append(Delta(finish_reason=self.finish_reason, choice=choice))
        return pieces


class Pieces:
    """A text that grows by small pieces. They are joined by the hundred: kept apart they take ten times the room of their text,
    joined one by one they cost the square of their number."""

    __slots__ = ("_joined", "_last")

    _MOST = 256

    def __init__(self) -> None:
        self._joined: list[str] = []
        self._last: list[str] = []

    def add(self, piece: str) -> None:
        """Append one."""
        last = self._last
        last.append(piece)
        if len(last) >= self._MOST:
            self._joined.append("".join(last))
            last.clear()

    def __str__(self) -> str:
        return "".join(self._joined) + "".join(self._last)


class _Thinking:
    """A thought under way."""

    __slots__ = ("redacted", "signature", "text")

    def __init__(self, redacted: str = "") -> None:
        self.text = Pieces()
        self.signature = ""
        self.redacted = redacted

    def thought(self) -> Thought:
        return Thought(str(self.text), self.signature, self.redacted)


class _Calling:
    """A tool call under way."""

    __slots__ = ("arguments", "id", "name", "signature")

    def __init__(self) -> None:
        self.id = self.name = self.signature = ""
        self.arguments = Pieces()

    def call(self) -> ToolCall:
        return ToolCall(self.id, self.name, str(self.arguments), self.signature)


class Fold:
    """Gathers deltas as they pass; cheap enough to run beside every stream."""

    __slots__ = (
        "finish_reason", "logprobs", "model_id", "others", "refusal", "response_id", "text", "thoughts", "tools", "usage",
    )  # fmt: skip

    def __init__(self) -> None:
        self.text = Pieces()
        self.thoughts: list[_Thinking] = []
        self.refusal = Pieces()
        self.tools: dict[int, _Calling] = {}
        self.logprobs: list[TokenLogprob] = []
        self.others: dict[int, Fold] = {}
        self.finish_reason: FinishReason | None = None
        self.usage: Usage | None = None
        self.response_id = ""
        self.model_id = ""

    def add(self, delta: Delta) -> None:
        """Take in one piece."""
        if delta.usage is not None:
            self.usage = delta.usage
        if delta.response_id and not self.response_id:
            self.response_id = delta.response_id
        if delta.model_id and not self.model_id:
            self.model_id = delta.model_id
        if delta.choice:
            self.others.setdefault(delta.choice, Fold())._add_content(delta)
        else:
            self._add_content(delta)

    def _add_content(self, delta: Delta) -> None:
        if delta.text:
            self.text.add(delta.text)
        if delta.finish_reason is not None:
            self.finish_reason = delta.finish_reason
        if delta.tool_index >= 0:
            self._add_tool(delta)
        elif delta.reasoning or delta.signature or delta.redacted:
            self._add_thought(delta)
        if delta.refusal:
            self.refusal.add(delta.refusal)
        if delta.logprobs:
            self.logprobs += delta.logprobs

    def _add_thought(self, delta: Delta) -> None:
        last = self.thoughts[-1] if self.thoughts else None
        if last is None or last.signature or last.redacted or delta.redacted:
            last = _Thinking(delta.redacted)
            self.thoughts.append(last)
        last.text.add(delta.reasoning)
        last.signature = delta.signature

    def _add_tool(self, delta: Delta) -> None:
        call = self.tools.get(delta.tool_index)
        if call is None:
            call = self.tools[delta.tool_index] = _Calling()
        call.id = call.id or delta.tool_id
        call.name = call.name or delta.tool_name
        call.arguments.add(delta.tool_arguments)
        call.signature = call.signature or delta.signature

    def completion(self, raw: bytes = b"") -> Completion:
        """The answer so far."""
        return Completion(
            text=str(self.text),
            thoughts=tuple([thinking.thought() for thinking in self.thoughts]) if self.thoughts else (),
            refusal=str(self.refusal),
            tool_calls=tuple([self.tools[i].call() for i in sorted(self.tools)]) if self.tools else (),
            finish_reason=self.finish_reason,
            usage=self.usage,
            response_id=self.response_id,
            model_id=self.model_id,
            logprobs=tuple(self.logprobs),
            others=tuple([self.others[i].completion() for i in sorted(self.others)]) if self.others else (),
            raw=raw,
        )
