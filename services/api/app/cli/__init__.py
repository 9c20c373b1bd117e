"""`llm-router` on the command line. The service is imported only by what needs it, so that `--help` is quick."""


def main() -> None:
    """The entry point: exit status 0, 1 (it failed) or 2 (wrong use or wrong config)."""
    from .commands import app  # noqa: PLC0415 - typer is loaded only when the command line is used

    app()
