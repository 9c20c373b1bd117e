"""One request to the service: to a running one by URL, or to the application itself in this process. No command enters."""

import asyncio
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

OnBytes = Callable[[bytes], None]


class Unreachable(Exception):
    """No service answered at the URL."""


def exchange(url: str, key: str, path: str, body: dict[str, Any] | None, on_bytes: OnBytes | None = None) -> tuple[int, bytes]:
    """`(status, body)` of a POST of `body`, or of a GET when it is None; `on_bytes` sees a good answer's pieces as they arrive."""
    data = None if body is None else msgspec.json.encode(body)
    if url:
        return _remote(url.rstrip("/") + path, key, data, on_bytes)
    return asyncio.run(_in_process(path, data, on_bytes))


def _remote(url: str, key: str, data: bytes | None, on_bytes: OnBytes | None) -> tuple[int, bytes]:
    if not url.startswith(("http://", "https://")):
        raise Unreachable(f"{url} is not an http address")
    headers = {"content-type": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - the scheme is checked above
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
            pieces = []
            for piece in _pieces(answer):
                pieces.append(piece)
                if on_bytes is not None:
                    on_bytes(piece)
            return answer.status, b"".join(pieces)
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise Unreachable(f"no service answers at {url}: {reason}") from None


def _pieces(answer: Any) -> Iterator[bytes]:
    while piece := answer.read1(65536):
        yield piece


def _scope(path: str, data: bytes | None) -> dict[str, Any]:
    """An ASGI request that came from this very machine."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET" if data is None else "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"content-type", b"application/json"), (b"host", b"localhost")],
        "client": None,
        "server": None,
        "state": {},
        "llm_router.local": True,
    }


async def _in_process(path: str, data: bytes | None, on_bytes: OnBytes | None) -> tuple[int, bytes]:
    """The same application as the server's, for one request; its start-up lines stay out of the way."""
    os.environ["LLM_ROUTER_QUIET"] = "1"
    from ..service import create_app  # noqa: PLC0415 - the service is heavy; a remote command does not pay for it

    app = create_app()
    status = 0
    pieces: list[bytes] = []
    inbox = [{"type": "http.request", "body": data or b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message.get("body"):
            pieces.append(message["body"])
            if on_bytes is not None and status == 200:
                on_bytes(message["body"])

    scope = _scope(path, data)
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    return status, b"".join(pieces)


def complain(text: str) -> int:
    """One line on standard error; the exit status of a failure."""
    print(text, file=sys.stderr)
    return 1
