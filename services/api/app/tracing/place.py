"""One call's place in a trace: its ids, those of its tries, and what goes upstream. No span is made here, nothing is sent.

A call of an untraced service has none of this, and one of a traced service pays for ids alone.
"""

import hashlib
import random
import re

from msgspec import Struct

from ..domain.target import Target

# W3C Trace Context: ids of nothing but zeros and the version ff are invalid
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1


class Tried(Struct, frozen=True, gc=False):
    """A try, in the order of the record's attempts: whom it asked, and since when (monotonic seconds)."""

    target: Target
    began: float


class Trace:
    """`id` and `span` are hex as on the wire; `parent` is the caller's span, None when the trace begins here."""

    __slots__ = ("id", "parent", "sampled", "span", "tried")

    def __init__(self, id: str, span: str, parent: str | None, sampled: bool) -> None:  # noqa: A002 - the word of the standard
        self.id = id
        self.span = span
        self.parent = parent
        self.sampled = sampled
        self.tried: list[Tried] = []

    def upstream(self, began: float) -> str:
        """The `traceparent` of a try that began then."""
        return f"00-{self.id}-{self.span_of(began)}-{_SAMPLED if self.sampled else 0:02x}"

    def span_of(self, began: float) -> str:
        """The span of a try, which its beginning tells from the others of its call: so nobody has to carry it around."""
        return hashlib.blake2b(f"{self.span}{began!r}".encode(), digest_size=8).hexdigest()

    def note(self, target: Target, began: float) -> None:
        """A try has ended, or has spoken."""
        self.tried.append(Tried(target, began))


class Caller(Struct, frozen=True, gc=False):
    """What a caller's `traceparent` says."""

    trace: str
    span: str
    sampled: bool


def caller_of(traceparent: str | None) -> Caller | None:
    """The caller's place in its trace; None without one, or with one that is not valid."""
    found = _PARENT.fullmatch(traceparent) if traceparent else None
    if found is None:
        return None
    return Caller(found[1], found[2], bool(int(found[3], 16) & _SAMPLED))


def new_trace_id() -> str:
    """32 hex digits of chance, never all zero."""
    return f"{random.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """16 hex digits of chance, never all zero."""
    return f"{random.getrandbits(64) or 1:016x}"
