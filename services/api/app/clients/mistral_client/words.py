"""The words in which Mistral's dialect and ours differ, both ways. Nothing but words may enter."""

from typing import Final, Literal

from ...domain.answer import FinishReason

DIALECT: Final = "mistral"

# the list is open: a reason that is not in it is an ordinary stop
FINISH: Final[dict[str, FinishReason]] = {
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}
# OpenAI's words for the service tier in Mistral's
TIERS: Final = {"auto": "auto", "default": "standard_only", "priority": "auto"}
OUR_TIERS: Final = {"auto": "auto", "standard_only": "default"}
CHOICES: Final[dict[Literal["auto", "none", "required"], str]] = {"auto": "auto", "none": "none", "required": "any"}
OUR_CHOICES: Final[dict[str, Literal["auto", "none", "required"]]] = {
    "auto": "auto",
    "none": "none",
    "any": "required",
    "required": "required",
}
SAMPLING: Final = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty")
