"""Whether a block of code in Markdown is left open. Reads fences only, not the code."""

_BEFORE = " \t>-*+.0123456789)"
"""What may stand before a fence on its line: indentation, quotation, a list's mark."""


def left_open(text: str) -> bool:
    """Whether a fence is open at the end, both as CommonMark reads it and as a writer who nests equal fences means it."""
    if "`" not in text and "~" not in text:  # one character is found ten times as fast as three
        return False
    strict = ""
    nested: list[str] = []
    for line in text.split("\n"):
        found = _fence(line)
        if found is None:
            continue
        mark, named = found
        if not strict:
            strict = mark
        elif mark[0] == strict[0] and len(mark) >= len(strict) and not named:
            strict = ""
        if nested and mark[0] == nested[-1][0] and len(mark) >= len(nested[-1]) and not named:
            nested.pop()
        elif named or not nested:
            nested.append(mark)
    return bool(strict and nested) and not text.rstrip().endswith(strict)


def _fence(line: str) -> tuple[str, bool] | None:
    """A line's fence and whether something (a language) follows it."""
    if "```" not in line and "~~~" not in line:
        return None
    bare = line.lstrip(_BEFORE)
    mark = bare[: len(bare) - len(bare.lstrip(bare[:1]))]
    after = bare[len(mark) :].strip()
    if len(mark) < 3 or mark[0] not in "`~" or "`" in after:
        return None
    return mark, bool(after)
