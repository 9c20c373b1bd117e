"""Where a provider's address leads, as far as its text tells: this machine, the public internet, or somewhere to be vouched for.

No name is looked up: what a name stands for under https is the certificate's business, and under plain http nobody's.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit


def doubt(base_url: str) -> str | None:
    """Why this address needs `trusted: true`, None when it needs no word: https to a public host, or this machine."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return None
    if address is not None and not address.is_global:
        return "is a private address"
    return "is plain http to another machine" if parts.scheme != "https" else None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that `host` spells, also in the spellings (`0x7f.1`, `2852039166`) that only a resolver takes for one."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
