"""`POST /v1/chat/completions`: the official `openai` SDK as the caller, a scripted provider of the same dialect behind."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from support import (
    STREAM_END,
    STREAM_HEAD,
    Answer,
    Heard,
    Service,
    Upstream,
    chunk,
    completion,
    eventually,
    framed,
    http,
    running,
    shipped,
    well_behaved,
)

CONFIG = """
mode: balanced
mock_latency_scale: 0
providers:
  openai: {base_url: "%(openai)s"}
  anthropic: {base_url: "http://127.0.0.1:9"}
models:
  openai_gpt4o_mini: {provider: openai, id: gpt-4o-mini, price_in: 0.01, price_out: 0.03}
  claude: {provider: anthropic, id: claude-sonnet-5-5}
  text_only: {provider: openai, id: text-only, capabilities: [streaming]}
"""
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
PIXEL = "data:image/png;base64," + base64.b64encode(b"not looked at").decode()
IMAGE = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "colour", "schema": {"type": "object"}}}
USER = [{"role": "user", "content": "Hello?"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    host = Upstream(well_behaved)
    yield host
    host.close()


@pytest.fixture(autouse=True)
def _well_behaved_again(upstream: Upstream) -> None:
    upstream.script = well_behaved
    upstream.heard.clear()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    """OpenAI is the scripted provider; Anthropic has a key but nobody listens there."""
    home = tmp_path_factory.mktemp("chat")
    with running(home, CONFIG % {"openai": upstream.base_url}, OPENAI_API_KEY="sk-up", ANTHROPIC_API_KEY="sk-ant") as here:
        yield here


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("mock"), shipped()) as here:
        yield here


@pytest.fixture
def sdk(service: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=service.url + "/v1", api_key="unused", max_retries=0) as client:
        yield client


def _says(body: bytes) -> Any:
    return lambda _heard: iter([http(body)])


def chat(service: Service, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    body = {"model": "gpt-4o-mini", "messages": USER, **fields}
    return service.request("/v1/chat/completions", body, headers)


# the official SDK


@pytest.mark.parametrize("model", ["gpt-4o-mini", "auto", "auto-accurate", "openai/gpt-4o-mini"])
def test_the_sdk_gets_an_answer_by_name_and_by_choice(sdk: openai.OpenAI, model: str) -> None:
    answer = sdk.chat.completions.create(
        model=model, messages=USER, extra_body={"router": {"constraints": {"providers": ["openai"]}}}
    )
    assert answer.choices[0].message.content == "Hello from upstream." and answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None and answer.usage.total_tokens == 18


@pytest.mark.parametrize("model", ["gpt-4o-mini", "auto"])
def test_the_sdk_gets_a_stream_by_name_and_by_choice(sdk: openai.OpenAI, model: str) -> None:
    body = {"router": {"constraints": {"providers": ["openai"]}}}
    with sdk.chat.completions.create(model=model, messages=USER, stream=True, extra_body=body) as stream:
        chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello from upstream."
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(c.choices for c in chunks), "a usage chunk that nobody asked for is taken out again"


def test_include_usage_brings_one_usage_chunk_at_the_end(sdk: openai.OpenAI) -> None:
    options = {"include_usage": True}
    with sdk.chat.completions.create(model="gpt-4o-mini", messages=USER, stream=True, stream_options=options) as stream:
        *before, last = list(stream)
    assert last.choices == [] and last.usage is not None and last.usage.total_tokens == 18
    assert all(c.choices for c in before)


def test_the_async_sdk_works_whole_and_streamed(service: Service) -> None:
    async def both() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=service.url + "/v1", api_key="unused", max_retries=0) as client:
            whole = await client.chat.completions.create(model="gpt-4o-mini", messages=USER)
            stream = await client.chat.completions.create(model="gpt-4o-mini", messages=USER, stream=True)
            said = [c.choices[0].delta.content or "" async for c in stream]
            return whole.choices[0].message.content, "".join(said)

    assert asyncio.run(both()) == ("Hello from upstream.", "Hello from upstream.")


def test_the_sdk_lists_and_gets_models(sdk: openai.OpenAI) -> None:
    names = {model.id for model in sdk.models.list()}
    assert {"auto", "auto-fast", "openai_gpt4o_mini", "openai/gpt-4o-mini", "gpt-4o-mini"} <= names
    assert sdk.models.retrieve("gpt-4o-mini").owned_by == "openai"


def test_every_listed_model_name_that_chats_answers(mock: Service) -> None:
    for entry in mock.request("/v1/models").json()["data"]:
        if entry["router"].get("kind") == "embedding":
            continue
        answer = chat(mock, model=entry["id"])
        assert answer.status == 200, (entry["id"], answer.body)


def test_the_sdk_raises_its_own_errors_with_our_codes(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        sdk.chat.completions.create(model="gpt-4o-minni", messages=USER)
    assert unknown.value.code == "model_not_found" and "gpt-4o-mini" in str(unknown.value)
    with pytest.raises(openai.BadRequestError) as wrong:
        sdk.chat.completions.create(model="gpt-4o-mini", messages=USER, extra_body={"router": {"mode": "slow"}})
    assert wrong.value.param == "router.mode" and wrong.value.request_id


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "mistral", "llama"])
def test_the_sdk_reads_what_every_dialect_becomes(mock: Service, provider: str) -> None:
    """A simulated answer goes through the provider's own wire and is spelled out in OpenAI's shape."""
    body = {"router": {"constraints": {"providers": [provider]}}}
    with openai.OpenAI(base_url=mock.url + "/v1", api_key="unused", max_retries=0) as client:
        whole = client.chat.completions.create(model="auto", messages=USER, extra_body=body)
        with client.chat.completions.create(model="auto", messages=USER, stream=True, extra_body=body) as stream:
            chunks: list[ChatCompletionChunk] = list(stream)
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert whole.choices[0].message.content == said and said.startswith("[MOCK]")
    assert whole.usage is not None and whole.usage.completion_tokens > 0
    assert chunks[0].choices[0].delta.role == "assistant" and chunks[-1].choices[0].finish_reason == "stop"
    assert whole.choices[0].message.role == "assistant" and whole.choices[0].finish_reason == "stop"


# our own wishes


def test_the_router_object_is_heeded_and_does_not_go_upstream(service: Service, upstream: Upstream) -> None:
    answer = chat(service, model="auto", router={"mode": "accurate", "constraints": {"providers": ["openai"]}, "session": "s"})
    record = service.record(answer.headers["x-request-id"])
    assert answer.headers["x-router-mode"] == record["mode"] == "accurate" and record["session"] == "s"
    assert "router" not in upstream.heard[0].json()


def test_header_wishes_count_where_the_body_has_none(service: Service) -> None:
    only = {"constraints": {"providers": ["openai"]}}
    by_header = chat(service, {"x-router-mode": "fast"}, model="auto", router=only)
    by_body = chat(service, {"x-router-mode": "fast"}, model="auto", router={"mode": "accurate", **only})
    assert (by_header.headers["x-router-mode"], by_body.headers["x-router-mode"]) == ("fast", "accurate")
    assert chat(service, {"x-router-mode": "slow"}).json()["error"]["param"] == "x-router-mode"


def test_explain_adds_the_decision_to_a_whole_reply(service: Service) -> None:
    told = chat(service, model="auto", router={"explain": True, "constraints": {"providers": ["openai"]}}).json()
    assert set(told["router"]) == {"decision", "attempts", "cost_usd", "score"}
    assert told["router"]["cost_usd"] > 0 and told["router"]["attempts"][0]["status"] == 200
    assert set(told["router"]["decision"]) == {"reason", "policy", "session_model", "candidates"}
    assert "router" not in chat(service).json()


def test_the_reply_headers_say_who_answered_and_what_it_cost(service: Service) -> None:
    headers = chat(service, router={"cache": "off"}).headers
    assert (headers["x-router-model"], headers["x-router-provider"]) == ("openai_gpt4o_mini", "openai")
    assert headers["x-router-cost-usd"] == "0.000320000" and headers["x-cache"] == "off"
    assert headers["x-router-reason"] and headers["x-router-config"] and float(headers["x-router-overhead-ms"]) >= 0
    assert "x-router-mode" not in headers and "x-router-mock" not in headers


def test_a_stream_ends_with_a_comment_of_cost_and_server_before_its_terminator(service: Service) -> None:
    answer = chat(service, stream=True)
    *_, comment, done = answer.events()
    assert done.data == "[DONE]"
    call_id = answer.headers["x-request-id"]
    assert comment.comment == f"router id={call_id} model=openai_gpt4o_mini cost_usd=0.000320000"
    assert "x-router-estimated-cost-usd" in answer.headers


# pass-through


def test_unknown_fields_of_the_caller_reach_a_provider_of_the_same_dialect(service: Service, upstream: Upstream) -> None:
    extra = {
        "logit_bias": {"50256": -100},
        "a_field_of_next_year": {"deep": [1, 2.50, None]},
        "metadata": {"team": "x"},
        "user": "u-1",
    }
    chat(service, **extra, max_tokens=5, stop=["END"], temperature=0.25)
    sent = upstream.heard[0].json()
    assert {name: sent[name] for name in extra} == extra
    assert (sent["model"], sent["max_tokens"], sent["stop"], sent["temperature"]) == ("gpt-4o-mini", 5, ["END"], 0.25)
    assert sent["messages"] == USER


def test_numbers_travel_as_they_were_written(service: Service, upstream: Upstream) -> None:
    raw = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}],"precise":[1.10,1E2,12345678901234567890]}'
    assert service.request("/v1/chat/completions", raw).status == 200
    assert b"[1.10,1E2,12345678901234567890]" in upstream.heard[0].body


def test_an_absent_max_tokens_stays_absent(service: Service, upstream: Upstream) -> None:
    chat(service)
    assert not {"max_tokens", "max_completion_tokens"} & set(upstream.heard[0].json())


def test_the_providers_reply_comes_back_byte_by_byte(service: Service, upstream: Upstream) -> None:
    odd = (
        json.dumps({**json.loads(completion()), "system_fingerprint": "fp_1", "of_next_year": [1.50]}, indent=1).encode() + b"\n"
    )
    upstream.script = _says(odd)
    assert chat(service).body == odd


def test_the_providers_chunks_come_back_as_they_were(service: Service, upstream: Upstream) -> None:
    odd = (
        b'{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
        b'[{"index":0,"delta":{"content":"hi", "new":1.50},"finish_reason":"stop"}],"obfuscation":"xyz"}'
    )

    def script(_heard: Heard) -> Iterator[bytes]:
        yield STREAM_HEAD + framed(b"data: " + odd + b"\n\ndata: [DONE]\n\n") + STREAM_END

    upstream.script = script
    assert f"data: {odd.decode()}\n\n".encode() in chat(service, stream=True).body


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 7, 11, 64])
def test_a_stream_is_the_same_however_its_bytes_are_cut(service: Service, upstream: Upstream, cut: int) -> None:
    said = "Grüße, 世界 \N{GRINNING FACE}"
    body = chunk({"role": "assistant", "content": ""}) + chunk({"content": said}) + chunk({}, "stop") + b"data: [DONE]\n\n"

    def script(_heard: Heard) -> Iterator[bytes]:
        yield STREAM_HEAD
        for start in range(0, len(body), cut):
            yield framed(body[start : start + cut])
        yield STREAM_END

    upstream.script = script
    events = [event for event in chat(service, stream=True).events() if event.data and event.data != "[DONE]"]
    assert "".join(event.json()["choices"][0]["delta"].get("content", "") for event in events) == said


def test_tool_calls_of_the_provider_reach_the_sdk(sdk: openai.OpenAI, upstream: Upstream) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}}
    choice = {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}
    upstream.script = _says(completion(choices=[choice]))
    answer = sdk.chat.completions.create(model="gpt-4o-mini", messages=USER, tools=[TOOL])
    assert (
        answer.choices[0].message.tool_calls and answer.choices[0].message.tool_calls[0].function.arguments == '{"city":"Bern"}'
    )
    assert upstream.heard[0].json()["tools"] == [TOOL]


# nothing vanishes silently


STORED = [{"type": "text", "text": "Read this."}, {"type": "file", "file": {"file_id": "file-1"}}]
CARRIED_BY_ONE = [
    ({"web_search_options": {}}, "web_search_options"),
    ({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}, "audio"),
    ({"messages": [{"role": "user", "content": STORED}]}, "messages[0].content[1]"),
    ({"logprobs": True}, "logprobs"),
    ({"n": 2}, "n"),
]
CARRIED_BY_ALL = [{"tools": [TOOL]}, {"response_format": SCHEMA}, {"messages": [{"role": "user", "content": IMAGE}]}]


@pytest.mark.parametrize(("fields", "param"), CARRIED_BY_ONE, ids=[param for _, param in CARRIED_BY_ONE])
def test_what_only_this_dialect_carries_goes_only_there(service: Service, upstream: Upstream, fields: Any, param: str) -> None:
    answer = chat(service, model="auto", **fields)
    assert answer.status == 200 and answer.headers["x-router-provider"] == "openai"
    sent = upstream.heard[-1].json()
    assert all(sent[name] == value for name, value in fields.items())


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose one host speaks another dialect than the face."""
    config = "models: {claude: {provider: anthropic, id: claude-sonnet-5-5}}"
    with running(tmp_path_factory.mktemp("foreign"), config) as here:
        yield here


@pytest.mark.parametrize("model", ["claude", "auto"])
@pytest.mark.parametrize(("fields", "param"), CARRIED_BY_ONE, ids=[param for _, param in CARRIED_BY_ONE])
def test_where_no_candidate_carries_a_field_the_error_names_it(foreign: Service, fields: Any, param: str, model: str) -> None:
    answer = chat(foreign, model=model, **fields)
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (400, "unsupported_feature"), answer.body
    assert error["param"] == param or param in error["message"]
    assert foreign.records() == []


@pytest.mark.parametrize("model", ["claude", "auto"])
@pytest.mark.parametrize("fields", CARRIED_BY_ALL, ids=[next(iter(fields)) for fields in CARRIED_BY_ALL])
def test_what_every_dialect_carries_is_answered_by_another_one(tmp_path: Path, fields: Any, model: str) -> None:
    """Tools, a schema and an image are no reason any more to refuse a model of another dialect."""
    with running(tmp_path, "models: {claude: {provider: anthropic, id: claude-sonnet-5-5}}\nmock_latency_scale: 0") as here:
        answer = chat(here, model=model, **fields)
    assert (answer.status, answer.headers["x-router-model"]) == (200, "claude"), answer.body
    assert "x-router-dropped" not in answer.headers


def test_a_model_without_the_capability_is_no_candidate(service: Service) -> None:
    for _ in range(5):
        assert chat(service, model="auto", tools=[TOOL]).headers["x-router-model"] == "openai_gpt4o_mini"


@pytest.mark.parametrize("name", ["api_key", "base_url", "extra_headers", "api_base"])
def test_fields_that_choose_a_host_or_a_key_are_refused(service: Service, upstream: Upstream, name: str) -> None:
    answer = chat(service, **{"options": {name: "http://evil.example"}})
    assert (answer.status, answer.json()["error"]["param"]) == (400, name) and not upstream.heard


# the cache


def test_the_cache_is_off_unless_the_answer_is_meant_to_repeat(service: Service, upstream: Upstream) -> None:
    assert [chat(service).headers["x-cache"] for _ in range(2)] == ["off", "off"]
    assert len(upstream.heard) == 2


@pytest.mark.parametrize(
    "wish", [{"temperature": 0}, {"seed": 7}, {"router": {"cache": "use"}}], ids=["temperature", "seed", "wish"]
)
def test_the_cache_is_on_with_temperature_zero_a_seed_or_a_wish(
    service: Service, upstream: Upstream, wish: dict[str, Any]
) -> None:
    first = chat(service, **wish)
    eventually(lambda: chat(service, **wish).headers["x-cache"] == "hit")
    heard = len(upstream.heard)
    again = chat(service, **wish)
    assert first.headers["x-cache"] == "miss" and again.body == first.body and len(upstream.heard) == heard
    assert again.headers["x-router-cost-usd"] == "0.000000000"
    assert service.record(again.headers["x-request-id"])["saved_usd"] == pytest.approx(0.00032)


@pytest.mark.parametrize(
    ("headers", "state"),
    [({"cache-control": "no-store"}, "off"), ({"cache-control": "no-cache"}, "miss"), ({"x-router-cache": "off"}, "off")],
)
def test_a_caller_can_ask_for_a_fresh_answer(service: Service, headers: dict[str, str], state: str) -> None:
    assert chat(service, headers, temperature=0).headers["x-cache"] == state


def test_a_kept_stream_is_replayed_with_the_providers_own_chunks(service: Service, upstream: Upstream) -> None:
    fields = {"temperature": 0, "messages": [{"role": "user", "content": "Replay."}], "stream": True}
    first = chat(service, **fields)
    eventually(lambda: chat(service, **fields).headers["x-cache"] == "hit")
    heard = len(upstream.heard)
    again = chat(service, **fields)
    assert len(upstream.heard) == heard
    chunks = [[event.data for event in answer.events() if event.data] for answer in (first, again)]
    assert chunks[0] == chunks[1] and chunks[1][-1] == "[DONE]"
    assert "cost_usd=0.000000000" in again.body.decode()


@pytest.mark.parametrize("stored", [True, False])
def test_a_kept_answer_serves_the_other_form_too(service: Service, upstream: Upstream, stored: bool) -> None:
    fields = {"temperature": 0, "messages": [{"role": "user", "content": f"Other form, {stored}."}]}
    chat(service, **fields, stream=stored)
    eventually(lambda: chat(service, **fields, stream=stored).headers["x-cache"] == "hit")
    heard = len(upstream.heard)
    other = chat(service, **fields, stream=not stored)
    assert other.headers["x-cache"] == "hit" and len(upstream.heard) == heard
    if stored:
        said = other.json()["choices"][0]["message"]["content"]
    else:
        datas = [event.json() for event in other.events() if event.data and event.data != "[DONE]"]
        said = "".join(data["choices"][0]["delta"].get("content", "") for data in datas if data["choices"])
    assert said == "Hello from upstream."


def test_an_answer_of_another_output_limit_or_tool_set_is_not_reused(service: Service) -> None:
    wish = {"temperature": 0, "messages": [{"role": "user", "content": "Keyed."}]}
    chat(service, **wish)
    eventually(lambda: chat(service, **wish).headers["x-cache"] == "hit")
    for change in ({"max_tokens": 9}, {"tools": [TOOL]}, {"stop": ["x"]}, {"of_next_year": 1}, {"top_p": 0.5}):
        assert chat(service, **wish, **change).headers["x-cache"] == "miss", change


def test_fields_that_change_no_answer_do_not_part_the_cache(service: Service) -> None:
    wish = {"temperature": 0, "messages": [{"role": "user", "content": "Labels."}]}
    chat(service, **wish)
    eventually(lambda: chat(service, **wish).headers["x-cache"] == "hit")
    assert chat(service, **wish, user="u-9", metadata={"a": "b"}).headers["x-cache"] == "hit"


@pytest.mark.parametrize(("told", "source"), [(900, "provider"), (5_000, "estimate"), (10**9, "estimate")])
def test_more_tokens_than_were_allowed_are_not_believed(service: Service, upstream: Upstream, told: int, source: str) -> None:
    """A count far beyond the caller's own limit would be booked as money; a little more is how hosts count."""
    upstream.script = _says(completion(usage={"prompt_tokens": 11, "completion_tokens": told, "total_tokens": 11 + told}))
    answer = chat(service, model="gpt-4o-mini", max_tokens=50)
    record = service.record(answer.headers["x-request-id"])
    assert record["usage_source"] == source
    assert (record["tokens_out"] == told) == (source == "provider")
