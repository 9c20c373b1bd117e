"""`llm-router toxic-upstream`: a provider that fails on purpose, until it is told to stop."""

import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

if TYPE_CHECKING:
    from ..toxic.server import ToxicUpstream

Port = Annotated[int, typer.Option(help="Port to bind; 0 is any free one.", min=0, max=65535)]
Host = Annotated[str, typer.Option(help="Address to bind. Only an address given here opens it beyond this machine.")]
LogFile = Annotated[Path | None, typer.Option("--log", help="Append what is asked, and when connections end, to this file.")]
Listing = Annotated[bool, typer.Option("--list", help="Print the table of faults and end.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def toxic_upstream(
    port: Port = 8099, host: Host = "127.0.0.1", log: LogFile = None, listing: Listing = False, as_json: AsJson = False
) -> None:
    """Play a provider that fails as the model's name says, to rehearse outages."""
    if listing:
        _list(as_json)
        return
    import asyncio  # noqa: PLC0415 - help need not load it

    try:
        asyncio.run(_serve(port, host, log, as_json))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"toxic-upstream: {place}{error.strerror or error}", file=sys.stderr)
        raise typer.Exit(1) from None


def _list(as_json: bool) -> None:
    from ..toxic.control import listed  # noqa: PLC0415

    rows = listed()
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return
    width = max(len(row.name) for row in rows)
    taken = max(len(row.takes) for row in rows)
    for row in rows:
        print(f"{row.name.ljust(width)}  {row.takes.ljust(taken)}  {row.says}  [{', '.join(row.cases)}]")


async def _serve(port: int, host: str, log: Path | None, as_json: bool) -> None:
    import asyncio  # noqa: PLC0415 - as above

    from ..toxic.server import ToxicUpstream  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with nullcontext() if log is None else log.open("ab") as file:
        async with ToxicUpstream(port, host, file) as upstream:
            print(_as_json(upstream) if as_json else _greeting(upstream), flush=True)
            await stop.wait()


def _as_json(upstream: "ToxicUpstream") -> str:
    told = {"port": upstream.port, "base_urls": _base_urls(upstream), "doors": upstream.doors}
    return msgspec.json.encode(told).decode()


def _base_urls(upstream: "ToxicUpstream") -> dict[str, str]:
    return {dialect: upstream.base_url(dialect) for dialect in ("openai", "anthropic", "gemini", "mistral")}


def _greeting(upstream: "ToxicUpstream") -> str:
    rows = ["A provider that fails on purpose. base_url of a provider, by dialect:"]
    rows += [f"  {dialect.ljust(10)} {url}" for dialect, url in _base_urls(upstream).items()]
    rows += ["Ports that fail before any request:"]
    rows += [f"  {name.ljust(10)} {port}" for name, port in upstream.doors.items()]
    control = f"{upstream.base_url('gemini')}/_toxic"
    rows += [f"What it was asked: {control}/log. The faults: llm-router toxic-upstream --list"]
    return "\n".join(rows)
