"""List prices, from genai-prices or the catalogue, as exact integers. What a config row itself says is not known here.

genai-prices costs about 170 ms of CPU to import, so it is imported at the first look-up that needs it, and each answer is kept.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ..domain.target import Rates
from .facts import FACTS

PICO_PER_DOLLAR_MTOK = 1_000_000
"""Pico-dollars per token in one US dollar per million tokens."""

# where the name people use for a provider is not theirs
_THEIR_NAMES = {"gemini": "google", "xai": "x-ai", "llama": "deepinfra"}


def rates(
    price_in: Decimal | float | str, price_out: Decimal | float | str, cached: Decimal | float | str | None, source: str
) -> Rates:
    """Rates from US dollars per million tokens; cached input costs as much as other input unless given."""
    plain = pico(price_in)
    return Rates(
        input=plain,
        output=pico(price_out),
        cached=plain if cached is None else pico(cached),
        cache_write=plain,
        source=source,
    )


def pico(dollars_per_million: Decimal | float | str) -> int:
    """Pico-dollars per token, exact for every decimal that people write."""
    return round(Decimal(str(dollars_per_million)) * PICO_PER_DOLLAR_MTOK)


@lru_cache(4096)
def list_rates(provider: str, model_id: str, today: date) -> Rates | None:
    """The public price of a model on a day; None when nobody we know of knows it."""
    facts = FACTS.get((provider, model_id))
    if facts is not None and facts.prices is not None:
        price_in, price_out, cached = facts.prices
        return rates(price_in, price_out, cached, "catalogue")
    return _from_genai_prices(_THEIR_NAMES.get(provider, provider), model_id, today)


def _from_genai_prices(provider: str, model_id: str, today: date) -> Rates | None:
    from genai_prices import data_snapshot  # noqa: PLC0415 - see the module's docstring

    try:
        _, model = data_snapshot.get_snapshot().find_provider_model(model_id, None, provider, None)
    except LookupError:
        return None
    prices = model.get_prices(datetime(today.year, today.month, today.day, tzinfo=UTC))
    plain, output = prices.input_mtok, prices.output_mtok
    if plain is None or output is None:
        return None
    cached = plain if prices.cache_read_mtok is None else prices.cache_read_mtok
    write = plain if prices.cache_write_mtok is None else prices.cache_write_mtok
    start = _tier_start(plain)
    base: Callable[[Any], int] = lambda price: _at(price, 0)  # noqa: E731 - two views of one table
    tier: Callable[[Any], int] = lambda price: _at(price, start + 1) if start else 0  # noqa: E731
    return Rates(
        input=base(plain),
        output=base(output),
        cached=base(cached),
        cache_write=base(write),
        source="genai-prices",
        tier_above=start,
        tier_input=tier(plain),
        tier_output=tier(output),
        tier_cached=tier(cached),
        tier_cache_write=tier(write),
    )


def _tier_start(price: Any) -> int:
    """The number of input tokens above which the whole request costs more; 0 without tiers. Further tiers are not modelled."""
    tiers = getattr(price, "tiers", None)
    return int(min(tier.start for tier in tiers)) if tiers else 0


def _at(price: Any, tokens: int) -> int:
    if isinstance(price, Decimal):
        return pico(price)
    reached = [tier for tier in price.tiers if tokens > tier.start]
    return pico(min(reached, key=lambda tier: tier.start).price if reached else price.base)
