"""Defect gates: what is visibly wrong with an answer, at next to no cost. Nothing here judges whether an answer is true or good:
0.9 means "no defect found". Each defect takes its severity off; an empty answer is 0. No model may be called from here, and no
regular expression may enter: this runs before the caller's last byte.
"""

import msgspec

from ..domain.answer import Completion
from ..domain.request import ChatRequest
from ..domain.score import Score
from .fences import left_open
from .loops import loops
from .refusal import may_be_refused, refuses

SCORER = "gates-1"
CLEAN = 0.9
_SHORT_PROMPT = 24
"""A shorter prompt (a greeting) may well be given back."""
_SOUND = Score(CLEAN, (), SCORER, True)

SEVERITY = {
    "empty": 0.9,
    "content_filter": 0.7,
    "error": 0.7,
    "truncated": 0.3,
    "refusal": 0.6,
    "repetition": 0.6,
    "prompt_echo": 0.6,
    "invalid_json": 0.6,
    "invalid_arguments": 0.6,
    "unfinished_code": 0.3,
}
"""What each defect takes off. The words are public: they begin the reasons in replies and records."""

_ENDINGS = {
    "length": "truncated: the answer was cut at its token limit",
    "content_filter": "content_filter: the provider held content back",
    "error": "error: the provider ended the answer with an error",
    None: "truncated: the answer has no end",
}


def score(request: ChatRequest, completion: Completion) -> Score:
    """The defects of one answer and what they leave of 0.9; storable only without any."""
    found = _defects(request, completion)
    if not found:
        return _SOUND
    left = CLEAN - sum(SEVERITY[reason.partition(":")[0]] for reason in found)
    return Score(round(max(left, 0.0), 4), tuple(found), SCORER, False)


def _defects(request: ChatRequest, completion: Completion) -> list[str]:
    found: list[str] = []
    if completion.finish_reason in _ENDINGS:
        found.append(_ENDINGS[completion.finish_reason])
    if completion.tool_calls:
        if not all(_is_json(call.arguments) for call in completion.tool_calls if call.arguments):
            found.append("invalid_arguments: a tool call's arguments are not JSON")
        return found
    if completion.refusal or refuses(completion.text):
        if not may_be_refused(request):
            found.append("refusal: a prompt without a harmful topic was refused")
        return found
    if not completion.text or completion.text.isspace():
        found.insert(0, "empty: the answer holds nothing")
        return found
    return found + _in_text(request, completion.text)


def _in_text(request: ChatRequest, text: str) -> list[str]:
    found: list[str] = []
    prompt = request.prompt
    # an answer may go on from what the caller began, or end at the caller's stop sequence: then its parts need not balance
    own = not request.stop and (not request.messages or request.messages[-1].role != "assistant")
    if own and request.json_mode and not _is_json(text):
        found.append("invalid_json: JSON was asked for and this is none")
    if own and left_open(text):
        found.append("unfinished_code: a code block is not closed")
    if loops(prompt, text):
        found.append("repetition: the same words over and over")
    if len(request.messages) == 1 and _echoes(prompt, text):
        found.append("prompt_echo: the answer is the prompt")
    return found


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _echoes(prompt: str, text: str) -> bool:
    """Whether an answer is the whole prompt again and hardly more. With instructions elsewhere (a system message, earlier turns)
    nobody can tell, since a corrected or translated text may well be the same.
    """
    size = len(prompt)
    if size < _SHORT_PROMPT or not size * 0.9 <= len(text) <= size * 1.1 + 16:
        return False
    asked = prompt.strip().lower()
    return asked in text.lower() and not asked.startswith(("repeat", "echo", "say ", "copy", "print", "output"))
