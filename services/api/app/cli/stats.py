"""`llm-router stats`: sums of calls, from a running service's `GET /usage` or from this machine's own projection of the journal."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from msgspec import Struct

from ..logging_utils.usage.asked import Asked, WrongQuestion, understood
from ..logging_utils.usage.pieces import moment
from .ask import dollars
from .configuration import here
from .ending import WrongUse
from .exchange import NotOurs, Service, Unreachable, told
from .progress import waiting
from .tables import Look, print_line, print_table
from .terminal import complain, print_json, say

FIGURES: Final = (
    "calls", "failed", "tokens in", "tokens out", "cost", "cache saved", "below baseline", "cache hits", "p50 ms", "p95 ms", "score",
)  # fmt: skip
SPARE: Final = ("cache saved", "tokens in", "score", "p50 ms", "tokens out", "failed")
_LOCAL_ZONE: Final = Path("/etc/localtime")


class Wanted(Struct, frozen=True):
    """What the command line asks, as typed."""

    since: str
    until: str | None
    by: tuple[str, ...]
    zone: str | None

    def fields(self) -> dict[str, str]:
        """It in the words of `GET /usage`."""
        edges = {"from": self.since, "to": self.until or ""}
        told = {**edges, "tz": self.zone or zone_here(), "group_by": ",".join(self.by)}
        return {name: value for name, value in told.items() if value}


class _Failed(Exception):
    """There are no figures; the message says why."""


def stats(wanted: Wanted, service: Service, as_json: bool) -> int:
    """Show the sums. Raises WrongUse for a range, a zone or groups that make no sense."""
    try:
        asked = understood(wanted.fields(), time.time())
    except WrongQuestion as wrong:
        raise WrongUse(f"{_OPTION[wrong.param]}: {wrong}") from None
    try:
        usage = _remote(service, wanted) if service.url else _local(asked)
    except (_Failed, Unreachable, NotOurs) as error:
        return complain(error)
    if as_json:
        print_json(usage)
    else:
        _Shown.of(usage).show()
    if usage["unread_bytes"]:
        say(f"{usage['unread_bytes']} bytes of the journal are not in these sums yet")
    return 0


_OPTION: Final = {"from": "--since", "to": "--until", "tz": "--tz", "group_by": "--by"}


def zone_here(env: Mapping[str, str] = os.environ, link: Path = _LOCAL_ZONE) -> str:
    """The name of this machine's time zone; UTC where it has none that the zone database knows."""
    name = env.get("TZ", "").removeprefix(":") or link.resolve().as_posix().partition("zoneinfo/")[2]
    try:
        understood({"tz": name}, 0.0)
    except WrongQuestion as wrong:
        if wrong.param == "tz":
            return "UTC"
    return name or "UTC"


def _remote(service: Service, wanted: Wanted) -> dict[str, Any]:
    reply = service.ask(f"/usage?{urlencode(wanted.fields())}")
    if reply.status != 200:
        raise _Failed(reply.error)
    return told(reply, _understood)


def _understood(usage: dict[str, Any]) -> dict[str, Any]:
    """It, once all that is shown of it was found in it."""
    _Shown.of(usage)
    return {**usage, "unread_bytes": int(usage["unread_bytes"])}


def _local(asked: Asked) -> dict[str, Any]:
    """The same from the files, brought up to date first where no service does that."""
    from ..endpoints.usage import answered, figures  # noqa: PLC0415 - FastAPI is not needed to ask a service
    from ..errors import RouterError  # noqa: PLC0415

    plan = here().snapshot.logging
    journal = Path(plan.per_call_path)
    with _projected(journal, plan.usage_path) as path:
        try:
            answer = answered(asked, journal, path)
        except RouterError as error:
            raise _Failed(error.message) from None
    edges = (
        moment(at).astimezone(asked.zone).isoformat(timespec="milliseconds") for at in (asked.window.since, asked.window.until)
    )
    return {
        **dict(zip(("from", "to"), edges, strict=True)),
        "tz": asked.zone_name,
        "group_by": list(asked.by),
        "rows": [{**dict(zip(asked.by, row.key, strict=True)), **figures(row.totals)} for row in answer.rows],
        "totals": figures(answer.totals),
        "latest": None if answer.latest is None else moment(answer.latest).isoformat(timespec="milliseconds"),
        "unread_bytes": answer.unread_bytes,
    }


@contextmanager
def _projected(journal: Path, kept: str | None) -> Iterator[Path]:
    """The projection's file, brought up to date; one that goes again where the configuration keeps none."""
    from ..logging_utils.usage.projection import Projection  # noqa: PLC0415 - not needed to ask a service

    with tempfile.TemporaryDirectory() as folder:
        path = Path(kept) if kept is not None else Path(folder) / "usage.sqlite"
        projection = Projection(journal, path, report=say)
        try:
            with waiting("reading the journal"):
                if journal.parent.is_dir():
                    projection.step()
        except (OSError, sqlite3.Error) as error:
            say(f"{path} could not be brought up to date: {getattr(error, 'strerror', None) or error}")
        finally:
            projection.close()
        yield path


class _Shown(Struct, frozen=True):
    """The sums as a table for people."""

    range: str
    by: list[str]
    rows: list[tuple[str, ...]]
    total: tuple[str, ...]
    calls: int

    @classmethod
    def of(cls, usage: dict[str, Any]) -> "_Shown":
        """From the JSON of `GET /usage`. May raise LookupError, TypeError and ValueError for what is none."""
        by = usage["group_by"]
        rows = [(*(_key(row[group]) for group in by), *_cells(row)) for row in usage["rows"]]
        since, until = (usage[edge][:16].replace("T", " ") for edge in ("from", "to"))
        span = f"{since} to {until}, {usage['tz']}"
        return cls(span, by, rows, _cells(usage["totals"]), usage["totals"]["calls"])

    def show(self) -> None:
        """Print it."""
        print_line(self.range, "bold")
        if not self.calls:
            print_line("no calls; `llm-router demo` makes some on a running service")
        elif self.by:
            rows = [*self.rows, ("total", *("" for _ in self.by[1:]), *self.total)]
            look = Look(left=self.by, spare=SPARE)
            print_table((*self.by, *FIGURES), rows, look, [*("" for _ in self.rows), "bold"])
        else:
            print_table(FIGURES, [self.total], Look(spare=SPARE))


def _key(value: str | None) -> str:
    return "-" if value is None else value


def _cells(sums: dict[str, Any]) -> tuple[str, ...]:
    looked = sums["cache_hits"] + sums["cache_misses"]
    below = None if sums["baseline_usd"] is None else sums["baseline_usd"] - sums["compared_usd"]
    return (
        str(sums["calls"]),
        str(sums["failures"]),
        str(sums["tokens_in"]),
        str(sums["tokens_out"]),
        dollars(sums["cost_usd"]),
        dollars(sums["saved_usd"]),
        "-" if below is None else f"{'-' if below < 0 else ''}${abs(below):.6f}",
        f"{sums['cache_hits'] / looked:.0%}" if looked else "-",
        _figure(sums["latency_ms_p50"], 0),
        _figure(sums["latency_ms_p95"], 0),
        _figure(sums["score_mean"], 2),
    )


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
