"""The sockets that the service listens on, opened once, before any worker starts. Accepts nothing.

Opened by whoever starts the workers: so that no two services think that they have the port, a caller who comes while a worker
starts waits for it instead of being refused, and what waits survives the death of any one worker.
"""

import contextlib
import errno
import socket

BACKLOG = 2048


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address that `host` stands for; on port 0, on one that is free. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError:
        raise OSError(errno.EINVAL, "no name of a host") from None
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    for family, kind, protocol, _, place in dict.fromkeys(found):
        if port == 0 and listeners:
            place = (place[0], listeners[0].getsockname()[1], *place[2:])  # noqa: PLW2901 - all addresses share one port
        try:
            listeners.append(_listener(family, kind, protocol, place))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:  # a name may stand for an address that this machine has not
                for listener in listeners:
                    listener.close()
                raise
            missing = error
    if not listeners:
        raise missing or OSError(errno.EADDRNOTAVAIL, "no such address")
    return listeners


def _listener(family: int, kind: int, protocol: int, place: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with contextlib.suppress(AttributeError):
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
