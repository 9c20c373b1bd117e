"""The upstream's own view: what it was asked, by whom, how it ended; without any secret, in bounded memory."""

import asyncio
import gc
import io
import json
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.toxic import log as logging
from app.toxic.server import ToxicUpstream
from app.toxic.table import UnknownFault

from .calling import KEY, ask, call, eventually, posted, request


async def logged(upstream: ToxicUpstream) -> list[dict[str, Any]]:
    _, body = await ask(upstream, posted("/_toxic/log", b"", method="GET"))
    return [json.loads(line) for line in body.split(b"\n")[:-1]]


async def told(upstream: ToxicUpstream, path: str, **body: str) -> tuple[bytes, Any]:
    head, answer = await ask(upstream, posted(f"/_toxic/{path}", json.dumps(body).encode()))
    return head[9:12], json.loads(answer)


async def test_a_request_is_one_line_with_what_was_asked_and_sent(upstream: ToxicUpstream) -> None:
    data = request("anthropic", "529")
    head, body = await ask(upstream, data)
    (line,) = await logged(upstream)
    assert (line["method"], line["path"], line["model"], line["fault"]) == ("POST", "/v1/messages", "529", "529")
    assert (line["bytes_in"], line["bytes_sent"]) == (len(data), len(head + body))
    assert line["complete"] and not line["reused"] and line["monotonic"] < line["ended"] and line["at"].endswith("+00:00")


async def test_a_credential_is_never_logged_but_can_be_told_from_another(upstream: ToxicUpstream) -> None:
    for key in (KEY, KEY, "another-key-0123456789"):
        headers = [f"{name}: {key}" for name in ("authorization", "x-api-key", "x-goog-api-key", "cookie", "x-my-token")]
        await ask(upstream, posted(f"/v1/models/ok:generateContent?key={key}&alt=json", b"{}", *headers, "x-plain: yes"))
    text = json.dumps(await logged(upstream))
    assert KEY not in text and KEY[10:20] not in text and "another" not in text
    first, second, third = [entry.headers for entry in upstream.log.entries]
    assert first["x-api-key"] == second["x-api-key"] != third["x-api-key"]
    assert first["x-plain"] == "yes" and upstream.log.entries[0].path.endswith("?key=[secret]&alt=json")


async def test_requests_of_one_connection_share_its_number(upstream: ToxicUpstream) -> None:
    caller = await call(upstream.port)
    await caller.ask(request("openai", "ok"))
    await caller.ask(request("gemini", "503", stream=True))
    await ask(upstream, request("mistral", "ok"))
    assert [(entry.connection, entry.reused) for entry in upstream.log.entries] == [(1, False), (1, True), (2, False)]
    caller.leave()
    await eventually(lambda: upstream.log.entries[1].client_closed is not None)
    assert upstream.log.entries[0].client_closed is None, "only the last exchange of a connection ends with it"


async def test_a_model_is_broken_and_mended_while_it_runs(upstream: ToxicUpstream) -> None:
    async def code(model: str, prefix: str = "") -> bytes:
        return (await ask(upstream, request("openai", model, prefix=prefix)))[0][9:12]

    assert await told(upstream, "play", model="gpt-4o", fault="503") == (b"200", {"ok": True})
    assert [await code("gpt-4o"), await code("o3")] == [b"503", b"200"]
    upstream.play("*", "429-retry-after:9")
    assert [await code("gpt-4o"), await code("o3"), await code("504")] == [b"503", b"429", b"504"]
    assert await code("o3", prefix="/~401") == b"401"
    upstream.play("gpt-4o", "")
    upstream.play("*", "")
    assert [await code("gpt-4o"), await code("o3")] == [b"200", b"200"]
    with pytest.raises(UnknownFault):
        upstream.play("gpt-4o", "no-such-fault")


async def test_a_wrong_wish_is_told(upstream: ToxicUpstream) -> None:
    for wish in ({"model": "a", "fault": "nope"}, {"model": "a"}, {"model": "a", "fault": "503", "more": "x"}):
        code, answer = await told(upstream, "play", **wish)
        assert code == b"400" and answer["error"]
    code, answer = await told(upstream, "nothing")
    assert code == b"404" and "/_toxic/log" in answer["error"]


async def test_reset_forgets_everything(upstream: ToxicUpstream) -> None:
    upstream.play("a", "503")
    await ask(upstream, request("openai", "a"))
    assert (await told(upstream, "reset"))[0] == b"200"
    assert await logged(upstream) == []
    assert (await ask(upstream, request("openai", "a")))[0].startswith(b"HTTP/1.1 200")


async def test_connections_are_counted(upstream: ToxicUpstream) -> None:
    callers = [await call(upstream.port) for _ in range(5)]
    await eventually(lambda: upstream.open == 5)
    for caller in callers:
        caller.leave()
    await eventually(lambda: upstream.open == 0)
    _, state = await ask(upstream, posted("/_toxic/state", b"", method="GET"))
    assert json.loads(state) == {"open": 1, "accepted": 6, "requests": 0}


async def test_the_file_gets_each_step_as_it_happens() -> None:
    file = io.BytesIO()
    async with ToxicUpstream(file=file) as upstream:
        caller = await call(upstream.port)
        caller.writer.write(request("openai", "silence"))
        await eventually(file.getvalue)
        assert json.loads(file.getvalue())["step"] == "asked"
        caller.leave()
        await eventually(lambda: upstream.open == 0)
    steps = [json.loads(line) for line in file.getvalue().split(b"\n")[:-1]]
    assert [step["step"] for step in steps] == ["asked", "closed", "ended"]
    assert steps[1]["client_closed"] is not None and KEY.encode() not in file.getvalue()


async def test_memory_is_bounded(upstream: ToxicUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    log = logging.Log()
    for i in range(logging.MOST_ENTRIES + 5):
        log.open(1, False, "POST", f"/{i}", {f"x-{n}": "v" * 1000 for n in range(3)})
    assert len(log.entries) == logging.MOST_ENTRIES and log.entries[0].path == "/5"
    assert all(len(value) <= 200 for value in log.entries[0].headers.values())
    monkeypatch.setattr("app.toxic.server._MOST_MODELS", 3)
    for i in range(6):
        await ask(upstream, request("openai", f"model-{i}"))
    assert len(upstream._board.pasts) == 3


async def test_requests_with_a_body_in_chunks_or_on_demand_are_read(upstream: ToxicUpstream) -> None:
    body = request("openai", "502").partition(b"\r\n\r\n")[2]
    chunks = b"".join(b"%x;x=y\r\n%b\r\n" % (len(piece), piece) for piece in (body[:7], body[7:]))
    chunked = b"POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\ntrailer: t\r\n\r\n"
    caller = await call(upstream.port)
    for data in (chunked, request("openai", "504")):
        head, _ = await caller.ask(data)
        assert head[9:12] in (b"502", b"504")
    waiting = f"POST /v1/chat/completions HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n"
    caller.writer.write(waiting.encode())
    assert await caller.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    head, _ = await caller.ask(body)
    assert head.startswith(b"HTTP/1.1 502")
    caller.leave()


async def test_it_ends_with_nothing_left() -> None:
    """Tasks and sockets of connections that were open in the middle of faults."""
    async with ToxicUpstream() as upstream:
        callers = [await call(upstream.port) for _ in range(3)]
        for caller, fault in zip(callers, ("silence", "huge-body", "bills-on:50"), strict=True):
            caller.writer.write(request("openai", fault))
        await eventually(lambda: len(upstream.log.entries) == 3)
    for caller in callers:
        caller.leave()
    await asyncio.sleep(0)
    assert upstream.open == 0
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    gc.collect()  # a socket left open would warn here


async def test_it_speaks_tls_with_a_certificate_of_the_tests(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
               "-subj", "/CN=toxic", "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with ToxicUpstream(tls=context) as upstream:
        assert upstream.base_url("openai").startswith("https://")
        trusting = ssl.create_default_context(cafile=str(certificate))
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port, ssl=trusting, server_hostname="toxic")
        writer.write(request("openai", "503"))
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 503")
        writer.close()
