"""The state of one request on its way through the stages. No logic of a stage may enter."""

from msgspec import Struct

from ..config.snapshot import Model
from ..domain.answer import Completion
from ..domain.decision import EMPTY_STANDING, Decision, Standing
from ..domain.record import Attempt, CacheState
from ..domain.request import ChatRequest, Mode
from ..domain.target import Target
from ..tracing.place import Trace
from .house import Compiled


class Asking(Struct, frozen=True):
    """What the edge knows of a call beside its body: who asks, since when, under which wishes in headers.

    `started` is monotonic seconds; `scope` separates callers' caches; `timeout` the caller's own limit in seconds.
    """

    id: str
    face: str
    started: float
    scope: str = "open"
    client_request_id: str | None = None
    traceparent: str | None = None
    timeout: float | None = None


class Walk:
    """One request, from plan to record. `decision` is None for a model asked by name; `named` is then its row."""

    __slots__ = (
        "asking",
        "attempts",
        "cache",
        "cache_keys",
        "compiled",
        "completion",
        "conversation",
        "decision",
        "deserted",
        "dropped",
        "first_token",
        "kept_score",
        "left_for",
        "material",
        "mode",
        "named",
        "queue_ms",
        "raw_passes",
        "recall_wish",
        "request",
        "saved_nano",
        "served",
        "served_since",
        "standing",
        "targets",
        "tokens_in",
        "trace",
        "tried",
        "upstream_status",
        "waited",
        "waited_before",
        "warnings",
    )

    def __init__(self, asking: Asking, request: ChatRequest, compiled: Compiled) -> None:
        self.asking = asking
        self.request = request
        self.compiled = compiled
        self.mode: Mode | None = None
        self.named: Model | None = None
        self.decision: Decision | None = None
        self.standing: Standing = EMPTY_STANDING
        self.targets: list[Target] = []
        self.tokens_in = 0
        self.warnings: list[str] = []
        self.conversation = ""  # the key of its memory; "" = none, or a model asked by name
        self.recall_wish = "off"  # use | refresh | off, after all wishes and defaults
        self.cache: CacheState = "off"
        self.material = b""
        self.cache_keys: dict[str, str] = {}  # entry key -> catalogue row
        self.saved_nano = 0
        self.raw_passes = True  # false when a kept answer's own bytes are of another form
        self.kept_score: float | None = None  # of a kept answer: it was free of defects then
        self.attempts: list[Attempt] = []
        self.tried: Target | None = None  # the target being called now
        self.deserted = False  # its caller left: nobody else is asked for it
        self.upstream_status: int | None = None  # the HTTP status of its answer, None until it came
        self.served: Target | None = None  # the target whose answer the caller gets
        self.served_since = 0.0  # monotonic seconds at which that target was asked
        self.completion: Completion | None = None
        self.dropped: tuple[str, ...] = ()
        self.left_for: str | None = None  # the error code that made us leave the first choice
        self.queue_ms = 0.0
        self.waited = 0.0  # seconds spent waiting for providers
        self.waited_before = 0.0  # of them, before the target that served was asked
        self.first_token: float | None = None  # monotonic seconds of the first delta that speaks
        self.trace: Trace | None = None  # None = nobody traces this service

    @property
    def native(self) -> bool:
        """Whether who served speaks the dialect of the caller's face, so that its own bytes can pass."""
        original = self.request.original
        return original is not None and self.served is not None and self.served.dialect == original.dialect

    @property
    def passes(self) -> bool:
        """Whether the provider's own bytes go to the caller as they are."""
        return self.native and self.raw_passes

    @property
    def decided(self) -> str:
        """The catalogue row of the first choice."""
        return self.decision.chosen if self.decision else self.targets[0].name
