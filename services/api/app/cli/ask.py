"""`query`, `explain` and `models`: what is sent, and how the answer is shown."""

import sys
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from ..clients.common.sse import EventStream
from ..errors import BadAnswer
from .ending import WrongUse
from .exchange import Reply, Service, Unreachable
from .explained import print_explained
from .progress import waiting
from .tables import print_table
from .terminal import complain, is_watched, json_text, lines, one_line, say


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
        """Some bytes of the stream."""
        for event in self._events.feed(piece):
            data = msgspec.json.decode(event.data)
            if event.event != "delta":
                self.end = {**data, "event": event.event}
            elif data["text"]:
                self.start()
                self._last = data["text"]
                sys.stdout.write(lines(data["text"]))
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
    except Unreachable as error:
        return complain(error)
    except (msgspec.MsgspecError, BadAnswer, KeyError, TypeError):
        return complain("what answers there is not this router")
    if reply.status != 200:
        return complain(reply.error)
    shown.close()
    if shown.end.get("event") != "done":
        fault = shown.end.get("error") or {}
        return complain(f"the answer broke off: {fault.get('message', 'no end came')}")
    say(summary(shown.end))
    return 0


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
    reply = _answer(service, "/route", body)
    if isinstance(reply, int):
        return reply
    print_explained(msgspec.json.decode(reply.body)["decision"])
    return 0


def models(service: Service, as_json: bool) -> int:
    """List the names that `model` accepts."""
    if as_json:
        return _printed(service, "/v1/models", None)
    reply = _answer(service, "/v1/models", None)
    if isinstance(reply, int):
        return reply
    entries = msgspec.json.decode(reply.body)["data"]
    head = ("name", "answers as", "provider", "mock", "window", "note")
    print_table(head, [_model_row(entry) for entry in entries], ("name", "answers as", "provider", "mock", "note"))
    return 0


def _model_row(entry: dict[str, Any]) -> tuple[str, ...]:
    facts = entry["router"]
    if "provider" not in facts:
        return entry["id"], f"the router's choice, {facts['mode']}", "", "", "", ""
    window = "" if facts["context_window"] is None else str(facts["context_window"])
    mock = "mock" if facts["mock"] else "real"
    return entry["id"], facts["model_id"], facts["provider"], mock, window, facts["warning"] or ""


def _printed(service: Service, path: str, body: dict[str, Any] | None) -> int:
    reply = _answer(service, path, body)
    if isinstance(reply, int):
        return reply
    print(json_text(reply.body))
    return 0


def _answer(service: Service, path: str, body: dict[str, Any] | None) -> Reply | int:
    """A good reply, or the exit status after its fault was said."""
    try:
        with waiting("asking"):
            reply = service.ask(path, body)
    except Unreachable as error:
        return complain(error)
    return reply if reply.status == 200 else complain(reply.error)
