"""The rooms by the names that readers expect, and names that no module may have."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT, child_env

PACKAGE = ROOT / "services" / "api" / "app"
CLIENTS = ["openai_client", "anthropic_client", "gemini_client", "mistral_client", "llama_client"]
FACES = ["responses_client"]  # callers speak it to us, we to nobody
ROOMS = ["app.router_engine", "app.caching", "app.logging_utils", "app.auto_score", "app.clients", "app.clients.common"]
FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_is_there_under_its_name_and_says_what_it_is(name: str) -> None:
    room = importlib.import_module(name)
    assert room.__doc__ and Path(str(room.__file__)).is_relative_to(PACKAGE)


@pytest.mark.parametrize("name", CLIENTS)
def test_each_client_speaks_to_a_provider_and_to_callers(name: str) -> None:
    client = importlib.import_module(f"app.clients.{name}")
    assert client.WIRE.dialect == client.FACE.dialect
    assert callable(client.WIRE.encode) and callable(client.FACE.render)


@pytest.mark.parametrize(("module", "folder"), [("app.main", ROOT), ("main", PACKAGE)])
def test_main_holds_the_application(tmp_path: Path, module: str, folder: Path) -> None:
    """Also from its own folder, as `uvicorn main:app` does there: still the one copy of each module."""
    code = f"from {module} import app; import sys, fastapi; print(isinstance(app, fastapi.FastAPI), 'service' in sys.modules)"
    env = child_env(LLM_ROUTER_HOME=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True False\n"), done


def test_no_module_carries_a_name_of_the_standard_library() -> None:
    """Under `uvicorn main:app` the package's own folder comes first on the path: such a module would be taken for the other."""
    named = {path.parent.name if path.name == "__init__.py" else path.stem for path in FILES} - {"__main__"}
    assert named & sys.stdlib_module_names == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is(path: Path) -> None:
    first = path.read_text().lstrip().split("\n", 1)[0]
    assert first.startswith('"""') and len(first) > 20
    if path.name == "__init__.py" and path.parent.name not in (*CLIENTS, *FACES, "cli"):
        assert path.read_text().count('"""') == 2, "a room's own file holds only its docstring"


def test_the_required_files_stand_where_readers_look() -> None:
    for name in ("main.py", "config.yaml", "router_engine", "caching", "logging_utils", "auto_score", "clients/common"):
        assert (PACKAGE / name).exists(), name
