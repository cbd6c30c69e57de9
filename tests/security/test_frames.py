"""Whatever way PostgreSQL's messages are cut, they are followed; what is none is stopped."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from models.frames import Babbled, Frames

pytestmark = pytest.mark.case("X09")

_KINDS = st.sampled_from([b"D", b"d", b"S", b"E", b"A", b"T"])
_MESSAGES = st.lists(
    st.tuples(_KINDS, st.one_of(st.binary(min_size=6, max_size=40), st.just(bytes(70_000)))).map(
        lambda one: one[0] + (len(one[1]) + 4).to_bytes(4, "big") + one[1]
    ),
    max_size=6,
)
_WORDS = st.one_of(
    st.tuples(_KINDS, st.integers(-(2**31), 3)),
    st.tuples(_KINDS, st.integers(2**26 + 1, 2**31 - 1)),
    st.tuples(st.sampled_from([b"\0", b"q", b"P", b"\xff"]), st.integers(4, 100)),
    st.tuples(st.just(b"Z"), st.integers(6, 100)),
).map(lambda one: one[0] + one[1].to_bytes(4, "big", signed=True))


class Ear:
    """What the driver's protocol hears, and its line."""

    def __init__(self) -> None:
        self.heard = b""
        self.aborted = 0
        self.why: Exception | None = None

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_made(self, transport: Any) -> None:
        assert transport is self

    def connection_lost(self, error: Exception | None) -> None:
        self.why = error

    def abort(self) -> None:
        self.aborted += 1


def _hear(said: bytes, cuts: list[int]) -> Ear:
    ear = Ear()
    Frames(ear)
    ear.connection_made(ear)
    places = sorted({cut % (len(said) + 1) for cut in cuts} | {0, len(said)})
    for begin, end in pairwise(places):
        ear.data_received(said[begin:end])
    ear.connection_lost(None)
    return ear


_CUTS = st.lists(st.integers(0, 10**6), max_size=12)


@settings(max_examples=150, deadline=None)
@given(messages=_MESSAGES, cuts=_CUTS)
def test_what_is_said_is_heard(messages: list[bytes], cuts: list[int]) -> None:
    said = b"".join(messages)
    ear = _hear(said, cuts)
    assert (ear.heard, ear.aborted, ear.why) == (said, 0, None)


@settings(max_examples=150, deadline=None)
@given(messages=_MESSAGES, word=_WORDS, cuts=_CUTS)
def test_what_is_no_message_is_never_heard(
    messages: list[bytes], word: bytes, cuts: list[int]
) -> None:
    said = b"".join(messages)
    with capture_logs() as logs:
        ear = _hear(said + word + bytes(20), cuts)
    # A part of a head may be heard: the driver waits for the rest.
    assert (said + word[:4]).startswith(ear.heard)
    assert (ear.aborted, type(ear.why)) == (1, Babbled)
    assert [one["event"] for one in logs] == ["database.babbled"]
