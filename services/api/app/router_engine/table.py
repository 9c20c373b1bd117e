"""A snapshot's chat models as columns, compiled once per snapshot, so that a decision is a few vector operations. Data only."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..config.snapshot import Grounds, Model, Weights
from ..domain.request import Mode
from ..domain.target import Rates
from ..text.pictures import RULES
from .lengths import TYPICAL_THOUGHTS, thinks_unasked
from .quality.learned import Vector
from .quality.places import place
from .quality.weights import SHIPPED

Places = NDArray[np.intp]

FIRST_SHARE: Final = 0.35
"""Share of `avg_latency_ms` until the first token, for models without live figures."""
TYPICAL_OUTPUT: Final = 200.0
"""Tokens of the answer that `avg_latency_ms` is about."""
_PICO: Final = 1e-12


class Rows(Struct, frozen=True, eq=False):
    """Columns over models in the order of their names.

    `places` (m, 1 + f) are their places as `quality.places` has them, `strength` how many scored answers those are worth.

    `rate_*` are US dollars per token, NaN where the price is unknown; above `tier_above` input tokens the `tier_*` rates hold,
    and `*_cached` are those of input tokens read from a prompt cache.
    `thinks` is 1 where a model thinks without being asked, `thinks_asked` where it can at all, else 0; `rule` is the place among
    `text.pictures.RULES` of the one that it counts pictures by.
    `window` and `max_output` are tokens, infinite where unknown. `providers` are those of every deployment of the row.
    `all_priced`, `lowest_tier`, `smallest_window` and `smallest_output` spare a decision the columns where nothing can happen.
    """

    names: tuple[str, ...]
    index: dict[str, int]
    places: Vector
    strength: Vector
    rate_in: Vector
    rate_out: Vector
    rate_cached: Vector
    tier_above: Vector
    tier_in: Vector
    tier_out: Vector
    tier_cached: Vector
    first_ms: Vector
    ms_per_token: Vector
    window: Vector
    max_output: Vector
    capabilities: tuple[frozenset[str], ...]
    dialects: tuple[frozenset[str], ...]
    providers: tuple[frozenset[str], ...]
    thinks: Vector
    thinks_asked: Vector
    rule: Places
    all_priced: bool
    lowest_tier: float
    smallest_window: float
    smallest_output: float


class Table(Struct, frozen=True, eq=False):
    """What decisions under one snapshot need. `others` are chat models that `auto` may not pick, `why` says why, one by one."""

    rows: Rows
    others: Rows
    why: tuple[str, ...]
    weights: dict[Mode, Weights]
    exploration: float
    gap: float
    baseline: Rates | None
    baseline_name: str | None


def compile_table(snapshot: Grounds) -> Table:
    """The table of this snapshot, or of what its archive kept of it; deterministic, whatever the order of its models."""
    chat = sorted((model for model in snapshot.models.values() if model.kind == "chat"), key=lambda model: model.name)
    others = [model for model in chat if not model.routable]
    baseline = snapshot.models.get(snapshot.routing.baseline or "")
    return Table(
        rows=_rows([model for model in chat if model.routable]),
        others=_rows(others),
        why=tuple(_why(model, snapshot.any_real) for model in others),
        weights=snapshot.routing.weights,
        exploration=snapshot.routing.exploration,
        gap=snapshot.routing.exploration_gap,
        baseline=baseline.rates if baseline is not None else None,
        baseline_name=baseline.name if baseline is not None else None,
    )


def _why(model: Model, any_real: bool) -> str:
    if not model.enabled:
        return "switched off in the configuration"
    if model.retired:
        return f"retired on {model.retires_on}" if model.retires_on else "retired"
    if any_real and not model.real:
        return "mock while real models exist"
    return "not open to auto"


def _rows(models: Sequence[Model]) -> Rows:
    rates = [model.rates for model in models]
    window = _column([model.context_window or math.inf for model in models])
    max_output = _column([model.max_output or math.inf for model in models])
    tiers = _column([rate.tier_above if rate is not None and rate.tier_above else math.inf for rate in rates])
    return Rows(
        names=tuple(model.name for model in models),
        index={model.name: i for i, model in enumerate(models)},
        places=_places(models),
        strength=_column([model.strength for model in models]),
        rate_in=_column([math.nan if rate is None else rate.input * _PICO for rate in rates]),
        rate_out=_column([math.nan if rate is None else rate.output * _PICO for rate in rates]),
        rate_cached=_column([math.nan if rate is None else rate.cached * _PICO for rate in rates]),
        tier_above=tiers,
        tier_in=_column([math.nan if rate is None else rate.tier_input * _PICO for rate in rates]),
        tier_out=_column([math.nan if rate is None else rate.tier_output * _PICO for rate in rates]),
        tier_cached=_column([math.nan if rate is None else rate.tier_cached * _PICO for rate in rates]),
        first_ms=_column([model.avg_latency_ms * FIRST_SHARE for model in models]),
        ms_per_token=_column([_ms_per_token(model) for model in models]),
        window=window,
        max_output=max_output,
        capabilities=tuple(model.capabilities for model in models),
        dialects=tuple(frozenset(target.dialect for target in model.targets) for model in models),
        providers=tuple(frozenset({model.provider, *(target.provider for target in model.targets)}) for model in models),
        thinks=_column([float(_thinks(model)) for model in models]),
        thinks_asked=_column([float("reasoning" in model.capabilities) for model in models]),
        rule=np.array([rule_of(_dialect(model)) for model in models], dtype=np.intp),
        all_priced=None not in rates,
        lowest_tier=float(tiers.min(initial=math.inf)),
        smallest_window=float(window.min(initial=math.inf)),
        smallest_output=float(max_output.min(initial=math.inf)),
    )


def _dialect(model: Model) -> str:
    return model.targets[0].dialect if model.targets else ""


def _thinks(model: Model) -> bool:
    return thinks_unasked(model.capabilities, _dialect(model))


def rule_of(dialect: str) -> int:
    """The place among `text.pictures.RULES` of the rule that hosts of a dialect count pictures by."""
    return RULES.index(dialect) if dialect in RULES else RULES.index("openai")


def _ms_per_token(model: Model) -> float:
    """A model's usual thoughts are in its usual time."""
    tokens = TYPICAL_OUTPUT + (TYPICAL_THOUGHTS if _thinks(model) else 0.0)
    return model.avg_latency_ms * (1 - FIRST_SHARE) / tokens


def _places(models: Sequence[Model]) -> Vector:
    rows = [place(model.quality, model.abilities, SHIPPED.domains) for model in models]
    places = np.array(rows, dtype=np.float64).reshape(len(models), 1 + len(SHIPPED.domains))
    places.setflags(write=False)
    return places


def _column(values: Sequence[float]) -> Vector:
    column = np.array(values, dtype=np.float64)
    column.setflags(write=False)
    return column
