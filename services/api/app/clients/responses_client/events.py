"""Events of one stream, numbered as they are written. No item may enter."""

from collections.abc import Mapping

import msgspec

_encode = msgspec.json.Encoder().encode


class EventLine:
    """Numbers the events of one stream and spells them out."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 0

    def event(self, kind: str, fields: Mapping[str, object]) -> bytes:
        """One event: `response.` and `kind`."""
        return self._numbered(event_head(kind, fields), b"}\n\n")

    def piece(self, head: bytes, text: str, rest: bytes = b"") -> bytes:
        """One `delta` event after a head that its caller keeps, since most of a stream are such events; `rest` follows the text."""
        return self._numbered(head, b',"delta":' + _encode(text) + rest + b"}\n\n")

    def _numbered(self, head: bytes, tail: bytes) -> bytes:
        number = self._next
        self._next = number + 1
        return b"%b%d%b" % (head, number, tail)


def event_head(kind: str, fields: Mapping[str, object]) -> bytes:
    """An event up to its number."""
    body = _encode({"type": f"response.{kind}", **fields})
    return b"event: response." + kind.encode() + b"\ndata: " + body[:-1] + b',"sequence_number":'
