"""The models of the configuration: what they cost and can, whether they are real, how they do. Of this worker where it says so."""

import asyncio
import sqlite3
from typing import Any, Final

from ..config.load import ConfigError
from ..config.snapshot import Model
from ..domain.decision import LiveModel
from ..errors import NotReady
from ..logging_utils.usage.queries import grouped
from ..logging_utils.usage.values import Totals
from ..pipeline.house import House
from .answers import Page
from .asked import Asked
from .charts import bar
from .figures import NoFigures
from .kit import Kit
from .ranges import Range, chosen
from .render import link
from .state import config_rows

PRIOR: Final = "models.{}.quality"
_NO_FIGURES: Final[dict[str, Totals]] = {}


async def listed(kit: Kit, asked: Asked) -> Page:
    """The page."""
    snapshot = kit.here.snapshot()
    span = chosen("", "", kit.now())
    measured = await _measured(kit, span)
    house = _house(kit)
    live = house.live.snapshot(house.clock(), house.open_rows).models if house is not None else {}
    sources = await asyncio.to_thread(_sources, kit)
    ordered = sorted(snapshot.models.values(), key=lambda one: (not one.routable, not one.real, one.provider, one.name))
    rows = [_row(one, house, live.get(one.name), measured.get(one.name), sources, asked) for one in ordered]
    values = {
        "title": "Models",
        "rows": [row for row in rows if row["open"]],
        "others": [row for row in rows if not row["open"]],
        "providers": snapshot.provider_states(),
        "range_told": span.told,
    }
    return Page("models.html", values)


async def _measured(kit: Kit, span: Range) -> dict[str, Totals]:
    """Each model's sums, by its name; nothing where there are no figures yet."""

    def question(db: sqlite3.Connection) -> dict[str, Totals]:
        return {row.key[0] or "": row.totals for row in grouped(db, span.window, ("model",), span.zone)}

    try:
        return await kit.figures.ask(question)
    except NoFigures:
        return _NO_FIGURES


def _house(kit: Kit) -> House | None:
    try:
        return kit.here.house()
    except NotReady:
        return None


def _sources(kit: Kit) -> dict[str, str]:
    """Where each value of the configuration comes from."""
    try:
        return {row.key: row.source for row in config_rows(kit)}
    except ConfigError:
        return {}


def _row(
    model: Model, house: House | None, live: LiveModel | None, sums: Totals | None, sources: dict[str, str], asked: Asked
) -> dict[str, Any]:
    state, kind = _state(model)
    health, health_kind = _health(model, house)
    rates = model.rates
    return {
        "name": model.name,
        "open": model.routable and model.kind == "chat",
        "provider": model.provider,
        "model_id": model.model_id,
        "state": state,
        "kind": kind,
        "health": health,
        "health_kind": health_kind,
        "price_in": rates.input if rates is not None else None,
        "price_out": rates.output if rates is not None else None,
        "price_source": rates.source if rates is not None else "",
        "window": model.context_window,
        "max_output": model.max_output,
        "capabilities": sorted(model.capabilities),
        "fallbacks": model.fallbacks,
        "warning": model.warning,
        "quality": model.quality,
        "quality_bar": bar(model.quality, f"quality {model.quality:.2f}"),
        "quality_source": sources.get(PRIOR.format(model.name), "the configuration"),
        "usual_ms": model.avg_latency_ms,
        "live": live,
        "sums": sums,
        "url": link(f"{asked.base}/calls", {"model": model.name, "range": "7d"}),
        "ask_url": link(f"{asked.base}/playground", {"model": model.name}),
    }


def _state(model: Model) -> tuple[str, str]:
    if not model.enabled:
        return "switched off", "plain"
    if model.retired:
        return f"retired on {model.retires_on}" if model.retires_on else "retired", "left"
    kind = "" if model.kind == "chat" else f", {model.kind}"
    if not model.real:
        return f"simulated{kind}", "plain"
    return f"real{kind}", "good"


def _health(model: Model, house: House | None) -> tuple[str, str]:
    """How its places have been doing for this worker; simulated ones cannot fail."""
    if house is None or not model.enabled or all(target.mock for target in model.targets):
        return "", "plain"
    now = house.clock()
    places = [house.health.of(target) for target in model.targets if not target.mock]
    blocked = [place for place in places if place.blocked(now)]
    if not blocked:
        return ("well", "good") if all(place.sound for place in places) else ("failed lately", "left")
    seconds = max(0.0, min(place.reopens for place in blocked) - now)
    told = f"{blocked[0].reason}, tried again in {seconds:.0f} s"
    return (
        (f"passed over: {told}", "bad")
        if len(blocked) == len(places)
        else (f"one place of {len(places)} passed over: {told}", "left")
    )
