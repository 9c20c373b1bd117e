"""What runs out or goes wrong inside one process is contained: descriptors, memory, the stack, tasks that nobody waits for."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from process.asking import CONFIG, Gate
from support import Service, Upstream, child_env, eventually, free_port, shipped

FILES = 96
DRIVER = """
import asyncio, sys
from app import cli
from app.pipeline import serve as serving
from app.endpoints import query

broken = {"memory": MemoryError, "stack": RecursionError}
whole = serving.Serving.whole

async def failing(self):
    said = self.walk.request.prompt
    if said == "task":
        asyncio.get_running_loop().create_task(nobody_waits())
    if said in broken:
        raise broken[said]
    return await whole(self)

async def nobody_waits():
    raise ValueError("nobody waits for this")

shape = query.QueryShape.whole

def rendering(self, walk, completion, settled):
    if walk.request.prompt == "late":
        raise RecursionError
    return shape(self, walk, completion, settled)

serving.Serving.whole = failing
query.QueryShape.whole = rendering
sys.argv = ["llm-router", *sys.argv[1:]]
cli.main()
"""


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def served(home: Path, config: str, command: list[str], files: int, parts: ExitStack) -> Service:
    """A service with few descriptors, or with faults inside."""
    (home / "config.yaml").write_text(config)
    port = free_port()
    log = parts.enter_context((home / "service.log").open("wb"))
    process = subprocess.Popen(
        ["/bin/sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", sys.executable, *command, "serve", "--port", str(port)],
        env=child_env(LLM_ROUTER_HOME=str(home)),
        stdout=log,
        stderr=log,
    )
    parts.callback(process.wait, 20)
    parts.callback(process.terminate)
    here = Service(process, port, home)
    eventually(lambda: ready(here), 30)
    return here


def ready(here: Service) -> bool:
    try:
        return here.request("/ready").status == 200
    except OSError:
        return False


def descriptors(here: Service) -> int:
    """Files and sockets that the service has open."""
    return len(list(Path(f"/proc/{here.process.pid}/fd").iterdir()))


def ask(connection: socket.socket, path: str = "/query", body: bytes = b'{"prompt":"hello"}') -> bytes:
    """One call on an open connection; b"" when it was closed instead of answered."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    try:
        connection.sendall(head.encode() + body)
        got = b""
        while b"\r\n\r\n" not in got or got.endswith(b"\r\n\r\n"):
            piece = connection.recv(65536)
            if not piece:
                break
            got += piece
        return got
    except (BrokenPipeError, ConnectionResetError):
        return b""


def test_callers_are_refused_before_descriptors_run_out_and_served_when_they_left(tmp_path: Path, parts: ExitStack) -> None:
    here = served(tmp_path, shipped(), ["-m", "app.cli"], FILES, parts)
    with ExitStack() as held:
        callers = [held.enter_context(socket.create_connection(("127.0.0.1", here.port), 20)) for _ in range(40)]
        eventually(lambda: descriptors(here) >= 40)
        refused = ask(callers[0])
        assert refused.startswith(b"HTTP/1.1 503 ") and b'"code":"overloaded"' in refused and b"retry-after: 1" in refused
        assert ask(callers[1], "/v1/messages").startswith(b"HTTP/1.1 529 ")
        callers[2].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert callers[2].recv(65536).startswith(b"HTTP/1.1 200 ")
        # far more than the process has descriptors: those whom nobody can take are closed, the others are still heard
        more = [held.enter_context(socket.create_connection(("127.0.0.1", here.port), 20)) for _ in range(2 * FILES)]
        callers[3].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert callers[3].recv(65536).startswith(b"HTTP/1.1 200 ")
        assert {ask(caller)[:12] for caller in (callers[4], more[0])} <= {b"HTTP/1.1 503", b""}
    eventually(lambda: here.query("served again").status == 200)
    assert [record["outcome"] for record in here.records()] == ["answered"]


def test_records_are_written_while_there_is_no_descriptor_left(tmp_path: Path, parts: ExitStack) -> None:
    """The journal stays open; calls that were taken before the last descriptor went end as if nothing had happened."""
    gate = Gate()
    upstream = Upstream(gate)
    parts.callback(upstream.close)
    here = served(tmp_path, CONFIG % (upstream.base_url, 5), ["-m", "app.cli"], FILES, parts)
    told: list[bytes] = []
    with ExitStack() as held:
        callers = [held.enter_context(socket.create_connection(("127.0.0.1", here.port), 20)) for _ in range(8)]
        threads = [threading.Thread(target=lambda caller=caller: told.append(ask(caller))) for caller in callers]
        for thread in threads:
            thread.start()
        eventually(lambda: len(upstream.heard) == 8)
        _more = [held.enter_context(socket.create_connection(("127.0.0.1", here.port), 20)) for _ in range(2 * FILES)]
        eventually(lambda: descriptors(here) >= FILES - 1)
        gate.opened.set()
        for thread in threads:
            thread.join()
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in told) and len(here.records()) == 8


@pytest.mark.parametrize(
    ("said", "status", "outcome"),
    [("memory", 500, "failed"), ("stack", 500, "failed"), ("late", 500, "answered"), ("task", 200, "answered")],
)
def test_what_breaks_inside_a_request_stays_there(inside: Service, said: str, status: int, outcome: str) -> None:
    """`late` breaks after the record was written: there is still one record, of what was answered and paid."""
    before = len(inside.records())
    answer = inside.query(said, cache="off")
    assert answer.status == status
    (record,) = inside.records()[before:]
    assert record["outcome"] == outcome
    if status == 500:
        assert answer.json()["error"]["code"] == "internal_error"
        # lines are written by a thread of their own
        assert eventually(lambda: f"call {record['id']} failed by our own fault" in inside.log())
    assert inside.query("hello", cache="off").status == 200
    health = inside.request("/health").json()
    assert health["in_flight"] == 0 and health["status"] == "ok"


def test_a_task_that_nobody_waits_for_is_told_in_the_log(inside: Service) -> None:
    inside.query("task", cache="off")
    eventually(lambda: "nobody waits for this" in inside.log())


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose innermost parts fail for certain prompts."""
    home = tmp_path_factory.mktemp("inside")
    (home / "driver.py").write_text(DRIVER)
    with ExitStack() as stack:
        yield served(home, shipped(), [str(home / "driver.py")], 1024, stack)
