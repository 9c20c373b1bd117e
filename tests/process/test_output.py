"""What the service says goes through a reader it does not depend on: closed, full or broken outputs change nothing."""

import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.logging_utils import outlet as outlet_module
from app.logging_utils.outlet import OneLine, Outlet, OutletHandler, OutletText
from support import Service, child_env, eventually, free_port, shipped


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def fill(end: int) -> int:
    """Write until the pipe takes no more; how much it took. It blocks again afterwards."""
    os.set_blocking(end, False)
    size = 0
    try:
        while True:
            size += os.write(end, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(end, True)
    return size


def test_lines_arrive_in_order(pipe: tuple[int, int]) -> None:
    heard, told = pipe
    outlet = Outlet(told)
    for number in range(100):
        outlet.put(f"line {number}\n")
    assert outlet.flush(10)
    assert os.read(heard, 65536).decode().split("\n") == [*(f"line {number}" for number in range(100)), ""]


def test_a_reader_who_does_not_read_holds_up_nobody_and_hears_how_much_it_missed(pipe: tuple[int, int]) -> None:
    heard, told = pipe
    waiting = fill(told)
    outlet = Outlet(told)
    for _ in range(outlet_module.MOST_LINES + 50):
        outlet.put("never mind\n")
    assert not outlet.flush(0.01)
    lost = outlet.lost
    assert lost >= 49, "the writer itself holds one line at most"
    found = b""
    while len(found) < waiting + 11 * outlet_module.MOST_LINES:
        found += os.read(heard, 65536)
    outlet.put("after\n")
    assert outlet.flush(10)
    found += os.read(heard, 65536)
    assert f"{lost} lines were lost: nobody read them\n".encode() in found


def test_a_reader_who_is_gone_is_no_error(pipe: tuple[int, int]) -> None:
    heard, told = pipe
    os.close(heard)
    outlet = Outlet(told)
    print("to nobody", file=OutletText(outlet))
    assert outlet.flush(10)
    eventually(lambda: outlet.lost)


def test_what_others_wrote_stays_one_line_and_moves_no_cursor() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 1, "no \x1b[2J\n2026 ERROR forged\u2028%s", ("\r\x00\x9b",), None)
    line = OneLine().format(record)
    assert line.endswith("no \\x1b[2J\\x0a2026 ERROR forged\\u2028\\x0d\\x00\\x9b") and line.isprintable()
    try:
        raise ValueError("first\n2026-01-01T00:00:00.000Z ERROR [1] forged")
    except ValueError:
        record.exc_info = sys.exc_info()
    told = OneLine().format(record)
    assert all(more.startswith("  ") for more in told.split("\n")[1:]) and told.count("\n") > 2


def test_a_record_that_cannot_be_put_into_words_is_dropped(pipe: tuple[int, int]) -> None:
    heard, told = pipe
    handler = OutletHandler(Outlet(told))
    handler.emit(logging.LogRecord("x", logging.WARNING, "", 1, "%d", ("no number",), None))
    handler.emit(logging.LogRecord("x", logging.WARNING, "", 1, "still here", (), None))
    handler.flush()
    assert b"still here" in os.read(heard, 65536)


def service(home: Path, **outputs: object) -> "tuple[subprocess.Popen[bytes], Service]":
    """A service with outputs of its own."""
    (home / "config.yaml").write_text(shipped())
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=child_env(LLM_ROUTER_HOME=str(home)), **outputs)  # type: ignore[call-overload]
    return process, Service(process, port, home)


def ready(here: Service) -> bool:
    try:
        return here.request("/ready").status == 200
    except OSError:
        return False


def noisy(here: Service) -> None:
    """Have the service say much: each edit of the configuration is one line and more."""
    for number in range(3):
        (here.home / "config.yaml").write_text(f"models: 1\nunknown_{number}: 1\n")
        eventually(lambda name=f"unknown_{number}": name in (here.request("/health").json()["config"]["error"] or ""))


@pytest.mark.parametrize("how", ["full", "gone"])
def test_the_service_lives_with_outputs_that_take_nothing(tmp_path: Path, pipe: tuple[int, int], how: str) -> None:
    heard, told = pipe
    if how == "full":
        fill(told)
    else:
        os.close(heard)
    process, here = service(tmp_path, stdout=told, stderr=told)
    try:
        eventually(lambda: ready(here), 30)
        noisy(here)
        assert here.query("hello").status == 200
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_the_service_lives_with_closed_outputs_and_its_journal_is_no_output(tmp_path: Path) -> None:
    """Descriptors 0 to 2 are closed: without care the journal would be descriptor 2, and warnings would be written into it."""
    (tmp_path / "config.yaml").write_text(shipped())
    port = free_port()
    line = f"exec {sys.executable} -m app.cli serve --port {port} <&- >&- 2>&-"
    process = subprocess.Popen(["/bin/sh", "-c", line], env=child_env(LLM_ROUTER_HOME=str(tmp_path)))
    here = Service(process, port, tmp_path)
    try:
        eventually(lambda: ready(here), 30)
        noisy(here)
        assert here.query("hello").status == 200
        links = {str((Path("/proc") / str(process.pid) / "fd" / name).readlink()) for name in "012"}
        assert links == {"/dev/null"}
        assert len(here.records()) == 1
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_threads_that_speak_at_once_lose_no_line(pipe: tuple[int, int]) -> None:
    heard, told = pipe
    outlet = Outlet(told)
    threads = [threading.Thread(target=lambda name=name: [outlet.put(f"{name}{i}\n") for i in range(100)]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outlet.flush(10)
    assert len(io.BytesIO(os.read(heard, 65536)).readlines()) == 400
