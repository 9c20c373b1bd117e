"""What is asked of the projection and what comes back. Plain values; moments are UTC milliseconds, money is nano-dollars."""

from typing import Final, Literal, get_args

from msgspec import Struct

from ..sums import mean
from .histogram import percentile

Group = Literal["day", "hour", "model", "provider", "mode", "user", "outcome"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)
NONE_NAMED: Final = ""
"""In a filter: calls that have none of it (no mode: asked by name; no user: none was sent)."""


class Window(Struct, frozen=True):
    """From `since` to before `until`, UTC epoch milliseconds: calls by their end."""

    since: int
    until: int


class Filters(Struct, frozen=True):
    """What calls are wanted; None = whatever it is. The first five apply to sums too, the rest to the list of calls alone."""

    model: str | None = None
    provider: str | None = None
    mode: str | None = None
    user: str | None = None
    outcome: str | None = None
    error: str | None = None
    cache: str | None = None
    face: str | None = None
    mock: bool | None = None


class Totals(Struct, frozen=True):
    """Sums over calls, exact but for the percentiles (at most 3.1 % off). `calls` includes `failures` and `abandoned`.

    `priced` calls are those whose cost is known. `baseline_nano_usd` is what `compared` calls would have cost with the baseline and
    `compared_nano_usd` what these calls did cost: the saving is the difference of the two. Percentiles are over all calls
    (`first_token`: those that gave one), None without any. `score_millionths` is the sum over `scored` calls.
    """

    calls: int = 0
    failures: int = 0
    abandoned: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    priced: int = 0
    cost_nano_usd: int = 0
    saved_nano_usd: int = 0
    compared: int = 0
    baseline_nano_usd: int = 0
    compared_nano_usd: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cache_off: int = 0
    score_millionths: int = 0
    scored: int = 0
    latency_us: int = 0
    latencies: bytes = b""
    first_tokens: bytes = b""

    @property
    def score_mean(self) -> float | None:
        """0..1, rounded to millionths."""
        return mean(self.score_millionths, self.scored) / 1_000_000 if self.scored else None

    @property
    def latency_ms_mean(self) -> float:
        """As `daily.json` has it; 0 without a call."""
        return mean(self.latency_us, self.calls) / 1000 if self.calls else 0.0

    def latency_ms(self, share: float) -> float | None:
        """The latency below which this share (0.5, 0.95) of the calls stayed."""
        return percentile(self.latencies, share)

    def first_token_ms(self, share: float) -> float | None:
        """The same for the first piece of an answer."""
        return percentile(self.first_tokens, share)


class GroupRow(Struct, frozen=True):
    """One group's sums; `key` in the order of the grouping. None = the calls have none of it.

    A day is `2026-11-23`, an hour `2026-11-23T14:00+01:00`, both of the asker's time zone.
    """

    key: tuple[str | None, ...]
    totals: Totals


class Place(Struct, frozen=True):
    """Where a line stands: which file (`identity` outlives a rotation, `name` may not), from which byte on, how many bytes."""

    name: str
    identity: str
    offset: int
    size: int


class CallRow(Struct, frozen=True):
    """One call as a list shows it; the whole record is `line_of(journal, row.place)`. `seq` grows as calls are projected.

    `model` is the row that served, else the one decided on, else what was asked. `score` is the latest there is. Null as in the journal.
    """

    seq: int
    id: str
    at: int
    model: str
    asked: str
    decided: str | None
    served: str | None
    provider: str | None
    model_id: str | None
    mode: str | None
    user: str | None
    outcome: str
    error: str | None
    face: str | None
    purpose: str | None
    finish_reason: str | None
    cache: str
    status: int | None
    stream: bool
    mock: bool
    tokens_in: int
    tokens_out: int
    cached_tokens: int
    reasoning_tokens: int
    cost_nano_usd: int | None
    saved_nano_usd: int
    baseline_nano_usd: int | None
    latency_us: int
    first_token_us: int | None
    score: float | None
    scorer: str | None
    place: Place


class Page(Struct, frozen=True):
    """Some calls, newest first, and the cursor of what comes after them; None at the end."""

    rows: tuple[CallRow, ...]
    next: str | None


class Projected(Struct, frozen=True):
    """How far the projection is: lines of each kind, what was passed over, the latest call's moment (None without any)."""

    calls: int
    scores: int
    repeated: int
    damaged: int
    latest: int | None
