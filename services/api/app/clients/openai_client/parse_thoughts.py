"""From the thoughts and signatures that callers give back to typed ones, each with its signer. Reading of requests only."""

from typing import Any

from ...domain.request import Reasoning
from ..common.seal import unsealed

_DIALECT = "openai"


def reasoning_of(text: str | None, details: Any) -> tuple[Reasoning, ...]:
    """The thoughts of an assistant turn; `details` in OpenRouter's shape tell their text again, so they come first."""
    thoughts: list[Reasoning] = []
    for detail in details if isinstance(details, list) else ():
        thought = _thought(detail) if isinstance(detail, dict) else None
        if thought is None:
            continue
        if thoughts and not (thoughts[-1].signature or thoughts[-1].redacted or thought.redacted):
            # streamed pieces that the caller never joined
            thought = Reasoning(thoughts.pop().text + thought.text, thought.signature, signer=thought.signer)
        thoughts.append(thought)
    if text and not any(thought.text for thought in thoughts):
        if len(thoughts) == 1 and thoughts[0].signature:
            return (Reasoning(text, thoughts[0].signature, signer=thoughts[0].signer),)
        return (Reasoning(text), *thoughts)
    return tuple(thoughts)


def _thought(detail: dict[str, Any]) -> Reasoning | None:
    data, text = detail.get("data"), detail.get("text") or detail.get("summary")
    if isinstance(data, str) and data:
        redacted, signer = unsealed(data, _DIALECT)
        return Reasoning(redacted=redacted, signer=signer)
    signature = detail.get("signature")
    signature, signer = unsealed(signature, _DIALECT) if isinstance(signature, str) else ("", "")
    text = text if isinstance(text, str) else ""
    return Reasoning(text, signature, signer=signer) if text or signature else None


def signature_of(extra_content: Any) -> tuple[str, str]:
    """(signature, signer) of a call, from where Google's OpenAI-compatible endpoint puts it; ("", "") for none."""
    google = extra_content.get("google") if isinstance(extra_content, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return unsealed(signature, _DIALECT) if isinstance(signature, str) else ("", "")
