"""The configuration under test: every wire's provider moved to the scripted upstream, a few models each."""

import yaml

from judges.upstream import WIRES, JudgedUpstream

_ALL = ["streaming", "tools", "vision", "pdf", "json_schema"]
# the first takes sampling parameters; the second thinks and takes none; the third thinks by a budget, where its provider's
# models can be told one; the fourth hears, where its provider has such models
_IDS = {
    "openai": ("gpt-4o-mini", "gpt-6.2-sol", "gpt-6.1-sol", "gpt-audio"),
    "llama": ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "openai/gpt-oss-120b", "deepseek-ai/DeepSeek-R1", "Qwen/Qwen2-Audio-7B"),
    "anthropic": ("claude-haiku-4-5", "claude-sonnet-5-5", "claude-sonnet-4-5", "claude-opus-4-5"),
    "gemini": ("gemini-3.8-flash", "gemini-4-argon", "gemini-2.5-flash", "gemini-3.5-flash-lite"),
    "mistral": ("mistral-small-2603", "mistral-medium-3-5", "mistral-large-4-0", "voxtral-small-2507"),
}
KEYS = {f"{wire.upper()}_API_KEY": f"dummy-{wire}-key" for wire in WIRES}
"""What the service finds in its environment, so that every row is real."""


def config(upstream: JudgedUpstream) -> str:
    """config.yaml as text."""
    models = {}
    for wire, (sampling, thinking, budgeted, hearing) in _IDS.items():
        logprobs = [] if wire == "anthropic" else ["logprobs"]
        shared = {"provider": wire, "context_window": 100_000, "max_output": 8_192, "retires_on": "2999-01-01"}
        models[f"{wire}_sampling"] = {**shared, "id": sampling, "capabilities": [*_ALL, "sampling", *logprobs]}
        models[f"{wire}_thinking"] = {**shared, "id": thinking, "capabilities": [*_ALL, "reasoning"]}
        models[f"{wire}_budgeted"] = {**shared, "id": budgeted, "capabilities": [*_ALL, "reasoning", "sampling"]}
        hears = [] if wire == "anthropic" else ["audio"]
        models[f"{wire}_hearing"] = {**shared, "id": hearing, "capabilities": [*_ALL, "sampling", *hears]}
    providers = {wire: {"base_url": upstream.base_url(wire)} for wire in WIRES}
    return yaml.safe_dump({"providers": providers, "models": models, "cache": {"backend": "local", "faces": []}})
