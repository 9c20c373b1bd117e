"""A digest stands for everything that a decision depends on, and for nothing that differs between processes."""

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.config import compile as compiling
from app.config.digest import digest_of, grounds
from app.domain.target import Rates
from config.cases import DAY, ONE, compiled
from support import child_env


def test_another_list_price_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release of the price list changes decisions without a word in the configuration."""
    before = compiled(tmp_path, ONE)
    dearer = Rates(input=7, output=9, cached=7, cache_write=7, source="genai-prices")
    join = compiling.join
    monkeypatch.setattr(compiling, "join", lambda *given: replace(join(*given), rates=dearer))
    assert compiled(tmp_path, ONE).digest != before.digest


@pytest.mark.parametrize("change", [{"quality": 0.123}, {"context_window": 77}, {"capabilities": frozenset({"tools"})}])
def test_another_figure_of_the_catalogue_is_another_digest(tmp_path: Path, change: dict[str, object]) -> None:
    """Facts come with the package: an upgrade on the same day must not share the digest of what was before."""
    snapshot = compiled(tmp_path, ONE)
    name, model = next(iter(snapshot.models.items()))
    changed = replace(snapshot, models={**snapshot.models, name: replace(model, **change)})
    assert digest_of(snapshot.settings_hash, grounds(changed)) != snapshot.digest
    assert digest_of(snapshot.settings_hash, grounds(snapshot)) == snapshot.digest


def test_every_process_finds_the_same_digest(tmp_path: Path) -> None:
    """Whatever the order in which its sets and dicts come out."""
    (tmp_path / "config.yaml").write_text(ONE)
    code = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from app.config.compile import compile_snapshot; from app.config.home import Environment; from app.config.load import load\n"
        f"home = Path({str(tmp_path)!r}); path = home / 'config.yaml'\n"
        "environment = Environment(home, {}, frozenset())\n"
        f"day = date.fromisoformat({DAY.isoformat()!r})\n"
        "print(compile_snapshot(load(path, {}), environment, str(path), day).digest)\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=child_env(PYTHONHASHSEED=seed),
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {compiled(tmp_path, ONE).digest + "\n"}
