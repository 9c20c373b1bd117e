"""`POST /v1/embeddings`: the official `openai` SDK as the caller; played models, then scripted providers behind."""

import asyncio
import json
import math
import socket
import struct
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import CreateEmbeddingResponse

from support import Answer, Heard, Script, Service, Upstream, eventually, http, running, shipped

ROUTE = "/v1/embeddings"
LENGTHS = {
    "openai_embedding_small": 1536,
    "text-embedding-3-large": 3072,
    "gemini_embedding": 3072,
    "mistral/mistral-embed": 1024,
}
CONFIG = """
mock_latency_scale: 0
# each test is by itself: no breaker stays open and no budget runs out because of the test before
routing:
  breaker: {{cooldown: 0.0001, longest_cooldown: 0.0001, key_cooldown: 0.0001}}
  retries: {{per_second: 1000}}
providers:
  openai: {{base_url: "{a}"}}
  b: {{base_url: "{b}", key_env: B_KEY}}
  plain: {{base_url: "{a}", key_env: null, quirks: [float_embeddings]}}
  gemini: {{base_url: "{root}"}}
models:
  small: {{provider: openai, id: text-embedding-3-small, kind: embedding, deployments: [{{provider: b, id: small-b}}]}}
  alone: {{provider: openai, id: text-embedding-3-large, kind: embedding}}
  backed: {{provider: openai, id: backed-1, kind: embedding, fallbacks: [other]}}
  other: {{provider: b, id: other-1, kind: embedding}}
  floats: {{provider: plain, id: floats-1, kind: embedding, price_in_per_million: 1000, price_out_per_million: 0}}
  gem: {{provider: gemini, id: gemini-embedding-001, kind: embedding}}
  claude: {{provider: anthropic, id: claude-embed, kind: embedding}}
  chat: {{provider: openai, id: gpt-4o-mini}}
"""
KEYS = {
    "OPENAI_API_KEY": "sk-canary-openai-0123456789",
    "B_KEY": "sk-canary-b-0123456789",
    "GEMINI_API_KEY": "canary-gem-0123456789",
}


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("mock"), shipped()) as started:
        yield started


@pytest.fixture(scope="module")
def sdk(mock: Service) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=mock.url + "/v1", api_key="none-needed", max_retries=0) as client:
        yield client


def embed(service: Service, given: Any = "hello", headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    return service.request(ROUTE, {"model": "text-embedding-3-small", "input": given, **fields}, headers)


def numbers(text: str) -> list[float]:
    data = b64decode(text)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


# played models


@pytest.mark.parametrize("model", LENGTHS)
def test_the_sdk_gets_unit_vectors_of_the_models_length_by_its_default_and_as_floats(sdk: openai.OpenAI, model: str) -> None:
    """The SDK asks for base64 unless told otherwise, and unpacks it."""
    by_default = sdk.embeddings.create(model=model, input=["one", "two"])
    as_floats = sdk.embeddings.create(model=model, input=["one", "two"], encoding_format="float")
    for packed, plain in zip(by_default.data, as_floats.data, strict=True):
        assert packed.embedding == pytest.approx(plain.embedding, abs=1e-7)
        assert len(packed.embedding) == LENGTHS[model] and math.isclose(math.hypot(*packed.embedding), 1, abs_tol=1e-5)
    assert [one.index for one in by_default.data] == [0, 1] and by_default.data[0].embedding != by_default.data[1].embedding
    assert by_default.usage.prompt_tokens == by_default.usage.total_tokens == 2


def test_the_async_sdk_gets_the_same_vectors(mock: Service, sdk: openai.OpenAI) -> None:
    async def ask() -> list[CreateEmbeddingResponse]:
        async with openai.AsyncOpenAI(base_url=mock.url + "/v1", api_key="none-needed", max_retries=0) as client:
            asked = [client.embeddings.create(model="mistral_embedding", input=text) for text in ("a", "b", "a")]
            return await asyncio.gather(*asked)

    first, other, again = (answer.data[0].embedding for answer in asyncio.run(ask()))
    assert first == again == sdk.embeddings.create(model="mistral_embedding", input="a").data[0].embedding != other


@pytest.mark.parametrize("model", LENGTHS)
def test_the_form_is_the_one_that_was_asked_for(mock: Service, model: str) -> None:
    plain = embed(mock, model=model).json()["data"][0]["embedding"]
    packed = embed(mock, model=model, encoding_format="base64").json()["data"][0]["embedding"]
    assert isinstance(plain, list) and isinstance(packed, str)
    assert numbers(packed) == pytest.approx(plain, abs=1e-7)


@pytest.mark.parametrize("model", LENGTHS)
def test_a_wish_for_fewer_dimensions_is_fulfilled(sdk: openai.OpenAI, model: str) -> None:
    assert len(sdk.embeddings.create(model=model, input="x", dimensions=256).data[0].embedding) == 256


def test_token_ids_go_to_models_of_openais_dialect_alone(sdk: openai.OpenAI) -> None:
    answer = sdk.embeddings.create(model="openai_embedding_small", input=[[1, 2, 3], [4]])
    assert len(answer.data) == 2 and answer.usage.prompt_tokens == 4
    assert len(sdk.embeddings.create(model="openai_embedding_small", input=[1, 2, 3]).data) == 1
    for model in ("gemini_embedding", "mistral_embedding"):
        with pytest.raises(openai.BadRequestError) as refused:
            sdk.embeddings.create(model=model, input=[1, 2, 3])
        assert (refused.value.code, refused.value.param) == ("unsupported_feature", "input")


def test_the_reply_carries_the_contracts_headers(mock: Service) -> None:
    headers = embed(mock, user="u", model="gemini_embedding", odd=1).headers
    assert (headers["x-router-model"], headers["x-router-provider"]) == ("gemini_embedding", "gemini")
    assert (headers["x-router-mock"], headers["x-cache"], headers["x-router-reason"]) == ("true", "off", "asked for by name")
    assert float(headers["x-router-cost-usd"]) == 0 and float(headers["x-router-overhead-ms"]) >= 0
    assert set(headers["x-router-dropped"].split(", ")) == {"user", "odd"} and headers["x-router-config"]
    assert "x-router-mode" not in headers


def test_the_call_leaves_one_record(mock: Service) -> None:
    answer = embed(
        mock,
        ["one", "two"],
        {"x-router-session": "s-1", "x-request-id": "mine"},
        user="u",
        metadata={"k": "v"},
        encoding_format="base64",
    )
    record = mock.record(answer.headers["x-request-id"])
    facts = ("face", "asked", "decided", "served", "provider", "model_id", "outcome", "status", "tokens_in", "tokens_out")
    assert [record[name] for name in facts] == [
        "embeddings",
        "text-embedding-3-small",
        "openai_embedding_small",
        "openai_embedding_small",
        "openai",
        "text-embedding-3-small",
        "answered",
        200,
        2,
        0,
    ]
    assert (record["cost_usd"], record["mock"], record["usage_source"], record["cache"]) == (0, True, "provider", "off")
    assert [record[name] for name in ("mode", "decision", "score", "scorer", "finish_reason", "baseline_usd")] == [None] * 6
    assert (record["user"], record["metadata"], record["session"]) == ("u", {"k": "v"}, "s-1")
    assert record["client_request_id"] == "mine" and len(record["attempts"]) == 1 and record["prompt_hash"]
    assert "prompt" not in record and "response" not in record


def test_explain_adds_how_the_call_went(mock: Service) -> None:
    answer = embed(mock, router={"explain": True}).json()
    assert [attempt["status"] for attempt in answer["router"]["attempts"]] == [200] and answer["router"]["cost_usd"] == 0
    CreateEmbeddingResponse.model_validate(answer)


@pytest.mark.parametrize(
    ("model", "status", "code", "says"),
    [
        ("auto", 400, "bad_request", "openai_embedding_small"),
        ("auto-fast", 400, "bad_request", "name one"),
        ("gpt-4o-mini", 400, "bad_request", "makes no embeddings"),
        ("text-embedding-3-smal", 404, "model_not_found", "text-embedding-3-small"),
    ],
)
def test_only_a_model_that_makes_embeddings_answers_and_only_by_name(
    mock: Service, model: str, status: int, code: str, says: str
) -> None:
    before = len(mock.records())
    answer = embed(mock, model=model)
    told = answer.json()["error"]
    assert (answer.status, told["code"], told["param"]) == (status, code, "model") and says in told["message"]
    assert len(mock.records()) == before, "what is refused leaves no record"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/query"])
def test_a_model_that_makes_embeddings_does_not_chat(mock: Service, path: str) -> None:
    body = {"model": "openai_embedding_small", "messages": [{"role": "user", "content": "Hello"}]}
    answer = mock.request(path, body)
    assert answer.status == 400 and ROUTE in answer.json()["error"]["message"]


def test_auto_never_picks_a_model_that_makes_embeddings(mock: Service) -> None:
    candidates = [candidate["name"] for candidate in mock.request("/route", {"prompt": "x"}).json()["decision"]["candidates"]]
    assert candidates and not any("embedding" in name for name in candidates)


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"input": ""}, 400, "input"),
        ({"input": []}, 400, "input"),
        ({"input": ["x"] * 2049}, 400, "input"),
        ({"input": ["x", 1]}, 400, "input"),
        ({"dimensions": 0}, 400, "dimensions"),
        ({"encoding_format": "hex"}, 400, "encoding_format"),
        ({"router": {"cache": "x", "speed": 1}}, 400, "router.speed"),
        ({"base_url": "http://x"}, 400, "base_url"),
    ],
)
def test_what_is_wrong_with_a_body_is_named_in_openais_envelope(
    mock: Service, body: dict[str, Any], status: int, param: str
) -> None:
    answer = mock.request(ROUTE, {"model": "text-embedding-3-small", "input": "x", **body})
    told = answer.json()["error"]
    assert (answer.status, told["param"], told["type"]) == (status, param, "invalid_request_error")
    assert told["request_id"] == answer.headers["x-request-id"]


def test_the_route_takes_json_by_post_alone(mock: Service) -> None:
    assert mock.request(ROUTE, method="GET").status == 405
    assert mock.request(ROUTE, b"{", {"content-type": "text/plain"}).status == 415
    assert mock.request(ROUTE, b"{").json()["error"]["code"] == "invalid_json"


# real providers


def said(*vectors: Any, **changes: Any) -> bytes:
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    body = {"object": "list", "data": data, "model": "up-1", "usage": {"prompt_tokens": 100, "total_tokens": 100}}
    return json.dumps({**body, **changes}).encode()


def packed(*values: float) -> str:
    return b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def answering(body: bytes, status: int = 200) -> Script:
    def script(heard: Heard) -> Iterator[bytes]:
        yield http(body, status)

    return script


class Hosts:
    """Two scripted providers."""

    def __init__(self) -> None:
        self.a, self.b = Upstream(answering(b"")), Upstream(answering(b""))

    def play(self, a: Script, b: Script | None = None) -> None:
        self.a.script, self.b.script = a, b or answering(b"{}", 500)
        self.a.heard.clear()
        self.b.heard.clear()

    def heard(self) -> tuple[int, int]:
        return len(self.a.heard), len(self.b.heard)


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    both = Hosts()
    yield both
    both.a.close()
    both.b.close()


@pytest.fixture(scope="module")
def real(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = hosts.a.base_url.removesuffix("/v1")
    config = CONFIG.format(a=hosts.a.base_url, b=hosts.b.base_url, root=root)
    with running(tmp_path_factory.mktemp("real"), config, **KEYS) as started:
        yield started


def test_the_callers_fields_and_the_hosts_travel_untouched(real: Service, hosts: Hosts) -> None:
    body = said([0.25, 0.5], trace={"id": 7})
    hosts.play(answering(body))
    answer = embed(real, "hello", model="small", user="u", truncate="end", router={"session": "s"})
    assert answer.body == body
    heard = hosts.a.heard[0]
    assert heard.json() == {"model": "text-embedding-3-small", "input": "hello", "user": "u", "truncate": "end"}
    assert (heard.path, heard.headers["authorization"]) == (ROUTE, f"Bearer {KEYS['OPENAI_API_KEY']}")


def test_the_cost_is_that_of_the_tokens_the_host_counted(real: Service, hosts: Hosts) -> None:
    hosts.play(answering(said([0.5])))
    answer = embed(real, model="small")
    record = real.record(answer.headers["x-request-id"])
    assert (record["tokens_in"], record["cost_nano_usd"], record["mock"]) == (100, 2_000, False)
    assert answer.headers["x-router-cost-usd"] == "0.000002000" and "x-router-mock" not in answer.headers


def test_a_host_that_ignores_the_wished_form_is_translated_for_the_caller(real: Service, hosts: Hosts) -> None:
    hosts.play(answering(said([0.25, -0.5], odd=1)))
    answer = embed(real, model="alone", encoding_format="base64").json()
    assert (answer["data"][0]["embedding"], answer["odd"]) == (packed(0.25, -0.5), 1)
    hosts.play(answering(said(packed(0.25, -0.5))))
    assert embed(real, model="alone").json()["data"][0]["embedding"] == [0.25, -0.5]


def test_a_host_with_the_quirk_is_not_asked_for_base64(real: Service, hosts: Hosts) -> None:
    hosts.play(answering(said([0.25, -0.5])))
    with openai.OpenAI(base_url=real.url + "/v1", api_key="none-needed", max_retries=0) as client:
        assert client.embeddings.create(model="floats", input="x").data[0].embedding == [0.25, -0.5]
    assert hosts.a.heard[0].json() == {"model": "floats-1", "input": "x"} and "authorization" not in hosts.a.heard[0].headers


def test_gemini_is_spoken_to_in_its_own_dialect_and_counted_for(real: Service, hosts: Hosts) -> None:
    hosts.play(answering(b'{"embeddings": [{"values": [3.0, 4.0]}, {"values": [0.0, 2.0]}]}'))
    answer = embed(real, ["hello", "you"], model="gem", dimensions=2)
    assert [one["embedding"] for one in answer.json()["data"]] == [[0.6, 0.8], [0.0, 1.0]]
    heard = hosts.a.heard[0]
    assert heard.path == "/v1/models/gemini-embedding-001:batchEmbedContents"
    assert heard.headers["x-goog-api-key"] == KEYS["GEMINI_API_KEY"]
    record = real.record(answer.headers["x-request-id"])
    assert (record["usage_source"], record["tokens_in"]) == ("estimate", 3) and record["cost_nano_usd"] == 450
    assert answer.json()["usage"]["prompt_tokens"] == 3 and answer.json()["model"] == "gemini-embedding-001"


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (answering(b'{"error": {"message": "down"}}', 500), "provider_error"),
        (answering(b"<html>", 200), "bad_upstream_body"),
        (answering(said([0.1], [0.2])), "bad_upstream_body"),
        (answering(said([])), "bad_upstream_body"),
        (answering(b"{}", 401), "provider_auth_error"),
    ],
)
def test_the_next_deployment_answers_when_the_first_fails(real: Service, hosts: Hosts, first: Script, code: str) -> None:
    hosts.play(first, answering(said([0.5])))
    answer = embed(real, model="small")
    assert (answer.status, hosts.heard(), answer.headers["x-router-fallback"]) == (200, (1, 1), code)
    assert answer.headers["x-router-provider"] == "b" and hosts.b.heard[0].json()["model"] == "small-b"
    record = real.record(answer.headers["x-request-id"])
    assert [attempt["error"] for attempt in record["attempts"]] == [code, None]


def test_when_every_place_of_a_model_fails_its_fallback_is_asked(real: Service, hosts: Hosts) -> None:
    hosts.play(answering(b"{}", 500), answering(b"{}", 503))
    answer = embed(real, model="backed")
    assert answer.status in (502, 503) and sum(hosts.heard()) == 3 and min(hosts.heard()) == 1, "each, and one of them again"
    assert hosts.b.heard[0].json()["model"] == "other-1"


def test_a_failure_without_a_way_out_is_told_and_recorded(real: Service, hosts: Hosts) -> None:
    hosts.play(answering(said([0.1, 0.2])))
    answer = embed(real, model="alone", dimensions=3)
    told = answer.json()["error"]
    assert (answer.status, told["code"]) == (502, "bad_upstream_body") and "2 dimensions" in told["message"]
    record = real.record(answer.headers["x-request-id"])
    assert (record["outcome"], record["error"], record["cost_nano_usd"]) == ("failed", "bad_upstream_body", 0)


def test_what_the_provider_says_is_wrong_with_the_request_is_the_callers_to_mend(real: Service, hosts: Hosts) -> None:
    hosts.play(answering(b'{"error": {"message": "Invalid dimensions", "type": "invalid_request_error"}}', 400))
    answer = embed(real, model="small", dimensions=4000)
    assert (answer.status, hosts.heard()) == (400, (1, 0)) and "Invalid dimensions" in answer.json()["error"]["message"]


def test_a_text_too_long_for_the_model_keeps_its_code(real: Service, hosts: Hosts) -> None:
    message = "This model's maximum context length is 8192 tokens, however you requested 9001 tokens"
    hosts.play(answering(json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode(), 400))
    answer = embed(real, model="alone")
    assert (answer.status, answer.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_a_provider_whose_dialect_has_no_embeddings_is_refused_before_it_is_called(real: Service) -> None:
    answer = embed(real, model="claude")
    assert (answer.status, answer.json()["error"]["code"]) == (400, "unsupported_feature")


def test_the_callers_own_limit_ends_the_wait(real: Service, hosts: Hosts) -> None:
    hosts.play(silent)
    answer = embed(real, model="alone", headers={"x-request-timeout": "0.05"})
    assert (answer.status, answer.json()["error"]["code"]) == (504, "deadline_exceeded")


def silent(heard: Heard) -> Iterator[bytes]:
    """Says nothing until the other side hangs up."""
    heard.hung_up(10)
    yield b""


def test_a_caller_who_leaves_closes_the_upstream_and_leaves_an_abandoned_record(real: Service, hosts: Hosts) -> None:
    closed = threading.Event()

    def watched(heard: Heard) -> Iterator[bytes]:
        yield from (piece for piece in silent(heard) if piece)
        closed.set()
        yield b""

    hosts.play(watched)
    before = len(real.records())
    data = json.dumps({"model": "alone", "input": "bye"}).encode()
    head = f"POST {ROUTE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", real.port)) as caller:
        caller.sendall(head.encode() + data)
        eventually(lambda: hosts.a.heard)
        assert not closed.is_set()
    assert closed.wait(5), "the provider's connection stayed open"
    record = eventually(lambda: real.records()[before:])[0]
    assert (record["face"], record["outcome"], record["status"]) == ("embeddings", "abandoned", 499)
    assert record["provider"] == "openai" and real.request("/health").json()["in_flight"] == 0
