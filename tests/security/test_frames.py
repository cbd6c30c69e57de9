"""Whatever way PostgreSQL's messages are cut, they are followed; what is none is stopped.

And what is said ahead of a statement goes out with it; the driver hears the statement's answer alone.
"""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from models.frames import Babbled, Frames, words_ahead

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
        self.packets: list[bytes] = []
        self.mouth: Any = None
        self.aborted = 0
        self.why: Exception | None = None

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_made(self, transport: Any) -> None:
        self.mouth = transport

    def get_extra_info(self, name: str) -> Any:
        return name

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.packets.append(bytes(data))

    def writelines(self, pieces: Any) -> None:
        self.packets.append(b"".join(pieces))

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


def _message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


_PARSED, _BOUND, _DONE = _message(b"1"), _message(b"2"), _message(b"C", b"BEGIN\0")
_ROW, _READY = _message(b"D", b"\0\1\0\0\0\1a"), _message(b"Z", b"T")
_NOTICE, _ERROR = _message(b"N", b"SWARNING\0\0"), _message(b"E", b"SERROR\0C25P02\0\0")
_COMMANDS = st.lists(
    st.tuples(st.lists(st.just(_ROW), max_size=3), st.lists(st.just(_NOTICE), max_size=2)).map(
        lambda one: (_PARSED + _BOUND, *one)
    ),
    min_size=1,
    max_size=4,
)


def _told(answers: bytes, commands: int, cuts: list[int]) -> Ear:
    ear = Ear()
    frames = Frames(ear)
    ear.connection_made(ear)
    ahead = words_ahead(*["SELECT 1"] * commands)
    frames.ahead = ahead
    ear.mouth.write(b"first")
    ear.mouth.writelines([b"second", b"third"])
    assert ear.packets == [ahead.messages + b"first", b"second", b"third"]
    places = sorted({cut % (len(answers) + 1) for cut in cuts} | {0, len(answers)})
    for begin, end in pairwise(places):
        ear.data_received(answers[begin:end])
    return ear


@settings(max_examples=150, deadline=None)
@given(commands=_COMMANDS, mine=_MESSAGES, cuts=_CUTS)
def test_what_is_answered_to_words_ahead_is_kept_from_the_driver(
    commands: list[Any], mine: list[bytes], cuts: list[int]
) -> None:
    said = b"".join(
        begun + b"".join(notices) + b"".join(rows) + _DONE for begun, rows, notices in commands
    )
    notices = b"".join(one for _, _, some in commands for one in some)
    rest = b"".join(mine) + _READY
    ear = _told(said + rest, len(commands), cuts)
    assert (ear.heard, ear.aborted) == (notices + rest, 0)
    # Once: the next answers are all the driver's.
    ear.data_received(_PARSED + _DONE)
    assert ear.heard == notices + rest + _PARSED + _DONE


@settings(max_examples=80, deadline=None)
@given(before=st.integers(0, 2), more=st.integers(0, 2), cuts=_CUTS)
def test_an_error_in_words_ahead_is_the_statement_s(
    before: int, more: int, cuts: list[int]
) -> None:
    said = (_PARSED + _BOUND + _DONE) * before + _PARSED + _ERROR + _READY
    ear = _told(said, before + more + 1, cuts)
    assert (ear.heard, ear.aborted) == (_ERROR + _READY, 0)


@settings(max_examples=80, deadline=None)
@given(word=_WORDS, cuts=_CUTS)
def test_nonsense_among_the_answers_is_never_heard(word: bytes, cuts: list[int]) -> None:
    with capture_logs() as logs:
        ear = _told(_PARSED + word + bytes(20), 2, cuts)
    assert word[:4].startswith(ear.heard)
    assert ear.aborted == 1
    assert [one["event"] for one in logs] == ["database.babbled"]


def test_everything_else_of_the_line_stays_as_it_is() -> None:
    ear = Ear()
    Frames(ear)
    ear.connection_made(ear)
    assert (ear.mouth.get_extra_info("socket"), ear.mouth.is_closing()) == ("socket", False)


@settings(max_examples=120, deadline=None)
@given(
    before=st.sampled_from([_NOTICE, _message(b"S", b"a" * 300), _message(b"A", bytes(40))]),
    cut=st.integers(1, 400),
    cuts=_CUTS,
)
def test_a_message_that_had_begun_before_is_heard_to_its_end(
    before: bytes, cut: int, cuts: list[int]
) -> None:
    cut = min(cut, len(before) - 1)
    ear = Ear()
    frames = Frames(ear)
    ear.connection_made(ear)
    ear.data_received(before[:cut])
    frames.ahead = words_ahead("SELECT 1")
    ear.mouth.write(b"first")
    said = before[cut:] + _PARSED + _BOUND + _ROW + _DONE + _BOUND + _READY
    places = sorted({one % (len(said) + 1) for one in cuts} | {0, len(said)})
    for begin, end in pairwise(places):
        ear.data_received(said[begin:end])
    assert (ear.heard, ear.aborted) == (before + _BOUND + _READY, 0)
