"""Where things lie: the home folder, the config file, the environment. Reads files of the start alone; changes nothing."""

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from msgspec import Struct

PACKAGE = Path(__file__).resolve().parent.parent


def home_folder(env: Mapping[str, str]) -> Path:
    """`LLM_ROUTER_HOME`, else the checkout's root (from the package's place), else the working directory."""
    named = env.get("LLM_ROUTER_HOME")
    if named:
        return Path(named).expanduser().resolve()
    root = PACKAGE.parent.parent.parent
    if (root / "pyproject.toml").is_file() and "site-packages" not in PACKAGE.parts:
        return root
    return Path.cwd()


class Environment(Struct, frozen=True):
    """The process environment over the home folder's `.env`; `from_file` names what `.env` alone gave."""

    home: Path
    values: dict[str, str]
    from_file: frozenset[str]

    def origin(self, name: str) -> str:
        """Where a variable's value came from."""
        return ".env" if name in self.from_file else "environment"

    def config_path(self) -> Path:
        """`LLM_ROUTER_CONFIG`, else `config.yaml` in the home folder, else the shipped one."""
        named = self.values.get("LLM_ROUTER_CONFIG")
        if named:
            path = Path(named).expanduser()
            return path if path.is_absolute() else Path.cwd() / path
        own = self.home / "config.yaml"
        return own if own.is_file() else PACKAGE / "config.yaml"


def read_environment(process: Mapping[str, str] | None = None) -> Environment:
    """The environment of this process; its own values beat those of `.env`, and an empty value there counts as missing."""
    own = dict(os.environ if process is None else process)
    home = home_folder(own)
    filed = _dotenv(home / ".env")
    new = {name: value for name, value in filed.items() if name not in own}
    return Environment(home, {**new, **own}, frozenset(new))


def _dotenv(path: Path) -> dict[str, str]:
    try:
        text = path.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    except OSError:
        return {}
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value}
