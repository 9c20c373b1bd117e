"""Where things lie and where a value comes from."""

import os
import shutil
from pathlib import Path

import pytest

from app.config import home
from app.config.home import PACKAGE, read_environment
from app.config.load import load
from app.config.redaction import without_password
from app.config.show import effective
from app.config.yaml_text import read_yaml
from config.cases import ONE

ROOT = Path(__file__).resolve().parents[2]


def copied_package(root: Path, inside: str) -> Path:
    """An `app` folder of a package that lies elsewhere; only its place matters."""
    package = root / inside
    package.mkdir(parents=True)
    return package


class TestHome:
    def test_the_variable_comes_first(self, tmp_path: Path) -> None:
        assert read_environment({"LLM_ROUTER_HOME": str(tmp_path)}).home == tmp_path

    def test_an_unknown_users_home_is_no_traceback(self) -> None:
        assert read_environment({"LLM_ROUTER_HOME": "~nobody-of-that-name/x"}).home.name == "x"

    def test_else_the_checkout_whatever_the_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert read_environment({}).home == ROOT

    @pytest.mark.parametrize(
        "inside", [".venv/lib/python3.11/site-packages/app", "services/site-packages/app", "usr/lib/python3/dist-packages/app"]
    )
    def test_an_installed_copy_takes_the_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
    ) -> None:
        """Also when it is installed in a virtual environment inside a checkout."""
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        monkeypatch.setattr(home, "PACKAGE", copied_package(tmp_path, inside))
        monkeypatch.chdir(tmp_path.parent)
        assert read_environment({}).home == tmp_path.parent

    def test_another_projects_folder_is_not_ours(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A vendored copy under somebody's own services/api/app."""
        (tmp_path / "pyproject.toml").write_text('[project]\nname = "theirs"\n')
        monkeypatch.setattr(home, "PACKAGE", copied_package(tmp_path, "services/api/app"))
        monkeypatch.chdir(tmp_path.parent)
        assert read_environment({}).home == tmp_path.parent


class TestDotenv:
    def test_the_process_beats_the_file_and_origins_are_known(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("OPENAI_API_KEY=file\nPORT=1\nEMPTY=\n")
        environment = read_environment({"LLM_ROUTER_HOME": str(tmp_path), "PORT": "2"})
        assert (environment.values["OPENAI_API_KEY"], environment.values["PORT"]) == ("file", "2")
        assert (environment.origin("OPENAI_API_KEY"), environment.origin("PORT")) == (".env", "environment")
        assert "EMPTY" not in environment.values

    def test_bom_crlf_quotes_and_a_missing_final_newline_are_tolerated(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(b'\xef\xbb\xbfOPENAI_API_KEY="a b"\r\n# note\r\nexport PORT=9')
        values = read_environment({"LLM_ROUTER_HOME": str(tmp_path)}).values
        assert (values["OPENAI_API_KEY"], values["PORT"]) == ("a b", "9")

    def test_a_dollar_sign_in_a_secret_is_a_dollar_sign(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("REDIS_URL=redis://:pa${HOME}ss@h\n")
        assert read_environment({"LLM_ROUTER_HOME": str(tmp_path)}).values["REDIS_URL"] == "redis://:pa${HOME}ss@h"

    def test_the_process_environment_is_left_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / ".env").write_text("SOME_NEW_VARIABLE=1\n")
        monkeypatch.setenv("LLM_ROUTER_HOME", str(tmp_path))
        before = dict(os.environ)
        assert read_environment().values["SOME_NEW_VARIABLE"] == "1"
        assert dict(os.environ) == before

    def test_copying_the_example_changes_nothing(self, tmp_path: Path) -> None:
        """All it sets is empty; what it shows as defaults are the defaults."""
        shutil.copy(ROOT / ".env.example", tmp_path / ".env")
        process = {"LLM_ROUTER_HOME": str(tmp_path)}
        assert read_environment(process).values == process

    def test_the_example_names_every_variable_that_the_package_reads(self) -> None:
        """Those of the contract that exist by now, with the defaults that are true."""
        text = (ROOT / ".env.example").read_text()
        settings = load(PACKAGE / "config.yaml", {})
        for line in (
            *(f"\n{name}_API_KEY=\n" for name in ("OPENAI", "ANTHROPIC", "GEMINI", "MISTRAL", "LLAMA")),
            f"# REDIS_URL={settings.cache.redis_url}\n",
            f"# CACHE_TTL_SECONDS={settings.cache.ttl_seconds}\n",
            f"# HOST={settings.server.host}\n",
            f"# PORT={settings.server.port}\n",
            *(f"# LLM_ROUTER_{name}=\n" for name in ("HOME", "CONFIG", "API_KEYS", "URL")),
        ):
            assert line in text


class TestConfigPath:
    def test_variable_then_home_then_shipped(self, tmp_path: Path) -> None:
        process = {"LLM_ROUTER_HOME": str(tmp_path)}
        assert read_environment(process).config_path() == PACKAGE / "config.yaml"
        (tmp_path / "config.yaml").write_text(ONE)
        assert read_environment(process).config_path() == tmp_path / "config.yaml"
        assert read_environment({**process, "LLM_ROUTER_CONFIG": "/x/y.yaml"}).config_path() == Path("/x/y.yaml")

    def test_a_relative_path_counts_from_where_it_was_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """From the shell's folder for a variable of the shell, from the home folder for one in `.env`."""
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        process = {"LLM_ROUTER_HOME": str(tmp_path)}
        assert read_environment({**process, "LLM_ROUTER_CONFIG": "my.yaml"}).config_path() == tmp_path / "elsewhere/my.yaml"
        (tmp_path / ".env").write_text("LLM_ROUTER_CONFIG=my.yaml\n")
        assert read_environment(process).config_path() == tmp_path / "my.yaml"


class TestShow:
    def test_each_value_says_where_it_comes_from(self, tmp_path: Path) -> None:
        path = tmp_path / "config.yaml"
        path.write_text(ONE + "cache:\n  ttl_seconds: 5\n")
        (tmp_path / ".env").write_text("REDIS_URL=redis://u:s3cret@h/0\n")
        environment = read_environment({"LLM_ROUTER_HOME": str(tmp_path), "PORT": "9"})
        rows = effective(load(path, environment.values), read_yaml(path), path, environment)
        told = {row.key: (row.value, row.source) for row in rows}
        assert told["models.a.id"] == ("gpt-4o-mini", f"{path}:2")
        assert told["cache.ttl_seconds"] == (5, f"{path}:4")
        assert told["mode"] == ("balanced", "default")
        assert told["server.port"] == (9, "environment PORT")
        assert told["cache.redis_url"] == ("redis://u:***@h/0", ".env REDIS_URL")

    @pytest.mark.parametrize(
        "url", ["redis://:s3cret@h/0", "redis://u:a/s3cret@h", "redis://u:a@s3cret@h", "redis://h/0?password=s3cret&x=1"]
    )
    def test_no_password_is_shown(self, url: str) -> None:
        assert "s3cret" not in without_password(url)

    def test_an_url_without_a_password_stays_as_it_is(self) -> None:
        assert without_password("redis://user@h:6379/0?x=1") == "redis://user@h:6379/0?x=1"
