"""Tagged blocks taken out of a text, in one pass over its `<` signs. Which names count is the caller's business; no markup parser, no
regular expression may enter: what people paste is rarely sound markup, and the work on hostile text has to be bounded.
"""

from collections.abc import Set as AbstractSet
from typing import Final

WINDOW: Final = 24_000
"""Of a text longer than two of these only so many characters at either end are looked at, and kept. Python searches texts of 30,000 and
more in a way that takes microseconds to begin."""
MOST_TAGS: Final = 1_000
"""Tags looked at in a window; behind them nothing is taken out."""
LONGEST_TAG: Final = 300
_GAP: Final = "\n"


def without_blocks(text: str, blocks: AbstractSet[str], wrappers: AbstractSet[str] = frozenset()) -> str:
    """`text` without every `<name ...>...</name>` of `blocks`, and without the tags alone of `wrappers`.

    A block that is never closed stays. Where the middle of a long text is not looked at, a block that reaches into it is taken out.
    """
    if len(text) <= 2 * WINDOW:
        return _Pass(text, blocks, wrappers).kept()
    head = _Pass(text[:WINDOW], blocks, wrappers, cut_behind=True).kept()
    tail = _Pass(text[-WINDOW:], blocks, wrappers, cut_before=True).kept()
    return f"{head}{_GAP}{tail}"


class _Pass:
    """One pass over one window."""

    __slots__ = ("_blocks", "_cut_before", "_cut_behind", "_kept", "_start", "_text", "_unclosed", "_wrappers")

    def __init__(
        self,
        text: str,
        blocks: AbstractSet[str],
        wrappers: AbstractSet[str],
        *,
        cut_before: bool = False,
        cut_behind: bool = False,
    ) -> None:
        self._text = text
        self._blocks = blocks
        self._wrappers = wrappers
        self._cut_before = cut_before
        self._cut_behind = cut_behind
        self._kept: list[str] = []
        self._start = 0  # of what is not yet decided on
        self._unclosed: set[str] = set()

    def kept(self) -> str:
        """What is left of the window."""
        text = self._text
        at = text.find("<")
        for _ in range(MOST_TAGS):
            if at < 0:
                break
            end = text.find(">", at, at + LONGEST_TAG)
            at = text.find("<", self._after(at, end) if end > 0 else at + 1)
        if not self._start:
            return text
        self._kept.append(text[self._start :])
        return _GAP.join([piece for piece in self._kept if piece and not piece.isspace()])

    def _after(self, at: int, end: int) -> int:
        """Where to look on after the tag from `at` to `end`."""
        told = self._text[at + 1 : end]
        closing = told[:1] == "/"
        if closing:
            told = told[1:]
        name = told if told in self._blocks else told.split(None, 1)[0] if told and not told.isspace() else ""
        if name in self._wrappers:
            self._leave_out(at, end + 1)
        elif name in self._blocks:
            if closing:
                self._ends_before(end + 1)
            elif told[-1] != "/" and name not in self._unclosed:
                return self._block(name, at, end + 1)
        return at + 1

    def _block(self, name: str, at: int, behind: int) -> int:
        """Take out the block that begins at `at` with all those of the same name in it."""
        text, mark = self._text, f"</{name}>"
        close = text.find(mark, behind)
        if close < 0:
            self._unclosed.add(name)
            if not self._cut_behind:
                return behind
            self._leave_out(at, len(text))
            return len(text)
        inner = text.find(f"<{name}", behind, close)
        while inner >= 0:
            further = text.find(mark, close + len(mark))
            if further < 0:
                break
            inner = text.find(f"<{name}", inner + 1, further)
            close = further
        self._leave_out(at, close + len(mark))
        return close + len(mark)

    def _ends_before(self, behind: int) -> None:
        """A block whose beginning is not in the window."""
        if self._cut_before:
            self._kept.clear()
            self._start = behind

    def _leave_out(self, start: int, end: int) -> None:
        self._kept.append(self._text[self._start : start])
        self._start = end
