"""What a provider understands of a request, in no dialect's words: so that one test asks all dialects whether a wish arrived."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seen:
    """An image or a file as it arrived: base64 `data` of `media_type`, or a `url`; `name` does not count as another one."""

    kind: str
    media_type: str = ""
    data: str = ""
    url: str = ""
    name: str = field(default="", compare=False)


@dataclass(frozen=True)
class SeenCall:
    """A call of the history."""

    id: str
    name: str
    arguments: Any
    signature: str = ""


@dataclass(frozen=True)
class SeenResult:
    """A result of the history; `failed` = the dialect's own mark of an error stands on it."""

    call_id: str
    text: str
    failed: bool = False


@dataclass
class Turn:
    """One turn in the dialect's own order; `role` is system, developer, user, assistant or tool."""

    role: str
    text: str = ""
    calls: list[SeenCall] = field(default_factory=list)
    results: list[SeenResult] = field(default_factory=list)
    thoughts: list[tuple[str, str]] = field(default_factory=list)  # text, signature


@dataclass
class Wish:
    """Every wish that a dialect has a place for; None or empty = not said."""

    turns: list[Turn] = field(default_factory=list)
    media: list[Seen] = field(default_factory=list)
    tools: dict[str, Any] = field(default_factory=dict)  # name -> schema
    descriptions: dict[str, str] = field(default_factory=dict)
    choice: str = ""  # auto, none, required, or the forced tool's name after "="
    parallel: bool | None = None
    format: str = ""  # json or schema
    schema: Any = None
    stop: list[str] = field(default_factory=list)
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    seed: int | None = None
    presence: float | None = None
    frequency: float | None = None
    logprobs: int | None = None
    n: int = 1
    effort: str = ""
    budget: int | None = None
    thoughts_wanted: bool = False
    markers: int = 0
    tier: str = ""  # in OpenAI's words
    verbosity: str = ""
    cache_key: str = ""
    strict: list[str] = field(default_factory=list)  # the tools whose schema is enforced
    narrowed: list[str] = field(default_factory=list)  # the tools that the choice leaves; empty = all
    user: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    def said_by(self, *roles: str) -> str:
        """All text of these roles, in order."""
        return "\n".join(turn.text for turn in self.turns if turn.role in roles and turn.text)

    @property
    def offered(self) -> set[str]:
        """The tools that may be called: those that are left of the declared ones."""
        return set(self.narrowed or self.tools)

    @property
    def calls(self) -> list[SeenCall]:
        """All calls of the history."""
        return [call for turn in self.turns for call in turn.calls]

    @property
    def results(self) -> list[SeenResult]:
        """All results of the history."""
        return [result for turn in self.turns for result in turn.results]

    @property
    def signatures(self) -> list[str]:
        """Every signature that came back, of thoughts and of calls."""
        of_thoughts = [signature for turn in self.turns for _, signature in turn.thoughts if signature]
        return of_thoughts + [call.signature for call in self.calls if call.signature]
