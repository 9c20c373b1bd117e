"""Options that several commands share, and what a shell completes them with. No command."""

from enum import StrEnum
from typing import Annotated

import typer


class Mode(StrEnum):
    """How `auto` chooses."""

    fast = "fast"
    balanced = "balanced"
    accurate = "accurate"


class Outcome(StrEnum):
    """How a call ended."""

    answered = "answered"
    failed = "failed"
    abandoned = "abandoned"


class By(StrEnum):
    """What calls are summed by."""

    day = "day"
    hour = "hour"
    model = "model"
    provider = "provider"
    mode = "mode"
    user = "user"
    outcome = "outcome"


def examples(*commands: str) -> str:
    """What stands at the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  llm-router {command}" for command in commands)


def model_names() -> list[str]:
    """The names of the configuration in use, for a shell's completion; none when it is wrong."""
    from .configuration import here  # noqa: PLC0415 - only a completion needs the configuration here
    from .ending import WrongUse  # noqa: PLC0415

    try:
        return list(here().snapshot.names)
    except WrongUse:
        return []


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[
    str, typer.Option("--url", envvar="LLM_ROUTER_URL", help="A running service; without it the command works in process.")
]
ServiceUrl = Annotated[
    str, typer.Option("--url", envvar="LLM_ROUTER_URL", help="A running service; without it the one of this configuration.")
]
UsageUrl = Annotated[
    str, typer.Option("--url", envvar="LLM_ROUTER_URL", help="A running service; without it the files of this machine are read.")
]
Key = Annotated[str, typer.Option("--key", envvar="LLM_ROUTER_KEY", help="A caller key of that service.", show_envvar=True)]
AdminKey = Annotated[
    str, typer.Option("--key", envvar="LLM_ROUTER_KEY", help="The admin key of that service, if it has one.", show_envvar=True)
]
Prompt = Annotated[str, typer.Argument(help="The prompt, or - to read it from standard input.")]
ModeOption = Annotated[Mode | None, typer.Option(help="How to choose among models.")]
System = Annotated[str | None, typer.Option(help="A system prompt.")]
Model = Annotated[
    str, typer.Option("--model", "-m", help="A model by name instead of the router's choice.", autocompletion=model_names)
]
Models = Annotated[list[str], typer.Option("--model", "-m", help="A model by name; at least two.", autocompletion=model_names)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
