"""`query`, `explain` and `models`: what is sent, and how the answer is shown."""

import sys
from typing import Any

import msgspec
from msgspec import Struct

from ..clients.common.sse import EventStream
from .exchange import Unreachable, complain, exchange
from .explained import print_columns, print_explained


class Asking(Struct, frozen=True):
    """What the command line asks, and whom."""

    prompt: str
    mode: str | None
    model: str
    system: str | None
    url: str
    key: str

    def body(self) -> dict[str, Any]:
        """The body for `/query` and `/route`."""
        prompt = sys.stdin.read() if self.prompt == "-" else self.prompt
        wishes = {"mode": self.mode, "system": self.system}
        return {"prompt": prompt, "model": self.model, **{name: value for name, value in wishes.items() if value is not None}}


def query(asking: Asking, as_json: bool) -> int:
    """Stream the answer to the terminal, or print the whole reply as JSON."""
    if as_json:
        return _printed(asking, "/query")
    events = EventStream()
    done: dict[str, Any] = {}

    def on_bytes(piece: bytes) -> None:
        for event in events.feed(piece):
            data = msgspec.json.decode(event.data)
            if event.event == "delta":
                sys.stdout.write(data["text"])
                sys.stdout.flush()
            else:
                done.update(data, event=event.event)

    try:
        status, answer = exchange(asking.url, asking.key, "/query", {**asking.body(), "stream": True}, on_bytes)
    except Unreachable as error:
        return complain(str(error))
    if status != 200:
        return complain(_error(answer))
    sys.stdout.write("\n")
    if done.get("event") != "done":
        return complain(f"the answer broke off: {done.get('error', {}).get('message', 'no end came')}")
    model = done["selected_model"]
    cost = "unknown cost" if done["cost_usd"] is None else f"${done['cost_usd']:.6f}"
    tokens = f"{done['usage']['input_tokens']} + {done['usage']['output_tokens']} tokens"
    how = "from the cache" if done["cached"] else f"{done['latency_ms']:.0f} ms"
    print(f"{model['name']} | {cost} | {tokens} | {how} | {done['decision']['reason']}", file=sys.stderr)
    return 0


def explain(asking: Asking, as_json: bool) -> int:
    """Show the decision as a table, or as JSON."""
    if as_json:
        return _printed(asking, "/route")
    try:
        status, answer = exchange(asking.url, asking.key, "/route", asking.body())
    except Unreachable as error:
        return complain(str(error))
    if status != 200:
        return complain(_error(answer))
    print_explained(msgspec.json.decode(answer)["decision"])
    return 0


def models(url: str, key: str, as_json: bool) -> int:
    """List the names that `model` accepts."""
    try:
        status, answer = exchange(url, key, "/v1/models", None)
    except Unreachable as error:
        return complain(str(error))
    if status != 200:
        return complain(_error(answer))
    if as_json:
        print(answer.decode())
        return 0
    rows = [("name", "answers as", "provider", "mock", "window", "note")]
    for entry in msgspec.json.decode(answer)["data"]:
        facts = entry["router"]
        if "provider" in facts:
            mock = "mock" if facts["mock"] else "real"
            rows.append(
                (entry["id"], facts["model_id"], facts["provider"], mock, str(facts["context_window"]), facts["warning"] or "")
            )
        else:
            rows.append((entry["id"], f"the router's choice, {facts['mode']}", "", "", "", ""))
    print_columns(rows)
    return 0


def _printed(asking: Asking, path: str) -> int:
    try:
        status, answer = exchange(asking.url, asking.key, path, asking.body())
    except Unreachable as error:
        return complain(str(error))
    if status != 200:
        return complain(_error(answer))
    print(answer.decode())
    return 0


def _error(answer: bytes) -> str:
    try:
        error = msgspec.json.decode(answer)["error"]
        return f"{error['code']}: {error['message']}"
    except (msgspec.MsgspecError, KeyError, TypeError):
        return "the service answered with an error that is not one of this router's"
