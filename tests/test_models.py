"""`GET /v1/models` and `/v1/models/{id}`: read by both vendors' SDKs, each in its own shape, from one configuration."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types import ModelInfo

from support import Answer, Service, running

CONFIG = """
mode: balanced
models:
  small:    {provider: openai, id: gpt-6-luna}
  large:    {provider: anthropic, id: claude-opus-5-5}
  leaving:  {provider: openai, id: leaving-1, retires_on: "2999-01-31", successor: small}
  gone:     {provider: openai, id: gone-1, retires_on: "2001-02-03", successor: small}
  unknown:  {provider: openai, id: unknown-1}
  plain:    {provider: openai, id: plain-1, capabilities: [streaming], context_window: 1000, max_output: 100}
  off:      {provider: openai, id: off-1, enabled: false}
  vectors:  {provider: openai, id: text-embedding-3-small, kind: embedding}
aliases:
  claude-*: large
  old-name: small
"""
VERSION = {"anthropic-version": "2026-10-21"}
CHATS = 4 + 3 * 6 + 1  # the router's own names; a row's name, provider/id and id; the alias


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("models"), CONFIG) as started:
        yield started


@pytest.fixture(scope="module")
def claude(service: Service) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=service.url, api_key="none-needed", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def sdk(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=service.url + "/v1", api_key="none-needed", max_retries=0) as client:
        yield client


def page(service: Service, query: str = "") -> Answer:
    return service.request(f"/v1/models{query}", headers=VERSION)


# OpenAI's shape


def test_openais_sdk_lists_every_name_with_window_and_limit(sdk: openai.OpenAI) -> None:
    told = {model.id: model for model in sdk.models.list()}
    assert {"auto", "auto-fast", "small", "openai/gpt-6-luna", "gpt-6-luna", "old-name", "vectors"} <= set(told)
    assert "off" not in told and len(told) == CHATS + 3
    for name in ("small", "gpt-6-luna", "old-name"):
        extra: Any = told[name].model_extra
        assert (extra["context_window"], extra["max_output_tokens"]) == (1_050_000, 128_000)
    assert all({"context_window", "max_output_tokens", "router"} <= set(model.model_extra or {}) for model in told.values())


def test_openais_sdk_gets_one_name(sdk: openai.OpenAI) -> None:
    model = sdk.models.retrieve("leaving")
    assert (model.owned_by, model.shutdown_date, model.object) == ("openai", "2999-01-31", "model")
    assert sdk.models.retrieve("small").shutdown_date is None
    assert sdk.models.retrieve("claude-of-any-kind").owned_by == "anthropic"
    with pytest.raises(openai.NotFoundError, match="near misses: small"):
        sdk.models.retrieve("smal")


def test_an_embedding_model_says_how_long_its_vectors_are(sdk: openai.OpenAI) -> None:
    extra: Any = sdk.models.retrieve("vectors").model_extra
    assert (extra["router"]["kind"], extra["router"]["dimensions"], extra["max_output_tokens"]) == ("embedding", 1536, None)


def test_auto_tells_the_largest_window_of_those_it_picks_from(sdk: openai.OpenAI) -> None:
    """It never picks a model that the prompt does not fit."""
    extra: Any = sdk.models.retrieve("auto").model_extra
    assert (extra["context_window"], extra["max_output_tokens"], extra["router"]) == (1_050_000, 128_000, {"mode": "balanced"})


# Anthropic's shape


@pytest.mark.parametrize("limit", [1, 2, 7, 1000, None])
def test_anthropics_sdk_reads_all_pages(claude: anthropic.Anthropic, limit: int | None) -> None:
    found = [model.id for model in (claude.models.list(limit=limit) if limit else claude.models.list())]
    assert len(found) == len(set(found)) == CHATS - 3, "the retired model is shown when asked for"
    assert {"auto", "small", "large", "leaving"} <= set(found) and not {"vectors", "off", "gone"} & set(found)


def test_anthropics_sdk_reads_the_pages_backwards_too(claude: anthropic.Anthropic) -> None:
    found = [model.id for model in claude.models.list(limit=1000)]
    back = claude.models.list(limit=4, before_id=found[-1])
    assert [model.id for model in back.data] == found[-5:-1] and back.has_more
    assert {model.id for model in back} == set(found[:-1])


def test_a_page_says_where_it_begins_and_ends(service: Service) -> None:
    first = page(service, "?limit=2").json()
    assert [first["first_id"], first["last_id"]] == [info["id"] for info in first["data"]] and first["has_more"] is True
    second = page(service, f"?limit=1000&after_id={first['last_id']}").json()
    assert second["has_more"] is False and first["last_id"] not in [info["id"] for info in second["data"]]
    empty = page(service, f"?after_id={second['last_id']}").json()
    assert empty == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_twenty_names_are_a_page(service: Service) -> None:
    assert len(page(service).json()["data"]) == 20


def test_every_name_is_what_the_sdk_holds_for_a_model(service: Service) -> None:
    for info in page(service, "?limit=1000&lifecycle[]=active&lifecycle[]=deprecated&lifecycle[]=retired").json()["data"]:
        ModelInfo.model_validate(info, strict=False)
        assert set(info) == set(ModelInfo.model_fields)


def test_lifecycles_follow_the_day_from_which_a_model_is_gone(claude: anthropic.Anthropic) -> None:
    told = {model.id: model for model in claude.models.list(limit=1000, lifecycle=["active", "deprecated", "retired"])}
    assert {name: told[name].lifecycle for name in ("small", "leaving", "gone", "auto")} == {
        "small": "active",
        "leaving": "deprecated",
        "gone": "retired",
        "auto": "active",
    }
    assert told["leaving"].retires_at == datetime(2999, 1, 31, tzinfo=UTC) and told["small"].retires_at is None
    assert told["small"].created_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert [model.id for model in claude.models.list(lifecycle=["retired"])] == ["gone", "openai/gone-1", "gone-1"]


def test_limits_and_capabilities_are_those_of_the_model(claude: anthropic.Anthropic) -> None:
    large = claude.models.retrieve("large")
    assert (large.max_input_tokens, large.max_tokens) == (1_000_000, 128_000)
    able = large.capabilities
    assert able is not None
    assert able.image_input.supported and able.pdf_input.supported and able.structured_outputs.supported
    assert able.thinking.supported and able.thinking.types.adaptive.supported and not able.thinking.types.enabled.supported
    assert able.effort.supported and able.effort.high.supported and not able.batch.supported
    plain = claude.models.retrieve("plain").capabilities
    assert plain is not None
    assert not (plain.image_input.supported or plain.thinking.supported or plain.effort.supported)
    assert plain.thinking.types.disabled.supported, "a model that does not think can be told not to"


def test_nothing_is_said_of_what_a_model_can_do_that_nobody_vouches_for(claude: anthropic.Anthropic) -> None:
    unknown = claude.models.retrieve("unknown")
    assert (unknown.capabilities, unknown.max_input_tokens, unknown.max_tokens) == (None, None, None)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=-1", "limit"),
        ("?limit=ten", "limit"),
        ("?limit=%D9%A3", "limit"),
        ("?after_id=nobody", "after_id"),
        ("?before_id=nobody", "before_id"),
        ("?before_id=small&after_id=small", "before_id"),
        ("?lifecycle[]=young", "lifecycle"),
    ],
)
def test_a_wrong_wish_for_a_page_is_a_400_in_anthropics_shape(service: Service, query: str, param: str) -> None:
    answer = page(service, query)
    told = answer.json()
    assert (answer.status, told["type"], told["error"]["type"]) == (400, "error", "invalid_request_error")
    assert told["error"]["message"].startswith(param)


def test_anthropics_sdk_raises_its_own_error_for_an_unknown_name(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="near misses: small"):
        claude.models.retrieve("smal")


def test_a_query_is_no_ones_business_in_openais_shape(service: Service) -> None:
    assert service.request("/v1/models?limit=none").status == 200
