"""Ports where a connection fails before any request: refused, reset, silent, or with a full backlog. No HTTP may enter."""

import asyncio
import socket
from contextlib import suppress
from typing import Final

from msgspec import Struct

from .line import LINGER_NOT


class Door(Struct, frozen=True):
    """One such port: its name, what happens there, the cases of the fault catalogue it plays."""

    name: str
    says: str
    cases: tuple[str, ...]


DOORS: Final = (
    Door("refused", "nobody listens: the connection is refused", ("C1",)),
    Door("reset", "the connection is accepted and reset at once", ("C1",)),
    Door("silent", "the connection is accepted, nothing is ever said: also a TLS handshake that stalls", ("A23", "C4")),
    Door("full", "the backlog is full: attempts to connect are dropped (Linux)", ("C2",)),
)


class _Resetting(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        transport.close()


class _Silent(asyncio.Protocol):
    """Hears everything, says nothing; goes when the caller goes."""


class Doors:
    """The open ports by their names."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []

    async def open(self, host: str) -> None:
        """Open all of them on free ports of this address."""
        loop = asyncio.get_running_loop()
        self.ports["refused"] = self._bound(host).getsockname()[1]
        for name, protocol in (("reset", _Resetting), ("silent", _Silent)):
            server = await loop.create_server(protocol, host, 0)
            self._servers.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]
        self.ports["full"] = self._full(host)

    def _bound(self, host: str) -> socket.socket:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM)
        self._sockets.append(made)
        made.bind((host, 0))
        return made

    def _full(self, host: str) -> int:
        listening = self._bound(host)
        listening.listen(0)
        port: int = listening.getsockname()[1]
        for _ in range(2):  # the kernel lets one in beyond a backlog of none
            filling = socket.socket(listening.family, socket.SOCK_STREAM)
            self._sockets.append(filling)
            filling.setblocking(False)
            with suppress(BlockingIOError):
                filling.connect((host, port))
        return port

    def close(self) -> None:
        """Close them."""
        for server in self._servers:
            server.close()
        for one in self._sockets:
            one.close()
