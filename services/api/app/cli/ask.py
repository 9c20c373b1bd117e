"""`query`, `explain` and `models`: what is sent, and how the answer is shown."""

import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from ..clients.common.sse import EventStream
from ..errors import BadAnswer
from .ending import WrongUse
from .exchange import NotOurs, Reply, Service, Unreachable, told
from .explained import Explained
from .progress import waiting
from .tables import Look, print_table
from .terminal import complain, is_watched, json_text, lines, one_line, say

MODELS: Final = ("name", "answers as", "provider", "mock", "window", "note")


class Asking(Struct, frozen=True):
    """What the command line asks, and whom."""

    prompt: str
    mode: str | None
    model: str
    system: str | None
    url: str
    key: str

    @property
    def service(self) -> Service:
        """Whom. Raises WrongUse."""
        return Service(self.url, self.key)

    def body(self) -> dict[str, Any]:
        """The body for `/query` and `/route`. Raises WrongUse for a prompt that is no text."""
        wishes = {"mode": self.mode, "system": self.system}
        given = {name: _text(value, f"--{name}") for name, value in wishes.items() if value is not None}
        return {"prompt": read_prompt(self.prompt), "model": _text(self.model, "--model"), **given}


def read_prompt(prompt: str) -> str:
    """The prompt as given, or for `-` what standard input holds. Raises WrongUse when it is no text."""
    if prompt != "-":
        return _text(prompt, "the prompt")
    if is_watched(sys.stdin):
        say("the prompt ends with Ctrl-D on a line of its own")
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WrongUse("standard input is not text in UTF-8") from None


def _text(given: str, what: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise WrongUse(f"{what} is not text in UTF-8") from None
    return given


def _at_once() -> None:
    """Nothing is in the way of the first word."""


class _Shown:
    """A streamed answer as it reaches the terminal. `start` is called before its first word."""

    def __init__(self) -> None:
        self.end: dict[str, Any] = {}
        self.start: Callable[[], None] = _at_once
        self._events = EventStream()
        self._last = ""

    def take(self, piece: bytes) -> None:
        """Some bytes of the stream. Raises NotOurs."""
        try:
            for event in self._events.feed(piece):
                self._take(event.event, msgspec.json.decode(event.data, type=dict[str, Any]))
        except (msgspec.MsgspecError, UnicodeDecodeError, BadAnswer, LookupError):
            raise NotOurs from None

    def _take(self, event: str, data: dict[str, Any]) -> None:
        if event != "delta":
            self.end = {**data, "event": event}
        elif data["text"]:
            self.start()
            self._last = str(data["text"])
            sys.stdout.write(lines(self._last))
            sys.stdout.flush()

    def close(self) -> None:
        """What comes next begins on a line of its own."""
        if not self._last.endswith("\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()


def query(asking: Asking, as_json: bool) -> int:
    """Stream the answer to the terminal, or print the whole reply as JSON."""
    service, body = asking.service, asking.body()
    if as_json:
        return _printed(service, "/query", body)
    shown = _Shown()
    try:
        with waiting("waiting for the answer") as shown.start:
            reply = service.ask("/query", {**body, "stream": True}, shown.take)
    except (Unreachable, NotOurs) as error:
        return complain(error)
    if reply.status != 200:
        return complain(reply.error)
    shown.close()
    return _ended(shown.end)


def _ended(end: dict[str, Any]) -> int:
    """Say how a stream ended."""
    try:
        if end.get("event") == "done":
            say(summary(end))
            return 0
        fault = end["error"]["message"] if end else "no end came"
    except (LookupError, TypeError, ValueError):
        return complain(NotOurs())
    return complain(f"the answer broke off: {fault}")


def summary(reply: dict[str, Any]) -> str:
    """Who answered, what it cost, how long it took and why that model, on one line."""
    tokens = f"{reply['usage']['input_tokens']} + {reply['usage']['output_tokens']} tokens"
    how = "from the cache" if reply["cached"] else f"{reply['latency_ms']:.0f} ms"
    mock = " (mock)" if reply.get("mock") else ""
    name = one_line(reply["selected_model"]["name"], 80)
    return f"{name}{mock} | {dollars(reply['cost_usd'])} | {tokens} | {how} | {reply['decision']['reason']}"


def dollars(cost: float | None) -> str:
    """US dollars, to the millionth."""
    return "unknown cost" if cost is None else f"${cost:.6f}"


def explain(asking: Asking, as_json: bool) -> int:
    """Show the decision as a table, or as JSON."""
    service, body = asking.service, asking.body()
    if as_json:
        return _printed(service, "/route", body)
    try:
        told(_answer(service, "/route", body), lambda reply: Explained.of(reply["decision"])).show()
    except (Unreachable, NotOurs, _Refused) as error:
        return complain(error)
    return 0


def models(service: Service, as_json: bool) -> int:
    """List the names that `model` accepts."""
    if as_json:
        return _printed(service, "/v1/models", None)
    try:
        rows = told(_answer(service, "/v1/models", None), lambda page: [_model_row(entry) for entry in page["data"]])
    except (Unreachable, NotOurs, _Refused) as error:
        return complain(error)
    text = ("name", "answers as", "provider", "mock", "note")
    print_table(MODELS, rows, Look(left=text, folds=("answers as", "note"), spare=("window", "mock", "provider")))
    return 0


def _model_row(entry: dict[str, Any]) -> tuple[str, ...]:
    facts = entry["router"]
    if "provider" not in facts:
        return entry["id"], f"the router's choice, {facts['mode']}", "", "", "", ""
    window = "" if facts["context_window"] is None else str(facts["context_window"])
    mock = "mock" if facts["mock"] else "real"
    return entry["id"], facts["model_id"], facts["provider"], mock, window, facts["warning"] or ""


def _printed(service: Service, path: str, body: dict[str, Any] | None) -> int:
    try:
        reply = _answer(service, path, body)
        told(reply, lambda _: None)
    except (Unreachable, NotOurs, _Refused) as error:
        return complain(error)
    print(json_text(reply.body))
    return 0


class _Refused(Exception):
    """The service answered with an error; the message is its own."""


def _answer(service: Service, path: str, body: dict[str, Any] | None) -> Reply:
    """A good reply. Raises Unreachable and _Refused."""
    with waiting("asking"):
        reply = service.ask(path, body)
    if reply.status != 200:
        raise _Refused(reply.error)
    return reply
