"""`llm-router` on the command line. The service is imported only by what needs it, so that `--help` is quick."""


def main() -> None:
    """The entry point: exit status 0, 1 (it failed) or 2 (wrong use or wrong config); 130 after Ctrl-C, 141 when nobody reads."""
    try:
        from .commands import app  # noqa: PLC0415 - typer is loaded only when the command line is used
        from .ending import run  # noqa: PLC0415
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    run(app)
