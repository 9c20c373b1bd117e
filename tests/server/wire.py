"""Bytes in, answers out: what a client without manners sees of the service."""

import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any

LAST = b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-last: 1\r\nconnection: close\r\n\r\n"
KEY = b"x-api-key: %b\r\n"


@dataclass
class Reply:
    """One answer."""

    status: int
    fields: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's stable word, in either envelope."""
        error = self.json()["error"]
        return str(error.get("code", error["type"]))


def parsed(data: bytes, heads: tuple[int, ...] = ()) -> list[Reply]:
    """All answers of a connection, to the last byte; `heads` are the places of answers that have no body. Fails on a byte amiss."""
    replies: list[Reply] = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        assert end and head.startswith(b"HTTP/1.1 "), head[:200]
        line, *lines = head.decode("latin-1").split("\r\n")
        status = int(line.split(" ")[1])
        if status == 100:
            continue
        fields = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in lines)}
        if len(replies) in heads or status in (204, 304):
            body = b""
        elif "content-length" in fields:
            length = int(fields["content-length"])
            assert len(data) >= length, "the answer is cut off"
            body, data = data[:length], data[length:]
        elif fields.get("transfer-encoding") == "chunked":
            body, data = _unchunked(data)
        else:
            body, data = data, b""
        replies.append(Reply(status, fields, body))
    return replies


def _unchunked(data: bytes) -> tuple[bytes, bytes]:
    pieces = []
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        piece, data = data[:length], data[length:]
        assert data.startswith(b"\r\n"), "the chunks are out of step"
        data = data[2:]
        if not length:
            return b"".join(pieces), data
        pieces.append(piece)


def connected(port: int, seconds: float = 20) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def heard(connection: socket.socket) -> bytes:
    """Everything until the other side ends the connection."""
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def exchange(port: int, *pieces: bytes, heads: tuple[int, ...] = ()) -> list[Reply]:
    """Send the pieces, then hear everything until the other side ends the connection."""
    with connected(port) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
        return parsed(heard(connection), heads)


def post(path: str, body: bytes, *fields: bytes, version: bytes = b"1.1") -> bytes:
    """A sound request, with more fields."""
    lines = b"".join(field + b"\r\n" for field in fields)
    head = b"POST %b HTTP/%b\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
    return head % (path.encode(), version, len(body), lines) + body


def get(path: str, *fields: bytes, version: bytes = b"1.1", method: bytes = b"GET") -> bytes:
    """A sound request without a body."""
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"%b %b HTTP/%b\r\nhost: localhost\r\n%b\r\n" % (method, path.encode(), version, lines)
