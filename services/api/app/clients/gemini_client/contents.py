"""From turns of typed parts to Gemini's `contents`. Nothing of an answer's limits or form may enter."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import Called, Media, MediaKind, Part, Reasoning, Result, Text
from ...errors import CallerError, UnsupportedFeature
from ..common.call_ids import CallIds, spelled_hex
from ..common.seal import signed_by
from ..common.tools import input_of
from ..common.turns import Turn
from . import model
from .signatures import UNSIGNED

DIALECT: Final = "gemini"
_ACCEPTED_ID: Final = re.compile(r"[!-~]{1,128}", re.ASCII)
# the type behind a URL has to be told and nobody here looks: its ending says it, else the usual one of its kind is the guess
_ENDINGS: Final = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "heic": "image/heic",
    "heif": "image/heif", "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html",
    "json": "application/json", "mp3": "audio/mp3", "wav": "audio/wav", "ogg": "audio/ogg", "flac": "audio/flac", "aac": "audio/aac",
    "m4a": "audio/m4a", "mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime",
}  # fmt: skip
_USUAL: Final[dict[MediaKind, str]] = {"image": "image/jpeg", "audio": "audio/mp3", "file": "application/pdf"}
_SPELLED: Final = {"audio/mpeg": "audio/mp3", "audio/x-wav": "audio/wav"}
_object = msgspec.json.Decoder(dict[str, Raw])


class Contents:
    """Spells the turns of one conversation, in order, for one model.

    `unsigned` tells, at the end, whether a thought or a signature was left out because another model had made it.
    """

    def __init__(self, model_id: str) -> None:
        self._model_id = model_id
        self._ids = CallIds(_ACCEPTED_ID, spelled_hex("call_"))
        self._names: dict[str, str] = {}
        self._checked = model.checks_signatures(model_id)
        self.unsigned = False

    def spelled(self, turns: Sequence[Turn]) -> list[dict[str, Any]]:
        """One content for each turn that has something to say. Raises UnsupportedFeature, CallerError."""
        running = _running(turns)
        contents: list[dict[str, Any]] = []
        for place, turn in enumerate(turns):
            parts = self._said(turn.parts, place >= running) if turn.assistant else self._told(turn.parts)
            role = "model" if turn.assistant else "user"
            if contents and contents[-1]["role"] == role:
                contents[-1]["parts"] += parts  # what stood between them was left out
            elif parts:
                contents.append({"role": role, "parts": parts})
        return contents

    def _said(self, parts: Sequence[Part], running: bool) -> list[dict[str, Any]]:
        """A turn of the model: thoughts, text, the signatures of that text, calls."""
        thoughts: list[dict[str, Any]] = []
        said: list[dict[str, Any]] = []
        proofs: list[dict[str, Any]] = []
        calls: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Reasoning):
                self._thought(part, thoughts, proofs)
            elif isinstance(part, Called):
                calls.append(self._called(part))
            elif isinstance(part, Text):
                said.append({"text": part.text})
            elif isinstance(part, Media):
                said.append(self._media(part))
        if calls and running and self._checked and "thoughtSignature" not in calls[0]:
            # one step's calls are vouched for by the first of them
            calls[0]["thoughtSignature"] = UNSIGNED
        return thoughts + said + proofs + calls

    def _thought(self, part: Reasoning, thoughts: list[dict[str, Any]], proofs: list[dict[str, Any]]) -> None:
        if not (part.redacted or part.signature):
            thoughts += [{"text": part.text, "thought": True}] if part.text else []
        elif not signed_by(part.signer, DIALECT, self._model_id):
            self.unsigned = True
        elif part.redacted:
            # it came with text of the answer; an empty text may carry it, as it does at the end of a stream
            proofs.append({"text": "", "thoughtSignature": part.redacted})
        else:
            thoughts.append({"text": part.text, "thought": True, "thoughtSignature": part.signature})

    def _called(self, part: Called) -> dict[str, Any]:
        call_id = self._ids.called(part.id)
        self._names[part.id] = part.name
        call: dict[str, Any] = {"functionCall": {"id": call_id, "name": part.name, "args": input_of(part)}}
        if part.signature:
            if signed_by(part.signer, DIALECT, self._model_id):
                call["thoughtSignature"] = part.signature
            else:
                self.unsigned = True
        return call

    def _told(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        """A turn of the user: results first, since a call is followed by its results."""
        results: list[dict[str, Any]] = []
        rest: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Result):
                self._result(part, results, rest)
            elif isinstance(part, Text):
                rest.append({"text": part.text})
            elif isinstance(part, Media):
                rest.append(self._media(part))
        return results + rest

    def _result(self, result: Result, results: list[dict[str, Any]], beside: list[dict[str, Any]]) -> None:
        name = self._names.get(result.call_id) or result.name
        if not name:
            raise CallerError("messages: a tool's result answers no call of this conversation", param="messages")
        response: dict[str, Any] = {"id": self._ids.answered(result.call_id), "name": name, "response": _response(result)}
        within: list[dict[str, Any]] = []
        for part in result.parts:
            if isinstance(part, Media):
                inside = not part.url and model.sees_results(self._model_id)
                (within if inside else beside).append(self._media(part))
        if within:
            response["parts"] = within
        results.append({"functionResponse": response})

    def _media(self, media: Media) -> dict[str, Any]:
        if not media.url:
            return {"inlineData": {"mimeType": _SPELLED.get(media.media_type, media.media_type), "data": media.data}}
        if not model.fetches_urls(self._model_id):
            raise UnsupportedFeature(f"this model takes {media.kind} content as data only, not by URL", param="messages")
        return {"fileData": {"mimeType": _type_of(media), "fileUri": media.url}}


def _running(turns: Sequence[Turn]) -> int:
    """Where the running turn begins: after the last time that the user spoke without giving results."""
    for place in range(len(turns) - 1, -1, -1):
        turn = turns[place]
        if not turn.assistant and not any(isinstance(part, Result) for part in turn.parts):
            return place + 1
    return 0


def _response(result: Result) -> Raw | dict[str, str]:
    """A result as the object that it must be: a JSON object as it is, other text under the key the dialect names for it."""
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    text = "\n".join(texts)
    if result.failed:
        return {"error": text}
    data = text.strip().encode("utf-8", "surrogatepass")
    if data.startswith(b"{"):
        try:
            _object.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return {"output": text}
        return Raw(data)
    return {"output": text}


def _type_of(media: Media) -> str:
    path = media.url.partition("?")[0].partition("#")[0]
    return media.media_type or _ENDINGS.get(path.rpartition(".")[2].lower(), _USUAL[media.kind])
