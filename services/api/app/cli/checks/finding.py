"""What one look found. No look."""

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warning", "error"]


class Finding(Struct, frozen=True):
    """`says` = what is so, `remedy` = what to do about it, empty where all is well."""

    name: str
    state: State
    says: str
    remedy: str = ""
