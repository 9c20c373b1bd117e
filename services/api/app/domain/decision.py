"""What the router decided and why. Plain values that can be written down and computed again."""

from msgspec import Struct

from .request import Mode, Wishes


class Flip(Struct, frozen=True, gc=False):
    """What would put a row first, each by itself: its quality at least, its cost or its time at most so much; null = no such figure."""

    quality: float | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None


class Saving(Struct, frozen=True, gc=False):
    """What the choice is predicted to cost beside the row that savings are counted against; null = an unknown price."""

    baseline: str
    baseline_usd: float | None
    chosen_usd: float | None
    saved_usd: float | None


class Candidate(Struct, frozen=True):
    """One catalogue row as the decision saw it.

    `quality` 0..1; `cost_usd` null = unknown price; `excluded` says why it may not answer, null if it may. `utility` is what rows are
    ranked by, null for those who may not answer; one `below_floor` of the mode ranks behind all that are not. To those who ask why,
    `interval` tells the bounds that hold the quality in 95 of 100 cases, and `flip` what a loser lacks.
    """

    name: str
    quality: float
    cost_usd: float | None
    latency_ms: float
    excluded: str | None = None
    utility: float | None = None
    below_floor: bool = False
    flip: Flip | None = None
    interval: tuple[float, float] | None = None


class LiveModel(Struct, frozen=True, gc=False):
    """Live figures of one catalogue row: time to first token (ms), output tokens per second, open breaker."""

    first_token_ms: float | None = None
    tokens_per_second: float | None = None
    open: bool = False


class Standing(Struct, frozen=True):
    """The live figures a decision used, under the id that its record names."""

    id: str
    models: dict[str, LiveModel]


EMPTY_STANDING = Standing(id="none", models={})


class Decision(Struct, frozen=True):
    """An ordered list of catalogue rows to try, and everything needed to compute it again.

    `z` is the prompt's first-stage value (float32 bytes), `policy` names the second stage, `weights` the hash of its weights.
    `propensity` is the probability that the chosen arm was drawn (1.0 without exploration).
    """

    policy: str
    mode: Mode
    ranking: tuple[str, ...]
    reason: str
    wishes: Wishes
    z: bytes = b""
    weights: str = ""
    standing: str = "none"
    draw: float = 0.0
    propensity: float = 1.0

    @property
    def chosen(self) -> str:
        """The first choice's catalogue name."""
        return self.ranking[0]
