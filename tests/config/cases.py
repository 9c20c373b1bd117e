"""What the tests of this room share: a small sound config and how it is loaded and compiled."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from app.config.compile import compile_snapshot
from app.config.home import Environment
from app.config.load import load
from app.config.snapshot import Snapshot

DAY = date(2026, 11, 25)
CONTRACT = """mode: balanced
models:
  openai_gpt4o_mini:
    provider: openai
    id: gpt-4o-mini
    price_in: 0.0005        # US dollars per 1,000 tokens
    price_out: 0.0015
    avg_latency_ms: 800
cache:
  backend: local            # local | redis | none
  ttl_seconds: 86400
  redis_url: "redis://localhost:6379/0"
logging:
  per_call_path: "./logs/per_call.jsonl"
  daily_rollup_path: "./logs/daily.json"
"""
ONE = "models:\n  a: {provider: openai, id: gpt-4o-mini}\n"


def compiled(folder: Path, text: str, env: Mapping[str, str] | None = None, day: date = DAY) -> Snapshot:
    """The snapshot of a config text on a day, with only these variables."""
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    values = dict(env or {})
    return compile_snapshot(load(path, values), Environment(folder, values, frozenset()), str(path), day)
