"""Blanks what identifies a person or opens a door, for logs that keep prompts. A best effort by pattern: not a guarantee."""

import re

_PATTERNS = (
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"), "[email]"),
    (re.compile(r"\b(?:\d[ -]?){13,19}\b"), "[number]"),
    (re.compile(r"(?<!\w)\+?\d[\d ()/.-]{7,18}\d(?!\w)"), "[phone]"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "[ip]"),
    (re.compile(r"\b(?:sk|rk|pk|gsk|ghp|xox[abp]|AKIA|AIza)[-_A-Za-z0-9]{12,}"), "[key]"),
    (re.compile(r"\b[A-Za-z0-9+/_-]{40,}={0,2}"), "[key]"),
)


def redacted(text: str) -> str:
    """`text` with e-mail addresses, long numbers, phone numbers, IP addresses and credentials blanked."""
    for pattern, word in _PATTERNS:
        text = pattern.sub(word, text)
    return text
