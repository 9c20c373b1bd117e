"""One call's page, from its whole record: why this model, what happened, what it cost, whether it was good. Decides nothing anew."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Struct

from ..domain.record import Record, ScoreLine
from ..domain.target import Rates
from ..evaluation.logged import LiveFigures
from ..logging_utils.usage.calls import NoLine, call, late_scores, line_of, standing
from ..logging_utils.usage.values import CallRow, Place
from . import waterfall
from .answers import Page
from .asked import Asked
from .figures import NoFigures
from .kit import Kit
from .ranges import read_zone
from .why import Ground, Why, explained, ground_of
from .wording import moment

MOST_LOOKS: Final = 3
LONGEST: Final = 100_000
"""Characters of a prompt or an answer that a page shows."""


class Whole(Struct, frozen=True, eq=False):
    """All that the journal holds of one call. `record` None = its line is not there, or not of our form; `fault` says so."""

    row: CallRow
    text: str
    record: Record | None
    fault: str
    scores: list[ScoreLine]
    ground: Ground | None
    why: Why | None


async def shown(kit: Kit, asked: Asked, call_id: str) -> Page:
    """The page. Raises NoPage for a time zone that does not exist."""
    zone_name = asked.one("tz")
    zone = read_zone(zone_name)
    _, journal = kit.figures.paths()
    try:
        whole = await kit.figures.ask(lambda db: _gathered(db, journal, call_id))
    except NoFigures as error:
        return _not_yet(asked, str(error))
    if whole is None:
        return _not_yet(asked, "Its journal may have been deleted, or the id is wrong.")
    values = await asyncio.to_thread(_values, whole)
    return Page("call.html", {**values, "ended": moment(whole.row.at, zone), "zone": zone_name or "UTC", "title": "Call"})


def _not_yet(asked: Asked, otherwise: str) -> Page:
    """No such call; one that ended just now is there a moment later, so the page looks again a few times by itself."""
    times = asked.one("again")
    looked = int(times) if times.isdigit() and len(times) == 1 else 0
    again = f"2; url={asked.base}/{quote(asked.path)}?again={looked + 1}".encode()
    text = (
        "A call is listed a second after its end."
        if looked < MOST_LOOKS
        else "Its journal may have been deleted, or the id is wrong."
    )
    values = {"title": "This call is not listed" + (" yet" if looked < MOST_LOOKS else ""), "text": text}
    return Page("nopage.html", values, 404, ((b"refresh", again),) if looked < MOST_LOOKS else ())


def _gathered(db: sqlite3.Connection, journal: Path, call_id: str) -> Whole | None:
    row = call(db, call_id)
    if row is None:
        return None
    line, fault = _line(journal, row.place)
    record = _decoded(line)
    if record is None and not fault:
        fault = "The line of this call was written by another version: what follows is all that is understood of it."
    scores = [score for place in late_scores(db, call_id) if (score := _score(_line(journal, place)[0])) is not None]
    ground = ground_of(journal.parent, record.config_digest) if record is not None else None
    why = explained(record, ground, _live(db, journal, record)) if record is not None and ground is not None else None
    return Whole(row, _pretty(line), record, fault, scores, ground, why)


def _line(journal: Path, place: Place) -> tuple[bytes, str]:
    try:
        return line_of(journal, place), ""
    except NoLine as error:
        return b"", f"The whole record cannot be shown: {error}."
    except OSError as error:
        return b"", f"The whole record cannot be read: {error.strerror}."


def _decoded(line: bytes) -> Record | None:
    try:
        return msgspec.json.decode(line, type=Record)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _score(line: bytes) -> ScoreLine | None:
    try:
        return msgspec.json.decode(line, type=ScoreLine)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _live(db: sqlite3.Connection, journal: Path, record: Record) -> LiveFigures | None:
    """The live figures that the decision used."""
    place = standing(db, record.decision.standing) if record.decision is not None else None
    if place is None:
        return None
    try:
        return msgspec.json.decode(_line(journal, place)[0], type=LiveFigures)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _pretty(line: bytes) -> str:
    try:
        return msgspec.json.format(line, indent=2).decode("utf-8", "replace")[:LONGEST]
    except (msgspec.MsgspecError, RecursionError):
        return line.decode("utf-8", "replace")[:LONGEST]


def _values(whole: Whole) -> dict[str, Any]:
    record = whole.record
    return {
        "row": whole.row,
        "record": record,
        "fault": whole.fault,
        "raw": whole.text,
        "why": whole.why,
        "why_not": _why_not(whole),
        "steps": waterfall.steps(record) if record is not None else [],
        "prices": _prices(whole),
        "scores": whole.scores,
        "prompt": _kept(record.prompt if record is not None else UNSET),
        "response": _kept(record.response if record is not None else UNSET),
    }


def _why_not(whole: Whole) -> str:
    """Why there is no table of candidates."""
    record = whole.record
    if record is None:
        return ""
    if record.decision is None:
        return (
            "The caller asked for this model by name, so nothing was chosen."
            if record.mode is None
            else "Its record holds no decision."
        )
    if whole.why is not None and whole.why.fault:
        return f"The decision cannot be computed again: {whole.why.fault}."
    return (
        ""
        if whole.ground is not None
        else "The decision cannot be computed again: the configuration it stood on is not archived."
    )


def _kept(text: Any) -> str | None:
    return text[:LONGEST] if isinstance(text, str) else None


def _prices(whole: Whole) -> list[dict[str, Any]]:
    """Tokens by kind with the price of each, from the archived configuration."""
    record = whole.record
    if record is None:
        return []
    rates = _rates(whole)
    tiered = rates is not None and bool(rates.tier_above) and record.tokens_in > rates.tier_above
    prices: tuple[int | None, int | None, int | None] = (None, None, None)
    if rates is not None:
        prices = (rates.tier_input, rates.tier_cached, rates.tier_output) if tiered else (rates.input, rates.cached, rates.output)
    fresh = max(record.tokens_in - record.cached_tokens, 0)
    kinds = (
        ("input", fresh),
        ("input, read from the provider's prompt cache", record.cached_tokens),
        ("output", record.tokens_out),
    )
    return [
        {"kind": kind, "tokens": tokens, "price": price, "cost": None if price is None else round(tokens * price / 1000)}
        for (kind, tokens), price in zip(kinds, prices, strict=True)
    ]


def _rates(whole: Whole) -> Rates | None:
    record, ground = whole.record, whole.ground
    model = ground.grounds.models.get(record.served or "") if record is not None and ground is not None else None
    if record is None or model is None:
        return None
    for target in model.targets:
        if (target.provider, target.model_id) == (record.provider, record.model_id):
            return target.rates
    return model.rates
