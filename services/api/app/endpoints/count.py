"""`POST /v1/messages/count_tokens`: Anthropic's shape over HTTP. It is planned like a conversation, but nobody answers it."""

import asyncio

from ..errors import NotReady
from ..metrics.refusals import count_refusal
from ..pipeline.count import counted
from ..pipeline.serve import Serving
from . import asgi
from .border import STOPPING
from .calls import CallEndpoint
from .headers import error_facts, reply_headers


class CountEndpoint(CallEndpoint):
    """A raw ASGI endpoint. Its shape parses a body without `max_tokens`."""

    async def _serve(self, serving: Serving, receive: asgi.Receive, send: asgi.Send) -> None:
        walk = serving.walk
        attendance = asgi.Attendance(receive)
        try:
            attendance.start()
            body = await counted(serving.house, walk)
        except asyncio.CancelledError:
            if not attendance.stop():
                await self._refuse(send, NotReady(STOPPING), walk.asking.id)
            return
        except Exception as error:  # noqa: BLE001 - the border: what is not ours to show becomes one clean 500
            shown = self._shown(error, walk.asking.id)
            count_refusal("/v1/messages/count_tokens", shown.code)
            await self._refuse(send, shown, walk.asking.id, error_facts(walk))
            return
        finally:
            attendance.stop()
        await asgi.answer(send, 200, reply_headers(walk, None), body)
