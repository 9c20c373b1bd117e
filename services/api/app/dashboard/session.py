"""Who is logged in and which form is ours: cookies and tokens as plain text. No request, no clock of its own may enter.

A session is `<version>.<end>.<nonce>.<signature>`, signed with a secret derived from the admin key: every worker accepts it, no worker
keeps it, and with another key it is worth nothing. A token for forms is derived from the cookie that comes along with it.
"""

import hashlib
import hmac
import re
import secrets as tokens
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ..access.admin import AdminKey

SESSION_SECONDS: Final = 12 * 3600
_SESSION: Final = re.compile(r"1\.([0-9]{1,12})\.[0-9a-f]{32}\.([0-9a-f]{64})", re.ASCII)
_VISIT: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
BURST: Final = 5
"""Wrong keys that one address may show in a row."""
REFILL_SECONDS: Final = 20.0
"""After which it has one try more."""
ADDRESSES: Final = 1024
ALL_BURST: Final = 60
"""The same for all addresses together: a peer may have many."""
ALL_REFILL_SECONDS: Final = 2.0


class Sessions:
    """Signs sessions and knows its own. `now` is wall time in seconds."""

    def __init__(self, admin: AdminKey, now: Callable[[], float]) -> None:
        self._secret = admin.derived("dashboard session") if admin else b""
        self._now = now

    def issued(self) -> str:
        """A new one."""
        body = f"1.{int(self._now()) + SESSION_SECONDS}.{tokens.token_hex(16)}"
        return f"{body}.{self._signature(body)}"

    def holds(self, cookie: str) -> bool:
        """Whether it is one of ours, of this key, and not over."""
        parts = _SESSION.fullmatch(cookie)
        if parts is None or not self._secret:
            return False
        sound = hmac.compare_digest(self._signature(cookie.rpartition(".")[0]), parts[2])
        return sound and int(parts[1]) > self._now()

    def _signature(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()


def new_visit() -> str:
    """What a browser is known by before a login, or where none is needed."""
    return tokens.token_hex(16)


def is_visit(cookie: str) -> bool:
    """Whether it looks like one."""
    return _VISIT.fullmatch(cookie) is not None


def token_of(cookie: str) -> str:
    """What a form has to hold that comes with this cookie. Whoever cannot read the cookie cannot know it."""
    return hmac.new(cookie.encode(), b"llm-router dashboard form", hashlib.sha256).hexdigest()


def is_token(shown: str, cookie: str) -> bool:
    """Whether a form's token belongs to the cookie that came with it; compared in constant time."""
    return hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), token_of(cookie).encode())


class Attempts:
    """How often one address, and all together, may still try a key in this worker. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._all = _Bucket(ALL_BURST, ALL_REFILL_SECONDS, clock())
        self._each: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until the next try; 0 = now, and it is counted."""
        now = self._clock()
        one = self._each.setdefault(address, _Bucket(BURST, REFILL_SECONDS, now))
        self._each.move_to_end(address)
        if len(self._each) > ADDRESSES:
            self._each.popitem(last=False)
        wait = max(one.wait(now), self._all.wait(now))
        if wait == 0:
            one.take()
            self._all.take()
        return wait

    def forgive(self, address: str) -> None:
        """It showed the right key."""
        self._each.pop(address, None)


class _Bucket:
    __slots__ = ("_at", "_left", "_most", "_seconds")

    def __init__(self, most: int, seconds: float, now: float) -> None:
        self._most = self._left = float(most)
        self._seconds = seconds
        self._at = now

    def wait(self, now: float) -> float:
        self._left = min(self._most, self._left + (now - self._at) / self._seconds)
        self._at = now
        return 0.0 if self._left >= 1 else (1 - self._left) * self._seconds

    def take(self) -> None:
        self._left -= 1
