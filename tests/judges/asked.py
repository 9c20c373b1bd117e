"""One request as a scripted provider received it."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """`path` begins after the wire's own prefix; `body` is the JSON, `sent` the same as text."""

    wire: str
    path: str
    headers: dict[str, str]
    sent: str
    body: Any
    knows: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, wire: str, path: str, headers: dict[str, str], sent: bytes) -> "Asked":
        """Raises ValueError for a body that is no JSON."""
        return cls(wire, path, headers, sent.decode(), json.loads(sent or b"{}"))

    @property
    def streams(self) -> bool:
        """Whether a stream is asked for."""
        return ":streamGenerateContent" in self.path or bool(self.body.get("stream"))

    @property
    def model(self) -> str:
        """The model that is asked, from the body or (Gemini) the path."""
        if self.wire == "gemini":
            return self.path.partition("/models/")[2].partition(":")[0]
        return str(self.body.get("model", ""))

    @property
    def digest(self) -> str:
        """Twelve hex digits that stand for this request: providers never give two answers the same id."""
        return hashlib.sha256(self.sent.encode()).hexdigest()[:12]

    @property
    def known(self) -> dict[str, Any]:
        """The body without the fields that only this provider knows."""
        return {name: value for name, value in self.body.items() if name not in self.knows}
