"""What a caller asks. Only values: no parsing, no provider's vocabulary."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

Mode = Literal["fast", "balanced", "accurate"]
MODES: tuple[Mode, ...] = ("fast", "balanced", "accurate")
Role = Literal["system", "developer", "user", "assistant", "tool"]
CacheWish = Literal["use", "refresh", "off"]
MediaKind = Literal["image", "audio", "file"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
NOTHING = Raw(b"")


class Text(Struct, frozen=True, gc=False, tag="text"):
    """A piece of text. `marker` is a prompt-cache breakpoint after it: "" = none, else how long it is kept ("5m", "1h")."""

    text: str
    marker: str = ""


class Media(Struct, frozen=True, gc=False, tag="media"):
    """An image, a sound or a document: `data` (base64 of type `media_type`) or an https `url`, which nobody here fetches.

    `name` is a file's name; `detail` how closely to look at an image (`auto | low | high | original`, "" = not said).
    """

    kind: MediaKind
    media_type: str = ""
    data: str = ""
    url: str = ""
    name: str = ""
    detail: str = ""
    marker: str = ""


class Reasoning(Struct, frozen=True, gc=False, tag="reasoning"):
    """A thought that a model had in an earlier turn.

    `signature` is the provider's proof, `redacted` an encrypted thought without text. `signer` says whose proof it is: a
    dialect, `dialect/model id` where the model is known, "" for none.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    signer: str = ""


class Called(Struct, frozen=True, gc=False, tag="called"):
    """A call that the assistant made in an earlier turn; `arguments` is JSON text. `signature`, `signer` as in Reasoning."""

    id: str
    name: str
    arguments: str
    signature: str = ""
    signer: str = ""
    marker: str = ""


class Result(Struct, frozen=True, tag="result"):
    """What a called tool answered; stands only in `tool` turns. `failed` = the tool reports an error."""

    call_id: str
    parts: "tuple[Text | Media, ...]"
    name: str = ""
    failed: bool = False
    marker: str = ""


class Foreign(Struct, frozen=True, tag="foreign"):
    """A part that only the face's own dialect can carry, as undecoded JSON (`kind` names it in messages)."""

    kind: str
    raw: Raw


Part = Text | Media | Reasoning | Called | Result | Foreign


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


class Tool(Struct, frozen=True):
    """A function the model may call; `parameters` is a JSON Schema of type object, NOTHING for none."""

    name: str
    description: str = ""
    parameters: Raw = NOTHING
    strict: bool | None = None
    marker: str = ""


class ToolChoice(Struct, frozen=True):
    """Whether tools must be called. `names` narrows the tools to these: one name with `required` forces that tool."""

    mode: Literal["auto", "none", "required"] = "auto"
    names: tuple[str, ...] = ()


class Format(Struct, frozen=True):
    """The wished form of an answer that is not plain text; `schema` is a JSON Schema, for `json_schema` alone."""

    kind: Literal["json_object", "json_schema"]
    name: str = "answer"
    schema: Raw = NOTHING
    strict: bool | None = None
    description: str = ""


class Thinking(Struct, frozen=True):
    """How much to think before answering: an effort, a budget in tokens, or neither (the model's own measure).

    `effort` "none" = not at all. `shown` = whether the thoughts are wished to be told (None = not said).
    """

    effort: Effort | None = None
    budget: int | None = None
    shown: bool | None = None


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
    because of the fields named in `native`. `session_model` is the catalogue row that served the conversation so far, of whose
    prompt about `session_tokens` are in its provider's prompt cache. `effort` and `budget` (tokens) say how much is to be thought, None =
    as each model is used to. `pictures` are tokens that the pictures take beyond `tokens_in`, by rule (`text.pictures.RULES`).
    """

    mode: Mode
    constraints: Constraints = NO_CONSTRAINTS
    needs: frozenset[str] = frozenset()
    dialect: str | None = None
    native: tuple[str, ...] = ()
    tokens_in: int = 0
    max_tokens: int | None = None
    session_model: str | None = None
    session_tokens: int = 0
    effort: Effort | None = None
    budget: int | None = None
    pictures: tuple[int, ...] = ()


class Original(Struct, frozen=True, eq=False):
    """The caller's own body: its dialect and its top-level fields as undecoded JSON. Two of them always compare equal.

    `headers` are the caller's headers that belong to the dialect (`anthropic-beta`), lower-case names.
    """

    dialect: str
    fields: dict[str, Raw]
    headers: tuple[tuple[str, str], ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Original)

    def __hash__(self) -> int:
        return 0


class ChatRequest(Struct, frozen=True, kw_only=True):
    """One parsed call, the same for every face.

    `native` names wishes that only the face's own dialect can carry: without them the answer would be another one.
    `extra` names the caller's other fields that no other dialect has: a wire of another dialect reports them as dropped.
    `marker` is a prompt-cache breakpoint at the end of the whole prompt. `tier` is the service tier in OpenAI's words,
    `verbosity` how many words are wished (low | medium | high).
    `original` keeps the caller's body so that a wire of the same dialect loses nothing of it.
    """

    messages: tuple[Message, ...]
    model: str = "auto"
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    logprobs: bool = False
    top_logprobs: int | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    format: Format | None = None
    thinking: Thinking | None = None
    tier: str | None = None
    verbosity: str | None = None
    marker: str = ""
    native: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
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
    def json_mode(self) -> bool:
        """Whether the answer must be JSON, of whatever schema."""
        return self.format is not None

    @property
    def prompt(self) -> str:
        """The last user text, or the last text of all when no user spoke."""
        for message in reversed(self.messages):
            if message.role == "user":
                return message.text
        return self.messages[-1].text if self.messages else ""

    @property
    def needs(self) -> frozenset[str]:
        """The capabilities a model must have to answer: what it could not simply do without."""
        needs = set()
        if self.tools:
            needs.add("tools")
        if self.format is not None and self.format.kind == "json_schema":
            needs.add("json_schema")
        if self.logprobs:
            needs.add("logprobs")
        if self.n > 1:
            needs.add("n")
        for message in self.messages:
            for part in message.parts:
                if type(part) is not Text:
                    needs |= _needs_of(part)
        return frozenset(needs)


_NEEDS: dict[str, str] = {"image": "vision", "file": "pdf", "audio": "audio"}


def _needs_of(part: Part) -> set[str]:
    if isinstance(part, Media):
        return {_NEEDS[part.kind]}
    if isinstance(part, Result):
        return {_NEEDS[inner.kind] for inner in part.parts if isinstance(inner, Media)}
    return {"tools"} if isinstance(part, Called) else set()
