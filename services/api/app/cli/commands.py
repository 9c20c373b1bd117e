"""The commands and their options; what they do is in the modules beside this one, imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from .ending import QuietGroup
from .options import AsJson, Key, Model, ModeOption, Prompt, System, Url
from .toxic import toxic_upstream

app = typer.Typer(
    cls=QuietGroup,
    help="One service in front of every LLM provider.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Check or show the configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")
cache_app = typer.Typer(help="Look at what is remembered.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")
app.command("toxic-upstream")(toxic_upstream)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"llm-router {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """One service in front of every LLM provider.

    Examples:

      llm-router serve

      llm-router query "Explain quantum computing in one sentence" --mode fast

      echo "Summarise this" | llm-router query -
    """


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; overrides HOST and server.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind; overrides PORT and server.port.", min=0, max=65535)] = None,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=256)] = 1,
    as_json: AsJson = False,
) -> None:
    """Start the service. The configuration is checked before any worker starts."""
    from .serve import serve as run  # noqa: PLC0415

    raise typer.Exit(run(host, port, workers, as_json))


@app.command()
def query(
    prompt: Prompt,
    mode: ModeOption = None,
    model: Model = "auto",
    system: System = None,
    as_json: AsJson = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Ask, and see the answer arrive."""
    from . import ask  # noqa: PLC0415

    raise typer.Exit(ask.query(ask.Asking(prompt, mode and mode.value, model, system, url, key), as_json))


@app.command()
def explain(
    prompt: Prompt,
    mode: ModeOption = None,
    system: System = None,
    as_json: AsJson = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Show which model would answer and why, without calling anyone."""
    from . import ask  # noqa: PLC0415

    raise typer.Exit(ask.explain(ask.Asking(prompt, mode and mode.value, "auto", system, url, key), as_json))


@app.command()
def models(as_json: AsJson = False, url: Url = "", key: Key = "") -> None:
    """List every name that `model` accepts."""
    from . import ask  # noqa: PLC0415

    raise typer.Exit(ask.models(ask.Service(url, key), as_json))


@config_app.command("check")
def config_check(
    path: Annotated[Path | None, typer.Argument(help="A config file; without it the one in use.")] = None, as_json: AsJson = False
) -> None:
    """Check the configuration: one line naming file, key and reason when it is wrong, status 2."""
    from .configuration import check  # noqa: PLC0415

    raise typer.Exit(check(path, as_json))


@config_app.command("show")
def config_show(as_json: AsJson = False) -> None:
    """Show the effective configuration and where each value comes from. No secrets."""
    from .configuration import show  # noqa: PLC0415

    raise typer.Exit(show(as_json))


@cache_app.callback()
def cache_root() -> None:
    """Look at what is remembered."""


@cache_app.command("check")
def cache_check(as_json: AsJson = False) -> None:
    """Check the cache: every page of the local file, or whether Redis answers; status 1 when something is wrong."""
    from .cache import check  # noqa: PLC0415

    raise typer.Exit(check(as_json))


@app.command()
def rollup(as_json: AsJson = False) -> None:
    """Rebuild daily.json from the journal."""
    from .rollup import rollup as run  # noqa: PLC0415

    raise typer.Exit(run(as_json))


@app.command()
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


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    typer.echo(f'{{"version": "{__version__}"}}' if as_json else f"llm-router {__version__}")
