"""`llm-router demo`: calls of its own, varied enough that an empty dashboard shows what it can. Pays nobody without `--yes`."""

import random
import time
from typing import Any, Final

from msgspec import Struct

from .demo_prompts import KINDS, MODES, SINGLE, SUBJECTS, SYSTEMS, USERS
from .ending import WrongUse
from .exchange import Ask, NotOurs, Reply, Service, Unreachable, told
from .progress import bar
from .tables import print_line
from .terminal import complain, print_json, say

AT_ONCE: Final = 12
REPEATED: Final = 0.15
"""Share of calls that ask what was asked before, so that the cache has hits."""
NAMED: Final = 0.1
"""Share that names its model."""
STREAMED: Final = 0.25
FACES: Final = (("/query", 70), ("/v1/chat/completions", 15), ("/v1/messages", 10), ("/v1/responses", 5))
LONGEST_ANSWER: Final = 300
"""Tokens; bounds what a real provider may be paid for."""


class Planned(Struct, frozen=True):
    """One call as it will be made."""

    path: str
    prompt: str
    system: str | None
    mode: str
    model: str
    user: str
    stream: bool

    def ask(self) -> Ask:
        """It in the words of its face."""
        shared: dict[str, Any] = {"model": self.model if self.model != "auto" else f"auto-{self.mode}", "stream": self.stream}
        if self.path == "/query":
            return Ask(self.path, {**self.wishes(), "stream": self.stream, "user": self.user, "metadata": {"source": "demo"}})
        if self.path == "/v1/responses":
            more = {"input": self.prompt, "max_output_tokens": LONGEST_ANSWER, **_unless_none("instructions", self.system)}
            return Ask(self.path, {**shared, **more})
        messages = [{"role": "user", "content": self.prompt}]
        if self.path == "/v1/messages":
            more = {"messages": messages, "max_tokens": LONGEST_ANSWER, "metadata": {"user_id": self.user}}
            return Ask(self.path, {**shared, **more, **_unless_none("system", self.system)})
        if self.system is not None:
            messages.insert(0, {"role": "system", "content": self.system})
        return Ask(self.path, {**shared, "messages": messages, "max_tokens": LONGEST_ANSWER, "user": self.user})

    def wishes(self) -> dict[str, Any]:
        """What a decision needs to know, as `/query` and `/route` take it."""
        wishes = {"prompt": self.prompt, "model": self.model, "max_tokens": LONGEST_ANSWER, **_unless_none("system", self.system)}
        return {**wishes, **({"mode": self.mode} if self.model == "auto" else {})}


def _unless_none(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


def planned(count: int, models: list[str]) -> list[Planned]:
    """`count` calls, the same each time; some to `models` by name."""
    dice = random.Random(7)  # noqa: S311 - a shuffle of examples
    fresh = [*SINGLE, *(kind.format(subject) for kind in KINDS for subject in SUBJECTS)]
    dice.shuffle(fresh)
    calls: list[Planned] = []
    for place in range(count):
        if calls and dice.random() < REPEATED:
            # of some time ago, so that the first answer is there by now
            calls.append(calls[dice.randrange(max(len(calls) - 2 * AT_ONCE, 1))])
            continue
        path = dice.choices([face for face, _ in FACES], [share for _, share in FACES])[0]
        named = bool(models) and dice.random() < NAMED
        calls.append(
            Planned(
                path,
                fresh[place % len(fresh)],
                dice.choice(SYSTEMS),
                dice.choices(MODES, (3, 5, 2))[0],
                dice.choice(models) if named else "auto",
                dice.choice(USERS),
                dice.random() < STREAMED,
            )
        )
    return calls


def demo(service: Service, count: int, paying: bool, as_json: bool) -> int:
    """Send the calls and say what came of them; status 1 when one failed, 2 when it would cost money and nobody agreed."""
    try:
        real = told(_good(service, "/"), _real)
        calls = planned(count, told(_good(service, "/v1/models"), _rows))
        if real and not paying:
            return _refused(service, calls, real)
    except Unreachable as error:
        say(error)
        return complain("demo fills a running service: start one with `llm-router serve`, or name one with --url")
    except (_Refused, NotOurs) as error:
        return complain(error)
    began = time.monotonic()
    with bar("asking", len(calls)) as step:
        replies = service.ask_all([call.ask() for call in calls], AT_ONCE, lambda _place, _reply: step(1))
    return _sent(service, replies, time.monotonic() - began, as_json)


class _Refused(Exception):
    """The service answered with an error; the message is its own."""


def _good(service: Service, path: str) -> Reply:
    reply = service.ask(path)
    if reply.status != 200:
        raise _Refused(reply.error)
    return reply


def _real(root: dict[str, Any]) -> list[str]:
    """The providers that would be paid."""
    return sorted(name for name, state in root["providers"].items() if state == "real")


def _rows(page: dict[str, Any]) -> list[str]:
    """The rows that chat and are not about to retire, by name."""
    facts = [entry["router"] for entry in page["data"]]
    return sorted({one["name"] for one in facts if one.get("kind") == "chat" and not one["warning"]})


def _refused(service: Service, calls: list[Planned], real: list[str]) -> int:
    """Say what it would cost."""
    with bar("estimating", len(calls)) as step:
        asks = [Ask("/route", call.wishes()) for call in calls]
        replies = service.ask_all(asks, AT_ONCE, lambda _place, _reply: step(1))
    chosen = [told(reply, _chosen) for reply in replies if reply.status == 200]
    paid = [cost for provider, cost in chosen if provider in real]
    cost = sum(paid)
    raise WrongUse(
        f"{len(paid)} of {len(calls)} calls would go to real providers ({', '.join(real)}) and cost about ${cost:.4f} at list price;"
        " repeat with --yes to send them"
    )


def _chosen(reply: dict[str, Any]) -> tuple[str, float]:
    """Who would answer, and for how much."""
    model = reply["selected_model"]
    return model["provider"], model["estimated_cost"] or 0.0


def _sent(service: Service, replies: list[Reply], seconds: float, as_json: bool) -> int:
    failed = [reply for reply in replies if reply.status != 200]
    sums = {"sent": len(replies), "answered": len(replies) - len(failed), "failed": len(failed), "seconds": round(seconds, 1)}
    if as_json:
        print_json({**sums, "url": service.url})
    else:
        print_line(f"{sums['sent']} calls in {seconds:.0f} s, {sums['answered']} answered; see {service.url}/dashboard")
    if failed:
        return complain(f"{len(failed)} calls failed; the first one says: {failed[0].error}")
    return 0
