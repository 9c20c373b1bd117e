"""Callers and a provider for tests of the process: streams that are held under way, and what came back of them."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from support import STREAM_END, STREAM_HEAD, Heard, Service, Upstream, chunk, completion, eventually, framed
from support import http as answered

CONFIG = """
providers: {hosted: {base_url: "%s", key_env: null}}
models:
  a: {provider: hosted, id: a-1}
limits: {drain_seconds: %s}
cache: {backend: none}
"""
STREAMS = {
    "/query": {"prompt": "hello", "model": "a"},
    "/v1/chat/completions": {"model": "a", "messages": [{"role": "user", "content": "hello"}]},
    "/v1/messages": {"model": "a", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]},
    "/v1/responses": {"model": "a", "input": "hello"},
}


class Gate:
    """A provider that answers nobody until it is opened; a stream says its first word before."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, heard: Heard) -> Iterator[bytes]:
        if heard.json().get("stream"):
            yield STREAM_HEAD + framed(chunk({"role": "assistant", "content": "Begun"}))
            self.opened.wait(30)
            yield framed(chunk({"content": ", ended."})) + framed(chunk({}, "stop")) + framed(b"data: [DONE]\n\n") + STREAM_END
        else:
            self.opened.wait(30)
            yield answered(completion())


class Told:
    """What a caller got: status, headers, the body as far as it came, and whether it came to its end."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, whole: bool) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.whole = whole

    def json(self) -> Any:
        return json.loads(self.body)


def ask(port: int, path: str, body: dict[str, Any], begun: threading.Event | None = None) -> Told:
    """One call on a connection of its own; `begun` is set at the first byte of the answer's body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        found, whole = b"", False
        with contextlib.suppress(http.client.HTTPException, OSError):
            while piece := answer.read1(65536):
                found += piece
                if begun is not None:
                    begun.set()
            whole = True
        return Told(answer.status, {name.lower(): value for name, value in answer.getheaders()}, found, whole)
    finally:
        connection.close()


class Callers:
    """Calls under way at a service, each on a thread of its own."""

    def __init__(self, service: Service, pool: ThreadPoolExecutor) -> None:
        self._service = service
        self._pool = pool

    def stream(self, path: str) -> "Future[Told]":
        """A stream whose first word has come."""
        begun = threading.Event()
        told = self._pool.submit(ask, self._service.port, path, {**STREAMS[path], "stream": True}, begun)
        assert begun.wait(20), told
        return told

    def whole(self, path: str, upstream: Upstream) -> "Future[Told]":
        """A call that a provider has heard and does not answer."""
        before = len(upstream.heard)
        told = self._pool.submit(ask, self._service.port, path, STREAMS[path])
        eventually(lambda: len(upstream.heard) > before)
        return told


def refused(port: int) -> bool:
    """Whether nobody takes a connection any more."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False
