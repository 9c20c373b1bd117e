"""A catalogue written out by hand, so that these tests say what they stand on and no edit of the shipped one moves them."""

from collections.abc import Callable

import pytest

from app.config.snapshot import (
    CachePlan,
    Limits,
    LoggingPlan,
    Model,
    Routing,
    Server,
    Snapshot,
    Timeouts,
    Weights,
)
from app.domain.target import Rates, Target

TEXT = frozenset({"streaming"})
FULL = TEXT | {"tools", "vision", "json_schema"}
WEIGHTS = {
    "fast": Weights(quality=0.1, cost=0.02, latency=1.0, floor=0.7),
    "balanced": Weights(quality=1.0, cost=0.06, latency=0.03),
    "accurate": Weights(quality=1.0, cost=0.01, latency=0.002),
}
MICRO = 1_000_000


def model(
    name: str,
    *,
    provider: str = "openai",
    dollars: tuple[float, float] | None = (1.0, 4.0),
    quality: float = 0.8,
    ms: float = 1000,
    window: int | None = 128_000,
    **more: object,
) -> Model:
    """One row; `dollars` are per million tokens, in and out."""
    rates = None
    if dollars is not None:
        rates = Rates(input=round(dollars[0] * MICRO), output=round(dollars[1] * MICRO), cached=0, cache_write=0)
    dialect = str(
        more.pop("dialect", {"anthropic": "anthropic", "gemini": "gemini", "mistral": "mistral"}.get(provider, "openai"))
    )
    target = Target(
        name=name, provider=provider, model_id=name, dialect=dialect, wire=dialect, base_url=f"https://{provider}.example"
    )
    facts = {"capabilities": FULL, "max_output": 16_384, "targets": (target,), "rates": rates} | more
    return Model(
        name=name,
        provider=provider,
        model_id=name,
        quality=quality,
        avg_latency_ms=ms,
        context_window=window,
        **facts,
    )


def snapshot_of(*models: Model, exploration: float = 0.0, baseline: str | None = None, any_real: bool = False) -> Snapshot:
    """A snapshot of these rows with the weights above."""
    return Snapshot(
        digest="d",
        day="2026-11-25",
        source="by hand",
        mode="balanced",
        models={m.name: m for m in models},
        names={},
        prefixes=(),
        ambiguous={},
        routing=Routing(baseline=baseline, exploration=exploration, weights=WEIGHTS),
        scoring=True,
        cache=CachePlan("none", 60, "", "", "", 0, 0.02, ()),
        logging=LoggingPlan("", "", "hash", 0, None, None),
        timeouts=Timeouts(),
        limits=Limits(),
        server=Server("127.0.0.1", 8000, "", (), (), 15),
        any_real=any_real,
        mock_latency_scale=0,
    )


def twenty() -> list[Model]:
    """A catalogue like the shipped one: five providers, flagship to smallest, one without a price, one retired."""
    return [
        model("openai_astra", dollars=(10, 50), quality=0.95, ms=4200, window=922_000, max_output=128_000),
        model("openai_sol", dollars=(2, 10), quality=0.92, ms=2400, window=922_000, max_output=128_000),
        model("openai_luna", dollars=(0.1, 0.5), quality=0.79, ms=700, window=922_000, max_output=128_000),
        model("openai_gpt4o", dollars=(2.5, 10), quality=0.78, ms=1500),
        model("openai_gpt4o_mini", dollars=(0.15, 0.6), quality=0.66, ms=800),
        model(
            "claude_fable", provider="anthropic", dollars=(10, 50), quality=0.96, ms=4800, window=1_000_000, max_output=128_000
        ),
        model("claude_opus", provider="anthropic", dollars=(4, 20), quality=0.94, ms=3000, window=1_000_000, max_output=128_000),
        model(
            "claude_sonnet", provider="anthropic", dollars=(2, 10), quality=0.91, ms=2000, window=1_000_000, max_output=128_000
        ),
        model(
            "claude_haiku", provider="anthropic", dollars=(0.1, 0.5), quality=0.78, ms=650, window=1_000_000, max_output=128_000
        ),
        model("claude_3_sonnet", provider="anthropic", retired=True, routable=False, retires_on="2025-07-21"),
        model("gemini_argon", provider="gemini", dollars=(2, 10), quality=0.93, ms=2600, window=1_048_576),
        model("gemini_flash", provider="gemini", dollars=(0.75, 3.75), quality=0.86, ms=900, window=1_048_576),
        model("gemini_lite", provider="gemini", dollars=(0.3, 2.5), quality=0.76, ms=450, window=1_048_576),
        model("mistral_large_4", provider="mistral", dollars=(1.36, 4.18), quality=0.87, ms=1700, window=1_048_576),
        model("mistral_large", provider="mistral", dollars=(0.5, 1.5), quality=0.8, ms=1300, window=262_144),
        model("mistral_small", provider="mistral", dollars=(0.15, 0.6), quality=0.7, ms=600, window=262_144),
        model("llama3_70b", provider="llama", dollars=(0.88, 0.88), quality=0.62, ms=900, window=8192, capabilities=TEXT),
        model("llama_spark", provider="llama", dollars=(1.25, 4.25), quality=0.84, ms=1800, window=1_048_576),
        model("local_oss", provider="llama", dollars=None, quality=0.55, ms=1200, window=32_768, capabilities=TEXT),
        model("embedder", kind="embedding"),
    ]


@pytest.fixture(scope="session")
def row() -> Callable[..., Model]:
    """Builds one catalogue row."""
    return model


@pytest.fixture(scope="session")
def snapshot_from() -> Callable[..., Snapshot]:
    """Builds a snapshot of given rows."""
    return snapshot_of


@pytest.fixture(scope="session")
def catalogue() -> list[Model]:
    """The rows of `twenty`."""
    return twenty()


@pytest.fixture(scope="session")
def snapshot(catalogue: list[Model]) -> Snapshot:
    """The whole catalogue; savings count against gpt-4o."""
    return snapshot_of(*catalogue, baseline="openai_gpt4o")
