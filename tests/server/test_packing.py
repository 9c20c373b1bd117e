"""Packed bodies: gzip and deflate, on every route that takes a body, never past the limit and never past their own end."""

import asyncio
import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.endpoints.packing import MAX_MEMBERS, unpacked
from app.errors import BodyTooLarge, CallerError
from support import Service, running, shipped

from .corpus import ROUTES
from .wire import LAST, exchange, post

HOT = {path: body for path, (method, body) in ROUTES.items() if method == b"POST"}
LIMIT = 1_000_000


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": bare,
    " GZIP ": lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:]),
}

BOMBS = {coding: PACKED[coding](b'{"prompt":"' + b"x" * 20 * LIMIT) for coding in ("gzip", "deflate")}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    config = shipped().replace("max_body_bytes: 33554432", f"max_body_bytes: {LIMIT}")
    with running(tmp_path_factory.mktemp("packed"), config) as here:
        yield here


@pytest.mark.parametrize("path", HOT)
@pytest.mark.parametrize("coding", PACKED)
def test_a_packed_body_is_answered_like_the_plain_one(service: Service, path: str, coding: str) -> None:
    answer = service.request(path, PACKED[coding](HOT[path]), {"content-encoding": coding})
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("path", HOT)
def test_a_bomb_is_413_and_the_next_request_is_served(service: Service, path: str) -> None:
    for coding, bomb in BOMBS.items():
        assert len(bomb) < LIMIT // 10
        refused, health = exchange(service.port, post(path, bomb, b"content-encoding: " + coding.encode()), LAST)
        assert (refused.status, health.status) == (413, 200)
        assert "unpacked" in refused.json()["error"]["message"]


def test_a_packed_body_over_the_limit_as_sent_is_413(service: Service) -> None:
    assert service.request("/query", b"x" * (LIMIT + 1), {"content-encoding": "gzip"}).status == 413


@pytest.mark.parametrize("path", HOT)
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", b'{"prompt":"x"}'),
        (b"deflate", b'{"prompt":"x"}'),
        (b"gzip", b""),
        (b"deflate", b""),
        (b"gzip", gzip.compress(b'{"prompt":"x"}')[:-4]),
        (b"gzip", gzip.compress(b'{"prompt":"x"}') + b"more"),
        (b"deflate", zlib.compress(b'{"prompt":"x"}') + b"more"),
        (b"gzip", gzip.compress(gzip.compress(b'{"prompt":"x"}'))),
        (b"gzip", gzip.compress(b"") * 10_000),
        (b"gzip", zlib.compress(b'{"prompt":"x"}')),
    ],
    ids=["plain", "plain too", "nothing", "nothing too", "cut", "more", "more too", "twice", "10,000 members", "another coding"],
)
def test_a_body_that_is_not_what_it_says_is_400(service: Service, path: str, coding: bytes, body: bytes) -> None:
    refused, health = exchange(service.port, post(path, body, b"content-encoding: " + coding), LAST)
    assert (refused.status, health.status) == (400, 200), refused


@pytest.mark.parametrize("path", HOT)
@pytest.mark.parametrize("coding", [b"br", b"zstd", b"compress", b"x-gzip", b"gzip, gzip", b"gzip, identity", b"", b"\xff"])
def test_any_other_coding_is_415(service: Service, path: str, coding: bytes) -> None:
    refused, health = exchange(service.port, post(path, HOT[path], b"content-encoding: " + coding), LAST)
    assert (refused.status, health.status) == (415, 200)


def run(body: bytes, coding: bytes, limit: int = LIMIT) -> bytes:
    return asyncio.run(unpacked(body, coding, limit))


@given(st.lists(st.binary(max_size=2_000), min_size=1, max_size=4))
def test_what_was_packed_comes_out(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert run(b"".join(gzip.compress(piece) for piece in pieces), b"gzip") == whole
    assert run(zlib.compress(whole), b"deflate") == whole
    assert run(bare(whole), b"deflate") == whole


@given(st.binary(max_size=300), st.sampled_from([b"gzip", b"deflate"]))
def test_any_bytes_are_unpacked_or_refused(data: bytes, coding: bytes) -> None:
    try:
        assert len(run(data, coding, 1_000)) <= 1_000
    except (CallerError, BodyTooLarge) as error:
        assert error.status in (400, 413)


@given(st.integers(0, 60), st.data())
def test_a_cut_body_never_passes_for_a_whole_one(size: int, data: st.DataObject) -> None:
    for coding, packed in ((b"gzip", gzip.compress(b"x" * size)), (b"deflate", zlib.compress(b"x" * size))):
        end = data.draw(st.integers(0, len(packed) - 1))
        with pytest.raises(CallerError):
            run(packed[:end], coding)


def test_the_limit_is_met_to_the_byte_and_members_are_counted() -> None:
    assert len(run(gzip.compress(b"x" * LIMIT), b"gzip")) == LIMIT
    with pytest.raises(BodyTooLarge):
        run(gzip.compress(b"x" * (LIMIT + 1)), b"gzip")
    with pytest.raises(BodyTooLarge):
        run(gzip.compress(b"x" * LIMIT) + gzip.compress(b"x"), b"gzip")
    assert run(gzip.compress(b"x") * MAX_MEMBERS, b"gzip") == b"x" * MAX_MEMBERS
    with pytest.raises(CallerError):
        run(gzip.compress(b"") * (MAX_MEMBERS + 1), b"gzip")
