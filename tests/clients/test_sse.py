"""Event streams are read the same however the network cuts them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.common.sse import Event, EventStream
from app.errors import BadAnswer

STREAM = (
    '\ufeff: hi\r\ndata: a\u2028b\u0085c\u2029\rdata:c\r\n\r\nevent: x\ndata: {"é":1}\n\nid: 3\nretry: 9\n\ndata\n\n'
    "data: one\n\ndata: two\n\n:keep-alive\n\ndata: unfinished"
).encode()
EVENTS = [
    Event("", "a\u2028b\u0085c\u2029\nc".encode()),
    Event("x", '{"é":1}'.encode()),
    Event("", b""),
    Event("", b"one"),
    Event("", b"two"),
]


def read(pieces: list[bytes]) -> list[Event]:
    stream = EventStream()
    return [event for piece in pieces for event in stream.feed(piece)]


def test_every_split_in_three_gives_the_same_events() -> None:
    """BOM, comments, CR, LF, CRLF, several data lines, U+2028 and an unfinished tail, cut at every pair of places."""
    for i in range(len(STREAM) + 1):
        for j in range(i, len(STREAM) + 1):
            assert read([STREAM[:i], STREAM[i:j], STREAM[j:]]) == EVENTS, (i, j)


def test_byte_by_byte_gives_the_same_events() -> None:
    """The worst network changes nothing."""
    assert read([bytes([byte]) for byte in STREAM]) == EVENTS


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\x00", exclude_categories=["Cs"]), max_size=20), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 200), max_size=4),
)
def test_any_text_survives_any_line_end_and_any_cut(texts: list[str], end: str, cuts: list[int]) -> None:
    """What a server writes as data comes out unchanged."""
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert [event.data.decode() for event in read(pieces)] == texts


@given(
    st.lists(
        st.sampled_from(
            [
                b"data: one\n\n",
                b"data: two words\n\n",
                b"event: named\ndata: three\n\n",
                b"event: named\n\n",
                b"data:close\n\n",
                b"data: a\ndata: b\n\n",
                b": ping\n\n",
                b"data: cr\r\n\r\n",
                b"\n",
                b"id: 7\ndata: late\n\n",
            ]
        ),
        max_size=8,
    ),
    st.lists(st.integers(0, 120), max_size=6),
)
def test_what_is_cut_in_one_go_is_what_walking_line_by_line_gives(blocks: list[bytes], cuts: list[int]) -> None:
    """Whole events are cut without walking their lines: neither their neighbours nor the network's cuts show in the result."""
    stream = b"".join(blocks)
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    assert read([stream[a:b] for a, b in pairwise(places)]) == read([stream[i : i + 1] for i in range(len(stream))])


def test_one_endless_event_is_cut_at_its_limit() -> None:
    """Neither one long line nor many short ones can fill the memory."""
    with pytest.raises(BadAnswer):
        EventStream(1000).feed(b"data: " + b"x" * 2000)
    with pytest.raises(BadAnswer):
        EventStream(1000).feed(b"data: xxxxxxxx\n" * 200)
