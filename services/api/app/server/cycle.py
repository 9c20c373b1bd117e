"""One request and its answer on uvicorn's protocol: a whole answer leaves in one write, its head checked once. No route may enter.

Stock uvicorn writes head and body apart (two system calls, two packets), runs two regular expressions per header, frames streams
to HTTP/1.0 in chunks, and keeps a connection of which nobody knows whether a body that was announced will still come.
"""

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_LENGTH = b"content-length"
_CONTROLS = bytes(code for code in range(32) if code not in (9, 10, 13)) + b"\x7f"


class WholeCycle(RequestResponseCycle):
    """An answer with a length is held at its start and sent with its body. `unread`: it ended before the request did."""

    held: dict[str, Any] | None = None
    until_close = False
    unread = False

    async def send(self, message: Any) -> None:
        """Take one ASGI message."""
        if message["type"] == "http.response.start":
            if self._started(message):
                return
            await super().send(message)
            return
        start, self.held = self.held, None
        if start is None and self._sent_piece(message):
            return
        if start is not None:
            if self._sent_whole(start, message):
                return
            await super().send(cast(Any, start))
        await self._rest(message)

    def _started(self, message: Any) -> bool:
        """Note what the head means for the connection. True when it is held for the body."""
        if self.waiting_for_100_continue:
            self.keep_alive = False  # refused before the body was asked for: it may come all the same, or not
        headers = message["headers"]
        if headers and headers[-1][0] == _LENGTH:
            self.held = message
            return True
        if self.scope["http_version"] == "1.0" and all(name != _LENGTH for name, _ in headers):
            self.chunked_encoding = False  # HTTP/1.0 knows no chunks: the end of the connection ends the answer
            self.until_close = True
        return False

    async def _rest(self, message: Any) -> None:
        """One more piece, the stock way."""
        if self.until_close:
            self.expected_content_length = len(message.get("body", b""))
        if self.more_body and not self.keep_alive and self.response_started and not message.get("more_body"):
            # closed with bytes of the request unread, the connection would be reset and the answer lost; the protocol lingers
            self.unread = self.keep_alive = True
        await super().send(message)

    def _sent_piece(self, message: Any) -> bool:
        """Write one more piece of a stream; False when anything is out of the ordinary."""
        body = message.get("body")
        if not (body and message.get("more_body") and self.chunked_encoding and self.response_started):
            return False
        if self.disconnected or self.response_complete or self.flow.write_paused or self.scope["method"] == "HEAD":
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return True

    def _sent_whole(self, start: dict[str, Any], message: Any) -> bool:
        """False when anything is out of the ordinary: then the stock way decides."""
        body = message.get("body", b"")
        headers = start["headers"]
        if (
            message.get("more_body")
            or self.response_started
            or self.disconnected
            or self.flow.write_paused
            or not self.keep_alive
            or self.scope["method"] == "HEAD"
            or int(headers[-1][1]) != len(body)
        ):
            return False
        lines = [STATUS_LINE[start["status"]]]
        for name, value in (*self.default_headers, *headers):
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        # no header may bring a line end or a control character of its own
        ends = (len(lines) - 2) // 4 + 2
        if head.count(b"\n") != ends or head.count(b"\r") != ends or len(head.translate(None, _CONTROLS)) != len(head):
            return False
        if b"\r\nconnection: close\r\n" in head:
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(head + body)
        self.message_event.set()
        self.on_response()
        return True
