"""Llama hosts (DeepInfra, Together, Groq, Ollama, vLLM, llama.cpp): OpenAI's dialect with the older name of the output limit.

Nothing that OpenAI itself needs may enter; single hosts' repairs are configuration, not code here.
"""

from typing import Final

from .common.protocols import Face, Wire
from .openai_client import FACE as OPENAI_FACE
from .openai_client import OpenAIWire


class LlamaWire(OpenAIWire):
    """How we speak to any OpenAI-compatible host that is not OpenAI."""

    max_tokens_field = "max_tokens"


WIRE: Final[Wire] = LlamaWire()
FACE: Final[Face] = OPENAI_FACE
