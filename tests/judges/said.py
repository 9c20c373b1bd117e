"""What a scripted provider says, in no dialect's words. How each dialect spells it stands in the `*_said` modules."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Counts:
    """Tokens. `input` includes cached and written ones, `output` includes reasoning."""

    input: int = 11
    output: int = 7
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class SaidCall:
    """A function call of an answer; `signed` = the provider proves it (Gemini's thoughtSignature)."""

    name: str
    arguments: dict[str, Any]
    id: str = ""
    signed: bool = False

    @property
    def text(self) -> str:
        """The arguments as JSON text."""
        return json.dumps(self.arguments)


@dataclass(frozen=True)
class Overflow:
    """A prompt of `tokens` that does not fit a window of `limit`."""

    tokens: int
    limit: int


@dataclass(frozen=True)
class Fault:
    """An HTTP failure; `kind` is the dialect-free word that each dialect spells its own way."""

    status: int = 503
    message: str = "the model is overloaded"


@dataclass(frozen=True)
class Said:
    """One answer, or several that differ in a number at their end (`n` of the request).

    `blocked`: the provider refuses to answer at all (no text). `refusal`: the model declines, in these words. `fields` are
    further top-level fields of the reply that no SDK knows yet, `knows` further top-level fields of the request that this
    provider takes. Streamed, texts and arguments come in pieces of `piece` characters (0 = as providers do) and the bytes
    in writes of `stride` (0 = one write per event); `counted` says where the usage stands ("" = where the provider puts it,
    else with the first event, with the last of the answer, or in one after it).

    What hosts do that should not: `crowded` = all calls in one event, numbered with gaps; `nameless` = calls without ids;
    `breaks` = the answer is cut in its middle, or an error stands there.
    """

    text: str = "Hello from upstream."
    thought: str = ""
    signed: bool = False
    calls: tuple[SaidCall, ...] = ()
    finish: Literal["", "length"] = ""
    refusal: str = ""
    blocked: bool = False
    counts: Counts = Counts()
    logprobs: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    knows: frozenset[str] = frozenset()
    failure: Overflow | Fault | None = None
    piece: int = 0
    stride: int = 0
    counted: Literal["", "first", "last", "after"] = ""
    crowded: bool = False
    nameless: bool = False
    breaks: Literal["", "cut", "error"] = ""

    def pieces(self, text: str) -> list[str]:
        """`text` cut as this answer is streamed."""
        size = self.piece or max(1, len(text) // 3)
        return [text[at : at + size] for at in range(0, len(text), size)]


def proof(wire: str, model: str, what: str = "thought") -> str:
    """The signature that this model of this provider gives (base64, as Gemini wants it to be)."""
    return base64.b64encode(f"{wire}:{model}:{what}".encode()).decode()


def is_proof(text: str, wire: str, model: str) -> bool:
    """Whether a signature is one that this very model gave."""
    return text in (proof(wire, model), proof(wire, model, "call"))
