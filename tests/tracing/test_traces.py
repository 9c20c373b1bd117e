"""Calls of a running service, as a collector receives them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from support import ROOT, Heard, Service, Upstream, child_env, eventually, http, running, shipped, well_behaved
from tracing.receiver import CLIENT, Receiver, Span

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CONFIG = """
providers: {hosted: {base_url: "%s", key_env: null}, second: {base_url: "%s", key_env: null}}
models:
  a: {provider: hosted, id: a-1, fallbacks: [b]}
  b: {provider: second, id: b-1}
cache: {backend: none}
routing: {retries: {attempts: 3}}
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as here:
        yield here


@contextmanager
def traced(home: Path, receiver: Receiver, config: str, workers: int = 1, **env: str) -> Iterator[Service]:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "20", **env}
    home.mkdir(exist_ok=True)
    with running(home, config, workers, **settings) as service:
        yield service


def arrived(receiver: Receiver, call_id: str) -> Span:
    eventually(lambda: receiver.call(call_id) is not None)
    found = receiver.call(call_id)
    assert found is not None
    return found


def failing(_heard: Heard) -> Iterator[bytes]:
    yield http(b'{"error": {"message": "overloaded"}}', 503)


def test_a_call_is_one_span_with_a_child_for_each_try(tmp_path: Path, receiver: Receiver) -> None:
    first, second = Upstream(failing), Upstream(well_behaved)
    with traced(tmp_path, receiver, CONFIG % (first.base_url, second.base_url)) as service:
        answer = service.chat("A secret plan", model="a", temperature=0.5, max_tokens=100, stop=["END"])
        assert answer.status == 200
        call = arrived(receiver, answer.headers["x-request-id"])
        record = service.record(answer.headers["x-request-id"])
    assert call.name == "chat a" and not call.failed and call.parent == ""
    said = call.attributes
    assert said["gen_ai.operation.name"] == "chat"
    assert (said["gen_ai.request.model"], said["gen_ai.response.model"]) == ("a", "b-1")
    assert said["gen_ai.provider.name"] == "second"
    assert (said["gen_ai.request.temperature"], said["gen_ai.request.max_tokens"]) == (0.5, 100)
    assert said["gen_ai.request.stop_sequences"] == ["END"]
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (11, 7)
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert said["http.response.status_code"] == 200 and said["http.route"] == "/v1/chat/completions"
    assert said["llm_router.model.decided"] == "a" and said["llm_router.model.served"] == "b"
    assert said["llm_router.config_digest"] == record["config_digest"]
    assert (call.resource["service.name"], call.scope) == ("llm-router", "llm-router")
    lost, won = receiver.tries(call)
    assert {lost.kind, won.kind} == {CLIENT} and {lost.trace, won.trace} == {call.trace}
    assert (lost.name, won.name) == ("chat a-1", "chat b-1")
    assert lost.failed and lost.attributes["error.type"] == lost.why == record["attempts"][0]["error"]
    assert lost.attributes["http.response.status_code"] == 503
    assert (won.attributes["server.address"], won.attributes["server.port"]) == ("127.0.0.1", second.port)
    assert call.began <= lost.began <= lost.ended <= won.began <= won.ended <= call.ended
    assert "gen_ai.usage.input_tokens" not in won.attributes, "usage stands once"
    for upstream, span in ((first, lost), (second, won)):
        assert upstream.heard[0].headers["traceparent"] == f"00-{call.trace}-{span.id}-01"
    assert "secret plan" not in repr([vars(span) for span in receiver.spans])


def test_a_stream_shows_its_first_token_within_the_try_that_gave_it(tmp_path: Path, receiver: Receiver) -> None:
    upstream = Upstream(well_behaved)
    with traced(tmp_path, receiver, CONFIG % (upstream.base_url, upstream.base_url)) as service:
        answer = service.chat(model="a", stream=True)
        call = arrived(receiver, answer.headers["x-request-id"])
    (only,) = receiver.tries(call)
    spoke = call.events["llm_router.first_token"]
    assert only.events == call.events
    assert only.began <= spoke <= only.ended <= call.ended
    assert call.attributes["gen_ai.request.stream"] is True
    assert call.attributes["gen_ai.response.time_to_first_chunk"] == pytest.approx((spoke - call.began) / 1e9, abs=1e-6)


def test_a_caller_s_trace_goes_on_through_us(tmp_path: Path, receiver: Receiver) -> None:
    upstream = Upstream(well_behaved)
    with traced(tmp_path, receiver, CONFIG % (upstream.base_url, upstream.base_url)) as service:
        body = {"model": "a", "messages": [{"role": "user", "content": "hi"}]}
        answer = service.request("/v1/chat/completions", body, {"traceparent": PARENT})
        call = arrived(receiver, answer.headers["x-request-id"])
        (only,) = receiver.tries(call)
        quiet = service.request("/v1/chat/completions", body, {"traceparent": PARENT[:-1] + "0"})
        wrong = service.request("/v1/chat/completions", body, {"traceparent": "00-" + "0" * 32 + PARENT[35:]})
        arrived(receiver, wrong.headers["x-request-id"])
    _, trace, parent, _ = PARENT.split("-")
    assert (call.trace, call.parent) == (trace, parent)
    assert only.parent == call.id
    assert upstream.heard[0].headers["traceparent"] == f"00-{trace}-{only.id}-01"
    assert receiver.call(quiet.headers["x-request-id"]) is None, "the caller decided that its trace is not recorded"
    _, same, other, flags = upstream.heard[1].headers["traceparent"].split("-")
    assert same == trace and other != parent and flags == "00"
    assert upstream.heard[2].headers["traceparent"].split("-")[1] not in (trace, "0" * 32)


def test_without_a_collector_the_caller_s_own_traceparent_is_passed_on(tmp_path: Path) -> None:
    upstream = Upstream(well_behaved)
    with running(tmp_path, CONFIG % (upstream.base_url, upstream.base_url)) as service:
        body = {"model": "a", "messages": [{"role": "user", "content": "hi"}]}
        assert service.request("/v1/chat/completions", body, {"traceparent": PARENT}).status == 200
        assert "traces" not in service.log()
    assert upstream.heard[0].headers["traceparent"] == PARENT


def test_failed_abandoned_and_kept_answers_are_told_apart(tmp_path: Path, receiver: Receiver) -> None:
    upstream = Upstream(failing)
    config = CONFIG.replace("backend: none", "backend: local, faces: [chat]") % (upstream.base_url, upstream.base_url)
    with traced(tmp_path, receiver, config) as service:
        failed = service.chat(model="a")
        assert failed.status >= 500
        call = arrived(receiver, failed.headers["x-request-id"])
        assert call.failed and call.why == call.attributes["error.type"] == failed.json()["error"]["code"]
        upstream.script = well_behaved
        seen = [service.chat("again", model="b", temperature=0) for _ in range(2)]
        assert [one.headers["x-cache"] for one in seen] == ["miss", "hit"]
        kept = arrived(receiver, seen[1].headers["x-request-id"])
        assert kept.attributes["llm_router.cache"] == "hit" and receiver.tries(kept) == []
        assert "gen_ai.usage.input_tokens" not in kept.attributes, "nothing was used anew"


def test_what_was_said_is_sent_only_where_both_settings_say_so(tmp_path: Path, receiver: Receiver) -> None:
    upstream = Upstream(well_behaved)
    base = CONFIG % (upstream.base_url, upstream.base_url)
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}
    cases: list[tuple[str, str, dict[str, str]]] = [("full", "none of it", {}), ("hash", "nor this", capture)]
    for prompts, words, env in cases:
        with traced(tmp_path / prompts, receiver, base + f"logging: {{prompts: {prompts}}}\n", **env) as service:
            answer = service.chat(words, model="a")
            arrived(receiver, answer.headers["x-request-id"])
        assert words not in repr([span.attributes for span in receiver.spans])
    with traced(tmp_path / "both", receiver, base + "logging: {prompts: full}\n", **capture) as service:
        answer = service.chat("Say <b>it</b>", model="a")
        call = arrived(receiver, answer.headers["x-request-id"])
    (asked,) = json.loads(call.attributes["gen_ai.input.messages"])
    (said,) = json.loads(call.attributes["gen_ai.output.messages"])
    assert asked == {"role": "user", "parts": [{"type": "text", "content": "Say <b>it</b>"}]}
    assert (
        said["role"] == "assistant" and said["parts"][0]["content"] == "Hello from upstream." and said["finish_reason"] == "stop"
    )


def test_every_face_and_embeddings_are_traced_in_mock_mode_by_all_workers(tmp_path: Path, receiver: Receiver) -> None:
    asked: dict[str, dict[str, Any]] = {
        "/query": {"prompt": "hi"},
        "/v1/chat/completions": {"model": "auto", "messages": [{"role": "user", "content": "hi"}]},
        "/v1/messages": {"model": "auto", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]},
        "/v1/responses": {"model": "auto", "input": "hi"},
        "/v1/embeddings": {"model": "openai_embedding_small", "input": "hi"},
    }
    with traced(tmp_path, receiver, shipped(), workers=2) as service:
        for _ in range(10):
            for path, body in asked.items():
                answer = service.request(path, body)
                assert answer.status == 200, answer.body
                arrived(receiver, answer.headers["x-request-id"])
            if len({span.resource["process.pid"] for span in receiver.calls()}) == 2:
                break
    assert {span.attributes["http.route"] for span in receiver.calls()} == set(asked)
    assert len({span.resource["process.pid"] for span in receiver.calls()}) == 2
    assert all(span.attributes["llm_router.mock"] for span in receiver.calls())
    assert len({span.id for span in receiver.spans}) == len(receiver.spans)


def test_a_stop_sends_what_waits(tmp_path: Path, receiver: Receiver) -> None:
    with traced(tmp_path, receiver, shipped(), OTEL_BSP_SCHEDULE_DELAY="9999999") as service:
        ids = {service.query(f"number {number}").json()["id"] for number in range(20)}
        assert receiver.spans == []
    assert {span.attributes["llm_router.call.id"] for span in receiver.calls()} == ids


def test_a_collector_that_hangs_or_refuses_costs_traces_and_no_answer(tmp_path: Path, receiver: Receiver) -> None:
    receiver.held.clear()
    limits = {"OTEL_BSP_MAX_QUEUE_SIZE": "5", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5"}
    with traced(tmp_path, receiver, shipped(), **limits) as service:
        for number in range(30):
            assert service.query(f"number {number}").status == 200
        receiver.status = 400
        receiver.held.set()
        eventually(lambda: "does not take them (" in service.log())
        receiver.status = 200
        answer = service.query("and now")
        call_id = answer.json()["id"]
        arrived(receiver, call_id)
        eventually(lambda: "takes them again" in service.log())
        assert service.log().count("does not take them (") == 1
    assert len(receiver.calls()) < 30


def test_a_service_with_a_dead_collector_stops_in_time(tmp_path: Path) -> None:
    with Receiver() as gone:
        pass
    with traced(tmp_path, gone, shipped(), OTEL_EXPORTER_OTLP_TIMEOUT="3") as service:
        assert service.query("hello").status == 200
        eventually(lambda: "does not take them (" in service.log())
        assert "Connection refused" in service.log(), "the reason, not only that it gave up"
        assert service.query("hello again").status == 200
        service.process.terminate()
        assert service.process.wait(20) == 0
        assert "were lost" in service.log() or "does not take them" in service.log()


def test_standard_variables_are_heeded_also_from_the_env_file(tmp_path: Path, receiver: Receiver) -> None:
    lines = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url + "/base/",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=blue",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_SERVICE_NAME": "gate",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "OTEL_BSP_SCHEDULE_DELAY": "20",
    }
    tmp_path.joinpath(".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    with running(tmp_path, shipped()) as service:
        call = arrived(receiver, service.query("hello").json()["id"])
        assert f"traces: {receiver.url}/base/v1/traces" in service.log()
    assert receiver.paths[0] == "/base/v1/traces"
    assert receiver.heard[0]["x-team"] == "blue" and receiver.heard[0]["content-encoding"] == "gzip"
    assert call.resource["service.name"] == "gate" and call.resource["deployment.environment.name"] == "test"


def test_nothing_of_the_sdk_is_loaded_where_no_traces_are_wanted(tmp_path: Path) -> None:
    """FastAPI itself loads OpenTelemetry's interface; the SDK, the exporter and protobuf are what costs."""
    code = (
        "import sys, asyncio; from app.worker import Worker; from app.service import create_app; worker = Worker.from_environment();"
        "create_app(worker); worker.house();"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'google.protobuf'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=child_env(LLM_ROUTER_HOME=str(tmp_path)), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n", done


def test_one_module_imports_opentelemetry_and_one_holds_its_names() -> None:
    rooms = ROOT / "services" / "api" / "app"
    found = [
        path.name
        for path in rooms.rglob("*.py")
        if "\nfrom opentelemetry" in (text := path.read_text()) or "import opentelemetry" in text
    ]
    assert found == ["otel.py"]
    spelled = [path.name for path in rooms.rglob("*.py") if '"gen_ai.' in path.read_text()]
    assert spelled == ["names.py"]


def test_hostile_words_of_callers_are_attributes_like_others(tmp_path: Path, receiver: Receiver) -> None:
    with traced(
        tmp_path, receiver, "aliases: {'evil*': auto}\nmock_latency_scale: 0\nmodels: {a: {provider: openai, id: gpt-4o-mini}}\n"
    ) as service:
        model = "evil\n\x1b[2J\u202e" + "x" * 10_000
        answer = service.chat(model=model, seed=2**70, user="\x00")
        assert answer.status == 200, answer.body
        call = arrived(receiver, answer.headers["x-request-id"])
    assert call.name.isprintable() and len(call.name) < 300
    assert call.attributes["gen_ai.request.model"] == model[:200]


def test_a_call_cut_short_by_its_caller_is_a_span_that_says_so(tmp_path: Path, receiver: Receiver) -> None:
    with traced(tmp_path, receiver, shipped(latency_scale=20)) as service:
        connection = http_connection(service)
        connection.request("POST", "/query", json.dumps({"prompt": "hi", "stream": True}), {"content-type": "application/json"})
        eventually(lambda: service.request("/health").json()["in_flight"] == 1)
        connection.close()
        eventually(lambda: len(receiver.calls()) == 1)
    (call,) = receiver.calls()
    assert call.attributes["llm_router.outcome"] == "abandoned" and call.attributes["http.response.status_code"] == 499
    assert [span.attributes["error.type"] for span in receiver.tries(call)] == ["cancelled"]


def http_connection(service: Service) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", service.port, timeout=30)
