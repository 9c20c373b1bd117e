"""`POST /v1/responses`: the official `openai` SDK as the caller, scripted OpenAI and Anthropic providers behind."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest
from openai.types.responses import ResponseStreamEvent

from support import (
    STREAM_END,
    STREAM_HEAD,
    Heard,
    Script,
    Service,
    Upstream,
    chunk,
    completion,
    framed,
    http,
    running,
    well_behaved,
)

CONFIG = """
mode: balanced
mock_latency_scale: 0
providers:
  openai: {base_url: "%(openai)s"}
  anthropic: {base_url: "%(anthropic)s"}
models:
  openai_gpt4o_mini: {provider: openai, id: gpt-4o-mini, price_in: 0.01, price_out: 0.03}
  claude: {provider: anthropic, id: claude-sonnet-5-5}
"""
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class City(pydantic.BaseModel):
    name: str


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    host = Upstream(well_behaved)
    yield host
    host.close()


@pytest.fixture(scope="module")
def claude() -> Iterator[Upstream]:
    host = Upstream(_thinks)
    yield host
    host.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, claude: Upstream) -> Iterator[Service]:
    hosts = {"openai": upstream.base_url, "anthropic": claude.base_url.removesuffix("/v1")}
    with running(
        tmp_path_factory.mktemp("responses"), CONFIG % hosts, OPENAI_API_KEY="sk-up", ANTHROPIC_API_KEY="sk-ant"
    ) as here:
        yield here


@pytest.fixture
def sdk(service: Service, upstream: Upstream, claude: Upstream) -> Iterator[openai.OpenAI]:
    upstream.script = well_behaved
    upstream.heard.clear()
    claude.heard.clear()
    with openai.OpenAI(base_url=service.url + "/v1", api_key="unused", max_retries=0) as client:
        yield client


def _says(body: bytes, status: int = 200) -> Script:
    return lambda _heard: iter([http(body, status)])


def _streams(*chunks: bytes) -> Script:
    return lambda _heard: iter([STREAM_HEAD, *[framed(one) for one in chunks], framed(b"data: [DONE]\n\n") + STREAM_END])


def _calls(*calls: tuple[str, str]) -> bytes:
    """A whole answer of OpenAI's that calls functions."""
    made = [{"id": f"call_{i}", "type": "function", "function": {"name": n, "arguments": a}} for i, (n, a) in enumerate(calls)]
    message = {"role": "assistant", "content": None, "tool_calls": made}
    return completion(choices=[{"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}])


def _thinks(_heard: Heard) -> Iterator[bytes]:
    """An answer of Anthropic's that thinks, then calls."""
    content = [
        {"type": "thinking", "thinking": "The city is named.", "signature": "c2lnbmF0dXJl"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
    ]
    usage = {"input_tokens": 5, "output_tokens": 9}
    facts = {"stop_reason": "tool_use", "stop_sequence": None, "usage": usage}
    yield http(
        json.dumps(
            {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content, **facts}
        ).encode()
    )


def test_the_sdk_gets_an_answer(sdk: openai.OpenAI, upstream: Upstream, service: Service) -> None:
    answer = sdk.responses.create(model="gpt-4o-mini", input="Hello?", instructions="Be brief.", max_output_tokens=50)
    assert answer.output_text == "Hello from upstream."
    assert answer.status == "completed"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (11, 7, 18)
    assert [turn["role"] for turn in upstream.heard[-1].json()["messages"]] == ["system", "user"]
    assert service.record(answer.id.removeprefix("resp_"))["face"] == "responses"


def test_the_sdk_streams_and_accumulates(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model="gpt-4o-mini", input="Hello?") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert final.output_text == "Hello from upstream."
    assert final.usage is not None
    assert final.usage.total_tokens == 18


def test_every_event_on_the_wire_is_one_of_the_sdks(service: Service, sdk: openai.OpenAI) -> None:
    answer = service.request("/v1/responses", {"model": "gpt-4o-mini", "input": "Hello?", "stream": True})
    found = [event for event in answer.events() if not event.comment]
    judge = pydantic.TypeAdapter(ResponseStreamEvent)
    judged: list[Any] = [judge.validate_json(event.data) for event in found]
    assert [event.sequence_number for event in judged] == list(range(len(judged)))
    assert [event.type for event in judged] == [event.name for event in found]
    *_, comment, last = answer.events()
    assert comment.comment.startswith("router id=")
    assert last.name == "response.completed"


def test_a_tool_loop_goes_round(sdk: openai.OpenAI, upstream: Upstream) -> None:
    """What came out goes back in as it is, with the results after it, as the API's guide does it."""
    upstream.script = _says(_calls(("weather", '{"city":"Oslo"}'), ("weather", '{"city":"Rome"}')))
    history: list[Any] = [{"role": "user", "content": "Weather in Oslo and Rome?"}]
    first = sdk.responses.create(model="gpt-4o-mini", input=history, tools=[WEATHER], tool_choice="required")
    calls = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(call.arguments)["city"] for call in calls] == ["Oslo", "Rome"]
    history += [item.to_dict() for item in first.output]
    history += [{"type": "function_call_output", "call_id": call.call_id, "output": f"sunny {call.call_id}"} for call in calls]
    upstream.script = well_behaved
    second = sdk.responses.create(model="gpt-4o-mini", input=history, tools=[WEATHER])
    assert second.output_text == "Hello from upstream."
    turns = upstream.heard[-1].json()["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool", "tool"]
    assert [turn["tool_call_id"] for turn in turns[2:]] == [call["id"] for call in turns[1]["tool_calls"]]


def test_the_sdks_parse_helper_gets_its_schema_through(sdk: openai.OpenAI, upstream: Upstream) -> None:
    message = {"role": "assistant", "content": '{"name":"Oslo"}'}
    upstream.script = _says(completion(choices=[{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]))
    answer = sdk.responses.parse(model="gpt-4o-mini", input="A city.", text_format=City)
    assert answer.output_parsed == City(name="Oslo")
    sent = upstream.heard[-1].json()["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("json_schema", "City", True)


def test_streamed_calls_arrive_whole(sdk: openai.OpenAI, upstream: Upstream) -> None:
    def piece(index: int, **function: str) -> bytes:
        start = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
        return chunk({"tool_calls": [{"index": index, **start, "function": function}]})

    upstream.script = _streams(
        piece(0, name="weather", arguments=""), piece(1, name="weather", arguments=""), piece(0, arguments='{"city":'),
        piece(1, arguments='{"city":"Rome"}'), piece(0, arguments='"Oslo"}'), chunk({}, "tool_calls"),
    )  # fmt: skip
    with sdk.responses.stream(model="gpt-4o-mini", input="Weather?", tools=[WEATHER]) as stream:
        final = stream.get_final_response()
    calls = [item for item in final.output if item.type == "function_call"]
    assert [call.arguments for call in calls] == ['{"city":"Oslo"}', '{"city":"Rome"}']
    assert [call.parsed_arguments for call in calls] == [{"city": "Oslo"}, {"city": "Rome"}]


def test_a_thought_of_anthropics_keeps_its_signature_through_the_caller(sdk: openai.OpenAI, claude: Upstream) -> None:
    history: list[Any] = [{"role": "user", "content": "Weather in Oslo?"}]
    first = sdk.responses.create(
        model="claude", input=history, tools=[WEATHER], reasoning={"effort": "low"}, max_output_tokens=4000
    )
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    history += [item.to_dict() for item in first.output]
    history.append({"type": "function_call_output", "call_id": "toolu_1", "output": "sunny"})
    sdk.responses.create(model="claude", input=history, tools=[WEATHER], reasoning={"effort": "low"}, max_output_tokens=4000)
    thought = claude.heard[-1].json()["messages"][1]["content"][0]
    assert thought == {"type": "thinking", "thinking": "The city is named.", "signature": "c2lnbmF0dXJl"}


def test_a_thought_of_anthropics_is_not_shown_to_openai(sdk: openai.OpenAI, upstream: Upstream) -> None:
    history: list[Any] = [{"role": "user", "content": "Weather in Oslo?"}]
    first = sdk.responses.create(
        model="claude", input=history, tools=[WEATHER], reasoning={"effort": "low"}, max_output_tokens=4000
    )
    history += [item.to_dict() for item in first.output]
    history.append({"type": "function_call_output", "call_id": "toolu_1", "output": "sunny"})
    raw = sdk.responses.with_raw_response.create(model="gpt-4o-mini", input=history, tools=[WEATHER])
    assert raw.parse().output_text == "Hello from upstream."
    assert b"The city is named" not in upstream.heard[-1].body
    assert b"c2lnbmF0dXJl" not in upstream.heard[-1].body
    assert "thinking" in raw.headers["x-router-dropped"]


def test_what_was_left_out_is_named_in_a_header(sdk: openai.OpenAI, upstream: Upstream) -> None:
    raw = sdk.responses.with_raw_response.create(model="gpt-4o-mini", input="x", tools=[WEATHER, {"type": "web_search"}])
    assert "tools.web_search" in raw.headers["x-router-dropped"]
    assert [tool["function"]["name"] for tool in upstream.heard[-1].json()["tools"]] == ["weather"]


@pytest.mark.parametrize(
    "fields", [{"store": True}, {"previous_response_id": "resp_1"}, {"background": True}, {"conversation": "conv_1"}]
)
def test_what_needs_memory_is_a_400_that_names_it(sdk: openai.OpenAI, fields: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.responses.create(model="gpt-4o-mini", input="x", **fields)
    assert refused.value.param == next(iter(fields))
    assert refused.value.code == "unsupported_feature"


def test_an_overflow_keeps_its_code_and_numbers(sdk: openai.OpenAI, upstream: Upstream) -> None:
    message = "This model's maximum context length is 100 tokens. However, your messages resulted in 250 tokens."
    said = {"message": message, "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}
    upstream.script = _says(json.dumps({"error": said}).encode(), 400)
    with pytest.raises(openai.BadRequestError, match=r"maximum context length is 100 tokens.*resulted in 250 tokens") as refused:
        sdk.responses.create(model="gpt-4o-mini", input="x")
    assert refused.value.code == "context_length_exceeded"


def test_a_stream_that_breaks_ends_in_a_failed_response(sdk: openai.OpenAI, upstream: Upstream) -> None:
    upstream.script = lambda _heard: iter([STREAM_HEAD, framed(chunk({"content": "half"})), b""])
    with sdk.responses.create(model="gpt-4o-mini", input="x", stream=True) as stream:
        *_, last = list(stream)
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.code == "server_error"
    assert last.response.output_text == "half"


def test_the_same_question_is_answered_from_the_cache_when_asked(
    service: Service, sdk: openai.OpenAI, upstream: Upstream
) -> None:
    body = {"model": "gpt-4o-mini", "input": "Kept?", "router": {"cache": "use"}}
    first = service.request("/v1/responses", body)
    second = service.request("/v1/responses", body)
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    assert second.json()["output"][0]["content"] == first.json()["output"][0]["content"]
    assert len(upstream.heard) == 1


def test_explain_adds_the_decision(service: Service, sdk: openai.OpenAI) -> None:
    body = {"model": "gpt-4o-mini", "input": "x", "router": {"explain": True}}
    assert service.request("/v1/responses", body).json()["router"]["decision"]["reason"]
