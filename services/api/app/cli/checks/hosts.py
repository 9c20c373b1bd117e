"""Whether the hosts of providers can be reached, and whether their clocks agree with ours. Sends no key and asks no model."""

import http.client
import queue
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from ..configuration import Here
from ..exchange import opener_for
from .finding import Finding, State

PATIENCE: Final = 5.0
APART_SECONDS: Final = 120.0


def hosts(here: Here) -> Iterator[Finding]:
    """All at once."""
    places: dict[str, tuple[str, bool]] = {}
    for model in here.snapshot.models.values():
        for target in model.targets if model.enabled else ():
            real = not target.mock or places.get(target.base_url, ("", False))[1]
            places[target.base_url] = (target.provider, real)
    found: queue.SimpleQueue[Finding] = queue.SimpleQueue()

    def look(base_url: str, provider: str, real: bool) -> None:
        found.put(_look(base_url, provider, real))

    for base_url, (provider, real) in places.items():
        threading.Thread(target=look, args=(base_url, provider, real), daemon=True).start()
    told = [found.get() for _ in places]
    yield from sorted(told, key=lambda one: one.says)


def _look(base_url: str, provider: str, real: bool) -> Finding:
    bad: State = "error" if real else "warning"
    parts = urlsplit(base_url)
    host = f"{parts.scheme}://{parts.netloc}/"
    try:
        date = _date_at(host)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return Finding("hosts", bad, f"{provider}: {host}: {reason.verify_message}", "check the clock, and who is in between")
        told = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return Finding("hosts", bad, f"{provider}: {host}: {told}", "check network, DNS, proxy and firewall")
    apart = abs(time.time() - date) if date is not None else 0.0
    if apart > APART_SECONDS:
        return Finding(
            "hosts", "warning", f"{provider}: {host} says it is {apart:.0f} s earlier or later", "set the clock by NTP"
        )
    return Finding("hosts", "ok", f"{provider}: {host} answers")


def _date_at(url: str) -> float | None:
    """What the host takes for now, in epoch seconds; None when it does not say. Any answer is one. Raises OSError and others."""
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the configuration allows http and https alone
    try:
        with opener_for(url).open(request, timeout=PATIENCE) as answer:
            date = answer.headers.get("date")
    except urllib.error.HTTPError as error:
        with error:
            date = error.headers.get("date")
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
