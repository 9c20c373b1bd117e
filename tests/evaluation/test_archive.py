"""Each compiled configuration is archived once beside the journal, whole, without secrets, and never at a call's expense."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from app.config.home import PACKAGE
from app.evaluation.archive import Archive, ArchiveUnreadable, archived, read_archived
from app.router_engine.table import Rows, Table, compile_table
from config.cases import ONE, compiled
from support import eventually, running


def journal(folder: Path) -> Path:
    return folder / "logs" / "per_call.jsonl"


def test_what_is_read_decides_as_what_was_kept(tmp_path: Path) -> None:
    """Every column of the table, to the last bit."""
    snapshot = compiled(tmp_path, (PACKAGE / "config.yaml").read_text("utf-8"))
    Archive(journal(tmp_path), pytest.fail).keep(snapshot)
    back = compile_table(read_archived(tmp_path / "logs", snapshot.digest))
    here = compile_table(snapshot)
    assert _plain(back) == _plain(here)


def _plain(value: object) -> object:
    """Structs and vectors as what can be compared, bit by bit."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, Table | Rows):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    return value


def test_many_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    """Workers start together and archive the same."""
    snapshot = compiled(tmp_path, ONE)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Archive(journal(tmp_path), pytest.fail).keep(snapshot), range(40)))
    (file,) = (tmp_path / "logs" / "snapshots").iterdir()
    assert file.name == f"{snapshot.digest}.json" and file.read_bytes() == archived(snapshot)
    assert file.stat().st_mode & 0o077 == 0


def test_a_damaged_file_is_refused_and_mended(tmp_path: Path) -> None:
    """A power cut may leave an empty one: the next start puts it right."""
    snapshot = compiled(tmp_path, ONE)
    archive = Archive(journal(tmp_path), pytest.fail)
    archive.keep(snapshot)
    path = tmp_path / "logs" / "snapshots" / f"{snapshot.digest}.json"
    whole = path.read_bytes()
    for bad in (b"", whole[:-50], whole.replace(b"gpt-4o-mini", b"gpt-4o-maxi"), b"[" * 100_000, b'{"format":1}'):
        path.write_bytes(bad)
        with pytest.raises(ArchiveUnreadable, match="is damaged"):
            read_archived(tmp_path / "logs", snapshot.digest)
    path.write_bytes(whole.replace(b'{"format":1', b'{"format":2'))
    with pytest.raises(ArchiveUnreadable, match="another version"):
        read_archived(tmp_path / "logs", snapshot.digest)
    archive.keep(snapshot)
    assert path.read_bytes() == whole


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveUnreadable, match=r"snapshots/abc\.json: No such file"):
        read_archived(tmp_path, "abc")


def test_no_key_and_no_password_is_in_it(tmp_path: Path) -> None:
    """The names of variables are, their values are not."""
    text = ONE + 'cache: {redis_url: "redis://:hunter2@h/0"}\n'
    told = archived(compiled(tmp_path, text, {"OPENAI_API_KEY": "sk-very-secret"}))
    assert b"OPENAI_API_KEY" in told
    assert b"sk-very-secret" not in told and b"hunter2" not in told


@pytest.mark.parametrize("spoil", ["file", "device"])
def test_an_unwritable_folder_is_one_warning(tmp_path: Path, spoil: str) -> None:
    """However many configurations come; and one more after it worked in between. Beside a device nothing is archived at all."""
    snapshot = compiled(tmp_path, ONE)
    said: list[str] = []
    if spoil == "device":
        archive = Archive("/dev/null", said.append)
        archive.keep(snapshot)
        assert said == [] and not archive.lacks(snapshot) and not Path("/dev/snapshots").exists()
        return
    (tmp_path / "logs").mkdir()
    in_the_way = tmp_path / "logs" / "snapshots"
    in_the_way.write_text("a file where the folder should be")
    archive = Archive(journal(tmp_path), said.append)
    for digest in ("a", "b", "c"):
        archive.keep(replace(snapshot, digest=digest))
    assert len(said) == 1 and str(in_the_way) in said[0] and archive.lacks(snapshot)
    in_the_way.unlink()
    archive.keep(snapshot)
    assert len(said) == 1 and not archive.lacks(snapshot)


def test_the_service_archives_what_is_in_force_and_what_comes_into_force(tmp_path: Path) -> None:
    """With two workers; a call's record names a digest that is there. An obstacle costs a warning each, and goes without a restart."""
    (tmp_path / "logs").mkdir()
    folder = tmp_path / "logs" / "snapshots"
    folder.write_text("in the way")
    config = "mock_latency_scale: 0\n" + ONE
    with running(tmp_path, config, workers=2) as service:
        answer = service.query("hello")
        assert answer.status == 200
        assert 1 <= service.log().count("cannot archive the configuration") <= 2
        folder.unlink()
        first = folder / f"{service.record(answer.json()['id'])['config_digest']}.json"
        eventually(first.exists)
        (tmp_path / "config.yaml").write_text(config + "routing: {exploration: 0.5}\n")
        eventually(lambda: len(list(folder.glob("*.json"))) == 2)
        assert service.log().count("cannot archive the configuration") <= 2
    for file in folder.iterdir():
        assert json.loads(file.read_bytes())["digest"] == file.stem and os.access(file, os.R_OK)
