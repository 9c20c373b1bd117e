"""`llm-router top`: a running service as it is now, again and again, from its `/metrics`."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from .exchange import Service, Unreachable
from .scrape import Flow, ModelFlow, NoMetrics, Seen, Series, parsed, seen_between
from .tables import Look, drawn, print_columns
from .terminal import complain, console, is_watched, one_line, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Group

SPAN: Final = 60.0
"""Seconds that rates and percentiles are of, once it has looked so long."""
PATIENCE: Final = 10.0
HEAD: Final = (
    "model", "provider", "health", "calls", "calls/s", "p50 ms", "p95 ms", "first token ms", "cache hits", "failures/min", "USD/h",
)  # fmt: skip
LOOK: Final = Look(
    left=("model", "provider", "health"), spare=("provider", "first token ms", "failures/min", "calls", "cache hits", "p50 ms")
)
STYLES: Final = {"open": "bold red", "half-open": "yellow", "ok": ""}


class _Gone(Exception):
    """There was no page to read; the message says why."""


def top(service: Service, every: float, count: int, as_json: bool) -> int:
    """Show one look after the other; status 1 when there is nothing to look at. A service that restarts is waited for on a terminal."""
    service = Service(service.url, service.key, PATIENCE)
    pages: deque[tuple[float, Series]] = deque()
    try:
        pages.append(_page(service))
    except _Gone as error:
        return complain(error)
    watched = is_watched() and not as_json
    looks = 0
    with _screen(watched) as show:
        while True:
            time.sleep(every)
            try:
                pages.append(_page(service))
            except _Gone as error:
                if not watched:
                    return complain(error)
                show(str(error))
                continue
            seen = _looked(pages)
            if as_json:
                print_json({"at": round(time.time(), 3), **_plain(seen)})
            elif watched:
                show(seen)
            else:
                _print(seen)
            looks += 1
            if looks == count:
                return 0


def _page(service: Service) -> tuple[float, Series]:
    try:
        reply = service.ask("/metrics")
    except Unreachable as error:
        raise _Gone(str(error)) from None
    if reply.status != 200:
        raise _Gone(reply.error)
    try:
        return time.monotonic(), parsed(reply.body.decode("utf-8", "replace"))
    except NoMetrics as error:
        raise _Gone(str(error)) from None


def _looked(pages: "deque[tuple[float, Series]]") -> Seen:
    """The latest page beside the one of SPAN ago, or the first."""
    while len(pages) > 2 and pages[-1][0] - pages[1][0] >= SPAN:
        pages.popleft()
    (then, old), (now, new) = pages[0], pages[-1]
    return seen_between(old, new, max(now - then, 0.001))


def _plain(seen: Seen) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 - for --json alone

    told: dict[str, Any] = msgspec.to_builtins(seen)
    return told


def _summary(seen: Seen) -> list[str]:
    flow = seen.total
    hits = "" if flow.cache_hits is None else f", {flow.cache_hits:.0%} cache hits"
    return [
        f"LLM Router {one_line(seen.version, 20)}, {seen.workers} workers, {seen.in_flight} in flight, {seen.queued} queued;"
        f" of the last {seen.seconds:.0f} s:",
        f"{flow.calls_per_second:.1f} calls/s, p50 {_ms(flow.latency_p50)}, p95 {_ms(flow.latency_p95)}, ${flow.cost_per_hour:.4f}/h{hits},"
        f" {flow.failures_per_minute:.1f} failures/min, {seen.refused_per_minute:.1f} refused/min",
    ]


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _row(one: ModelFlow) -> tuple[str, ...]:
    flow: Flow = one.flow
    times = ("-" if value is None else f"{value:.0f}" for value in (flow.latency_p50, flow.latency_p95, flow.first_token_p50))
    hits = "-" if flow.cache_hits is None else f"{flow.cache_hits:.0%}"
    rates = (f"{flow.failures_per_minute:.1f}", f"{flow.cost_per_hour:.4f}")
    return one.model, one.provider, one.health, str(one.calls), f"{flow.calls_per_second:.2f}", *times, hits, *rates


def _print(seen: Seen) -> None:
    print(*_summary(seen), sep="\n")
    print_columns([HEAD, *map(_row, seen.models)])
    print(flush=True)


@contextmanager
def _screen(watched: bool) -> "Iterator[Callable[[Seen | str], None]]":
    """A part of the terminal that is drawn anew for each look, or message."""
    if not watched:
        yield lambda _seen: None
        return
    from rich.live import Live  # noqa: PLC0415 - a tenth of a second that a pipe need not wait
    from rich.text import Text  # noqa: PLC0415

    screen = console()
    with Live(Text("measuring; Ctrl-C ends"), console=screen, auto_refresh=False, vertical_overflow="crop") as live:
        yield lambda seen: live.update(
            Text(one_line(seen)) if isinstance(seen, str) else _drawn(seen, screen.width), refresh=True
        )


def _drawn(seen: Seen, columns: int) -> "Group":
    from rich.console import Group  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    styles = [STYLES.get(one.health, "") or ("" if one.flow.calls_per_second else "dim") for one in seen.models]
    return Group(
        *(Text(line, style="bold") for line in _summary(seen)),
        Text(),
        drawn(HEAD, [_row(one) for one in seen.models], LOOK, columns, styles),
    )
