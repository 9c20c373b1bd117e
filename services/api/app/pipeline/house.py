"""What one worker holds to serve calls. Data and handles only; the stages are functions in their own modules."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from ..caching.memory import MemoryCache
from ..caching.protocol import Cache
from ..clients.common.protocols import Transport, Wire
from ..config.snapshot import Snapshot
from ..domain.target import Target
from ..logging_utils.journal import Journal
from ..metrics.meter import Meter
from ..router_engine.standing import Live
from ..router_engine.table import Table
from ..tracing.tracer import Tracer
from .budget import HedgeBudget, RetryBudget
from .drains import Drains
from .health import Health
from .places import Admission

DRAIN = "drain"
CONVERSATIONS_BYTES = 4 * 1024 * 1024  # some 14,000 of them


class Compiled(Struct, frozen=True):
    """One configuration with what the router compiled from it; swapped as one."""

    snapshot: Snapshot
    table: Table


class House:
    """One worker's parts. `now` is wall time in seconds, `clock` monotonic seconds, `draw` uniform in 0..1."""

    __slots__ = (
        "_drained",
        "_suited",
        "admission",
        "budget",
        "cache",
        "clock",
        "compiled",
        "conversations",
        "drains",
        "draw",
        "health",
        "hedges",
        "http",
        "journal",
        "live",
        "metrics",
        "mock",
        "now",
        "proofs",
        "standing_written",
        "tracer",
        "wires",
    )

    def __init__(
        self,
        *,
        compiled: Compiled,
        cache: Cache,
        journal: Journal,
        metrics: Meter,
        http: Transport,
        mock: Transport,
        wires: Mapping[str, Wire],
        live: Live,
        now: Callable[[], float],
        clock: Callable[[], float],
        draw: Callable[[], float],
        tracer: Tracer | None = None,
    ) -> None:
        self.compiled = compiled
        self.cache = cache
        self.journal = journal
        self.metrics = metrics
        self.http = http
        self.mock = mock
        self.wires = wires
        self.live = live
        self.now = now
        self.clock = clock
        self.draw = draw
        self.tracer = tracer
        self.admission = Admission()
        self.budget = RetryBudget()
        self.drains = Drains()
        self.hedges = HedgeBudget()
        self.health = Health(draw, lambda: self.compiled.snapshot.routing.breaker)
        self.standing_written = "none"
        self.conversations = MemoryCache(CONVERSATIONS_BYTES, now)  # of `pipeline.conversation`
        self.proofs: dict[str, bytes] = {}  # of `pipeline.proofs`, the oldest first
        self._drained: tuple[Snapshot, bool] | None = None
        self._suited: dict[tuple[str, tuple[str, ...]], Wire] = {}

    def open_rows(self) -> frozenset[str]:
        """The rows none of whose targets may be asked just now."""
        health, now = self.health, self.clock()
        if not health.troubled():
            return frozenset()
        models = self.compiled.snapshot.models.values()
        return frozenset([model.name for model in models if model.routable and health.is_open(model.targets, now)])

    def hears_out(self, targets: list[Target]) -> bool:
        """Whether a call to these may have to be heard out after its caller left."""
        snapshot = self.compiled.snapshot
        if self._drained is None or self._drained[0] is not snapshot:
            models = snapshot.models.values()
            self._drained = snapshot, any(one.on_disconnect == DRAIN for model in models for one in model.targets)
        return self._drained[1] and any(target.on_disconnect == DRAIN for target in targets)

    def transport(self, target: Target) -> Transport:
        """Who carries calls to this target."""
        return self.mock if target.mock else self.http

    def wire(self, target: Target) -> Wire:
        """Who speaks to this target, with the repairs that its host needs."""
        if not target.quirks or target.mock:
            return self.wires[target.wire]
        key = (target.wire, target.quirks)
        suited = self._suited.get(key)
        if suited is None:
            suited = self._suited[key] = self.wires[target.wire].suited(target.quirks)
        return suited
