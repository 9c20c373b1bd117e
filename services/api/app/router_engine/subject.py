"""What text of a request is judged: the user's own words, with what they refer to. No model, no weight, no regular expression may enter.

Clients put blocks of their own around a turn (`injected`): they count as tokens to pay for, not as what is asked. In a loop of
tool calls the subject is the user's last turn. A bare one ("yes, do it") is read together with what it answers: the end of the
assistant's turn before it and the user's turns before that, as far back as they are bare. A short system prompt is part of the
question ("Translate into French."); a long one is a client's standing text, and only its length counts.
"""

from typing import Final

from msgspec import Struct

from ..domain.request import ChatRequest, Media, Message, Text
from ..text.blocks import WINDOW, without_blocks
from ..text.tokens import estimate_tokens
from .injected import BLOCKS, BOILERPLATE, ENDINGS, OPENINGS, RESULT_MARKS, WRAPPERS

BARE_TOKENS: Final = 12
"""A turn of at most about so many tokens (48 Latin letters, 16 Chinese signs) is read with what came before it."""
MOST_TURNS: Final = 4
"""User turns that are read, at most, while each is bare."""
MOST_LOOKED: Final = 256_000
"""Characters of turns without a word of the user's that are passed over on the way back, at most."""
TURN_LOOKED: Final = 256
"""What each of them counts beside its own."""
TURN_CHARS: Final = 1_200
PROPOSAL_CHARS: Final = 500
"""Of an earlier turn of the user its beginning counts, of the assistant's turn that a bare one answers its end."""
SYSTEM_CHARS: Final = 600
"""A longer system prompt is a client's standing text."""
BOILERPLATE_CHARS: Final = 60
MOST_PARTS: Final = 32

_OPENINGS = {opening.start: opening for opening in OPENINGS}
_STARTS = tuple(_OPENINGS)
_BLOCKS = frozenset(name for row in BLOCKS for name in row.names)
_WRAPPERS = frozenset(WRAPPERS)
_USERS_WORDS = tuple(f"<{name}>" for name in ("feedback", "user_message", "answer"))


class Subject(Struct, frozen=True, gc=False):
    """`text` is what is judged. `exchanges` are the assistant's turns that a user's turn answers, `system` the characters of all system
    prompts, `tools` and `images` how many there are in the whole request.
    """

    text: str
    exchanges: int = 0
    system: int = 0
    tools: int = 0
    images: int = 0


def subject(request: ChatRequest) -> Subject:
    """What a request is about. Never raises, and looks at a bounded part of each turn."""
    exchanges = system = images = 0
    before = ""
    for message in request.messages:
        role = message.role
        if role == "user":
            exchanges += before == "assistant"
            if len(message.parts) != 1 or type(message.parts[0]) is not Text:
                images += sum([isinstance(part, Media) and part.kind == "image" for part in message.parts])
        elif role in ("system", "developer"):
            system += len(message.text)
            continue
        before = role
    asked = _asked(request)
    if 0 < system <= SYSTEM_CHARS:
        asked = _with_system(request, asked)
    return Subject(asked, exchanges, system, len(request.tools), images)


def words_of(message: Message) -> str:
    """The user's own words in a turn of theirs; "" for a turn that a client wrote by itself."""
    if len(message.parts) == 1:
        part = message.parts[0]
        return own_words(part.text) if isinstance(part, Text) else ""
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    if len(texts) > MOST_PARTS:
        texts = texts[: MOST_PARTS // 2] + texts[-MOST_PARTS // 2 :]
    return "\n".join([words for words in map(own_words, texts) if words])


def own_words(text: str) -> str:
    """A text without the blocks, openings and endings that clients inject."""
    text = text.lstrip()
    if text.startswith(_STARTS):
        text = _after_opening(text)
    if _is_result(text):
        text = _said_to_result(text)
    if "<" in text:
        text = without_blocks(text, _BLOCKS, _WRAPPERS)
    return _without_ending(text).strip()


def _asked(request: ChatRequest) -> str:
    """The last turn in which the user spoke, after the turns that it refers to."""
    messages = request.messages
    at, words = _spoken_before(messages, len(messages))
    if at < 0:
        return request.prompt
    read = [words]  # the latest first
    while at > 0 and len(read) < 2 * MOST_TURNS and is_bare(words):
        answered_at = at
        at, words = _spoken_before(messages, at)
        read += [_proposal(messages, at + 1, answered_at), words[:TURN_CHARS]]
    return "\n".join([text for text in reversed(read) if text])


def _spoken_before(messages: tuple[Message, ...], end: int) -> tuple[int, str]:
    """`(place, words)` of the last turn before `end` in which the user spoke; `(-1, "")` when there is none close by."""
    left = MOST_LOOKED
    for at in range(end - 1, -1, -1):
        if messages[at].role == "user":
            words = words_of(messages[at])
            if words:
                return at, words
            left -= TURN_LOOKED + sum([len(part.text) for part in messages[at].parts if isinstance(part, Text)])
            if left < 0:
                break
    return -1, ""


def _proposal(messages: tuple[Message, ...], start: int, end: int) -> str:
    """The end of what the assistant said last between two turns of the user."""
    for at in range(end - 1, start - 1, -1):
        if messages[at].role == "assistant" and (words := messages[at].text.strip()):
            return words[-PROPOSAL_CHARS:]
    return ""


def is_bare(words: str) -> bool:
    """Whether a turn is too short to say by itself what is wanted."""
    return len(words) <= 4 * BARE_TOKENS and estimate_tokens(words) <= BARE_TOKENS


def _with_system(request: ChatRequest, asked: str) -> str:
    told = "\n".join([words_of(message) for message in request.messages if message.role in ("system", "developer")]).strip()
    return asked if not told or (told.startswith(BOILERPLATE) and len(told) < BOILERPLATE_CHARS) else f"{told}\n{asked}"


def _after_opening(text: str) -> str:
    """What follows the opening that `text` begins with."""
    opening = next(one for start, one in _OPENINGS.items() if text.startswith(start))
    at = text.find(opening.until, len(opening.start)) if opening.until else -1
    if at < 0:
        return ""
    end = at + len(opening.until)
    line = text.find("\n", end) if opening.until.startswith("#") else end
    return text[line:] if line >= 0 else ""


def _is_result(text: str) -> bool:
    start, mark = RESULT_MARKS
    return text.startswith(start) and text.find(mark, 0, 400) > 0


def _said_to_result(text: str) -> str:
    """What the user said to a tool's result, which clients put behind it or into it; mostly nothing."""
    found = [at for tag in _USERS_WORDS if (at := text.rfind(tag, -WINDOW)) >= 0]
    if not found:
        return ""
    tail = text[min(found) :]
    name = tail[1 : tail.index(">")]
    end = tail.find(f"</{name}>")
    return tail[: end + len(name) + 3] if end >= 0 else tail


def _without_ending(text: str) -> str:
    if "# " not in text:
        return text
    for ending in ENDINGS:
        at = text.rfind(ending, -WINDOW // 4)
        if at == 0 or (at > 0 and text[at - 1] == "\n"):
            text = text[:at]
    return text
