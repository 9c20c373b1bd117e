"""Which route takes a part of content that another one does not know, so that a body sent to the wrong one is told the right one."""

from typing import Final

CHAT: Final = "POST /v1/chat/completions"
MESSAGES: Final = "POST /v1/messages"
RESPONSES: Final = "POST /v1/responses"

_PARTS: Final = {
    **dict.fromkeys(("image_url", "file"), CHAT),
    **dict.fromkeys(("image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"), MESSAGES),
    **dict.fromkeys(("input_text", "output_text", "input_image", "input_file"), RESPONSES),
}


def part_home(kind: str) -> str | None:
    """The route whose content has parts of this type, None for a type that several have or none."""
    return _PARTS.get(kind)
