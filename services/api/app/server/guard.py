"""Who may come in: caller keys, and loopback alone while there are none. Reads the ASGI scope, never a URL built from `Host`."""

from typing import Any

from ..access.keys import CallerKeys
from ..clients.anthropic_client.face import complain as anthropic_complaint
from ..clients.openai_client.face import error_body
from ..errors import RouterError
from .door import Scope

_ANTHROPIC = "/v1/messages"
OPEN_PATHS = frozenset({"/health", "/ready"})


class KeyGuard:
    """Lets a request pass with its caller's scope in `llm_router.scope`, or answers 401 or 403 itself."""

    def __init__(self, keys: CallerKeys, new_id: Any) -> None:
        self._keys = keys
        self._new_id = new_id

    async def __call__(self, scope: Scope, path: str, send: Any) -> bool:
        """True when the request was refused and answered."""
        if path in OPEN_PATHS:
            return False
        client = scope.get("client")
        authorization: list[bytes] = []
        api_key: list[bytes] = []
        if self._keys:
            authorization = [value for name, value in scope["headers"] if name == b"authorization"]
            api_key = [value for name, value in scope["headers"] if name == b"x-api-key"]
        try:
            scope["llm_router.scope"] = self._keys.scope(authorization, api_key, client[0] if client else None)
        except RouterError as error:
            await self._refuse(send, error, path)
            return True
        return False

    async def _refuse(self, send: Any, error: RouterError, path: str) -> None:
        call_id = self._new_id()
        complain = anthropic_complaint if path.startswith(_ANTHROPIC) else error_body
        body = complain(error, call_id)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", call_id.encode()),
        ]
        if path.startswith(_ANTHROPIC):
            headers.append((b"request-id", call_id.encode()))
        if error.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
