"""How the edge says no: the face's own envelope, whole, before any room was asked. What is refused may not enter."""

from collections.abc import Mapping
from typing import Any

from ..clients.anthropic_client.face import complain as anthropic_complaint
from ..clients.openai_client.face import error_body
from ..domain.ids import new_id
from ..errors import RouterError
from ..metrics.refusals import count_refusal

_ANTHROPIC = "/v1/messages"
# after these the two sides may no longer agree where the next request begins
_CLOSES = frozenset({400, 408, 431})


def refusal(error: RouterError, anthropic: bool) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Head fields (the length last) and body."""
    call_id = new_id()
    body = (anthropic_complaint if anthropic else error_body)(error, call_id)
    fields = [(b"content-type", b"application/json"), (b"x-request-id", call_id.encode())]
    if anthropic:
        fields.append((b"request-id", call_id.encode()))
    if error.status == 401:
        fields.append((b"www-authenticate", b"Bearer"))
    if error.status in _CLOSES:
        fields.append((b"connection", b"close"))
    fields.append((b"content-length", str(len(body)).encode()))
    return fields, body


async def answer_refusal(send: Any, error: RouterError, path: str, fields: Mapping[bytes, bytes]) -> None:
    """The refusal over ASGI."""
    count_refusal(path, error.code)
    headers, body = refusal(error, path.startswith(_ANTHROPIC) or b"anthropic-version" in fields)
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
