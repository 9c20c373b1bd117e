"""What is asked of the toxic upstream itself, under `/_toxic/`: its log, its table, a fault for a model that has another name."""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from .asked import CONTROL
from .doors import DOORS
from .log import Log
from .table import FAULTS, Chosen, UnknownFault, named

NDJSON: Final = "application/x-ndjson"
_JSON: Final = "application/json"
_encode = msgspec.json.Encoder().encode


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """From now on `model` ("*" = every one without a wish of its own) plays `fault`; "" ends that."""

    model: str
    fault: str


class Past(Struct):
    """How many requests named a model, and since when (monotonic seconds)."""

    turns: int
    since: float


class Board:
    """What lasts from request to request. `counted` says how many connections are open."""

    def __init__(self, log: Log, counted: Callable[[], int]) -> None:
        self.log = log
        self.played: dict[str, Chosen] = {}
        self.pasts: dict[str, Past] = {}
        self.accepted = 0
        self._counted = counted

    def play(self, model: str, fault: str) -> None:
        """See Wish. Raises UnknownFault."""
        if not fault:
            self.played.pop(model, None)
        else:
            self.played[model] = named(fault)

    def reset(self) -> None:
        """Forget what was asked, counted and wished."""
        self.log.clear()
        self.played.clear()
        self.pasts.clear()

    def reply(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        """The answer to a request under `/_toxic/`: status, content type, body."""
        match method, path.removeprefix(CONTROL):
            case "GET", "log":
                return 200, NDJSON, self.log.lines()
            case "GET", "faults":
                return 200, _JSON, _encode(listed())
            case "GET", "state":
                return 200, _JSON, _encode({"open": self._counted(), "accepted": self.accepted, "requests": self.log.asked})
            case "POST", "reset":
                self.reset()
                return 200, _JSON, b'{"ok":true}'
            case "POST", "play":
                return self._wished(body)
        told = "GET /_toxic/log, /_toxic/faults, /_toxic/state; POST /_toxic/reset, /_toxic/play"
        return 404, _JSON, _encode({"error": f"not here; there are {told}"})

    def _wished(self, body: bytes) -> tuple[int, str, bytes]:
        try:
            wish = msgspec.json.decode(body, type=Wish)
            self.play(wish.model, wish.fault)
        except (msgspec.MsgspecError, UnknownFault) as error:
            return 400, _JSON, _encode({"error": str(error)})
        return 200, _JSON, b'{"ok":true}'


class Row(Struct, frozen=True):
    """One row of the table that users see."""

    name: str
    takes: str
    says: str
    cases: tuple[str, ...]


def listed() -> list[Row]:
    """The faults, then the ports that fail before any request."""
    rows = [Row(fault.name, fault.takes, fault.says, fault.cases) for fault in FAULTS]
    return rows + [Row(f"port {door.name}", "", door.says, door.cases) for door in DOORS]
