"""The border between HTTP and one kind of call: read, admit, account for what went wrong, answer it. No face's shape may enter.

What a body asks for and how it is answered belongs to the endpoints; that nobody waits for a caller who left, that every
admitted call leaves one record and that nothing of ours is shown by accident is the same for all, and is here.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from ..errors import NotReady, OurBug, RouterError
from ..logging_utils.wording import CALL
from ..metrics.refusals import count_refusal
from ..pipeline.house import House
from ..pipeline.serve import Serving
from ..pipeline.walk import Asking
from . import asgi
from .headers import error_facts
from .shape import Envelope

_log = logging.getLogger("llm_router")
CLIENT_LEFT = 499  # nginx's word for a caller who hung up; nobody sees it but the journal
STOPPING = "the service is stopping: send the request again"
LARGE = 256 * 1024
"""Bytes of a body from which it is read beside the event loop: ten thousand turns or an image of 20 MB take some 50 ms."""
S = TypeVar("S", bound=Serving)
P = TypeVar("P")


class Border(ABC, Generic[S, P]):
    """A raw ASGI endpoint. `house_of` gives the worker's house, or raises NotReady."""

    def __init__(self, envelope: Envelope, house_of: Callable[[], House]) -> None:
        self._envelope = envelope
        self._house_of = house_of

    @abstractmethod
    def _parsed(self, body: bytes, headers: Mapping[bytes, bytes]) -> P:
        """What the body asks for; pure, since a large one is read in a thread. Raises CallerError."""

    @abstractmethod
    def _opened(self, house: House, asking: Asking, parsed: P, headers: Mapping[bytes, bytes]) -> S:
        """The planned call. Raises CallerError when nothing may answer it: such a call is refused and leaves no record."""

    @abstractmethod
    async def _answered(self, serving: S, attendance: asgi.Attendance, send: asgi.Send) -> None:
        """Serve an admitted call: the answer, its record, then the reply."""

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Serve one request."""
        call_id = asgi.new_id()
        CALL.set(call_id)
        try:
            house = self._house_of()
            started = house.clock()
            serving = await self._read(scope, receive, house, call_id, started)
        except asgi.CallerLeft:
            return
        except asyncio.CancelledError:  # the server stops and waits no longer for the body
            await self._turn_away(send, NotReady(STOPPING), call_id)
            return
        except asgi.StillComing as early:
            error = early.error
            count_refusal(self._envelope.face, error.code)
            headers = asgi.error_headers(error, call_id, self._envelope.face)
            body = self._envelope.complain(error, call_id)
            await asgi.answer_early(send, receive, self._envelope.status(error), headers, body)
            return
        except Exception as error:  # noqa: BLE001 - the border: what is not ours to show becomes one clean 500
            await self._turn_away(send, self._shown(error, call_id), call_id)
            return
        await self._serve(serving, receive, send)

    async def _read(self, scope: asgi.Scope, receive: asgi.Receive, house: House, call_id: str, started: float) -> S:
        asgi.refuse_method(scope, "POST")
        headers = asgi.headers_of(scope)
        asgi.refuse_media_type(headers)
        limits = house.compiled.snapshot.limits
        body = await asgi.read_body(receive, headers, limits.max_body_bytes)
        house.admission.refuse(limits)
        asking = Asking(
            id=call_id,
            face=self._envelope.face,
            started=started,
            scope=scope.get("llm_router.scope", "open"),
            client_request_id=asgi.client_request_id(headers),
            traceparent=asgi.traceparent(headers),
            timeout=asgi.request_timeout(headers),
        )
        parsed = await asyncio.to_thread(self._parsed, body, headers) if len(body) > LARGE else self._parsed(body, headers)
        return self._opened(house, asking, parsed, headers)

    async def _serve(self, serving: S, receive: asgi.Receive, send: asgi.Send) -> None:
        attendance = asgi.Attendance(receive)
        try:
            attendance.start()
            await serving.admit()
            await self._answered(serving, attendance, send)
        except asyncio.CancelledError:
            left = attendance.stop()
            if serving.accounted:  # the answer is on its way and cannot be taken back
                raise
            if left:
                await self._abandoned(serving)
            else:
                await self._failed(serving, NotReady(STOPPING), send)
        except Exception as error:
            attendance.stop()
            if serving.accounted and serving.walk.request.stream:
                raise  # its last words are lost; the server logs why and closes the connection
            await self._failed(serving, self._shown(error, serving.walk.asking.id), send)
        finally:
            attendance.stop()
            await serving.close()

    async def _abandoned(self, serving: S) -> None:
        if serving.admitted:
            await serving.abandoned(CLIENT_LEFT)

    async def _failed(self, serving: S, error: RouterError, send: asgi.Send) -> None:
        """Account for a call of which the caller has nothing yet, and say why."""
        if serving.admitted and not serving.accounted:  # a call refused at the door leaves no record
            await serving.settled("failed", self._envelope.status(error), error.code)
        elif not serving.admitted:
            count_refusal(self._envelope.face, error.code)
        await self._refuse(send, error, serving.walk.asking.id, error_facts(serving.walk))

    def _shown(self, error: BaseException, call_id: str) -> RouterError:
        if isinstance(error, RouterError):
            return error
        if isinstance(error, asyncio.CancelledError):
            return NotReady(STOPPING)
        _log.exception("call %s failed by our own fault", call_id)
        return OurBug(f"this is our own fault, not yours; the service's log has the details under {call_id}")

    async def _turn_away(self, send: asgi.Send, error: RouterError, call_id: str) -> None:
        """Refuse what has not become a call."""
        count_refusal(self._envelope.face, error.code)
        await self._refuse(send, error, call_id)

    async def _refuse(self, send: asgi.Send, error: RouterError, call_id: str, facts: asgi.Headers | None = None) -> None:
        headers = asgi.error_headers(error, call_id, self._envelope.face) + (facts or [])
        await asgi.answer(send, self._envelope.status(error), headers, self._envelope.complain(error, call_id))
