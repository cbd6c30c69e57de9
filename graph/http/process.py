"""What a serving process has around its event loop: its port, its signals and its parent."""

import ctypes
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

HARD_STOP_SECONDS: Final = 24.0
_BACKLOG: Final = 2_048
_ATTACH_FILTER: Final = 26
"""``SO_ATTACH_FILTER``, which Python does not name."""
_NO_CALLS: Final = b"".join(
    struct.pack("=HBBI", *step)
    for step in (
        # The flags of the TCP header; with SYN among them: keep nothing of it, else all.
        (0x30, 0, 0, 13),
        (0x45, 0, 1, 0x02),
        (0x06, 0, 0, 0),
        (0x06, 0, 0, 0xFFFFFFFF),
    )
)


def bind(host: str, port: int) -> socket.socket:
    """Take the port, so that a second instance fails before it starts anything.

    Callers that come before we are ready wait in its queue.  Raises OSError.
    """
    family, kind, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    taken = socket.socket(family, kind)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(_BACKLOG)
    except OSError:
        taken.close()
        raise
    taken.setblocking(False)
    return taken


def hear_no_calls(listener: socket.socket) -> None:
    """Let nobody new in, and keep those who wait to be accepted: then none of them can be lost.

    Whoever calls between the last look at the queue and its end would be let in by the kernel, and
    reset.  A filter of the packet (Linux, socket(7)) has it call again, and find the port closed.
    It stays for every process that has this socket.
    """
    if sys.platform != "linux":
        return
    steps = ctypes.create_string_buffer(_NO_CALLS, len(_NO_CALLS))
    program = struct.pack("HP", len(_NO_CALLS) // 8, ctypes.addressof(steps))
    with suppress(OSError):
        # Where the kernel knows no filters, a moment stays in which somebody is reset.
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


def is_last(pipe: int = 0) -> bool:
    """Whether whoever looks after this process has closed the pipe to it: nobody serves after it."""
    try:
        os.set_blocking(pipe, False)
        return not os.read(pipe, 1)
    except BlockingIOError:
        return False


class StopSignals:
    """SIGTERM and SIGINT: the first one stops the process, further ones change nothing."""

    def __init__(self) -> None:
        self.requested = False
        self._then: Callable[[], object] | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._came)

    def on_stop(self, then: Callable[[], object]) -> None:
        """Call this at the signal, instead of ending the start."""
        self._then = then
        if self.requested:
            then()

    def request(self) -> None:
        """Stop, as a signal would."""
        if self.requested:
            return
        self.requested = True
        # Whatever hangs after this is cut off: embedded parts stop cleanly without us as well.
        timer = threading.Timer(HARD_STOP_SECONDS, os._exit, (1,))
        timer.daemon = True
        timer.start()
        if self._then is None:
            raise SystemExit(0)
        self._then()

    def _came(self, _number: int, _frame: object) -> None:
        self.request()


class Parent:
    """The process that started us, where it should take us along.

    GNU make hands a SIGTERM on but not a SIGINT that is sent to it alone: it resets its handler
    and waits for us.  The kernel shows that its handler is gone.
    """

    def __init__(self) -> None:
        self._pid = os.getppid()
        self._caught = self._catches_interrupts()

    def stopped(self) -> bool:
        """Whether it ended or is waiting for our end."""
        return os.getppid() != self._pid or (self._caught and not self._catches_interrupts())

    def _catches_interrupts(self) -> bool:
        try:
            status = Path(f"/proc/{self._pid}/status").read_text()
        except OSError:
            return False
        mask = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "")
        return bool(int(mask.split()[1], 16) >> (signal.SIGINT - 1) & 1) if mask else False
