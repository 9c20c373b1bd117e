"""List prices as exact integers: per day, with tiers, and None where nobody knows them."""

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.facts import FACTS
from app.catalogue.prices import list_rates, pico, rates
from app.domain.answer import Usage
from app.domain.target import price

DAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("provider", "model_id", "expected"),
    [
        ("openai", "gpt-4o-mini", (150_000, 600_000, 75_000, 150_000)),
        ("openai", "gpt-4o", (2_500_000, 10_000_000, 1_250_000, 2_500_000)),
        ("anthropic", "claude-sonnet-5-5", (2_000_000, 10_000_000, 100_000, 2_500_000)),
        ("gemini", "gemini-3.5-flash-lite", (300_000, 2_500_000, 30_000, 300_000)),
        ("mistral", "mistral-small-2603", (150_000, 600_000, 15_000, 150_000)),
    ],
)
def test_list_prices_are_pico_dollars_per_token(provider: str, model_id: str, expected: tuple[int, ...]) -> None:
    """Input, output, cached input, cache write; one dollar per million tokens is a million pico-dollars per token."""
    found = list_rates(provider, model_id, DAY)
    assert found is not None
    assert (found.input, found.output, found.cached, found.cache_write) == expected
    assert found.source == "genai-prices"


def test_above_a_tier_the_whole_request_costs_more() -> None:
    """The cliff lies where the provider put it: the threshold itself is still cheap."""
    found = list_rates("anthropic", "claude-haiku-5-5", DAY)
    assert found is not None
    assert found.tier_above == 100_000
    assert price(Usage(input_tokens=100_000, output_tokens=0), found) == 10_000_000
    assert price(Usage(input_tokens=100_001, output_tokens=0), found) == 50_000_500


@pytest.mark.parametrize("tokens", [1, 1_000, 99_999, 100_001, 272_000, 272_001, 500_000])
@pytest.mark.parametrize("place", sorted(place for place, facts in FACTS.items() if facts.prices is None and place[0] != "llama"))
def test_our_sum_is_genai_prices_own_to_the_nano_dollar(place: tuple[str, str], tokens: int) -> None:
    """The resolved integers stand for the package's slow decimal sums, on both sides of each tier."""
    provider, model_id = place
    ours = list_rates(provider, model_id, DAY)
    assert ours is not None
    theirs = calc_price(
        TheirUsage(input_tokens=tokens, cache_read_tokens=tokens // 3, output_tokens=777),
        model_id,
        provider_id={"gemini": "google"}.get(provider, provider),
        genai_request_timestamp=datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC),
    )
    usage = Usage(input_tokens=tokens, output_tokens=777, cached_tokens=tokens // 3)
    assert abs(Decimal(price(usage, ours)) - theirs.total_price * 10**9) <= Decimal("0.5")


def test_a_dated_price_belongs_to_its_day() -> None:
    before, after = (list_rates("gemini", "gemini-4-argon", day) for day in (date(2026, 11, 30), date(2026, 12, 1)))
    assert before is not None
    assert after is not None
    assert (before.input, before.output, after.input, after.output) == (2_000_000, 10_000_000, 4_000_000, 20_000_000)


def test_the_catalogue_fills_in_what_the_package_lacks() -> None:
    found = list_rates("openai", "gpt-6.2-astra", DAY)
    assert found is not None
    assert (found.input, found.output, found.cached, found.source) == (8_000_000, 40_000_000, 400_000, "catalogue")


@pytest.mark.parametrize(
    "place", [("openai", "no-such-model"), ("nowhere", "gpt-4o"), ("openai", ""), ("llama", "openai/gpt-oss-120b")]
)
def test_an_unknown_price_is_none(place: tuple[str, str]) -> None:
    """Never zero: an answer that seems free spends money unseen."""
    assert list_rates(*place, DAY) is None


@given(st.decimals(min_value=0, max_value=10_000, places=6))
def test_every_price_that_people_write_is_exact(dollars: Decimal) -> None:
    assert Decimal(pico(dollars)) == dollars * 1_000_000


def test_cached_input_costs_as_much_as_other_input_unless_told() -> None:
    assert rates("1", "2", None, "x").cached == 1_000_000
    assert rates("1", "2", "0.1", "x").cached == 100_000


def test_importing_the_room_does_not_import_the_price_tables() -> None:
    """They cost some 170 ms of CPU and 20 MB; commands that ask for no price must not pay them."""
    code = "import sys, app.catalogue.prices, app.config.load; raise SystemExit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestFacts:
    def test_every_successor_is_known_itself(self) -> None:
        """Otherwise a retirement would end at a model without a window, capabilities or a price."""
        for facts in FACTS.values():
            if facts.successor is not None:
                provider, _, model_id = facts.successor.partition("/")
                assert FACTS[(provider, model_id)].retires_on is None

    def test_all_that_retires_has_a_successor_and_a_day_of_the_calendar(self) -> None:
        for facts in FACTS.values():
            if facts.retires_on is not None:
                assert date.fromisoformat(facts.retires_on)
                assert facts.successor is not None

    def test_figures_are_plausible(self) -> None:
        for place, facts in FACTS.items():
            assert facts.quality is None or 0 < facts.quality < 1, place
            assert facts.latency_ms > 0, place
            assert (facts.max_output or 0) <= (facts.window or 0), place
            assert ("streaming" in facts.capabilities) is (facts.dimensions == 0), "a model makes answers or vectors"
