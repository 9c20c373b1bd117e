"""Real parts for end-to-end tests: the service as its own process, and a scripted provider on a real socket."""

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# a child gets these and nothing else of ours, so that no developer's key or setting changes a test
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")


def shipped(latency_scale: float = 0) -> str:
    """The shipped configuration, with simulated answers that come at once."""
    text = (ROOT / "services" / "api" / "app" / "config.yaml").read_text()
    return text.replace("mock_latency_scale: 1.0", f"mock_latency_scale: {latency_scale}")


def child_env(**more: str) -> dict[str, str]:
    """An environment for a child process without keys and settings of the developer's."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | more


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Event:
    """One server-sent event; `name` is "message" where none was given, comments stand in `comment`."""

    def __init__(self, name: str, data: str, comment: str) -> None:
        self.name = name
        self.data = data
        self.comment = comment

    def json(self) -> Any:
        return json.loads(self.data)


def events(body: bytes) -> list[Event]:
    """The events of a finished stream."""
    assert body.endswith(b"\n\n"), body[-100:]
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        fields: dict[str, list[str]] = {"event": [], "data": [], "": []}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields[name].append(value.removeprefix(" "))
        found.append(Event("".join(fields["event"]) or "message", "\n".join(fields["data"]), "".join(fields[""])))
    return found


class Answer:
    """What came back over HTTP."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[Event]:
        return events(self.body)


class Service:
    """A running `llm-router serve` with its own home folder."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, home: Path) -> None:
        self.process = process
        self.port = port
        self.home = home
        self.url = f"http://127.0.0.1:{port}"

    def request(self, path: str, body: Any = None, headers: dict[str, str] | None = None, method: str | None = None) -> Answer:
        """One request; `body` is JSON-encoded unless it is bytes."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, data=data, headers=sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def query(self, prompt: str = "hello", **fields: Any) -> Answer:
        return self.request("/query", {"prompt": prompt, **fields})

    def chat(self, content: str = "hello", **fields: Any) -> Answer:
        return self.request(
            "/v1/chat/completions", {"model": "auto", "messages": [{"role": "user", "content": content}], **fields}
        )

    def records(self) -> list[dict[str, Any]]:
        """The journal's call lines."""
        path = self.home / "logs" / "per_call.jsonl"
        if not path.exists():
            return []
        lines = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
        return [line for line in lines if line["kind"] == "call"]

    def record(self, call_id: str) -> dict[str, Any]:
        """The journal's one line of a call."""
        found = [record for record in self.records() if record["id"] == call_id]
        assert len(found) == 1, f"{len(found)} records of {call_id}"
        return found[0]

    def log(self) -> str:
        """What the process printed so far."""
        return (self.home / "service.log").read_text()

    def stop(self) -> int:
        """End the service as an operator would; its exit status."""
        self.process.terminate()
        return self.process.wait(20)


def eventually(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true value of `check`, asked again and again; fails when none comes in time."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("it did not come to pass in time")
        time.sleep(0.01)


@contextmanager
def running(home: Path, config: str | None = None, workers: int = 1, **env: str) -> Iterator[Service]:
    """The service, started and ready, in a home folder of its own; without `config` the shipped one."""
    port = free_port()
    if config is not None:
        (home / "config.yaml").write_text(config)
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--workers", str(workers)]
    log = (home / "service.log").open("wb")
    process = subprocess.Popen(command, env=child_env(LLM_ROUTER_HOME=str(home), **env), cwd=home, stdout=log, stderr=log)
    service = Service(process, port, home)
    try:
        eventually(lambda: process.poll() is not None or _ready(service), 30)
        if process.poll() is not None:
            raise AssertionError(f"the service ended: {(home / 'service.log').read_text()}")
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        log.close()


def worker_pids(pid: int) -> set[int]:
    """The processes that this one started (multiprocessing's own helper aside), from /proc."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_text()
        except OSError:  # it ended as we looked
            continue
        if parent == pid and "resource_tracker" not in command:
            found.add(int(entry.name))
    return found


def _ready(service: Service) -> bool:
    try:
        return service.request("/ready").status == HTTPStatus.OK
    except OSError:
        return False


Script = Callable[["Heard"], Iterator[bytes]]


class Heard:
    """One request as a provider received it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        line, *fields = head.decode("latin-1").split("\r\n")
        self.path = line.split(" ")[1]
        self.headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        self.body = body
        self.connection: socket.socket | None = None

    def hung_up(self, seconds: float) -> bool:
        """Whether the other side closes the connection within that time; it may send nothing meanwhile."""
        assert self.connection is not None
        readable, _, _ = select.select([self.connection], [], [], seconds)
        return bool(readable) and not _receive(self.connection)

    def json(self) -> Any:
        return json.loads(self.body)


class Upstream:
    """A provider on a real socket. `script` gives the raw bytes of each answer, piece by piece; every request is kept in `heard`."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.heard: list[Heard] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self._over = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._over = True
        self._server.close()

    def _accept(self) -> None:
        while not self._over:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = b""
        with connection:
            while True:
                while b"\r\n\r\n" not in buffer:
                    piece = _receive(connection)
                    if not piece:
                        return
                    buffer += piece
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                heard = Heard(head, b"")
                heard.connection = connection
                length = int(heard.headers.get("content-length", "0"))
                while len(buffer) < length:
                    buffer += _receive(connection)
                heard.body, buffer = buffer[:length], buffer[length:]
                self.heard.append(heard)
                if not self._answer(connection, heard):
                    return

    def _answer(self, connection: socket.socket, heard: Heard) -> bool:
        """False when the connection is to be closed: the script ended with b"" or the caller left."""
        for piece in self.script(heard):
            if not piece:
                return False
            try:
                connection.sendall(piece)
            except OSError:
                return False
        return True


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except OSError:
        return b""


def http(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase if status in iter(HTTPStatus) else 'Odd'}", f"content-type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def completion(text: str = "Hello from upstream.", **changes: Any) -> bytes:
    """A whole answer in OpenAI's shape."""
    body = {
        "id": "chatcmpl-up",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": "upstream-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    return json.dumps({**body, **changes}).encode()


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One streamed chunk as an event."""
    body = {
        "id": "chatcmpl-up",
        "object": "chat.completion.chunk",
        "created": 1_767_225_600,
        "model": "upstream-model",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"


def framed(data: bytes) -> bytes:
    """One piece in HTTP's chunked framing."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def usage_chunk() -> bytes:
    """The chunk that `include_usage` brings."""
    body = json.loads(chunk({}).removeprefix(b"data: "))
    body["choices"] = []
    body["usage"] = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def well_behaved(heard: Heard) -> Iterator[bytes]:
    """A provider that answers every call, whole or streamed."""
    if not heard.json().get("stream"):
        yield http(completion())
        return
    yield STREAM_HEAD
    yield framed(chunk({"role": "assistant", "content": ""}))
    for text in ("Hello ", "from ", "upstream."):
        yield framed(chunk({"content": text}))
    yield framed(chunk({}, "stop")) + framed(usage_chunk())
    yield framed(b"data: [DONE]\n\n") + STREAM_END
