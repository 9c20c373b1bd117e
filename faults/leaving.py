"""Scenarios of callers who leave, or do not read. Nothing of what providers do wrong may enter."""

import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from calls import ask, body_of, request_of
from cases import FACES, Seen
from rig import Rig, row_of
from scenarios import scenario
from watch import memory

from support import eventually

TIMES = 4
MANY = 200
READERS = 20
HELD = 256 * 1024
LINGERS = 128 * 1024
"""What the toxic upstream's own transport may hold."""
SETTLED = 20.0


@scenario(
    "callers leave by FIN and by RST after the first token: the provider is left, each call recorded once as abandoned",
    "slow-stream:100",
)
def leave_while_streaming(seen: Seen, rig: Rig) -> None:
    _leave(seen, rig, "slow-stream:100", "stream")


@scenario(
    "callers leave by FIN and by RST before the first token: the provider is left, each call recorded once as abandoned",
    "silence",
)
def leave_before_the_first_token(seen: Seen, rig: Rig) -> None:
    _leave(seen, rig, "silence", "stream")


@scenario(
    "callers leave a whole call by FIN and by RST: the provider is left, each call recorded once as abandoned",
    "silence",
)
def leave_a_whole_call(seen: Seen, rig: Rig) -> None:
    _leave(seen, rig, "silence", "whole")


def _leave(seen: Seen, rig: Rig, fault: str, form: str) -> None:
    """One caller after the other, so that each one's provider is known."""
    watch = rig.patient
    rig.upstream.reset()
    ways = [(face, reset) for face in FACES for reset in (False, True) for _ in range(TIMES)]
    slowest = 0.0
    for face, reset in ways:
        before = len(rig.upstream.log.entries)
        connection = _calling(watch.port, face, row_of(fault, face), form)
        eventually(lambda before=before: len(rig.upstream.log.entries) > before)
        if fault != "silence":
            connection.recv(4096)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left = time.monotonic()
        connection.close()
        entry = rig.upstream.log.entries[-1]
        eventually(lambda entry=entry: entry.client_closed is not None, SETTLED)
        slowest = max(slowest, (entry.client_closed or 0) - left)
    watch.settle_uncalled(seen, len(ways), "abandoned")
    seen.times.append(f"the provider was left {slowest * 1000:.0f} ms after the caller at most")


@scenario(
    f"{MANY} callers leave long streams in one moment: every provider's connection is left, each call recorded once",
    "tiny-events",
)
def many_leave_at_once(seen: Seen, rig: Rig) -> None:
    watch = rig.patient
    rig.upstream.reset()
    with ExitStack() as stack:
        calling = [
            stack.enter_context(_calling(watch.port, "chat", row_of("tiny-events", "chat"), "stream")) for _ in range(MANY)
        ]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: one.recv(65536), calling))
        left = time.monotonic()
    entries = list(rig.upstream.log.entries)
    eventually(lambda: all(entry.client_closed or entry.complete for entry in entries), SETTLED)
    slowest = max((entry.client_closed or left) - left for entry in entries)
    watch.settle_uncalled(seen, MANY, "abandoned")
    seen.times.append(f"the last provider was left after {slowest * 1000:.0f} ms")
    if len(entries) != MANY:
        seen.faults.append(f"{len(entries)} requests for {MANY} calls")


@scenario(
    "20 callers who read nothing of 200,000 events each: their providers are held back, at most 256 KB of each stream in the service",
    "tiny-events",
)
def slow_reader(seen: Seen, rig: Rig) -> None:
    watch = rig.patient
    rig.upstream.reset()
    whole = ask(watch.port, "chat", row_of("tiny-events", "chat"), "stream")
    written = rig.upstream.log.entries[-1].bytes_sent / len(whole.raw)  # bytes of the provider's for each of ours
    watch.settle(seen, [whole])
    rig.upstream.reset()
    before = memory(watch.service)
    with ExitStack() as stack:
        for _ in range(READERS):
            stack.enter_context(_calling(watch.port, "chat", row_of("tiny-events", "chat"), "stream", room=4096))
        entries = eventually(lambda: list(rig.upstream.log.entries) if len(rig.upstream.log.entries) == READERS else [])
        sent = _settled(lambda: sum(entry.bytes_sent for entry in entries))
        held = sent - _in_the_kernel(rig.upstream.port) - _in_the_kernel(watch.port) * written
        grown = memory(watch.service) - before
    if any(entry.complete for entry in entries):
        seen.faults.append("a provider was read to its end though the caller read nothing")
    if held > READERS * (HELD + LINGERS):
        seen.faults.append(f"{held / READERS / 1024:.0f} KB of each stream in the service")
    seen.times.append(
        f"of each stream {sent / READERS / 1024:.0f} KB sent, {held / READERS / 1024:.0f} KB in processes; memory {grown:+d} MB"
    )
    eventually(lambda: all(entry.client_closed for entry in entries), SETTLED)
    watch.settle_uncalled(seen, READERS, "abandoned")


def _in_the_kernel(port: int) -> int:
    """Bytes that wait in sockets of this machine at connections to this port."""
    count = 0
    for row in Path("/proc/net/tcp").read_text().split("\n")[1:]:
        fields = row.split()
        if fields and port in {int(fields[place].rpartition(":")[2], 16) for place in (1, 2)}:
            waiting, _, arrived = fields[4].partition(":")
            count += int(waiting, 16) + int(arrived, 16)
    return count


def _settled(count: object) -> int:
    """The value of `count` once it has not changed for half a second."""
    assert callable(count)
    value, since = count(), time.monotonic()
    end = since + SETTLED
    while time.monotonic() - since < 0.5 and time.monotonic() < end:
        time.sleep(0.05)
        now = count()
        if now != value:
            value, since = now, time.monotonic()
    return int(value)


def _calling(port: int, face: str, row: str, form: str, room: int = 0) -> socket.socket:
    """A call under way; `room` bounds what the caller's own socket takes."""
    connection = socket.socket()
    if room:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    connection.settimeout(SETTLED)
    connection.connect(("127.0.0.1", port))
    connection.sendall(request_of(face, body_of(face, row, form)))
    return connection
