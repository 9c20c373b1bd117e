"""A ledger's records stand once they stand: through kills, half-written ends and full disks."""

import os
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.metrics.ledger import CHUNK, Foreign, Ledger, read

KEYS = st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]), max_size=9))


@pytest.fixture
def fd() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


@given(st.dictionaries(KEYS, st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20)))
def test_what_was_counted_is_what_others_and_successors_read(counts: dict[tuple[str, ...], list[int]]) -> None:
    with tempfile.TemporaryFile() as file:
        ledger = Ledger(file.fileno())
        for key, values in counts.items():
            cells = ledger.cells(key, len(values))
            assert cells is not None and not any(cells)
            for place, number in enumerate(values):
                cells[place] = number
        assert dict(read(file.fileno())) == counts
        next_one = Ledger(file.fileno())
        assert {key: cells.tolist() for key, cells in next_one.records.items()} == counts


def test_a_file_grows_by_chunks_and_a_successor_goes_on_at_its_end(fd: int) -> None:
    expected = {}
    for numbers in (range(2_000), range(2_000, 3_000)):
        writer = Ledger(fd)
        for number in numbers:
            cells = writer.cells((f"series {number}",), 20)
            assert cells is not None
            cells[19] += number
            expected[(f"series {number}",)] = [0] * 19 + [number]
    assert dict(read(fd)) == expected and len(read(fd)) == 3_000
    assert os.fstat(fd).st_size == 3 * CHUNK


@pytest.mark.parametrize("rest", [b"\xff" * 64, b'["half wri' + b"\x07" * 54])
def test_a_record_that_was_cut_off_before_its_head_is_none(fd: int, rest: bytes) -> None:
    cells = Ledger(fd).cells(("whole",), 2)
    assert cells is not None
    cells[1] = 5
    whole = 8 * (1 + 1 + 2 + 2)  # mark, head, the key's two words, cells
    os.pwrite(fd, rest, whole + 8)
    assert read(fd) == [(("whole",), [0, 5])]
    added = Ledger(fd).cells(("next",), 3)
    assert added is not None and added.tolist() == [0, 0, 0]
    assert read(fd) == [(("whole",), [0, 5]), (("next",), [0, 0, 0])]


@pytest.mark.parametrize("head", [-1, (1 << 62), (1 << 32 | 1 << 20)])
def test_a_spoilt_head_ends_a_chunk(fd: int, head: int) -> None:
    assert Ledger(fd).cells(("whole",), 2) is not None
    os.pwrite(fd, head.to_bytes(8, "little", signed=True), 8 * 6)
    assert read(fd) == [(("whole",), [0, 0])]


def test_a_file_that_is_none_of_ours_is_not_written(fd: int) -> None:
    os.pwrite(fd, b"x" * CHUNK, 0)
    with pytest.raises(Foreign):
        Ledger(fd)
    assert read(fd) == []
    assert os.pread(fd, CHUNK, 0) == b"x" * CHUNK


def test_a_key_longer_than_a_chunk_has_no_cells(fd: int) -> None:
    ledger = Ledger(fd)
    assert ledger.cells(("x" * CHUNK,), 1) is None
    assert ledger.cells(("y",), 1) is not None


def test_no_room_is_an_answer_and_no_death(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A store into a page that the disk has no room for would end the process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    fd = os.open(tmp_path / "counts", os.O_RDWR | os.O_CREAT)
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    try:
        ledger = Ledger(fd)
        resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK, before[1]))
        made = [ledger.cells((f"series {number}",), 20) for number in range(2_000)]
        resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK - 1, before[1]))
        with pytest.raises(OSError, match="File too large"):
            Ledger(other)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        os.close(fd)
        os.close(other)
    kept = [cells for cells in made if cells is not None]
    assert 1_000 < len(kept) < 2_000 and None in made
    kept[0][0] += 1
    assert caplog.text.count("no room for the counts") == 1
