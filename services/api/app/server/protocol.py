"""uvicorn's HTTP protocol with one change: a whole answer leaves in one write, its head checked once. Nothing of routes enters.

Stock uvicorn writes head and body apart (two system calls, two packets) and runs two regular expressions per header. Used by
`llm-router serve`; under plain uvicorn the stock protocol serves and everything works the same, a little dearer.
"""

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

_LENGTH = b"content-length"
_CONTROLS = bytes(code for code in range(32) if code not in (9, 10, 13)) + b"\x7f"


class WholeCycle(RequestResponseCycle):
    """One request; an answer with a length is held at its start and sent with its body."""

    held: dict[str, Any] | None = None

    async def send(self, message: Any) -> None:
        """Take one ASGI message."""
        if message["type"] == "http.response.start" and message["headers"] and message["headers"][-1][0] == _LENGTH:
            self.held = message
            return
        start, self.held = self.held, None
        if start is None and self._sent_piece(message):
            return
        if start is not None:
            if self._sent_whole(start, message):
                return
            await super().send(cast(Any, start))
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
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(head + body)
        self.message_event.set()
        self.on_response()
        return True


class WholeProtocol(HttpToolsProtocol):
    """The protocol that `llm-router serve` runs."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = WholeCycle
        super()._start_asgi_task(cycle, app)
