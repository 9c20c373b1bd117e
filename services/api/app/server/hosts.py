"""Which names this service answers to. A page in a browser can make its own name lead to this machine (DNS rebinding): the
names that it can do that with are refused where no caller key is asked for. Pure; the peer's address may not enter.
"""

from functools import lru_cache
from ipaddress import ip_address

from ..errors import HostRefused

ANY = "*"


class Hosts:
    """The names of `server.allowed_hosts`: `name`, `*.name` for all below it, `*` for any.

    An empty list with caller keys means any name. Without keys it means what no foreign name server can lead here: an address,
    `localhost` and what is below it, a name without a dot.
    """

    __slots__ = ("_any", "_below", "_names", "_own")

    def __init__(self, allowed: tuple[str, ...], keyed: bool) -> None:
        self._names = frozenset(name.lower().strip("[]").removesuffix(".") for name in allowed if not name.startswith(ANY))
        self._below = tuple(name.lower()[1:] for name in allowed if name.startswith("*."))
        self._any = ANY in allowed or (keyed and not allowed)
        self._own = not allowed

    def refuse(self, name: str, probe: bool) -> None:
        """Raises HostRefused for a name that is not ours. A `probe` (health, readiness) may also come by address."""
        if self._any or name in self._names or (self._below and name.endswith(self._below)):
            return
        if (self._own or probe) and _is_local_matter(name):
            return
        raise HostRefused(
            "this service does not answer to that Host: add the name to server.allowed_hosts, or set LLM_ROUTER_API_KEYS",
            param="host",
        )


@lru_cache(maxsize=256)
def _is_local_matter(name: str) -> bool:
    """Whether no name server of a stranger can have given this name its address."""
    if "." not in name or name.endswith(".localhost"):
        return True  # also every IPv6 address
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
