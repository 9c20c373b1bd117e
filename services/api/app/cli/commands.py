"""The commands and their options; what they do is in the modules beside this one, imported when they run."""

from typing import Annotated

import typer

from .. import __version__
from . import looking, upkeep
from .ending import QuietGroup
from .options import AsJson, Key, Model, Models, ModeOption, Prompt, ServiceUrl, System, Url, examples
from .toxic import toxic_upstream

app = typer.Typer(
    cls=QuietGroup,
    help="One service in front of every LLM provider.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"llm-router {__version__}")
        raise typer.Exit


@app.callback(
    epilog=examples("serve", 'query "Explain quantum computing in one sentence" --mode fast', "query - < question.txt", "doctor")
)
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """One service in front of every LLM provider."""


@app.command(epilog=examples("serve", "serve --port 9000 --workers 4"))
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; overrides HOST and server.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind; overrides PORT and server.port.", min=0, max=65535)] = None,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1, max=256)] = 1,
    as_json: AsJson = False,
) -> None:
    """Start the service. The configuration is checked before any worker starts."""
    from .serve import serve as run  # noqa: PLC0415

    raise typer.Exit(run(host, port, workers, as_json))


@app.command(
    epilog=examples(
        'query "Why is the sky blue?"', "query - --mode accurate < question.txt", 'query "Hello" -m gpt-4o-mini --json'
    )
)
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


@app.command(epilog=examples('explain "Prove that there are infinitely many primes"', 'explain "Hello" --mode fast --json'))
def explain(
    prompt: Prompt, mode: ModeOption = None, system: System = None, as_json: AsJson = False, url: Url = "", key: Key = ""
) -> None:
    """Show which model would answer and why, without calling anyone."""
    from . import ask  # noqa: PLC0415

    raise typer.Exit(ask.explain(ask.Asking(prompt, mode and mode.value, "auto", system, url, key), as_json))


@app.command(
    epilog=examples('compare "Why is the sky blue?" -m gpt-4o-mini -m claude-3-sonnet', "compare - -m auto-fast -m auto-accurate")
)
def compare(prompt: Prompt, model: Models, system: System = None, as_json: AsJson = False, url: Url = "", key: Key = "") -> None:
    """Ask several models the same, and see the answers side by side."""
    from . import ask  # noqa: PLC0415
    from .compare import compare as run  # noqa: PLC0415
    from .exchange import Service  # noqa: PLC0415

    raise typer.Exit(run(Service(url, key), ask.read_prompt(prompt), model, system, as_json))


@app.command(epilog=examples("models", "models --json | jq -r '.data[].id'"))
def models(as_json: AsJson = False, url: Url = "", key: Key = "") -> None:
    """List every name that `model` accepts."""
    from .ask import models as run  # noqa: PLC0415
    from .exchange import Service  # noqa: PLC0415

    raise typer.Exit(run(Service(url, key), as_json))


@app.command(epilog=examples("demo", "demo --count 50 --url http://127.0.0.1:9000"))
def demo(
    count: Annotated[int, typer.Option(help="How many calls.", min=1, max=10_000)] = 200,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Also when real providers would be paid.")] = False,
    as_json: AsJson = False,
    url: ServiceUrl = "",
    key: Key = "",
) -> None:
    """Send varied prompts to a running service, so that there is something to see."""
    from .configuration import service_at  # noqa: PLC0415
    from .demo import demo as run  # noqa: PLC0415

    raise typer.Exit(run(service_at(url, key), count, yes, as_json))


app.command("stats", epilog=looking.STATS)(looking.stats)
app.command("tail", epilog=looking.TAIL)(looking.tail)
app.command("top", epilog=looking.TOP)(looking.top)
app.add_typer(upkeep.config_app, name="config")
app.add_typer(upkeep.cache_app, name="cache")
app.command("doctor", epilog=upkeep.DOCTOR)(upkeep.doctor)
app.command("rollup", epilog=upkeep.ROLLUP)(upkeep.rollup)
app.command("replay", epilog=upkeep.REPLAY)(upkeep.replay)
app.command("toxic-upstream", epilog=examples("toxic-upstream", "toxic-upstream --list"))(toxic_upstream)


@app.command(epilog=examples("version", "version --json"))
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    typer.echo(f'{{"version": "{__version__}"}}' if as_json else f"llm-router {__version__}")
