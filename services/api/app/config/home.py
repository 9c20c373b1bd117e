"""Where things lie: the home folder, the config file, the environment. Reads files of the start alone; changes nothing."""

import contextlib
import os
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from msgspec import Struct

from .redaction import without_password

PACKAGE = Path(__file__).resolve().parent.parent


def home_folder(env: Mapping[str, str]) -> Path:
    """`LLM_ROUTER_HOME`, else the checkout's root (from the package's place), else the working directory."""
    named = env.get("LLM_ROUTER_HOME")
    if named:
        return expanded(named).resolve()
    return _checkout(PACKAGE) or Path.cwd()


def _checkout(package: Path) -> Path | None:
    """The root of the checkout that holds this package; None for an installed copy, whatever lies around it."""
    root = package.parent.parent.parent
    if package.relative_to(root) != Path("services", "api", "app"):
        return None
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return root if project.get("project", {}).get("name") == "llm-router" else None


def expanded(path: str) -> Path:
    """`path` with a leading `~` expanded where that is possible."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's raises for an unknown user


class Environment(Struct, frozen=True):
    """The process environment over the home folder's `.env`; `from_file` names what `.env` alone gave.

    `warnings` are what an operator should mend about the file itself.
    """

    home: Path
    values: dict[str, str]
    from_file: frozenset[str]
    warnings: tuple[str, ...] = ()

    def origin(self, name: str) -> str:
        """Where a variable's value came from."""
        return ".env" if name in self.from_file else "environment"

    def secrets(self, names: Iterable[str] = ()) -> set[str]:
        """The words that nobody may read: of the variables whose name or value says so, and of those that `names` holds."""
        named = set(names)
        found: set[str] = set()
        for name, value in self.values.items():
            if name in named or _is_secret((name, value)):
                found |= {value, *_parts(value)}
        return found - {""}

    def config_path(self) -> Path:
        """`LLM_ROUTER_CONFIG`, else `config.yaml` in the home folder, else the shipped one."""
        named = self.values.get("LLM_ROUTER_CONFIG")
        if named:
            # what `.env` names lies beside it, whatever folder the service was started in
            return (self.home if "LLM_ROUTER_CONFIG" in self.from_file else Path.cwd()) / expanded(named)
        own = self.home / "config.yaml"
        return own if own.is_file() else PACKAGE / "config.yaml"


def read_environment(process: Mapping[str, str] | None = None) -> Environment:
    """The environment of this process, whose own values beat those of `.env`; an empty value in `.env` counts as missing."""
    own = dict(os.environ if process is None else process)
    home = home_folder(own)
    filed = _dotenv(home / ".env")
    new = {name: value for name, value in filed.items() if name not in own}
    exposed = any(map(_is_secret, filed.items())) and readable_by_all(home / ".env")
    return Environment(home, {**new, **own}, frozenset(new), (warning_of(home / ".env", "keys"),) if exposed else ())


def readable_by_all(path: Path) -> bool:
    """Whether any user of this machine may read the file."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def warning_of(path: Path, holds: str) -> str:
    """What is wrong with a file that holds secrets and can be read by all, and the remedy."""
    return f"{path} holds {holds} and every user of this machine may read it: chmod 600 {path}"


def _is_secret(variable: tuple[str, str]) -> bool:
    name, value = variable
    return (
        name.endswith(("_KEY", "_KEYS", "_TOKEN", "_SECRET", "_PASSWORD", "_OTLP_HEADERS", "_TRACES_HEADERS"))
        or without_password(value) != value
    )


def _parts(value: str) -> Iterator[str]:
    """What of a value is secret by itself: each of a list, each word of a header without its name, and the password of a URL."""
    for item in value.split(","):
        yield item.strip()
        yield from unquote(item.partition("=")[2]).split()
    with contextlib.suppress(ValueError):  # no URL at all
        yield urlsplit(value).password or ""


def _dotenv(path: Path) -> dict[str, str]:
    try:
        text = path.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    except OSError:
        return {}
    return {name: value for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items() if value}
