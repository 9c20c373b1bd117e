"""A row of `models` joined with its host, what the catalogue knows of it, and its price. Judges no date, resolves no name."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from msgspec import Struct

from ..catalogue.facts import FACTS, UNKNOWN, Facts
from ..catalogue.prices import list_rates, rates
from ..domain.target import Rates
from .providers import Provider
from .settings import ModelRow

SUSPICIOUS_FACTOR = 5
"""A price that differs more from the list is most often one per million tokens under the name of one per thousand."""


class Joined(Struct, frozen=True):
    """A row with its facts and its host."""

    name: str
    row: ModelRow
    facts: Facts
    provider: Provider
    rates: Rates | None

    @property
    def retires_on(self) -> str | None:
        """The day (UTC) from which the model is gone; the config's word before the catalogue's."""
        return self.row.retires_on or self.facts.retires_on

    @property
    def successor(self) -> str | None:
        """Who answers from that day on: a row's name or provider/id."""
        return self.row.successor or self.facts.successor


def join(name: str, row: ModelRow, providers: Mapping[str, Provider], today: date, warnings: list[str]) -> Joined:
    """The row `name`; a price that looks wrong adds a line to `warnings`."""
    facts = FACTS.get((row.provider, row.id), UNKNOWN)
    listed = listed_rates(providers[row.provider], row.id, today)
    own = _own_rates(row)
    if own is not None and listed is not None:
        for way, given, usual in (("price_in", own.input, listed.input), ("price_out", own.output, listed.output)):
            if usual and not usual / SUSPICIOUS_FACTOR <= given <= usual * SUSPICIOUS_FACTOR:
                warnings.append(
                    f"models.{name}.{way} is {given / 1e6:g} US dollars per million tokens, the list price {usual / 1e6:g}: "
                    "prices are per 1,000 tokens (or use the per_million names)"
                )
    return Joined(name, row, facts, providers[row.provider], own or listed)


def listed_rates(provider: Provider, model_id: str, today: date) -> Rates | None:
    """The list price of a model at this host on a day, None where nobody knows it."""
    return None if provider.priced_as is None else list_rates(provider.priced_as, model_id, today)


def _own_rates(row: ModelRow) -> Rates | None:
    """The row's own price; cached input is not told apart there and costs as much as other input."""
    price_in = _per_million(row.price_in, row.price_in_per_million)
    price_out = _per_million(row.price_out, row.price_out_per_million)
    return None if price_in is None or price_out is None else rates(price_in, price_out, None, "config")


def _per_million(per_thousand: float | None, per_million: float | None) -> Decimal | None:
    """US dollars per million tokens, through text: 0.0005 times 1,000 in binary is not what people wrote."""
    if per_million is not None:
        return Decimal(str(per_million))
    return None if per_thousand is None else Decimal(str(per_thousand)) * 1000
