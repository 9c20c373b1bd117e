"""The list of calls: filtered, a page at a time. What one call's page shows is in `call` and `why`."""

import re
import sqlite3
from typing import Any, Final

from msgspec import structs

from ..domain.request import MODES
from ..logging_utils.usage.calls import BadCursor, calls, newest_seq
from ..logging_utils.usage.queries import one_state
from ..logging_utils.usage.values import NONE_NAMED, CallRow, Filters
from ..logging_utils.usage.values import Page as Listed
from . import call
from .answers import NoPage, Page
from .asked import Asked
from .kit import Kit
from .overview import ranges, span_of
from .ranges import ALL, Range
from .render import link
from .wording import duration, moment, plain, short, usd

LIMIT: Final = 50
NONE: Final = "-"
"""In a parameter: calls that have none of it."""
TEXTS: Final = ("model", "provider", "mode", "user", "outcome", "error", "cache", "face")
OUTCOMES: Final = ("answered", "failed", "abandoned")
CACHES: Final = ("hit", "miss", "off")
FACES: Final = ("query", "chat", "messages", "responses", "embeddings")
_ID: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_KINDS: Final = {"answered": "good", "failed": "bad", "abandoned": "left"}


async def listed(kit: Kit, asked: Asked) -> Page:
    """A page of calls."""
    only = filters(asked)
    span = await span_of(kit, asked)
    cursor = asked.one("cursor") or None

    def question(db: sqlite3.Connection) -> tuple[Listed, int]:
        with one_state(db):
            return calls(db, span.window, only, cursor, LIMIT), newest_seq(db)

    try:
        page, seq = await kit.figures.ask(question)
    except BadCursor:
        raise NoPage(400, "This page is not there", "Begin again with the first page of the list.") from None
    here = parameters_of(asked)
    narrowed = any(asked.one(name) for name in (*TEXTS, "mock"))
    shared = {"title": "Calls", "ranges": ranges(asked, "calls", span, here), "range_told": span.told}
    if not page.rows and not narrowed and cursor is None:
        return Page("calls_empty.html", {**shared, "ever": span.name == ALL})
    live = link(f"{asked.base}/live", {**here, "range": None, "since": seq}) if cursor is None else ""
    values = {
        **shared,
        "zone": span.zone_name or "UTC",
        "rows": [cells(row, span) for row in page.rows],
        "given": {name: asked.one(name) for name in (*TEXTS, "mock", "range", "tz")},
        "choices": _choices(kit),
        "narrowed": narrowed,
        "clear": link(f"{asked.base}/calls", span.query),
        "first": link(f"{asked.base}/calls", here) if cursor else "",
        "next": link(f"{asked.base}/calls", {**here, "cursor": page.next}) if page.next else "",
        "live_url": live,
        "detail": f"{asked.base}/calls/",
        "behind": await kit.figures.behind(),
    }
    return Page("calls.html", values)


async def one(kit: Kit, asked: Asked, call_id: str) -> Page:
    """A call's page. Raises NoPage for an id that no call has."""
    if not _ID.fullmatch(call_id):
        raise NoPage(404, "There is no such call", "An id is what x-request-id of an answer says.")
    return await call.shown(kit, asked, call_id)


def filters(asked: Asked) -> Filters:
    """What the parameters ask for. Raises NoPage."""
    given = {name: asked.one(name) or None for name in TEXTS}
    named = {name: NONE_NAMED if value == NONE else value for name, value in given.items()}
    mock = asked.one("mock")
    if mock not in ("", "yes", "no"):
        raise NoPage(400, "There is no such filter", "mock is yes, no or left out.")
    return Filters(**named, mock=None if not mock else mock == "yes")


def parameters_of(asked: Asked) -> dict[str, str | int | None]:
    """The filters and the range as they were given, for links."""
    return {name: asked.one(name) or None for name in (*TEXTS, "mock", "range", "tz")}


def fits(row: CallRow, only: Filters) -> bool:
    """Whether a call is one that the filters let through, as the projection's own condition does."""
    wanted = {name: value for name, value in structs.asdict(only).items() if value is not None}
    return all(
        (getattr(row, name) if name == "mock" else getattr(row, name) or NONE_NAMED) == value for name, value in wanted.items()
    )


def cells(row: CallRow, span: Range) -> dict[str, str]:
    """A call as a row of the list, in text that is safe to be shown."""
    texts = {
        "id": row.id,
        "at": moment(row.at, span.zone),
        "model": short(row.model),
        "asked": short(row.asked) if row.asked not in (row.model, "auto") else "",
        "mode": row.mode or "by name",
        "outcome": row.outcome if row.error is None else f"{row.outcome}: {short(row.error)}",
        "kind": _KINDS.get(row.outcome, "plain"),
        "cache": row.cache,
        "tokens": f"{row.tokens_in:,} / {row.tokens_out:,}",
        "cost": "simulated" if row.mock else usd(row.cost_nano_usd),
        "latency": duration(row.latency_us / 1000),
        "first": duration(None if row.first_token_us is None else row.first_token_us / 1000),
        "score": "\u2013" if row.score is None else f"{row.score:.2f}",
    }
    return {name: plain(text) for name, text in texts.items()}


def _choices(kit: Kit) -> dict[str, Any]:
    return {
        "model": sorted(kit.here.snapshot().models),
        "mode": [*MODES, NONE],
        "outcome": OUTCOMES,
        "cache": CACHES,
        "face": FACES,
    }
