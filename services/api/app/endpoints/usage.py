"""`GET /usage`: sums of the journal by day, hour, model, provider, mode, user and outcome, as JSON or CSV. Asks the projection in a
thread, never on the event loop, and reads no line of the journal.
"""

import asyncio
import csv
import io
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from fastapi import FastAPI, Request, Response

from ..config.snapshot import Snapshot
from ..errors import CallerError, NotFound, NotReady
from ..logging_utils.usage.asked import DEFAULT_DAYS, Asked, WrongQuestion, understood
from ..logging_utils.usage.pieces import moment
from ..logging_utils.usage.queries import grouped, one_state, projected, totals
from ..logging_utils.usage.schema import NoProjection, NothingYet, open_usage
from ..logging_utils.usage.unread import unread_bytes
from ..logging_utils.usage.values import GROUPS, GroupRow, Totals
from .openapi import AN_ERROR

MOST_ROWS: Final = 50_000
LONGEST_SECONDS: Final = 20.0
AT_ONCE: Final = 2
"""Questions under way; others wait, so that no questioner takes the threads of all."""
_FIELDS: Final = ("from", "to", "tz", "group_by", "format")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_STEPS: Final = 100_000
_NANO: Final = 1_000_000_000


class Standpoint(Protocol):
    """What this page reads of the worker. `snapshot` raises NotReady while there is none."""

    def snapshot(self) -> Snapshot:
        """The configuration in force."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """What was found. `latest`: the end of the last call that is in it; `unread_bytes` of the journal are not in it yet."""

    asked: Asked
    rows: list[GroupRow]
    totals: Totals
    latest: int | None
    unread_bytes: int


def mount(app: FastAPI, here: Standpoint, now: Callable[[], float] = time.time) -> None:
    """Add the route to `app`."""
    places = asyncio.Semaphore(AT_ONCE)

    @app.get("/usage", tags=["state"], responses={"4XX": AN_ERROR, "503": AN_ERROR}, openapi_extra={"parameters": _parameters()})
    async def usage(request: Request) -> Response:
        """Sums of what was called, from the journal's projection: exact but for percentiles, which are at most 3.1 % off."""
        texts = _texts(request.query_params.multi_items())
        try:
            asked = understood(texts, now())
        except WrongQuestion as wrong:
            raise CallerError(f"{wrong.param}: {wrong}", param=wrong.param) from None
        plan = here.snapshot().logging
        if plan.usage_path is None:
            raise NotFound("the projection of the journal is off: set logging.usage_path to ask for usage")
        async with places:
            answer = await asyncio.to_thread(answered, asked, Path(plan.per_call_path), Path(plan.usage_path))
            body = await asyncio.to_thread(_csv if texts.get("format") == "csv" else _json, answer)
        if texts.get("format") == "csv":
            head = {"content-disposition": 'attachment; filename="usage.csv"', "cache-control": "no-store"}
            return Response(body, media_type="text/csv; charset=utf-8", headers=head)
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


def answered(asked: Asked, journal: Path, path: Path) -> Answer:
    """Ask the projection. Raises CallerError for an answer that would be too long, NotReady while there is nothing to ask."""
    try:
        db = open_usage(path)
    except NothingYet:
        return Answer(asked, [], Totals(), None, _size(journal))
    except NoProjection as error:
        raise NotReady(str(error), retry_after=1) from None
    try:
        deadline = time.monotonic() + LONGEST_SECONDS
        db.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS)
        with one_state(db):
            rows = grouped(db, asked.window, asked.by, asked.zone, limit=MOST_ROWS + 1) if asked.by else []
            if len(rows) > MOST_ROWS:
                raise CallerError(
                    f"the answer has more than {MOST_ROWS} rows: narrow the range or group by less", param="group_by"
                )
            return Answer(asked, rows, totals(db, asked.window), projected(db).latest, unread_bytes(db, journal))
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            raise CallerError("this takes too long: narrow the range or group by less", param="group_by") from None
        raise NotReady(f"the projection cannot be read just now: {error}", retry_after=1) from None
    finally:
        db.close()


def figures(sums: Totals) -> dict[str, int | float | None]:
    """A group's figures under their public names; the same in JSON, CSV and the command line."""
    return {
        "calls": sums.calls,
        "failures": sums.failures,
        "abandoned": sums.abandoned,
        "tokens_in": sums.tokens_in,
        "tokens_out": sums.tokens_out,
        "cached_tokens": sums.cached_tokens,
        "reasoning_tokens": sums.reasoning_tokens,
        "priced": sums.priced,
        "cost_usd": sums.cost_nano_usd / _NANO if sums.priced else None,
        "cost_nano_usd": sums.cost_nano_usd,
        "saved_usd": sums.saved_nano_usd / _NANO,
        "compared": sums.compared,
        "compared_usd": sums.compared_nano_usd / _NANO if sums.compared else None,
        "baseline_usd": sums.baseline_nano_usd / _NANO if sums.compared else None,
        "latency_ms_mean": sums.latency_ms_mean,
        "latency_ms_p50": sums.latency_ms(0.5),
        "latency_ms_p95": sums.latency_ms(0.95),
        "first_token_ms_p50": sums.first_token_ms(0.5),
        "first_token_ms_p95": sums.first_token_ms(0.95),
        "cache_hits": sums.cache_hits,
        "cache_misses": sums.cache_misses,
        "cache_off": sums.cache_off,
        "score_mean": sums.score_mean,
        "scored": sums.scored,
    }


def _json(answer: Answer) -> bytes:
    asked = answer.asked
    return msgspec.json.encode(
        {
            "from": _moment(asked.window.since, asked),
            "to": _moment(asked.window.until, asked),
            "tz": asked.zone_name,
            "group_by": asked.by,
            "rows": [dict(zip(asked.by, row.key, strict=True)) | figures(row.totals) for row in answer.rows],
            "totals": figures(answer.totals),
            "latest": None if answer.latest is None else moment(answer.latest).isoformat(timespec="milliseconds"),
            "unread_bytes": answer.unread_bytes,
        }
    )


def _csv(answer: Answer) -> bytes:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow((*answer.asked.by, *figures(Totals())))
    rows = answer.rows if answer.asked.by else [GroupRow((), answer.totals)]
    for row in rows:
        table.writerow((*(_cell(part) for part in row.key), *figures(row.totals).values()))
    return text.getvalue().encode("utf-8", "replace")


def _cell(text: str | None) -> str:
    """A text that no spreadsheet takes for a formula."""
    if text is None:
        return ""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _moment(at: int, asked: Asked) -> str:
    return moment(at).astimezone(asked.zone).isoformat(timespec="milliseconds")


def _texts(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The fields, each at most once. Raises CallerError."""
    texts: dict[str, str] = {}
    for name, value in items:
        if name not in _FIELDS:
            raise CallerError(f"there is no such field; the fields are {', '.join(_FIELDS)}", param=name[:40])
        if name in texts:
            raise CallerError(f"{name}: stands there twice", param=name)
        texts[name] = value
    if texts.get("format", "json") not in ("json", "csv"):
        raise CallerError("format: is json or csv", param="format")
    return texts


def _size(journal: Path) -> int:
    try:
        return journal.stat().st_size if journal.is_file() else 0
    except OSError:
        return 0


def _parameters() -> list[dict[str, Any]]:
    told = {
        "from": f"A day (2026-11-23), a moment, or how long ago (45m, 36h, 7d). Default: {DEFAULT_DAYS - 1}d.",
        "to": "The same; a day is included whole. Default: now.",
        "tz": "The zone that days and hours are of: Europe/Berlin, UTC, +05:30. Default: UTC.",
        "group_by": f"A comma list of {', '.join(GROUPS)}; empty for one sum. Default: day.",
        "format": "json or csv. Default: json.",
    }
    return [
        {"name": name, "in": "query", "required": False, "description": told[name], "schema": {"type": "string"}}
        for name in _FIELDS
    ]
