"""A stream that waits is opened and kept alive, may still fall back, and ends in one error event when nobody answers."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from support import STREAM_HEAD, Heard, Service, Upstream, eventually, http, running, well_behaved

FACES = ["/query", "/v1/chat/completions", "/v1/responses", "/v1/messages"]
# a provider for each test: one that kept a caller waiting is passed over for a while
PLACES = range(8)
CONFIG = """
providers:
  sound: {{base_url: "{sound}", key_env: null}}
  {providers}
models:
  second: {{provider: sound, id: m}}
  {models}
cache: {{backend: none}}
timeouts: {{first_token: 0.6}}
server: {{keepalive_seconds: 0.05}}
"""
release = threading.Event()


def held(heard: Heard) -> Iterator[bytes]:
    """Opens a stream and says nothing until it is let go."""
    yield STREAM_HEAD
    release.wait(20)
    yield b""


@pytest.fixture(scope="module")
def upstreams() -> Iterator[tuple[Upstream, Upstream]]:
    slow, sound = Upstream(held), Upstream(well_behaved)
    yield slow, sound
    release.set()
    slow.close()
    sound.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, upstreams: tuple[Upstream, Upstream]) -> Iterator[Service]:
    slow, sound = (upstream.base_url for upstream in upstreams)
    config = CONFIG.format(
        sound=sound,
        providers="\n  ".join(f'slow{i}: {{base_url: "{slow}", key_env: null}}' for i in PLACES),
        models="\n  ".join(
            f"first{i}: {{provider: slow{i}, id: m, fallbacks: [second]}}\n  alone{i}: {{provider: slow{i}, id: alone}}"
            for i in PLACES
        ),
    )
    with running(tmp_path_factory.mktemp("keepalive"), config) as here:
        yield here


def ask(service: Service, path: str, model: str) -> Any:
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": model, "stream": True, **({"input": "hi"} if path.endswith("responses") else {"messages": messages})}
    return service.request(path, body | ({"max_tokens": 50} if path.endswith("messages") else {}))


@pytest.mark.parametrize("path", FACES)
def test_a_stream_that_waits_is_kept_alive_and_can_still_fall_back(service: Service, path: str) -> None:
    """The first candidate says nothing; the caller hears signs of life, then the second one's answer."""
    model = f"first{FACES.index(path)}"
    answer = ask(service, path, model)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-router-model"] == model  # who was meant to answer when the stream was opened
    events = answer.events()
    alive = [event for event in events if event.comment == "keepalive" or event.name == "ping"]
    assert len(alive) > 1
    assert events.index(alive[0]) == 0
    assert b"upstream." in answer.body
    record = service.record(answer.headers["x-request-id"])
    assert (record["outcome"], record["decided"], record["served"]) == ("answered", model, "second")
    assert [attempt["error"] for attempt in record["attempts"]] == ["deadline_exceeded", None]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/query", "error"),
        ("/v1/chat/completions", "message"),
        ("/v1/responses", "response.failed"),
        ("/v1/messages", "error"),
    ],
)
def test_when_nobody_answers_an_opened_stream_ends_in_one_error_event(service: Service, path: str, told: str) -> None:
    """In the face's own shape, without a terminator of success, and recorded as the failure that it is."""
    answer = ask(service, path, f"alone{FACES.index(path)}")
    assert answer.status == 200
    said = [event for event in answer.events() if event.comment != "keepalive" and event.name != "ping"]
    errors = [event for event in said if '"error":{' in event.data]
    assert said[-1].name == told
    assert len(errors) == 1
    assert b"[DONE]" not in answer.body
    record = service.record(answer.headers["x-request-id"])
    assert (record["outcome"], record["status"], record["error"]) == ("failed", 200, "deadline_exceeded")


def test_anthropics_sdk_reads_over_the_signs_of_life(service: Service) -> None:
    """A ping before `message_start` is nothing to it."""
    client = anthropic.Anthropic(base_url=service.url, api_key="unused", max_retries=0)
    with client, client.messages.stream(model="first5", max_tokens=50, messages=[{"role": "user", "content": "hi"}]) as stream:
        assert stream.get_final_text() == "Hello from upstream."


def test_an_error_before_the_first_sign_of_life_has_a_status_of_its_own(service: Service, upstreams: Any) -> None:
    """Only what has waited is opened."""
    upstreams[0].script = lambda heard: iter([http(b'{"error":{"message":"no"}}', 400)])
    try:
        answer = ask(service, "/v1/chat/completions", "alone6")
    finally:
        upstreams[0].script = held
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (400, "provider_rejected")


def test_a_caller_who_leaves_while_waiting_frees_the_provider(service: Service, upstreams: Any) -> None:
    """The opened stream is left like any other: the upstream is closed and the record says so."""
    before = len(upstreams[0].heard)
    body = json.dumps({"model": "alone7", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
    with socket.create_connection(("127.0.0.1", service.port)) as caller:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        caller.sendall(head.encode() + b"\r\n\r\n" + body)
        while b"keepalive" not in caller.recv(65536):
            pass
    assert upstreams[0].heard[before].hung_up(10)
    eventually(lambda: any(record["outcome"] == "abandoned" for record in service.records()))


def test_a_server_that_never_waits_long_says_nothing(tmp_path: Path) -> None:
    """An answer that comes at once holds no sign of life."""
    with running(tmp_path, "models: {m: {provider: openai, id: gpt-4o-mini}}\nmock_latency_scale: 0") as here:
        answer = ask(here, "/v1/chat/completions", "m")
    assert b"keepalive" not in answer.body
