"""Defect gates: what is visibly wrong with an answer, at next to no cost. Nothing here judges whether an answer is true or good.

0.9 means "no defect found". Each defect takes its severity off; an empty answer is 0.
"""

import zlib
from collections import Counter

import msgspec

from ..domain.answer import Completion
from ..domain.request import ChatRequest
from ..domain.score import Score
from .phrases import HARMFUL, NOT_A_REFUSAL, REFUSALS

SCORER = "gates-1"
CLEAN = 0.9
_OPENING = 120
_LONG = 600  # shorter texts are not searched for loops: their repeats are refrains
_WINDOW = 20_000
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
    "unfinished_code": 0.3,
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
    text = completion.text
    if not text.strip() and not completion.tool_calls and not completion.refusal:
        return ["empty: the answer holds nothing"]
    if completion.finish_reason not in ("stop", "tool_calls"):
        found += _ended_badly(completion)
    if completion.refusal or _refuses(request, text):
        found.append("refusal: a prompt without a harmful topic was refused")
    if not completion.tool_calls:
        found += _in_text(request, text)
    return found


def _in_text(request: ChatRequest, text: str) -> list[str]:
    found: list[str] = []
    if (request.json_mode or "json_schema" in request.needs) and not _is_json(text):
        found.append("invalid_json: JSON was asked for and this is none")
    if "```" in text and _fence_open(text):
        found.append("unfinished_code: a code block is not closed")
    if len(text) >= _LONG and _loops(text):
        found.append("repetition: the same words over and over")
    if _echoes(request.prompt, text):
        found.append("prompt_echo: the answer is the prompt")
    return found


def _ended_badly(completion: Completion) -> list[str]:
    reason = completion.finish_reason
    if reason == "length":
        return ["truncated: the answer was cut at its token limit"]
    if reason == "content_filter":
        return ["content_filter: the provider held content back"]
    if reason == "error":
        return ["error: the provider ended the answer with an error"]
    return ["truncated: the answer has no end"]


def _refuses(request: ChatRequest, text: str) -> bool:
    opening = text[:_OPENING].lstrip().lower().replace("\u2019", "'")
    if not opening.startswith(REFUSALS) or opening.startswith(NOT_A_REFUSAL):
        return False
    prompt = request.prompt[:_WINDOW].lower()
    return not any(word in prompt for word in HARMFUL)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return False
    return True


def _fence_open(text: str) -> bool:
    """Whether a fence stays open: a longer fence may hold shorter ones, and only as long a one closes it."""
    opened = 0
    for line in text.split("\n"):
        bare = line.strip()
        if not bare.startswith("```"):
            continue
        ticks = len(bare) - len(bare.lstrip("`"))
        if not opened:
            opened = ticks
        elif ticks >= opened and len(bare) == ticks:
            opened = 0
    return opened > 0


def _loops(text: str) -> bool:
    """Whether the end of a long text repeats itself far beyond what prose, lists, code or tables do.

    Compression is the cheap first look: ordinary text leaves over a quarter of its size, loops a few percent.
    """
    end = text[-4_000:]
    packed = len(zlib.compress(end.encode("utf-8", "replace"), 1)) / len(end.encode("utf-8", "replace"))
    if packed > 0.12:
        return False
    words = end.split()
    if len(words) < 60:
        return True
    grams = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    _, most = grams.most_common(1)[0]
    return most * 4 > len(words) * 0.3 or len(grams) < len(words) * 0.15


def _echoes(prompt: str, text: str) -> bool:
    """Whether an answer is nothing but the prompt again; short prompts may well be repeated for good reason."""
    asked = prompt.strip()
    return len(asked) >= 40 and abs(len(text) - len(asked)) < len(asked) * 0.1 + 20 and asked[:2_000] in text
