"""The first page: what happened in a range of time, in tiles, over time, and by model and mode. Figures come summed; none is made here."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from ..logging_utils.usage.queries import grouped, one_state, totals
from ..logging_utils.usage.values import GroupRow, Totals
from .answers import Page, Reply, data
from .asked import Asked
from .charts import Series, bar, columns, lines
from .kit import Kit
from .ranges import ALL, CHOICES, Range, chosen
from .render import link
from .wording import NANO, count, duration, percent, to_the_nano, usd

MOST_ROWS: Final = 12
NOTHING: Final[Mapping[str, str | int | None]] = MappingProxyType({})


class Seen(Struct, frozen=True):
    """What is asked in one go."""

    span: Range
    sums: Totals
    over_time: list[GroupRow]
    models: list[GroupRow]
    modes: list[GroupRow]


async def shown(kit: Kit, asked: Asked) -> Page:
    """The page."""
    seen = await _seen(kit, asked)
    if not seen.sums.calls:
        values = {"title": "Overview", "ranges": ranges(asked, "", seen.span), "range_told": seen.span.told}
        return Page("overview_empty.html", {**values, "ever": seen.span.name == ALL})
    values = await asyncio.to_thread(_values, asked, seen)
    return Page("overview.html", {**values, "behind": await kit.figures.behind()})


async def tiles(kit: Kit, asked: Asked) -> Reply:
    """The texts of the tiles by their names, for the page that is open."""
    span = await span_of(kit, asked)
    sums = await kit.figures.ask(lambda db: totals(db, span.window))
    return data({one["name"]: [one["value"], one["note"], one["exact"]] for one in _tiles(sums)})


def ranges(asked: Asked, page: str, span: Range, kept: Mapping[str, str | int | None] = NOTHING) -> list[dict[str, Any]]:
    """The links of the range picker, with the parameters that stay as they are."""
    zone = span.zone_name or None
    where = f"{asked.base}/{page}".rstrip("/")
    names = [(name, told) for name, (told, _) in CHOICES.items()] + [(ALL, "all")]
    return [
        {"url": link(where, {**kept, "range": name, "tz": zone}), "told": told, "here": name == span.name} for name, told in names
    ]


async def span_of(kit: Kit, asked: Asked) -> Range:
    """The range that the parameters ask for. Raises NoPage."""
    name, zone = asked.one("range"), asked.one("tz")
    edges = await kit.figures.ask(_edges) if name == ALL else None
    return chosen(name, zone, kit.now(), edges)


def _edges(db: sqlite3.Connection) -> tuple[int, int] | None:
    first, last = db.execute("SELECT min(at), max(at) FROM calls").fetchone()
    return None if first is None else (first, last)


async def _seen(kit: Kit, asked: Asked) -> Seen:
    span = await span_of(kit, asked)
    window = span.window

    def question(db: sqlite3.Connection) -> Seen:
        with one_state(db):
            return Seen(
                span,
                totals(db, window),
                grouped(db, window, (span.step,), span.zone) if span.labels() else [],
                grouped(db, window, ("model",), span.zone),
                grouped(db, window, ("mode",), span.zone),
            )

    return await kit.figures.ask(question)


def _values(asked: Asked, seen: Seen) -> dict[str, Any]:
    return {
        "title": "Overview",
        "ranges": ranges(asked, "", seen.span),
        "range_told": seen.span.told,
        "zone": seen.span.zone_name or "UTC",
        "tiles_url": link(f"{asked.base}/tiles", seen.span.query),
        "live_url": f"{asked.base}/live",
        "tiles": _tiles(seen.sums),
        "charts": charts(seen.span, seen.over_time),
        "models": shares(seen.models, "model", f"{asked.base}/calls", "asked by nobody"),
        "modes": shares(seen.modes, "mode", f"{asked.base}/calls", "by name"),
    }


def _tiles(sums: Totals) -> list[dict[str, str]]:
    saved = sums.baseline_nano_usd - sums.compared_nano_usd
    asked_cache = sums.cache_hits + sums.cache_misses
    unpriced = sums.calls - sums.priced
    cost_note = f"{count(unpriced)} calls of unknown price not counted" if unpriced else f"{usd(_mean(sums))} a call"
    first = duration(sums.first_token_ms(0.5)), duration(sums.first_token_ms(0.95))
    return [
        _tile("calls", "Calls", count(sums.calls), f"{count(sums.tokens_in)} tokens in, {count(sums.tokens_out)} out"),
        _tile("cost", "Cost", usd(sums.cost_nano_usd), cost_note, sums.cost_nano_usd),
        _tile("saved", "Saved against the baseline", usd(saved), f"{percent(saved, sums.baseline_nano_usd)} of its cost", saved),
        _tile(
            "hits",
            "Cache hits",
            percent(sums.cache_hits, asked_cache),
            f"{count(sums.cache_hits)} of {count(asked_cache)} looked up",
        ),
        _tile(
            "failures",
            "Failures",
            percent(sums.failures, sums.calls),
            f"{count(sums.failures)} failed, {count(sums.abandoned)} hung up",
        ),
        _tile(
            "p50",
            "Latency, half of the calls",
            duration(sums.latency_ms(0.5)),
            f"95 of 100 within {duration(sums.latency_ms(0.95))}",
        ),
        _tile("first", "First token, half of the calls", first[0], f"95 of 100 within {first[1]}"),
        _tile(
            "score",
            "Score",
            "\u2013" if sums.score_mean is None else f"{sums.score_mean:.2f}",
            f"mean of {count(sums.scored)} scored answers",
        ),
    ]


def _mean(sums: Totals) -> int | None:
    return round(sums.cost_nano_usd / sums.priced) if sums.priced else None


def _tile(name: str, label: str, value: str, note: str, nano: int | None = None) -> dict[str, str]:
    return {"name": name, "label": label, "value": value, "note": note, "exact": "" if nano is None else to_the_nano(nano)}


def charts(span: Range, rows: Sequence[GroupRow]) -> list[dict[str, Any]]:
    """Calls, cost and latency over time, each with its labels, its legend and its table."""
    labels = span.labels()
    found = {row.key[0]: row.totals for row in rows}
    each = [found.get(label, Totals()) for label in labels]
    names = [label.replace("T", " ")[:16] for label in labels]
    if not names:
        return []
    made = [_calls(names, each), _cost(names, each), _latency(names, each)]
    return [{**one, "first": names[0], "last": names[-1], "step": span.step} for one in made]


def _calls(names: list[str], each: list[Totals]) -> dict[str, Any]:
    series = [
        Series("answered", "good", [one.calls - one.failures - one.abandoned for one in each]),
        Series("failed", "bad", [one.failures for one in each]),
        Series("hung up", "left", [one.abandoned for one in each]),
    ]
    told = [
        f"{name}: {count(one.calls)} calls, {count(one.failures)} failed, {count(one.abandoned)} hung up"
        for name, one in zip(names, each, strict=True)
    ]
    rows = [
        (name, count(one.calls), count(one.failures), count(one.abandoned))
        for name, one in zip(names, each, strict=True)
        if one.calls
    ]
    return {
        "title": "Calls",
        "top": count(max(one.calls for one in each)),
        "svg": columns("Calls over time", names, series, told),
        "legend": [(one.kind, one.name) for one in series],
        "head": ("calls", "failed", "hung up"),
        "rows": rows,
    }


def _cost(names: list[str], each: list[Totals]) -> dict[str, Any]:
    told = [f"{name}: {usd(one.cost_nano_usd)} in {count(one.calls)} calls" for name, one in zip(names, each, strict=True)]
    series = [Series("cost", "money", [one.cost_nano_usd / NANO for one in each])]
    rows = [
        (name, usd(one.cost_nano_usd), usd(one.baseline_nano_usd - one.compared_nano_usd), usd(one.saved_nano_usd))
        for name, one in zip(names, each, strict=True)
        if one.calls
    ]
    return {
        "title": "Cost",
        "top": usd(max(one.cost_nano_usd for one in each)),
        "svg": columns("Cost over time", names, series, told),
        "legend": [("money", "US dollars paid to providers")],
        "head": ("cost", "saved against the baseline", "saved by the cache"),
        "rows": rows,
    }


def _latency(names: list[str], each: list[Totals]) -> dict[str, Any]:
    half, most = [one.latency_ms(0.5) for one in each], [one.latency_ms(0.95) for one in each]
    first = [one.first_token_ms(0.5) for one in each]
    told = [
        f"{name}: half within {duration(a)}, 95 of 100 within {duration(b)}, first token {duration(c)}"
        for name, a, b, c in zip(names, half, most, first, strict=True)
    ]
    series = [
        Series("95 of 100 within", "line-b", most),
        Series("half within", "line-a", half),
        Series("first token, half within", "line-c", first),
    ]
    rows = [
        (name, duration(a), duration(b), duration(c))
        for name, a, b, c, one in zip(names, half, most, first, each, strict=True)
        if one.calls
    ]
    return {
        "title": "Latency",
        "top": duration(max((value for value in most if value is not None), default=None)),
        "svg": lines("Latency over time", names, series, told),
        "legend": [(one.kind, one.name) for one in series],
        "head": ("half within", "95 of 100 within", "first token, half within"),
        "rows": rows,
    }


def shares(rows: Sequence[GroupRow], field: str, where: str, unnamed: str) -> list[dict[str, Any]]:
    """Groups by calls, most first, the rest in one; each with bars of its share in calls and cost."""
    ordered = sorted(rows, key=lambda row: -row.totals.calls)
    most_calls = max((row.totals.calls for row in rows), default=0)
    most_cost = max((row.totals.cost_nano_usd for row in rows), default=0)
    return [
        {
            "name": row.key[0] or unnamed,
            "url": link(where, {field: row.key[0] if row.key[0] is not None else "-", "range": ALL}),
            "sums": row.totals,
            "calls_bar": bar(row.totals.calls / (most_calls or 1), f"{count(row.totals.calls)} calls"),
            "cost_bar": bar(row.totals.cost_nano_usd / (most_cost or 1), usd(row.totals.cost_nano_usd), "money"),
            "p50": row.totals.latency_ms(0.5),
            "p95": row.totals.latency_ms(0.95),
            "score": row.totals.score_mean,
        }
        for row in ordered[:MOST_ROWS]
    ]
