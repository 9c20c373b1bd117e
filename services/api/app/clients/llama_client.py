"""Llama hosts (DeepInfra, Together, Groq, Ollama, vLLM, llama.cpp): OpenAI's dialect with the older name of the output limit.

Nothing that OpenAI itself needs may enter; single hosts' repairs are quirks (`openai_client.quirks`), not code here.
"""

from typing import Final

from .common.protocols import Face, Wire
from .openai_client import FACE as OPENAI_FACE
from .openai_client import OpenAIWire
from .openai_client.request import Host

WIRE: Final[Wire] = OpenAIWire(Host("max_tokens", strict=False))
FACE: Final[Face] = OPENAI_FACE
