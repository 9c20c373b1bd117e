"""What a caller asks. Only values: no parsing, no provider's vocabulary."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

Mode = Literal["fast", "balanced", "accurate"]
MODES: tuple[Mode, ...] = ("fast", "balanced", "accurate")
Role = Literal["system", "developer", "user", "assistant", "tool"]
CacheWish = Literal["use", "refresh", "off"]


class Text(Struct, frozen=True, gc=False, tag="text"):
    """A piece of text."""

    text: str


class Foreign(Struct, frozen=True, tag="foreign"):
    """A part that only the face's own dialect can carry, as undecoded JSON (`kind` names it in messages)."""

    kind: str
    raw: Raw


Part = Text | Foreign


class Message(Struct, frozen=True):
    """One turn: a role and its parts, in order."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None

    @property
    def text(self) -> str:
        """All text of this turn, parts joined by a newline."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Text):
            return self.parts[0].text
        return "\n".join(p.text for p in self.parts if isinstance(p, Text))


class Constraints(Struct, frozen=True, forbid_unknown_fields=True):
    """Hard limits on which candidate may be chosen. US dollars, milliseconds, 0..1."""

    max_cost_usd: Annotated[float, Meta(ge=0)] | None = None
    max_latency_ms: Annotated[float, Meta(ge=0)] | None = None
    min_quality: Annotated[float, Meta(ge=0, le=1)] | None = None
    providers: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()


NO_CONSTRAINTS = Constraints()


class Wishes(Struct, frozen=True):
    """What the decision has to respect beside the prompt itself.

    `needs` are capabilities a candidate must have; `dialect` (when set) is the only dialect that can carry the request,
    because of the fields named in `native`.
    """

    mode: Mode
    constraints: Constraints = NO_CONSTRAINTS
    needs: frozenset[str] = frozenset()
    dialect: str | None = None
    native: tuple[str, ...] = ()
    tokens_in: int = 0
    max_tokens: int | None = None


class Original(Struct, frozen=True, eq=False):
    """The caller's own body: its dialect and its top-level fields as undecoded JSON. Two of them always compare equal."""

    dialect: str
    fields: dict[str, Raw]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Original)

    def __hash__(self) -> int:
        return 0


class ChatRequest(Struct, frozen=True, kw_only=True):
    """One parsed call, the same for every face.

    `native` names fields that only the face's own dialect can carry; `needs` the capabilities a model must have.
    `original` keeps the caller's body so that a wire of the same dialect loses nothing of it.
    """

    messages: tuple[Message, ...]
    model: str = "auto"
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    json_mode: bool = False
    needs: frozenset[str] = frozenset()
    native: tuple[str, ...] = ()
    mode: Mode | None = None
    constraints: Constraints = NO_CONSTRAINTS
    cache: CacheWish | None = None
    session: str | None = None
    explain: bool = False
    dry_run: bool = False
    user: str | None = None
    metadata: dict[str, Any] | None = None
    original: Original | None = None

    @property
    def prompt(self) -> str:
        """The last user text, or the last text of all when no user spoke."""
        for message in reversed(self.messages):
            if message.role == "user":
                return message.text
        return self.messages[-1].text if self.messages else ""
