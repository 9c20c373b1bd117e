"""What every page may use: the worker, the usage figures, the endpoints that the playground asks. Data and handles only."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from ..access.admin import AdminKey
from ..access.keys import CallerKeys
from ..config.home import Environment
from ..config.snapshot import Snapshot
from ..pipeline.house import House
from .answers import Receive, Scope, Send
from .figures import Figures

Endpoint = Callable[[Scope, Receive, Send], Any]


class Standpoint(Protocol):
    """What the pages read of the worker. `snapshot` and `house` raise NotReady while there is none."""

    admin: AdminKey
    keys: CallerKeys
    environment: Environment

    def snapshot(self) -> Snapshot:
        """The configuration in force."""
        ...

    def house(self) -> House:
        """What serves calls."""
        ...

    def health(self) -> dict[str, Any]:
        """What `/health` shows."""
        ...

    def not_ready(self) -> str | None:
        """Why no call can be taken now."""
        ...


class Kit(Struct, frozen=True, eq=False):
    """`asked_of` are the endpoints by path (`/query`, `/route`); `now` is wall time in seconds."""

    here: Standpoint
    figures: Figures
    asked_of: Mapping[str, Endpoint]
    version: str
    now: Callable[[], float] = time.time
