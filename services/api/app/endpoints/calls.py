"""One call over HTTP, for every face: read, plan, serve whole or streamed, account, answer. No face's shape may enter."""

import asyncio
import logging
from collections.abc import Callable

from ..domain.request import ChatRequest
from ..errors import BodyTooLarge, NotReady, OurBug, RouterError
from ..pipeline.begin import begin
from ..pipeline.house import House
from ..pipeline.serve import Serving
from ..pipeline.walk import Asking, Walk
from . import asgi
from .headers import error_facts, reply_headers
from .shape import Shape

_log = logging.getLogger("llm_router")
CLIENT_LEFT = 499  # nginx's word for a caller who hung up; nobody sees it but the journal


class CallEndpoint:
    """A raw ASGI endpoint for one face. `house_of` gives the worker's house, or raises NotReady."""

    def __init__(self, shape: Shape, house_of: Callable[[], House]) -> None:
        self._shape = shape
        self._house_of = house_of

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Serve one request."""
        call_id = asgi.new_id()
        try:
            house = self._house_of()
            started = house.clock()
            asking, request = await self._read(scope, receive, house, call_id, started)
            walk = begin(house, asking, request)
        except asgi.CallerLeft:
            return
        except BodyTooLarge as error:
            body = self._shape.complain(error, call_id)
            await asgi.answer_early(send, receive, self._shape.status(error), asgi.error_headers(error, call_id), body)
            return
        except Exception as error:  # noqa: BLE001 - the border: what is not ours to show becomes one clean 500
            await self._refuse(send, self._shown(error, call_id), call_id)
            return
        dry = self._shape.dry(walk)
        if dry is not None:
            await asgi.answer(send, 200, reply_headers(walk, None), dry)
            return
        await self._serve(house, walk, receive, send)

    async def _read(
        self, scope: asgi.Scope, receive: asgi.Receive, house: House, call_id: str, started: float
    ) -> tuple[Asking, ChatRequest]:
        asgi.refuse_method(scope, "POST")
        headers = asgi.headers_of(scope)
        asgi.refuse_media_type(headers)
        body = await asgi.read_body(receive, headers, house.compiled.snapshot.limits.max_body_bytes)
        request = self._shape.parse(body, headers)
        asking = Asking(
            id=call_id,
            face=self._shape.face,
            started=started,
            scope=scope.get("llm_router.scope", "open"),
            client_request_id=asgi.client_request_id(headers),
            traceparent=asgi.traceparent(headers),
            timeout=asgi.request_timeout(headers),
        )
        return asking, request

    async def _serve(self, house: House, walk: Walk, receive: asgi.Receive, send: asgi.Send) -> None:
        attendance = asgi.Attendance(receive)
        serving = Serving(house, walk)
        try:
            attendance.start()
            await serving.admit()
            if walk.request.stream:
                await self._stream(serving, attendance, send)
            else:
                await self._whole(serving, attendance, send)
        except asyncio.CancelledError:
            left = attendance.stop()
            if serving.admitted and left:
                await serving.settled("abandoned", CLIENT_LEFT)
            elif serving.admitted:  # the server stops and waits no longer
                begun = walk.request.stream and walk.first_token is not None
                await serving.settled("failed", 200 if begun else NotReady.status, NotReady.code)
            if not left:
                raise
        except Exception as error:  # noqa: BLE001 - the border: what is not ours to show becomes one clean 500
            attendance.stop()
            shown = self._shown(error, walk.asking.id)
            if serving.admitted:  # a call refused at the door leaves no record
                await serving.settled("failed", self._shape.status(shown), shown.code)
            await self._refuse(send, shown, walk.asking.id, error_facts(walk))
        finally:
            attendance.stop()
            await serving.close()

    async def _whole(self, serving: Serving, attendance: asgi.Attendance, send: asgi.Send) -> None:
        completion = await serving.whole()
        attendance.stop()
        settled = await serving.settled("answered", 200)
        walk = serving.walk
        await asgi.answer(send, 200, reply_headers(walk, settled), self._shape.whole(walk, completion, settled))

    async def _stream(self, serving: Serving, attendance: asgi.Attendance, send: asgi.Send) -> None:
        walk = serving.walk
        batch = await serving.first()
        writer = self._shape.writer(walk)
        await send({"type": "http.response.start", "status": 200, "headers": reply_headers(walk, None)})
        try:
            while True:
                body = b"".join([writer.write(delta) for delta in batch])
                if body:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                if serving.over:
                    break
                batch = await serving.more()
        except Exception as error:  # noqa: BLE001 - the border, after the first byte: one error event ends the stream
            attendance.stop()
            shown = self._shown(error, walk.asking.id)
            await serving.settled("failed", 200, shown.code)
            await send({"type": "http.response.body", "body": writer.fail(shown, walk.asking.id)})
            return
        attendance.stop()
        settled = await serving.settled("answered", 200)
        await send({"type": "http.response.body", "body": self._shape.last(writer, walk, settled)})

    def _shown(self, error: Exception, call_id: str) -> RouterError:
        if isinstance(error, RouterError):
            return error
        _log.exception("call %s failed by our own fault", call_id)
        return OurBug(f"this is our own fault, not yours; the service's log has the details under {call_id}")

    async def _refuse(self, send: asgi.Send, error: RouterError, call_id: str, facts: asgi.Headers | None = None) -> None:
        headers = asgi.error_headers(error, call_id) + (facts or [])
        await asgi.answer(send, self._shape.status(error), headers, self._shape.complain(error, call_id))
