"""Lexical features of a prompt: counts and shares, read in one pass of C-speed string operations. Judges nothing: what a
feature means for a model is the router's business. No regular expression may enter, they cost ten times the whole rest.
"""

from msgspec import Struct

from .lexicon import MARKS, SUBJECTS, WORDS

HEAD, TAIL = 1500, 500
"""Of a longer text only its first and last characters are read: what is wanted stands at either end, the middle is material."""

_KEYS = frozenset(WORDS)
_NONE = (0,) * len(SUBJECTS)


def _fold_table() -> bytes:
    """Bytes of a word to lower case, everything that parts words to a space; `'`, `-` and all of UTF-8's upper half stay."""
    table = bytearray(b" " * 128 + bytes(range(128, 256)))
    for byte in b"abcdefghijklmnopqrstuvwxyz0123456789'-":
        table[byte] = byte
    for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        table[byte] = byte + 32
    return bytes(table)


def _class_table() -> bytes:
    """Bytes to a letter per class: d digit, b bracket or other mark of code, m operator, q question mark, n newline, x other."""
    table = bytearray(b"." * 128 + b"x" * 128)
    for letter, members in (
        (b"d", b"0123456789"),
        (b"b", b"{}[]();_<>`|\\#&$@~"),
        (b"m", b"+*/^=%"),
        (b"q", b"?"),
        (b"n", b"\n"),
    ):
        for byte in members:
            table[byte] = letter[0]
    return bytes(table)


_FOLD = _fold_table()
_CLASS = _class_table()


class Features(Struct, frozen=True, gc=False):
    """What a prompt looks like. Counts and shares are of the part that was read; `chars` is of the whole.

    `counts` holds the distinct telling words per subject, in the order of `lexicon.SUBJECTS`. `digits`, `marks`, `operators`
    and `foreign` (not ASCII, by bytes) are shares 0..1. `target_words` is a length the prompt asks for ("500 words"), 0 if none.
    `spoken` are the words themselves, folded, in their order; they may not leave the process.
    """

    chars: int
    words: int
    counts: tuple[int, ...]
    digits: float
    marks: float
    operators: float
    foreign: float
    questions: int
    lines: int
    bullets: int
    fenced: bool
    target_words: int
    spoken: list[bytes]


NOTHING = Features(0, 0, _NONE, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, False, 0, [])


def features(text: str) -> Features:
    """The features of one text of any length and content, lone surrogates and control characters included."""
    if not text:
        return NOTHING
    view = seen_part(text)
    ascii_only = view.isascii()
    raw = view.encode() if ascii_only else view.lower().encode("utf-8", "surrogatepass")
    size = len(raw)
    spoken = folded(raw)
    distinct = set(spoken)
    counts = list(_NONE)
    for word in _KEYS & distinct:
        counts[WORDS[word]] += 1
    if not ascii_only:
        _add_marks(view, counts)
    classes = raw.translate(_CLASS)
    lines = classes.count(b"n")
    return Features(
        chars=len(text),
        words=len(distinct),
        counts=tuple(counts),
        digits=classes.count(b"d") / size,
        marks=classes.count(b"b") / size,
        operators=classes.count(b"m") / size,
        foreign=0.0 if ascii_only else classes.count(b"x") / size,
        questions=classes.count(b"q") if ascii_only else view.count("?") + view.count("？"),
        lines=lines,
        bullets=_bullets(raw) if lines else 0,
        fenced=b"```" in raw,
        target_words=_target_words(spoken) if b"words" in distinct else 0,
        spoken=spoken,
    )


def folded(raw: bytes) -> list[bytes]:
    """The words of a text in UTF-8, in lower case as far as ASCII goes."""
    return raw.translate(_FOLD).split()


def seen_part(text: str) -> str:
    """The text itself, or the two ends of a long one."""
    return text if len(text) <= HEAD + TAIL else text[:HEAD] + "\n" + text[-TAIL:]


def _add_marks(view: str, counts: list[int]) -> None:
    for mark, subject in MARKS:
        if mark in view:
            counts[subject] += 1


def _bullets(raw: bytes) -> int:
    return raw.count(b"\n-") + raw.count(b"\n*") + raw.count(b"\n1") + raw.count(b"\n2") + raw.count(b"\n3")


def _target_words(spoken: list[bytes]) -> int:
    """The number right before "words", as in "in at most 120 words"."""
    at = spoken.index(b"words")
    before = spoken[at - 1].rpartition(b"-")[2] if at else b""
    return int(before) if before.isdigit() and len(before) <= 5 else 0
