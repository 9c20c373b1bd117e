"""The options of the commands that look after an installation: `config`, `cache`, `doctor`, `rollup`, `replay`. No work here."""

from pathlib import Path
from typing import Annotated, Final

import typer

from .ending import QuietGroup
from .options import AsJson, Yes, examples

config_app = typer.Typer(cls=QuietGroup, help="Check or show the configuration.", no_args_is_help=True)
cache_app = typer.Typer(cls=QuietGroup, help="Look at what is remembered, and forget it.", no_args_is_help=True)
DOCTOR: Final = examples("doctor", "doctor --online", "doctor --json | jq '.checks[] | select(.state != \"ok\")'")
ROLLUP: Final = examples("rollup", "rollup --json")
REPLAY: Final = examples("replay logs/per_call.jsonl", "replay logs/per_call.jsonl --policy other.yaml --plot estimates.svg")


@config_app.command("check", epilog=examples("config check", "config check other.yaml --json"))
def config_check(
    path: Annotated[Path | None, typer.Argument(help="A config file; without it the one in use.")] = None, as_json: AsJson = False
) -> None:
    """Check the configuration: one line naming file, key and reason when it is wrong, status 2."""
    from .configuration import check  # noqa: PLC0415

    raise typer.Exit(check(path, as_json))


@config_app.command("show", epilog=examples("config show", "config show | grep timeouts"))
def config_show(as_json: AsJson = False) -> None:
    """Show the effective configuration and where each value comes from. No secrets."""
    from .configuration import show  # noqa: PLC0415

    raise typer.Exit(show(as_json))


@cache_app.callback()
def cache_root() -> None:
    """Look at what is remembered, and forget it."""


@cache_app.command("check", epilog=examples("cache check", "cache check --json"))
def cache_check(as_json: AsJson = False) -> None:
    """Check the cache: every page of the local file, or whether Redis answers; status 1 when something is wrong."""
    from .cache import check  # noqa: PLC0415

    raise typer.Exit(check(as_json))


@cache_app.command("stats", epilog=examples("cache stats", "cache stats --json"))
def cache_stats(as_json: AsJson = False) -> None:
    """Count what is remembered: answers and bytes, how old, and of which models."""
    from .cache import stats  # noqa: PLC0415

    raise typer.Exit(stats(as_json))


@cache_app.command("purge", epilog=examples("cache purge", "cache purge --yes"))
def cache_purge(yes: Yes = False, as_json: AsJson = False) -> None:
    """Forget every answer that is remembered."""
    from .cache import purge  # noqa: PLC0415

    raise typer.Exit(purge(yes, as_json))


def doctor(
    online: Annotated[bool, typer.Option("--online", help="Also try to reach the hosts of providers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look whether all is in place, and say what to do where it is not; status 1 when something is wrong."""
    from .doctor import doctor as run  # noqa: PLC0415

    raise typer.Exit(run(online, as_json))


def rollup(as_json: AsJson = False) -> None:
    """Rebuild daily.json and the usage projection from the journal."""
    from .rollup import rollup as run  # noqa: PLC0415

    raise typer.Exit(run(as_json))


def replay(
    journal: Annotated[Path, typer.Argument(help="The journal; what it was rotated to is read, too.")],
    policy: Annotated[Path | None, typer.Option(help="Another configuration, to be judged by what was logged.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the estimates into this SVG file.")] = None,
    since: Annotated[str | None, typer.Option(help="Only calls that ended at this moment (or day) or after it, UTC.")] = None,
    until: Annotated[str | None, typer.Option(help="Only calls that ended before this moment (or day), UTC.")] = None,
    min_ess: Annotated[float, typer.Option(help="Effective sample size below which no verdict is given.", min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    """Compute logged decisions again, bit for bit, and judge another policy by them."""
    from . import replay as replaying  # noqa: PLC0415

    raise typer.Exit(replaying.replay(replaying.Asked(journal, policy, plot, since, until, min_ess), as_json))
