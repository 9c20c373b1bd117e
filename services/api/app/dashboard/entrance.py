"""Who may come into the dashboard, and which writes are meant. Decides by peer, head and cookies; shows no page.

Without an admin key it is open to this machine alone: to a peer on loopback, whose request no proxy passed on, and only while there are
no caller keys either, since whoever hands those out has callers from elsewhere, and a proxy on this machine makes all of them look
local. With an admin key everybody has to log in, whatever the address.
"""

import time
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

from msgspec import Struct

from ..access.admin import NAME, AdminKey
from ..access.keys import is_loopback
from .session import Attempts, Sessions, is_token, is_visit, new_visit, token_of

SESSION_COOKIE: Final = "llm_router_session"
VISIT_COOKIE: Final = "llm_router_visit"
PASSED_ON: Final = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
"""Fields by which a proxy says that it stands in between."""
_OUR_PAGES: Final = (b"same-origin", b"none")


class Closed(Exception):
    """Nobody may come in this way; the message says what to do."""


class Visitor(Struct, frozen=True):
    """Who asks. `inside` = may see pages. `cookie` is what `token` belongs to; `fresh` = it has to be set."""

    address: str
    inside: bool
    keyed: bool
    cookie: str
    fresh: bool
    secure: bool

    @property
    def token(self) -> str:
        """For forms of this visitor."""
        return token_of(self.cookie)


class Entrance:
    """One worker's. `keyed` = there are caller keys."""

    def __init__(
        self,
        admin: AdminKey,
        keyed: bool,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._admin = admin
        self._keyed = keyed
        self.sessions = Sessions(admin, now)
        self.attempts = Attempts(clock)

    def visitor(self, scope: Mapping[str, Any], fields: Mapping[bytes, bytes]) -> Visitor:
        """Raises Closed when not even the login form may be seen."""
        client = scope.get("client")
        address = client[0] if client else ""
        if not self._admin:
            self._refuse_strangers(client[0] if client else None, fields)
        cookies = _cookies(fields.get(b"cookie", b""))
        session, visit = cookies.get(SESSION_COOKIE, ""), cookies.get(VISIT_COOKIE, "")
        logged_in = self.sessions.holds(session)
        fresh = not logged_in and not is_visit(visit)
        return Visitor(
            address=address,
            inside=logged_in or not self._admin,
            keyed=bool(self._admin),
            cookie=session if logged_in else new_visit() if fresh else visit,
            fresh=fresh,
            secure=scope.get("scheme") == "https" or fields.get(b"x-forwarded-proto", b"") == b"https",
        )

    def _refuse_strangers(self, peer: str | None, fields: Mapping[bytes, bytes]) -> None:
        if self._keyed:
            raise Closed(
                f"With caller keys (LLM_ROUTER_API_KEYS) the dashboard needs a key of its own: set {NAME} to at least "
                "32 characters, restart the service, and log in with it here."
            )
        if not is_loopback(peer) or any(name in fields for name in PASSED_ON):
            raise Closed(
                f"Without {NAME} the dashboard is for this machine alone: open it on the machine that the service runs on, "
                "or set the key to at least 32 characters, restart the service, and log in with it here."
            )

    def log_in(self, visitor: Visitor, key: str) -> float | None:
        """None = that is the key. Else the seconds after which another try makes sense (0 = at once)."""
        wait = self.attempts.wait(visitor.address)
        if wait:
            return wait
        if not self._admin.opens(key.encode("utf-8", "surrogatepass")):
            return 0.0
        self.attempts.forgive(visitor.address)
        return None


def is_meant(visitor: Visitor, token: str, fields: Mapping[bytes, bytes]) -> bool:
    """Whether a write comes from a page of ours: it knows the token, and the browser names no other site as its origin."""
    site = fields.get(b"sec-fetch-site")
    return not visitor.fresh and is_token(token, visitor.cookie) and (site is None or site in _OUR_PAGES)


def cookie(name: str, value: str, path: str, secure: bool, seconds: int | None) -> bytes:
    """A `set-cookie` field that no script can read and no other site's request carries. `seconds` None = until the browser closes."""
    age = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{name}={value}; Path={path}; HttpOnly; SameSite=Strict{age}{'; Secure' if secure else ''}".encode()


def _cookies(field: bytes) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(field.decode("latin-1")).items()}
    except CookieError:
        return {}
