"""One conversation over HTTP, for every face that has them: planned, served whole or streamed. No face's shape may enter."""

import asyncio
from collections.abc import Callable, Mapping

from ..clients.common.protocols import Writer
from ..domain.request import ChatRequest
from ..pipeline.begin import begin
from ..pipeline.house import House
from ..pipeline.serve import Serving
from ..pipeline.walk import Asking
from . import asgi
from .border import Border
from .headers import reply_headers, stream_headers
from .pulse import Pulse
from .shape import Shape


class CallEndpoint(Border[Serving, ChatRequest]):
    """A raw ASGI endpoint for one face. `house_of` gives the worker's house, or raises NotReady."""

    def __init__(self, shape: Shape, house_of: Callable[[], House]) -> None:
        super().__init__(shape, house_of)
        self._shape = shape

    def _parsed(self, body: bytes, headers: Mapping[bytes, bytes]) -> ChatRequest:
        return self._shape.parse(body, headers)

    def _opened(self, house: House, asking: Asking, parsed: ChatRequest, headers: Mapping[bytes, bytes]) -> Serving:
        return Serving(house, begin(house, asking, parsed))

    async def _serve(self, serving: Serving, receive: asgi.Receive, send: asgi.Send) -> None:
        if serving.walk.request.dry_run:
            await serving.planned()
        dry = self._shape.dry(serving.walk)
        if dry is not None:
            await asgi.answer(send, 200, reply_headers(serving.walk, None), dry)
            return
        await super()._serve(serving, receive, send)

    async def _answered(self, serving: Serving, attendance: asgi.Attendance, send: asgi.Send) -> None:
        walk = serving.walk
        if not walk.request.stream:
            await self._whole(serving, attendance, send)
            return
        seconds = walk.compiled.snapshot.server.keepalive_seconds
        pulse = Pulse(send, seconds, lambda: stream_headers(walk), self._shape.keepalive)
        try:
            await self._stream(serving, attendance, pulse)
        finally:
            pulse.stop()

    async def _whole(self, serving: Serving, attendance: asgi.Attendance, send: asgi.Send) -> None:
        completion = await serving.whole()
        attendance.stop()
        settled = await serving.settled("answered", 200)
        walk = serving.walk
        await asgi.answer(send, 200, reply_headers(walk, settled), self._shape.whole(walk, completion, settled))

    async def _stream(self, serving: Serving, attendance: asgi.Attendance, pulse: Pulse) -> None:
        walk = serving.walk
        writer: Writer | None = None
        try:
            batch = await serving.first()
            writer = self._shape.writer(walk)
            while True:
                body = b"".join([writer.write(delta) for delta in batch])
                if body:
                    await pulse.write(body)
                if serving.over:
                    break
                batch = await serving.more()
        except (Exception, asyncio.CancelledError) as error:  # the border, after the first byte: one error event ends the stream
            if not pulse.opened:
                raise  # it is answered with a status of its own
            if attendance.stop() and isinstance(error, asyncio.CancelledError):
                raise  # the caller left, nobody reads an event
            shown = self._shown(error, walk.asking.id)
            await serving.settled("failed", 200, shown.code)
            await pulse.end((writer or self._shape.writer(walk)).fail(shown, walk.asking.id))
            return
        attendance.stop()
        settled = await serving.settled("answered", 200)
        await pulse.end(self._shape.last(writer, walk, settled))
