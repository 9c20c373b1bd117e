"""`make demo-local` says of its model host what is true of it, and never calls a model that costs money. The model is no part here."""

import ast
import re
from datetime import date
from pathlib import Path

from app.config.compile import compile_snapshot
from app.config.home import read_environment
from app.config.load import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "demo-local"
SCRIPT = ROOT / "scripts" / "demo-local.sh"
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "LLAMA_API_KEY")


def served() -> dict[str, object]:
    """The constants of serve_model.py, whose imports are not installed here."""
    tree = ast.parse((FOLDER / "serve_model.py").read_text())
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def test_the_local_model_is_the_only_one_that_auto_may_pick_even_with_keys_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}=sk-{'x' * 40}\n" for name in KEYS))
    emptied = dict.fromkeys(re.findall(r"\b([A-Z]+_API_KEY)=''", SCRIPT.read_text()), "")
    environment = read_environment({"LLM_ROUTER_HOME": str(tmp_path), **emptied})
    path = FOLDER / "config.yaml"
    snapshot = compile_snapshot(load(path, environment.values), environment, str(path), date(2026, 11, 25))
    assert [model.name for model in snapshot.models.values() if model.real and model.routable] == ["local_smollm2_135m"]
    assert len(snapshot.models) > 1


def test_the_config_and_the_model_server_agree() -> None:
    environment = read_environment({"LLM_ROUTER_HOME": str(FOLDER)})
    path = FOLDER / "config.yaml"
    snapshot = compile_snapshot(load(path, environment.values), environment, str(path), date(2026, 11, 25))
    model, constants = snapshot.models["local_smollm2_135m"], served()
    assert model.model_id == constants["MODEL_ID"]
    assert model.context_window == constants["CONTEXT_WINDOW"]
    assert model.capabilities >= {"streaming", "sampling", "json_schema"}
    assert not model.capabilities & {"tools", "vision", "pdf", "reasoning"}


def test_the_script_puts_the_real_port_where_the_config_has_its_placeholder() -> None:
    placeholder = re.search(r"s\|(http://\S+?)\|", SCRIPT.read_text())
    assert placeholder is not None
    assert f"base_url: {placeholder.group(1)}/v1" in (FOLDER / "config.yaml").read_text()
