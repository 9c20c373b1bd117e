"""The service with every provider real and played by one judged upstream: for tests that speak as a client's own program."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from judges.upstream import JudgedUpstream
from support import Service, running, shipped

# the catalogue row that answers over each wire; none of them is retired
ROWS = {
    "openai": "openai_gpt6_sol",
    "llama": "llama3_3_70b",
    "anthropic": "anthropic_claude_haiku",
    "gemini": "gemini_flash",
    "mistral": "mistral_small",
}


def configured(upstream: JudgedUpstream) -> str:
    """The shipped configuration without a cache, and every provider served by `upstream`."""
    text = shipped().replace("backend: local ", "backend: none ")
    hosts = [f"  {wire}: {{base_url: {upstream.base_url(wire)!r}}}" for wire in ROWS]
    return "\n".join([text, "providers:", *hosts, ""])


@contextmanager
def judged(home: Path) -> Iterator[tuple[Service, JudgedUpstream]]:
    """The running service and the upstream behind it, which fails the test at the end of each call that it would refuse."""
    keys = {f"{wire.upper()}_API_KEY": f"key-of-{wire}" for wire in ROWS}
    with JudgedUpstream() as upstream, running(home, configured(upstream), **keys) as service:
        yield service, upstream
