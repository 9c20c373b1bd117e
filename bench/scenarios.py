"""What is measured and how much a part may cost beside the bare proxy. Data; no process is started here."""

from dataclasses import dataclass

from shipped import BY_NAME


@dataclass(frozen=True)
class Scenario:
    """One row of the table. `target` is the ratio of CPU per request to the proxy's own (None = shown without a verdict)."""

    name: str
    title: str
    target: float | None
    model: str = BY_NAME
    path: str = "/v1/chat/completions"
    stream: bool = False
    same: bool = False
    calls: int = 8000
    warm_up: int = 1000

    @property
    def cache(self) -> str:
        """What every measured record must say of the cache."""
        return "hit" if self.same else "miss"

    @property
    def load_flags(self) -> list[str]:
        """What this scenario's load sends to the service."""
        return ["--path", self.path, "--model", self.model] + ["--stream"] * self.stream + ["--same"] * self.same

    @property
    def bare_flags(self) -> list[str]:
        """What the same scenario's load sends to the proxy: it has one path, and nothing to remember."""
        return ["--stream"] * self.stream

    @property
    def bare_mode(self) -> list[str]:
        """How the proxy is started."""
        return ["stream"] * self.stream


SCENARIOS = (
    Scenario("name", "/v1/chat/completions by name", 1.5),
    Scenario("auto", "/v1/chat/completions, auto", 1.8, model="auto"),
    Scenario("hit", "cache hit", 0.5, same=True, calls=20000),
    Scenario("stream", "stream of 50 chunks", 1.4, stream=True, calls=480, warm_up=96),
    Scenario("query", "/query, auto", None, model="auto", path="/query"),
)
MEMORY_TARGET_MB = 100
MEMORY_CALLS = 1000
IMPORT_TARGET = 3.0
