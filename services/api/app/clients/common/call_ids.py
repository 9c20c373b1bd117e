"""Ids of tool calls: each dialect accepts other ones, and a conversation may have been made by several. Values only."""

import hashlib
import re
from collections.abc import Callable
from typing import Final

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class CallIds:
    """The ids of one conversation, mapped one to one into what a dialect accepts.

    An id that is accepted and not yet taken stays as it is. The same conversation always gets the same ids, so that a
    provider's prompt cache holds. Calls are told in order: `called` for each call, `answered` for each result; a host that
    gives the same id in every turn gets a different one for each of its calls.
    """

    def __init__(self, accepted: re.Pattern[str], spell: Callable[[bytes], str]) -> None:
        self._accepted = accepted
        self._spell = spell
        self._origin: dict[str, str] = {}  # mapped -> original
        self._open: dict[str, list[str]] = {}  # original -> mapped ids without a result
        self._last: dict[str, str] = {}

    def called(self, call_id: str) -> str:
        """The id under which this call goes on."""
        mapped = call_id
        turn = 0
        while mapped in self._origin or not self._accepted.fullmatch(mapped):
            mapped = self._spell(hashlib.sha256(f"{turn}/{call_id}".encode("utf-8", "surrogatepass")).digest())
            turn += 1
        self._origin[mapped] = call_id
        self._open.setdefault(call_id, []).append(mapped)
        self._last[call_id] = mapped
        return mapped

    def answered(self, call_id: str) -> str:
        """The id of the call that this result answers; a result without a call gets one of its own."""
        waiting = self._open.get(call_id)
        if waiting:
            return waiting.pop(0)
        if call_id in self._last:
            return self._last[call_id]
        mapped = self.called(call_id)
        self._open[call_id].clear()
        return mapped

    def original(self, mapped: str) -> str:
        """The conversation's own id behind a mapped one; an id that was never mapped is its own."""
        return self._origin.get(mapped, mapped)


def spelled_hex(prefix: str) -> Callable[[bytes], str]:
    """Ids such as `call_0123...`: `prefix` and 24 hex digits."""
    return lambda digest: prefix + digest.hex()[:24]


def spelled_short(digest: bytes) -> str:
    """Ids of nine letters and digits, the only ones Mistral takes."""
    return "".join([_LETTERS[byte % len(_LETTERS)] for byte in digest[:9]])


def minted(*told: str) -> str:
    """An id for a call that came without one: `call_` and 24 hex digits, the same for the same answer."""
    return "call_" + hashlib.sha256("/".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:24]
