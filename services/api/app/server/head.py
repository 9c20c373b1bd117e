"""What the head of a request may be: how long, how many fields, which framing, which Host. Pure; where heads come from may not enter."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from ..errors import CallerError, HeadTooLarge

MAX_FIELDS = 100
MAX_BYTES = 65_536
# a name or an IPv4 address, or an IPv6 address in brackets, then perhaps a port; RFC 3986 allows more, nothing real uses it
_HOST = re.compile(rb"(?:([A-Za-z0-9._~-]{1,255})|(\[[0-9A-Fa-f:.]{2,45}\]))(?::[0-9]{1,5})?")


def too_large() -> HeadTooLarge:
    """The complaint about a long head."""
    return HeadTooLarge(f"the request's head is over {MAX_FIELDS} fields or {MAX_BYTES} bytes")


def size(target: bytes, fields: Iterable[tuple[bytes, bytes]]) -> int:
    """Bytes of a head as sent: its target and its fields, each with what separates them."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in fields)


def sole_host(fields: Iterable[tuple[bytes, bytes]], http_version: str) -> bytes | None:
    """The Host of a request, None where HTTP/1.0 has none. Raises CallerError when it is missing or given twice."""
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) == 1:
        return hosts[0]
    if not hosts and http_version == "1.0":
        return None
    raise CallerError("send exactly one Host header", param="host")


@lru_cache(maxsize=1024)
def host_name(host: bytes) -> str | None:
    """The name or address in a Host value, lower-case, without port, brackets and final dot; None for what is no host."""
    found = _HOST.fullmatch(host)
    if found is None:
        return None
    name = (found[1] or found[2]).decode().lower().strip("[]")
    return name.removesuffix(".") or None


def refuse_framing(fields: Mapping[bytes, bytes]) -> None:
    """Raises CallerError for a body whose end two readers could see in two places."""
    coding = fields.get(b"transfer-encoding")
    if coding is not None and (coding.strip().lower() != b"chunked" or b"content-length" in fields):
        raise CallerError("frame the body by content-length or by chunked transfer-encoding alone", param="transfer-encoding")
