"""URLs without the passwords in them. Only text."""

import re

# greedy to the last @: a password may itself hold @ and /
_USER_PART = re.compile(r"(://[^:/@\s]*:).*@")
_PARAMETER = re.compile(r"(?i)([?&](?:password|username)=)[^&#\s]*")


def without_password(url: str) -> str:
    """`url` with a password blanked, be it in the user part or in the query."""
    return _PARAMETER.sub(r"\1***", _USER_PART.sub(r"\1***@", url))
