"""Stands between a line to PostgreSQL and the driver: follows frames, and sends words ahead.

The driver trusts the length at the head of each message.  A length below four sends it back over
the same bytes for ever, inside one call that nothing interrupts, and a long one has it gather
whatever comes: a server, a pooler or a line that babbles would stop the process.  So every head is
looked at before the driver sees it; what is inside of a message stays the driver's business.  A line
that says anything else is ended.

Words ahead save a reading a round trip: they go in one packet with the next statement of the
driver's, as messages of the extended protocol without a Sync of their own, and what the server says
to them is kept from the driver.  If one of them fails, the server skips all up to the driver's own
Sync, so the driver hears the error as that of its statement.
(https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING)
"""

import asyncio
import struct
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import asyncpg
import structlog
from asyncpg.pgproto.pgproto import BufferError as PacketError
from asyncpg.protocol import Protocol

__all__ = ["NONSENSE", "Babbled", "Frames", "PacketError", "open_line"]
_log: Final = structlog.get_logger("database")

_HEAD: Final = struct.Struct(">Bi")
"""Kind and length; the length counts itself and what follows it, not the kind."""
_MOST: Final = 64 * 2**20
"""Bytes of one message: far above any row of ours, and what a babbler may have us gather."""
_SMALL: Final = 2**20
_LENGTHS: Final[dict[bytes, tuple[int, int]]] = {
    b"R": (8, _SMALL),  # authentication
    b"K": (12, 4 + 4 + 256),  # key to cancel with
    b"S": (6, _SMALL),  # parameter
    b"Z": (5, 5),  # ready
    b"E": (5, _SMALL),
    b"N": (5, _SMALL),
    b"A": (10, _SMALL),  # notification
    b"v": (12, _SMALL),  # version to agree on
    b"1": (4, 4),  # parsed
    b"2": (4, 4),  # bound
    b"3": (4, 4),  # closed
    b"n": (4, 4),  # no rows to describe
    b"t": (6, _SMALL),  # parameters described
    b"T": (6, _SMALL),  # row described
    b"D": (6, _MOST),  # row
    b"C": (5, _SMALL),  # done
    b"I": (4, 4),  # nothing to do
    b"s": (4, 4),  # suspended
    b"V": (8, _MOST),  # answer of a function
    b"G": (7, _SMALL),  # copy in, out, both ways
    b"H": (7, _SMALL),
    b"W": (7, _SMALL),
    b"d": (4, _MOST),  # copied
    b"c": (4, 4),
}
"""Least and greatest length of each message that a server may send."""
_LEAST_OF: Final = tuple(_LENGTHS.get(bytes([kind]), (4, 0))[0] for kind in range(256))
_MOST_OF: Final = tuple(_LENGTHS.get(bytes([kind]), (4, 0))[1] for kind in range(256))


_ERROR: Final = ord("E")
_READY: Final = ord("Z")
_DONE: Final = ord("C")
_ANSWERED: Final = frozenset(b"12D")
"""What comes before a command is done: parsed, bound, rows."""
NONSENSE: Final = (
    ArithmeticError, AssertionError, AttributeError, LookupError, struct.error, SystemError,
    ValueError, PacketError, asyncpg.InternalClientError,
)  # fmt: skip
"""What the driver stumbles into over a whole message with nonsense inside."""


class Babbled(ConnectionError):
    """What came on a line to the database is none of its messages; the line was ended."""


def words_ahead(*commands: str) -> "Ahead":
    """Commands without parameters, each to be parsed, bound and executed, as one piece."""
    pieces = []
    for command in commands:
        parse = b"\0" + command.encode() + b"\0\0\0"
        pieces.append(b"P" + (len(parse) + 4).to_bytes(4, "big") + parse + _BIND_AND_EXECUTE)
    return Ahead(b"".join(pieces), len(commands))


class Ahead(NamedTuple):
    """Words that go ahead of a statement."""

    messages: bytes
    commands: int
    """How many of them the server says to be done."""


_BIND_AND_EXECUTE: Final = (
    b"B" + (12).to_bytes(4, "big") + b"\0\0" + bytes(6)
    + b"E" + (9).to_bytes(4, "big") + b"\0" + bytes(4)
)  # fmt: skip


class _Mouth:
    """The driver's way to a line: what is to be said ahead goes out with what it says next."""

    __slots__ = ("_frames", "_transport", "get_extra_info")

    def __init__(self, frames: "Frames", transport: Any) -> None:
        self._frames = frames
        self._transport = transport
        self.get_extra_info = transport.get_extra_info

    def write(self, data: Any) -> None:
        """Say something, after what was to be said ahead of it."""
        if self._frames.ahead is None:
            self._transport.write(data)
        else:
            self._transport.writelines((self._frames.said_ahead(), data))

    def writelines(self, pieces: Iterable[Any]) -> None:
        """Say several things at once."""
        for piece in pieces:
            self.write(piece)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Frames:
    """What stands between a line and the driver's protocol; it is put in place of its ears.

    A method that is set on the protocol itself is what every event loop calls, with TLS and
    without, and everything else of the protocol stays as it is.
    """

    __slots__ = (
        "_begun", "_hand_on", "_kept_back", "_lost", "_made", "_skip", "_transport", "_unanswered",
        "_wrong", "ahead", "then",
    )  # fmt: skip

    def __init__(self, protocol: Any) -> None:
        self._hand_on: Callable[[bytes], None] = protocol.data_received
        self._made: Callable[[Any], None] = protocol.connection_made
        self._lost: Callable[[Exception | None], None] = protocol.connection_lost
        self._transport: Any = None
        self._skip = 0
        self._begun = b""
        self._wrong: Babbled | None = None
        self.then: Callable[[], None] | None = None
        """Called after the driver has heard what came, or that the line is gone."""
        self.ahead: Ahead | None = None
        """Goes out before what the driver says next."""
        self._unanswered = 0
        self._kept_back = b""
        protocol.data_received = self.received
        protocol.connection_made = self.made
        protocol.connection_lost = self.lost

    def made(self, transport: Any) -> None:
        """The line is there."""
        self._transport = transport
        self._made(_Mouth(self, transport))

    def said_ahead(self) -> bytes:
        """What goes ahead now; the driver does not hear what is answered to it."""
        ahead, self.ahead = self.ahead, None
        if ahead is None:
            return b""
        self._unanswered += ahead.commands
        return ahead.messages

    def _keep_back(self, data: bytes) -> bytes:
        """What of the server's words is the driver's: all behind the answers to what went ahead.

        An error is the driver's, too: none of its own words was heard then.
        """
        data = self._kept_back + data
        at, size = self._rest_of_before(data), len(data)
        others = data[:at]
        while self._unanswered and at + 5 <= size:
            kind, length = _HEAD.unpack_from(data, at)
            end = at + 1 + length
            if kind == _ERROR:
                self._unanswered = 0
                break
            if kind == _READY or not _LEAST_OF[kind] <= length <= min(_MOST_OF[kind], _SMALL):
                # Whatever it is, whose answers are whose is not known any more.
                self._unanswered, self._kept_back = 0, b""
                self._refuse(kind, length)
                return b""
            if end > size:
                break
            if kind == _DONE:
                self._unanswered -= 1
            elif kind not in _ANSWERED:
                others += data[at:end]
            at = end
        if self._unanswered:
            self._kept_back = data[at:]
            return others
        self._kept_back = b""
        return others + data[at:]

    def _rest_of_before(self, data: bytes) -> int:
        """Bytes at the front that end a message which had begun before: it is no answer."""
        begun = self._begun
        if not begun:
            return min(self._skip, len(data))
        whole = begun + data[: 5 - len(begun)]
        if len(whole) < 5:
            return len(data)
        length = max(4, int(_HEAD.unpack(whole)[1]))
        return min(length + 1 - len(begun), len(data))

    def received(self, data: bytes, head: Any = _HEAD.unpack_from) -> None:
        """Hand on what came if every message that begins in it begins as one does.

        Costs a fifth of a microsecond for each message.
        """
        if self._unanswered:
            data = self._keep_back(data)
            if not data:
                return None
        at, size = self._skip, len(data)
        if self._begun:
            at = self._complete(data)
        least, most, last = _LEAST_OF, _MOST_OF, size - 5
        while at <= last:
            kind, length = head(data, at)
            if not least[kind] <= length <= most[kind]:
                return self._refuse(kind, length)
            at += length + 1
        if at < size:
            self._begun += data[at:]
            at = size
        self._skip = at - size
        if self._wrong is None:
            try:
                self._hand_on(data)
            except Exception as error:  # noqa: BLE001 - the driver lost its place: so the line is lost
                self._end(error=type(error).__name__)
            if self.then is not None:
                self.then()
        return None

    def _complete(self, data: bytes) -> int:
        """Where the next message begins, after one whose head came in pieces."""
        begun = len(self._begun)
        whole = self._begun + data[: 5 - begun]
        if len(whole) < 5:
            # Still not all of it: what came is kept by the caller.
            return 0
        self._begun = b""
        kind, length = _HEAD.unpack(whole)
        if not _LEAST_OF[kind] <= length <= _MOST_OF[kind]:
            self._refuse(kind, length)
            return len(data)
        return int(length) + 1 - begun

    def _refuse(self, kind: int, length: int) -> None:
        if self._wrong is None:
            self._end(kind=kind, length=length)

    def _end(self, **why: int | str) -> None:
        self._wrong = Babbled("what came from the database is no message of PostgreSQL")
        _log.warning("database.babbled", **why)
        self._transport.abort()

    def lost(self, error: Exception | None) -> None:
        """The line is gone; the driver is told why."""
        self._transport = None
        self._lost(error or self._wrong)
        if self.then is not None:
            self.then()


def frames_of(driver: Any) -> Frames | None:
    """What follows the line of a connection of the driver's, while that is open."""
    protocol = driver._protocol  # noqa: SLF001 - None once it is closed
    found = getattr(getattr(protocol, "data_received", None), "__self__", None)
    return found if isinstance(found, Frames) else None


class _GuardedLoop:
    """The running loop, as the driver is given it: lines that it opens are followed.

    It has no ``start_tls``: the driver then hands its own protocol to ``create_connection`` for TLS
    too, as it does for every loop without, instead of setting it where nobody else sees it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.running = loop
        # What is called at every statement, without a way round.
        self.create_future = loop.create_future
        self.call_later = loop.call_later

    def __getattr__(self, name: str) -> Any:
        if name == "start_tls":
            raise AttributeError(name)
        return getattr(self.running, name)

    async def create_connection(self, factory: Any, *where: Any, **more: Any) -> Any:
        return await self.running.create_connection(_followed(factory), *where, **more)

    async def create_unix_connection(self, factory: Any, *where: Any, **more: Any) -> Any:
        return await self.running.create_unix_connection(_followed(factory), *where, **more)


def _followed(factory: Callable[[], Any]) -> Callable[[], Any]:
    """The same protocols; those that hear PostgreSQL's messages are followed."""

    def made() -> Any:
        protocol = factory()
        if isinstance(protocol, Protocol):
            Frames(protocol)
        return protocol

    return made


class _Connection(asyncpg.Connection):
    """The driver's own, on the loop that runs: it compares loops to find its tasks."""

    __slots__ = ()

    def __init__(self, protocol: Any, transport: Any, loop: Any, *more: Any) -> None:
        try:
            super().__init__(protocol, transport, loop.running, *more)
        except BaseException:
            # Its greeting lacked what every server tells: nobody else would end this line.
            self._aborted, self._source_traceback = True, None
            transport.abort()
            raise


async def open_line(*where: Any, **more: Any) -> asyncpg.Connection:
    """``asyncpg.connect``, on a line that is followed.

    Raises ``Babbled`` where a server sends messages in the driver's way that make no sense.
    """
    loop: Any = _GuardedLoop(asyncio.get_running_loop())
    try:
        line: asyncpg.Connection = await asyncpg.connect(
            *where, **more, loop=loop, connection_class=_Connection
        )
    except (asyncpg.InterfaceError, OSError):
        raise
    except NONSENSE as error:
        raise Babbled("the database greets in words that make no sense") from error
    return line
