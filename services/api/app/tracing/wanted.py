"""Whether traces are wanted and can be sent, told by the standard `OTEL_` variables. Imports nothing of OpenTelemetry."""

import importlib.util
import sys
from collections.abc import Mapping

from msgspec import Struct

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
PROTOCOL = "http/protobuf"
_PACKAGES = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
_YES = ("true", "1", "span_only", "span_and_event")


class Wanted(Struct, frozen=True):
    """Where traces go; `trouble`: why they cannot, and the remedy. `content`: whether what the journal keeps of prompts goes too.

    `waiting` calls at most wait for the exporter, `batch` of them are sent at once, every `seconds` at the latest.
    """

    url: str
    trouble: str | None = None
    content: bool = False
    waiting: int = 2048
    batch: int = 512
    seconds: float = 1.0


def wanted(values: Mapping[str, str]) -> Wanted | None:
    """What the environment asks for; None when it asks for no traces."""

    def told(name: str) -> str:
        return values.get(name, "").strip()

    base = told(ENDPOINT)
    url = told(TRACES_ENDPOINT) or (base.rstrip("/") + "/v1/traces" if base else "")
    if not url or told("OTEL_SDK_DISABLED").lower() == "true" or told("OTEL_TRACES_EXPORTER") == "none":
        return None
    return Wanted(
        url,
        _trouble(
            told(TRACES_ENDPOINT) or base, told("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or told("OTEL_EXPORTER_OTLP_PROTOCOL")
        ),
        told(CONTENT).lower() in _YES,
        _count(told("OTEL_BSP_MAX_QUEUE_SIZE"), 2048),
        _count(told("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"), 512),
        _count(told("OTEL_BSP_SCHEDULE_DELAY"), 1000) / 1000,
    )


def _trouble(url: str, protocol: str) -> str | None:
    if not url.startswith(("http://", "https://")):
        return f"{ENDPOINT} must begin with http:// or https://: no traces are sent"
    if protocol not in ("", PROTOCOL):
        return (
            f"OTEL_EXPORTER_OTLP_PROTOCOL {protocol!r}: traces are sent as {PROTOCOL} alone (port 4318 as a rule); none are sent"
        )
    if not _installed():
        return f"{ENDPOINT} is set, but the extra otel is not installed, so no traces are sent: {sys.executable} -m pip install {_PACKAGES}"
    return None


def _installed() -> bool:
    try:
        return all(importlib.util.find_spec(f"opentelemetry.{name}") for name in ("sdk.trace", "exporter.otlp.proto.http"))
    except ModuleNotFoundError:
        return False


def _count(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 8 and int(text) > 0 else default
