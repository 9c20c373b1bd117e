"""No item of the scoreboard is ever trained on: the frozen list of hashes refuses it, whoever brings it and however it is spaced."""

import gzip
import os
from pathlib import Path

import msgspec
import pytest

from training import rows
from training.rows import Guarded, Row

DATA = os.environ.get("DATA")
with_data = pytest.mark.skipif(not DATA, reason="DATA names no folder")


def train_file(folder: Path, *found: Row) -> Path:
    path = folder / rows.TRAIN
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"\n".join(msgspec.json.encode(row) for row in found)))
    return folder


def test_a_training_row_with_a_frozen_id_is_refused(tmp_path: Path) -> None:
    frozen = min(rows.guarded())
    with pytest.raises(Guarded, match=frozen):
        rows.load_train(train_file(tmp_path, Row(frozen, "source", "task", "any prompt", {"model": 1.0})))


@pytest.mark.parametrize("prompt", ["What is 2 + 2?", "  what IS 2   +\n2?? "])
def test_a_frozen_prompt_is_refused_under_any_id_case_and_spacing(prompt: str) -> None:
    row = Row("0" * 16, "source", "task", prompt, {"model": 1.0})
    with pytest.raises(Guarded):
        rows.refuse_guarded([row], frozenset({rows.item_id("What is 2 + 2?")}))


def test_other_rows_pass(tmp_path: Path) -> None:
    row = Row(rows.item_id("a prompt of our own"), "source", "task", "a prompt of our own", {"model": 1.0})
    assert rows.load_train(train_file(tmp_path, row)) == [row]


def test_the_frozen_list_holds_hashes_alone_each_once_and_in_order() -> None:
    lines = rows.GUARD.read_text().split("\n")[:-1]
    assert lines == sorted(set(lines)) and len(lines) > 7000
    assert all(len(line) == 16 and set(line) <= set("0123456789abcdef") for line in lines)


@with_data
def test_every_open_item_is_on_the_list_and_no_training_row_is() -> None:
    frozen = rows.guarded()
    assert {item.id for item in rows.load_open(Path(str(DATA)))} <= frozen
    for row in rows.load_train(Path(str(DATA))):
        assert row.id not in frozen and rows.item_id(row.prompt) not in frozen


@with_data
def test_an_id_is_the_hash_of_its_prompt() -> None:
    assert all(item.id == rows.item_id(item.prompt) for item in rows.load_open(Path(str(DATA))))
