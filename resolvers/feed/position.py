"""Where a reader of the feed stands: for each ledger it follows, what it has seen of it."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from models.database import VisibleVersion

_BEFORE_ALL: Final = UUID(int=0)
WHOLE: Final = 2**31 - 1
"""Number of a version's last change, whatever number it has."""
_SEEN: Final = struct.Struct(">16sBqi")
_KEY: Final = struct.Struct(">16sB")


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything up to one change has been seen."""

    version: int
    seq: int = WHOLE


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The objects of one version have been seen up to one of them, in order of id and kind."""

    version: int
    after_id: UUID = _BEFORE_ALL
    after_entity: str = ""


Place: TypeAlias = Seen | Snapshot
Position: TypeAlias = Mapping[UUID, Place]
START: Final[Position] = {}
"""Nothing is known yet: every ledger arrives as a snapshot."""


def present_position(versions: Iterable[VisibleVersion]) -> Position:
    """Everything so far is known."""
    return {one.ledger_id: Seen(one.version) for one in versions}


def pack(position: Position) -> bytes:
    """A position as bytes; the same position always as the same bytes."""
    parts = []
    for ledger_id in sorted(position):
        place = position[ledger_id]
        if isinstance(place, Seen):
            parts.append(_SEEN.pack(ledger_id.bytes, 0, place.version, place.seq))
        else:
            entity = place.after_entity.encode()
            parts.append(_SEEN.pack(ledger_id.bytes, 1, place.version, 0))
            parts.append(_KEY.pack(place.after_id.bytes, len(entity)) + entity)
    return b"".join(parts)


def unpack(packed: bytes) -> Position:
    """Inverse of ``pack``; raises ValueError for anything else."""
    found: dict[UUID, Place] = {}
    at = 0
    try:
        while at < len(packed):
            ledger, kind, version, seq = _SEEN.unpack_from(packed, at)
            at += _SEEN.size
            if kind == 0:
                found[UUID(bytes=ledger)] = Seen(version, seq)
                continue
            after, length = _KEY.unpack_from(packed, at)
            at += _KEY.size + length
            if at > len(packed):
                raise ValueError("not a position")
            entity = packed[at - length : at].decode()
            found[UUID(bytes=ledger)] = Snapshot(version, UUID(bytes=after), entity)
    except struct.error as error:
        raise ValueError("not a position") from error
    return found
