"""Scenarios of providers over more than one call: used connections, early answers, vectors, second candidates."""

import json
import socket
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml
from calls import ask
from cases import FACES, Seen
from rig import ENVIRONMENT, Rig, row_of
from scenarios import scenario

from support import running

_VECTORS = ("embeddings-count", "embeddings-dimension", "embeddings-nan")
_SPELT = ("127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0")


@scenario(
    "a kept connection that ends as the next call comes: answered over a fresh one, the call sent once more", "keepalive-race"
)
def used_connection(seen: Seen, rig: Rig) -> None:
    watch = rig.patient
    rig.upstream.reset()
    calls = [ask(watch.port, face, row_of("keepalive-race", face), "whole") for face in FACES for _ in range(4)]
    seen.faults += [f"{call.face}: {call.status} {call.body[-200:]!r}" for call in calls if not call.finished]
    watch.settle(seen, calls)
    entries = list(rig.upstream.log.entries)
    lost = [entry for entry in entries if entry.reused and not entry.complete]
    if not lost:
        seen.faults.append("no used connection was lost")
    if len(entries) != len(calls) + len(lost):
        seen.faults.append(f"{len(entries)} requests for {len(calls)} calls of which {len(lost)} were lost")


@scenario("a body of 4 MB, refused before it was read: told as overload, the connection is not used again", "early-answer")
def answer_before_the_body(seen: Seen, rig: Rig) -> None:
    watch = rig.patient
    rig.upstream.reset()
    long = [{"role": "user", "content": "word " * 800_000}]
    calls = [ask(watch.port, face, row_of("early-answer", face), "whole", messages=long) for face in FACES]
    for call, due in zip(calls, (503, 529), strict=True):
        if call.status != due:
            seen.faults.append(f"{call.face}: {call.status} instead of {due}: {call.body[:200]!r}")
    watch.settle(seen, calls)
    entries = list(rig.upstream.log.entries)
    if len({entry.connection for entry in entries}) != len(entries):
        seen.faults.append("a connection was used again")


@scenario("one vector too few, one a number shorter than the rest, one with NaN: 502 bad_upstream_body each", *_VECTORS)
def embeddings(seen: Seen, rig: Rig) -> None:
    rig.upstream.reset()
    calls = []
    for fault in _VECTORS:
        call = ask(
            rig.patient.port, "embeddings", f"{row_of(fault, 'chat')}_vectors", "whole", messages=None, input=["one", "two"]
        )
        calls.append(call)
        if call.status != 502 or call.errors[0]["code"] != "bad_upstream_body":
            seen.faults.append(f"{fault}: {call.status} {call.body[:200]!r}")
    rig.patient.settle(seen, calls)


@scenario("a first token that is late: the second candidate answers, the first is left, the record has both tries")
def hedge(seen: Seen, rig: Rig) -> None:
    rig.upstream.reset()
    price: dict[str, Any] = {"price_in": 0.001, "price_out": 0.002, "avg_latency_ms": 100}
    config = {
        "providers": {
            name: {"dialect": "openai", "base_url": rig.upstream.base_url("openai"), "key_env": ["CANARY_1"]}
            for name in ("usual", "other")
        },
        "models": {
            "first": {"provider": "usual", "id": "first", "fallbacks": ["second"], **price},
            "second": {"provider": "other", "id": "second", **price},
        },
        "cache": {"backend": "none"},
        "routing": {"hedge": {"enabled": True, "min_samples": 5, "max_share": 1.0}},
    }
    with (
        tempfile.TemporaryDirectory(prefix="llm-router-faults-") as home,
        running(Path(home), yaml.safe_dump(config), **ENVIRONMENT) as service,
    ):
        for _ in range(20):
            ask(service.port, "chat", "first", "stream")
        rig.upstream.play("first", "silence")
        call = ask(service.port, "chat", "first", "stream")
        record = service.record(call.id)
    late = [entry for entry in rig.upstream.log.entries if entry.fault == "silence"]
    if not call.finished or record["served"] != "second":
        seen.faults.append(f"{call.status}, served by {record['served']}: {call.body[-200:]!r}")
    if len(record["attempts"]) != 2:
        seen.faults.append(f"{len(record['attempts'])} attempts in the record")
    if len(late) != 1 or late[0].client_closed is None:
        seen.faults.append("the late provider was not left")
    seen.times.append(f"answered after {call.seconds * 1000:.0f} ms of a silence without end")


@scenario("images by address, in every spelling of this machine and by other schemes: nobody calls there")
def image_urls(seen: Seen, rig: Rig) -> None:
    watch = rig.patient
    rig.upstream.reset()
    came: list[Any] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as bait:
        threading.Thread(target=_lure, args=(bait, came), daemon=True).start()
        port = bait.getsockname()[1]
        urls = [f"http://{host}:{port}/x.png" for host in _SPELT]
        urls += [f"{scheme}://127.0.0.1:{port}/x.png" for scheme in ("https", "file", "gopher", "ftp")]
        calls = [
            ask(watch.port, face, f"sound_{FACES[face]}", "whole", messages=_shown(face, url)) for face in FACES for url in urls
        ]
    strange = [(call.status, call.body[:100]) for call in calls if call.status not in (200, 400)]
    if strange:
        seen.faults.append(f"answered {strange}")
    if came:
        seen.faults.append(f"{len(came)} connections to an address that a caller named")
    accepted = [call for call in calls if call.status == 200]
    watch.settle(seen, accepted)


def _shown(face: str, url: str) -> list[dict[str, Any]]:
    image: dict[str, Any] = {"type": "image_url", "image_url": {"url": url}}
    if face == "messages":
        image = {"type": "image", "source": {"type": "url", "url": url}}
    return [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]


def _lure(bait: socket.socket, came: list[Any]) -> None:
    while True:
        try:
            connection, _ = bait.accept()
        except OSError:
            return
        came.append(json.dumps(connection.getpeername()))
        connection.close()
