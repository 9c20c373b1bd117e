"""Gemini's answers, from their typed shape to deltas; a whole answer is the fold of its own. Nothing about requests may enter."""

from msgspec import Raw

from ...domain.answer import Completion, Delta, FinishReason, Fold, TokenLogprob, Usage
from ...errors import BadAnswer
from ..common.call_ids import minted
from ..common.said import arguments_text, held, read_or_none, usage_of
from ..common.seal import sealed
from .contents import DIALECT
from .fault import error_of
from .shapes import Candidate, Logprobs, Part, Said, said_of, spent

# a reason that is not listed (STOP, OTHER, LANGUAGE, later ones) is an ordinary stop
FINISH: dict[str, FinishReason] = {
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        (
            "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION", "PUP_LIMITED_DISABLED",
        ),
        "content_filter",
    ),
    **dict.fromkeys(
        (
            "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE",
            "MISSING_THOUGHT_SIGNATURE", "NO_IMAGE", "IMAGE_OTHER",
        ),
        "error",
    ),
}  # fmt: skip
_NOBODY = Candidate()


class Answer:
    """One answer as it comes, in one piece or in many: what it said so far, how it ended, what it cost.

    The finish and the usage are kept for the end: usage is cumulative in every event, and there are models that put an
    early finish reason into every event too.
    """

    __slots__ = ("_calls", "finish", "usage")

    def __init__(self) -> None:
        self._calls = 0
        self.finish: FinishReason | None = None
        self.usage: Usage | None = None

    def take(self, said: Said, raw: bytes = b"") -> list[Delta]:
        """What this piece adds; the first delta carries `raw`. Raises the error that stands in an answer's place."""
        if said.error is not None:
            raise error_of(said.error)
        blocked = _blocked(said)
        candidate = said.candidates[0] if said.candidates else _NOBODY
        if candidate.index:
            candidate = _NOBODY  # another answer to the same prompt: passed on, not read
        response_id = said.response_id or ""
        head, pieces = self._content(candidate, response_id)
        self._end(said, candidate.finish_reason, bool(blocked))
        first = Delta(
            text=head,
            refusal=blocked or _refusal(candidate),
            response_id=response_id,
            model_id=said.model_version or "",
            raw=raw,
            logprobs=_logprobs(candidate.logprobs_result),
        )
        return [first, *pieces]

    def _content(self, candidate: Candidate, response_id: str) -> tuple[str, list[Delta]]:
        """The text that opens this piece (mostly all there is), and the rest."""
        parts = candidate.content.parts if candidate.content else None
        if not parts:
            return "", []
        opening = parts[0]
        if opening.text and not (opening.thought or opening.thought_signature or opening.function_call):
            return opening.text, self._pieces(parts[1:], response_id)
        return "", self._pieces(parts, response_id)

    def _pieces(self, parts: list[Part], response_id: str) -> list[Delta]:
        pieces = []
        for part in parts:
            signature = sealed(DIALECT, part.thought_signature or "")
            text = part.text or ""
            if part.function_call is not None:
                pieces.append(self._called(part, signature, response_id))
            elif part.thought:
                if text or signature:
                    pieces.append(Delta(reasoning=text, signature=signature))
            else:
                if text:
                    pieces.append(Delta(text=text))
                if signature:
                    # what the model thought before it said this, without words
                    pieces.append(Delta(redacted=signature))
        return pieces

    def _called(self, part: Part, signature: str, response_id: str) -> Delta:
        """A call, which comes whole. One without an id gets one that the same answer always gets."""
        call = part.function_call
        assert call is not None  # noqa: S101 - only called for calls
        place = self._calls
        self._calls += 1
        name, arguments = call.name or "", arguments_text(call.args)
        return Delta(
            tool_index=place,
            tool_id=call.id or minted(response_id, str(place), name, arguments),
            tool_name=name,
            tool_arguments=arguments,
            signature=signature,
        )

    def _end(self, said: Said, word: str | None, blocked: bool) -> None:
        """There is no reason for calls in this dialect: they end with an ordinary stop."""
        if blocked:
            self.finish = "content_filter"
        elif word is not None:
            self.finish = FINISH.get(word, "stop")
        if bytes(said.usage_metadata):
            self.usage = counted(said.usage_metadata)

    def last(self) -> Delta:
        """The finish and the last usage."""
        finish: FinishReason | None = "tool_calls" if self._calls and self.finish in ("stop", None) else self.finish
        return Delta(finish_reason=finish, usage=self.usage)


def decode(body: bytes) -> Completion:
    """A whole answer; `raw` is the body. Raises BadAnswer, or the error that stands in its place."""
    said = said_of(body)
    answer = Answer()
    fold = Fold()
    for delta in answer.take(said):
        fold.add(delta)
    if not said.candidates and answer.finish is None:
        raise BadAnswer("the provider's answer holds no candidate")
    fold.add(answer.last())
    return held(fold.completion(body))


def _blocked(said: Said) -> str:
    """Why the prompt was blocked ("" if it was not); then there is no candidate."""
    if said.candidates or said.prompt_feedback is None:
        return ""
    return said.prompt_feedback.block_reason or ""


def _refusal(candidate: Candidate) -> str:
    """What the provider says of content it withheld, at least its reason."""
    word = candidate.finish_reason or ""
    return (candidate.finish_message or word) if FINISH.get(word) == "content_filter" else ""


def _logprobs(result: Logprobs | None) -> tuple[TokenLogprob, ...]:
    if result is None or not result.chosen_candidates:
        return ()
    tops = result.top_candidates or []
    told = []
    for place, chosen in enumerate(result.chosen_candidates):
        others = (tops[place].candidates if place < len(tops) else None) or ()
        top = tuple([(other.token or "", other.log_probability or 0.0) for other in others])
        told.append(TokenLogprob(chosen.token or "", chosen.log_probability or 0.0, top))
    return tuple(told)


def counted(usage: Raw) -> Usage | None:
    """Usage in our convention; None when there is none or a count is no count."""
    counts = read_or_none(usage, spent)
    if counts is None or (counts.prompt_token_count is None and counts.candidates_token_count is None):
        return None
    thoughts = counts.thoughts_token_count or 0
    return usage_of(
        (counts.prompt_token_count or 0) + (counts.tool_use_prompt_token_count or 0),
        (counts.candidates_token_count or 0) + thoughts,
        cached=counts.cached_content_token_count or 0,
        reasoning=thoughts,
    )
