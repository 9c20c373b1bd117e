"""The playground: one question to the router, or to up to four models side by side. Answers come from `/query`, decisions from `/route`.

Every control works by a plain form; with script the same question is streamed (`static/playground.js`).
"""

import asyncio
from typing import Any, Final

import msgspec
from msgspec import Struct

from ..domain.request import MODES
from .answers import NoPage, Page, Reply, data
from .asked import Asked, body
from .inside import Heard, exchange
from .kit import Kit
from .snippets import snippets as made_snippets

AUTO: Final = "auto"
MOST_MODELS: Final = 4
LONGEST: Final = 100_000
SHOWN_CANDIDATES: Final = 6
Form = dict[str, list[str]]


class Question(Struct, frozen=True):
    """What the form holds. `mode` empty = the configuration's, `fresh` = no answer from the cache, `decide` = no answer at all."""

    prompt: str = ""
    system: str = ""
    mode: str = ""
    models: tuple[str, ...] = (AUTO,)
    fresh: bool = False
    decide: bool = False

    def body(self, model: str) -> dict[str, Any]:
        """The body of `/query` for one of the models."""
        wished = {"prompt": self.prompt, "system": self.system or None, "model": None if model == AUTO else model}
        wished["mode"] = self.mode if self.mode and model == AUTO else None
        wished["cache"] = "off" if self.fresh else None
        return {name: value for name, value in wished.items() if value is not None}


async def empty(kit: Kit, asked: Asked) -> Page:
    """The form alone; a prompt may come along in a link."""
    prompt, model = asked.one("prompt")[:LONGEST], asked.one("model")
    return _page(kit, asked, Question(prompt=prompt, models=(model,) if model else (AUTO,)), [], "")


async def sent(kit: Kit, asked: Asked, given: Form) -> Page:
    """The form with the answers below it."""
    question = _read(given)
    fault = _fault(question)
    if fault:
        return _page(kit, asked, question, [], fault, 400)
    scope = cache_scope(asked)
    path = "/route" if question.decide else "/query"
    asking = [exchange(kit.asked_of[path], path, question.body(model), scope) for model in question.models]
    heard = await asyncio.gather(*asking)
    sides = [_side(model, one) for model, one in zip(question.models, heard, strict=True)]
    return _page(kit, asked, question, sides, "")


async def snippets(kit: Kit, asked: Asked) -> Reply:
    """A question as programs would ask it, as JSON; the body is one of `/query`. Raises NoPage."""
    try:
        question = msgspec.json.decode(await body(asked), type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise NoPage(400, "This is no question", "Send the body of /query as JSON.") from None
    return data(made_snippets(_url(asked), question, bool(kit.here.keys)))


def cache_scope(asked: Asked) -> str:
    """Whose remembered answers the playground shares: everybody's where nobody needs a key, else the operator's own."""
    return "dashboard" if asked.visitor.keyed else "open"


def _read(given: Form) -> Question:
    def one(name: str) -> str:
        return given.get(name, [""])[0]

    return Question(
        prompt=one("prompt"),
        system=one("system"),
        mode=one("mode"),
        models=tuple(dict.fromkeys(name for name in given.get("model", []) if name)),
        fresh=bool(one("fresh")),
        decide=one("only") == "decision",
    )


def _fault(question: Question) -> str:
    if not question.prompt.strip():
        return "Write a prompt first."
    if len(question.prompt) + len(question.system) > LONGEST:
        return f"The playground takes at most {LONGEST:,} characters; POST /query takes more."
    if not question.models:
        return "Choose at least one model, or auto."
    if len(question.models) > MOST_MODELS:
        return f"Choose at most {MOST_MODELS} models."
    return ""


def _side(model: str, heard: Heard) -> dict[str, Any]:
    """One answer beside the others."""
    if heard.status != 200:
        fault = heard.body.get("error", {})
        return {"model": model, "fault": str(fault.get("message", "no answer")), "code": str(fault.get("code", heard.status))}
    reply = heard.body
    decision = reply["decision"]
    return {
        "model": model,
        "fault": "",
        "reply": reply,
        "flips": decision.get("flips", ()),
        "reason": decision["reason"],
        "candidates": [one for one in decision["candidates"] if not one["excluded"]][:SHOWN_CANDIDATES],
    }


def _page(kit: Kit, asked: Asked, question: Question, sides: list[dict[str, Any]], fault: str, status: int = 200) -> Page:
    snapshot = kit.here.snapshot()
    chat = [model for model in snapshot.models.values() if model.kind == "chat" and model.enabled and not model.retired]
    code = made_snippets(_url(asked), question.body(question.models[0]), bool(kit.here.keys)) if sides else {}
    values = {
        "title": "Playground",
        "question": question,
        "modes": MODES,
        "default_mode": snapshot.mode,
        "choices": [(model.name, model.real) for model in sorted(chat, key=lambda model: (not model.real, model.name))],
        "sides": sides,
        "fault": fault,
        "code": code,
        "most": MOST_MODELS,
    }
    return Page("playground.html", values, status)


def _url(asked: Asked) -> str:
    host = asked.fields.get(b"host", b"localhost").decode("latin-1")
    scheme = "https" if asked.visitor.secure else "http"
    return f"{scheme}://{host}{asked.root}"
