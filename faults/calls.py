"""A caller on a raw socket: what it sent, what came back byte for byte, and when. No verdict may enter."""

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any

PATHS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "query": "/query",
    "responses": "/v1/responses",
    "embeddings": "/v1/embeddings",
}
ENDS = {
    "chat": b"data: [DONE]",
    "messages": b"event: message_stop",
    "query": b"event: done",
    "responses": b"event: response.completed",
}
HANG = 60.0
"""Seconds after which a call counts as hanging, whatever its deadline was."""


@dataclass
class Call:
    """One call as its caller saw it. Clock values are monotonic seconds."""

    face: str
    form: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    body: bytes = b""
    sound: bool = False
    began: float = 0.0
    first: float = 0.0
    ended: float = 0.0
    broke: str = ""

    @property
    def id(self) -> str:
        """Our id of it; "" when it got none."""
        return self.headers.get("x-request-id", "")

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    @property
    def finished(self) -> bool:
        """Whether the answer came to its own end."""
        if self.status != 200 or not self.sound:
            return False
        return ENDS[self.face] in self.body if self.form == "stream" else True

    def _events(self) -> list[bytes]:
        """The data of each event of a stream."""
        blocks = [block.split(b"\n") for block in self.body.split(b"\n\n")]
        return [b"\n".join([line[5:].removeprefix(b" ") for line in block if line.startswith(b"data:")]) for block in blocks]

    @property
    def text(self) -> str:
        """What the answer says: its text, or the text of all its events."""
        if self.form != "stream":
            return _said(_json(self.body))
        return "".join([_said(_json(event)) for event in self._events()])

    @property
    def errors(self) -> list[Any]:
        """The error objects in it: of a whole answer, or of each error event."""
        if self.form != "stream" or self.status != 200:
            found = _json(self.body)
            return [found["error"]] if isinstance(found, dict) and "error" in found else []
        told = [found for event in self._events() if isinstance(found := _json(event), dict)]
        return [found["error"] for found in told if isinstance(found.get("error"), dict)]


def body_of(face: str, model: str, form: str, **more: Any) -> bytes:
    """A request's body."""
    asked: dict[str, Any] = {"model": model, "stream": form == "stream", "messages": [{"role": "user", "content": "Say hello."}]}
    if face in ("messages", "chat"):
        asked["max_tokens"] = 200
    if face == "embeddings":
        asked = {"model": model}
    return json.dumps({name: value for name, value in (asked | more).items() if value is not None}).encode()


def request_of(face: str, body: bytes, *headers: str) -> bytes:
    """A whole request that asks for the end of its connection."""
    lines = [
        f"POST {PATHS[face]} HTTP/1.1",
        "host: 127.0.0.1",
        "connection: close",
        "content-type: application/json",
        *headers,
        f"content-length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(port: int, face: str, model: str, form: str, *headers: str, **more: Any) -> Call:
    """One call, to its end."""
    call = Call(face, form, began=time.monotonic())
    pieces: list[bytes] = []
    with socket.create_connection(("127.0.0.1", port), timeout=HANG) as connection:
        try:
            connection.sendall(request_of(face, body_of(face, model, form, **more), *headers))
            while piece := connection.recv(1 << 18):
                call.first = call.first or time.monotonic()
                pieces.append(piece)
        except OSError as error:
            call.broke = type(error).__name__
    call.ended = time.monotonic()
    call.raw = b"".join(pieces)
    _read(call)
    return call


def _read(call: Call) -> None:
    head, mark, rest = call.raw.partition(b"\r\n\r\n")
    if not mark:
        return
    line, *fields = head.decode("latin-1").split("\r\n")
    call.status = int(line.split(" ")[1])
    call.headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
    if call.headers.get("transfer-encoding") == "chunked":
        call.body, call.sound = unchunked(rest)
    else:
        call.body = rest
        call.sound = len(rest) == int(call.headers.get("content-length", "-1"))


def unchunked(data: bytes) -> tuple[bytes, bool]:
    """The body, and whether its framing came to its end with nothing behind it."""
    pieces, at = [], 0
    while (line_end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line_end], 16)
        piece = data[line_end + 2 : line_end + 2 + size]
        pieces.append(piece)
        at = line_end + 2 + size + 2
        if size == 0:
            return b"".join(pieces), at == len(data)
        if len(piece) < size:
            break
    return b"".join(pieces), False


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _said(tree: Any) -> str:
    """The text in a reply or an event of either face."""
    if not isinstance(tree, dict):
        return ""
    parts = [choice.get("message") or choice.get("delta") or {} for choice in tree.get("choices") or []]
    parts += [part for part in tree.get("content") or [] if isinstance(part, dict)] + [tree.get("delta") or {}]
    return "".join([part.get("content") or part.get("text") or "" for part in parts])
