"""How a line of the service's own log looks: readable on a terminal, one JSON object a line elsewhere. It writes nothing itself.

Whatever a caller or a provider wrote stays one line and moves no cursor, a line that belongs to a call names it, and no secret of
the environment is told.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar

from msgspec import Struct

LEVEL = "LLM_ROUTER_LOG_LEVEL"
FORMAT = "LLM_ROUTER_LOG_FORMAT"
LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("auto", "json", "text")
CALL: ContextVar[str] = ContextVar("call")
"""The id of the call that is being served, as its caller reads it from `x-request-id`."""
_FIELD = "x-request-id"
_HIDDEN = "[hidden]"
_LEAST_SECRET = 8
"""Characters; what is shorter would be found in words that are no secret."""
# controls, line ends, and the marks that turn the direction of text around
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != 9}
_TURNS = (0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS |= {code: f"\\u{code:04x}" for code in _TURNS}
_secrets: list[str] = []


class Manner(Struct, frozen=True):
    """How the service speaks: the least level, and whether as JSON (None = unless to a terminal)."""

    level: int = logging.INFO
    as_json: bool | None = None


def manner(values: Mapping[str, str]) -> tuple[Manner, str | None]:
    """What the environment asks for, and what of it is not understood (then the default holds)."""
    level = values.get(LEVEL, "").strip().lower() or "info"
    form = values.get(FORMAT, "").strip().lower() or "auto"
    fault = None
    if level not in LEVELS:
        fault, level = f"{LEVEL} must be one of {', '.join(LEVELS)}; info is used", "info"
    if form not in FORMATS:
        fault, form = f"{FORMAT} must be one of {', '.join(FORMATS)}; auto is used", "auto"
    return Manner(logging.getLevelNamesMapping()[level.upper()], {"json": True, "text": False}.get(form)), fault


def hide(secrets: Iterable[str]) -> None:
    """Let no line tell these from now on."""
    new = {secret for secret in secrets if len(secret) >= _LEAST_SECRET} - set(_secrets)
    # the longest first, so that one that holds another is hidden whole
    _secrets[:] = sorted([*_secrets, *new], key=len, reverse=True)


def _without_secrets(text: str) -> str:
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, _HIDDEN)
    return text


class OneLine(logging.Formatter):
    """UTC time, level, process, message, and the call if there is one."""

    converter = time.gmtime  # type: ignore[assignment]  # typeshed asks for less than logging gives

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s [%(process)d] %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """The first line."""
        call = CALL.get("")
        line = super().formatMessage(record) + (f" {_FIELD}={call}" if call else "")
        return _without_secrets(line).translate(_CONTROLS)

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's own name
        """A traceback, indented, so that no line of it can be taken for a record."""
        told = _without_secrets(super().formatException(ei))  # type: ignore[arg-type]
        return "\n".join("  " + line.translate(_CONTROLS) for line in told.split("\n"))


class JsonLine(logging.Formatter):
    """One object: `time`, `level`, `process`, `logger`, `message`, and where there are any `x-request-id` and `exception`.

    Only ASCII, all else escaped: a reader of JSON gets every character back, a terminal gets none that it would obey.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        facts = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": _without_secrets(record.getMessage()),
        }
        call = CALL.get("")
        if call:
            facts[_FIELD] = call
        if record.exc_info:
            facts["exception"] = _without_secrets(self.formatException(record.exc_info))
        return json.dumps(facts).replace("\x7f", "\\u007f")


def formatter(as_json: bool) -> logging.Formatter:
    """The form of lines."""
    return JsonLine() if as_json else OneLine()


def lost_line(as_json: bool) -> Callable[[int], str]:
    """What stands in the place of lines that nobody read."""

    def told(count: int) -> str:
        text = f"{count} lines were lost: nobody read them"
        return json.dumps({"level": "warning", "message": text}) if as_json else text

    return told
