"""The options of the commands that look at traffic: `stats`, `tail`, `top`. No work here."""

from typing import Annotated, Final

import typer

from .options import AdminKey, AsJson, By, Key, Mode, Outcome, ServiceUrl, UsageUrl, examples, model_names

STATS: Final = examples("stats", "stats --since 24h --by model", "stats --since 2026-11-01 --by day --by provider --json")
TAIL: Final = examples("tail", "tail --outcome failed", "tail -n 100 --no-follow --model gpt4o --json")
TOP: Final = examples("top", "top --every 5", "top --count 1 --json")
Since = Annotated[str, typer.Option(help="From when on: 30m, 24h, 7d, a day (2026-11-23) or a moment.")]
Until = Annotated[str | None, typer.Option(help="Before when: like --since; without it until now.")]
Zone = Annotated[str | None, typer.Option("--tz", help="Time zone of days and hours, such as Europe/Berlin; this machine's.")]


def stats(
    since: Since = "7d",
    until: Until = None,
    by: Annotated[list[By] | None, typer.Option("--by", help="Sum by this; repeat it for several. Without it by day.")] = None,
    zone: Zone = None,
    as_json: AsJson = False,
    url: UsageUrl = "",
    key: AdminKey = "",
) -> None:
    """Sum up calls: how many, how fast, at what cost, and what was saved."""
    from . import stats as counting  # noqa: PLC0415
    from .exchange import Service  # noqa: PLC0415

    wanted = counting.Wanted(since, until, tuple(one.value for one in by or [By.day]), zone)
    raise typer.Exit(counting.stats(wanted, Service(url, key), as_json))


def tail(
    last: Annotated[int, typer.Option("--lines", "-n", help="Begin with so many calls.", min=0, max=1_000_000)] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what comes.")] = True,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Only of models with this in their name.", autocompletion=model_names)
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help="Only of this mode.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only calls that ended so.")] = None,
    user: Annotated[str | None, typer.Option(help="Only of this user.")] = None,
    as_json: AsJson = False,
) -> None:
    """Follow the calls of this machine's services as they are written to the journal."""
    from . import tail as following  # noqa: PLC0415

    only = following.Only(model, mode and mode.value, outcome and outcome.value, user)
    raise typer.Exit(following.tail(only, last, follow, as_json))


def top(
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2, max=3600)] = 2.0,
    count: Annotated[int, typer.Option(help="End after so many looks; 0 = never.", min=0)] = 0,
    as_json: AsJson = False,
    url: ServiceUrl = "",
    key: Key = "",
) -> None:
    """Watch a running service: rate, latency, cost, cache and the health of each model."""
    from . import top as watching  # noqa: PLC0415
    from .configuration import service_at  # noqa: PLC0415

    raise typer.Exit(watching.top(service_at(url, key), every, count, as_json))
