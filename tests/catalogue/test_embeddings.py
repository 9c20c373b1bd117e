"""What is known of embedding models agrees with the public price list and reaches the rows that name them."""

from datetime import date

import pytest
from genai_prices import data_snapshot

from app.catalogue.embeddings import EMBEDDERS
from app.catalogue.facts import FACTS
from app.catalogue.prices import list_rates, pico

DAY = date(2026, 11, 25)


@pytest.mark.parametrize("place", EMBEDDERS, ids="/".join)
def test_a_models_input_is_priced_and_its_output_is_free(place: tuple[str, str]) -> None:
    """An embedding has no output tokens; without this entry the price would count as unknown."""
    found = list_rates(*place, DAY)
    assert found is not None and found.input > 0
    assert (found.output, found.cached) == (0, found.input)


@pytest.mark.parametrize("place", EMBEDDERS, ids="/".join)
def test_the_price_is_the_public_one(place: tuple[str, str]) -> None:
    provider, model_id = place
    known = {"gemini": "google"}.get(provider, provider)
    _, model = data_snapshot.get_snapshot().find_provider_model(model_id, None, known, None)
    assert pico(EMBEDDERS[place].price) == pico(model.prices.input_mtok)  # type: ignore[union-attr, arg-type]


def test_every_model_is_among_the_facts_with_its_window_and_length() -> None:
    for place, known in EMBEDDERS.items():
        assert (FACTS[place].window, FACTS[place].dimensions) == (known.window, known.dimensions)
        assert FACTS[place].max_output is None and not FACTS[place].capabilities
