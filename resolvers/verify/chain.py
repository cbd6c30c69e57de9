"""The change chain of a ledger: every link recomputed, from the first change to the ledger's head.

A break is told once, by its first bad row: a row that is not itself any more was altered or moved,
a row that is itself but does not follow the one before it tells that rows between them are gone.
"""

import hmac
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select

from models.base import table
from models.changes import Change, Link, content_mac, content_place, link_hash
from resolvers.verify.finder import Finder, pages
from resolvers.verify.report import Kind, named

_CH: Final = table(Change)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the chain begins; without a hash (it does not open) anything may follow."""

    version: int = 0
    hash: bytes | None = b""


@dataclass(slots=True)
class _Walk:
    """Where the walk stands: the last row's number and the hashes that may be its own."""

    version: int = 0
    seq: int = 0
    ends: tuple[bytes, ...] = (b"",)
    changes: int = 0
    altered: bool = False
    """Whether the last row belongs to a run of bad rows that began with an altered one."""
    pruned: int = 0
    """Up to this version rows stand alone: those between them were superseded and are gone."""
    unknown: bool = False
    """Whether the checkpoint did not open, which was told: then anything may follow it."""

    def follows(self, row: Row[Any]) -> bool:
        """Whether a row comes right behind: linked to the last one, its number the next."""
        next_version = row.version == self.version + 1 and row.seq == 0
        next_seq = row.version == self.version and row.seq == self.seq + 1
        behind = self.unknown or row.prev_hash in self.ends
        return behind and (next_version or next_seq)


async def check_chain(
    finder: Finder, version: int, head_hash: bytes, begin: Checkpoint = Checkpoint()
) -> int:
    """Walk a ledger's feed up to its head; the number of changes seen."""
    walk = _Walk(version=begin.version, pruned=begin.version, unknown=begin.hash is None)
    if begin.hash is not None:
        walk.ends = (begin.hash,)
    statement = select(_CH).where(_CH.c.ledger_id == finder.ledger_id)
    async for page in pages(finder.tx, statement, (_CH.c.version, _CH.c.seq)):
        for row in page:
            _step(finder, walk, row)
    if walk.version != version:
        finder.differs(
            Kind.HEAD,
            "ledger",
            finder.ledger_id,
            f"The feed ends with change {walk.version}/{walk.seq}, but the ledger stands at "
            f"version {version}: the tail of the feed or the ledger's head was cut off.",
        )
    elif not walk.unknown and head_hash not in walk.ends:
        finder.differs(
            Kind.HEAD,
            "ledger",
            finder.ledger_id,
            f"The feed ends with change {walk.version}/{walk.seq}, which is not the change that "
            "the ledger knows as its last.",
        )
    return walk.changes


def _step(finder: Finder, walk: _Walk, row: Row[Any]) -> None:
    """Check one row against itself and against the one before it."""
    digest = _digest(finder.chain_key, row)
    plaintext = finder.opened(
        content_place(row.version, row.seq), "change", row.entity_id, row.content
    )
    itself = hmac.compare_digest(digest or b"", row.hash) and (
        plaintext is None
        or hmac.compare_digest(content_mac(finder.chain_key, plaintext), row.content_mac)
    )
    alone = row.version <= walk.pruned
    follows = alone or walk.follows(row)
    name = f"Change {row.version}/{row.seq} ({row.entity}, {named(row.entity, row.entity_id)})"
    if not itself and not walk.altered:
        message = f"{name} was altered, or moved from another place of the feed."
        finder.differs(Kind.CHAIN, "change", row.entity_id, message)
    elif itself and not follows and not walk.altered:
        last = f"{walk.version}/{walk.seq}" if walk.version else "the beginning"
        message = f"{name} does not follow {last}: one or more changes before it are missing."
        finder.differs(Kind.CHAIN, "change", row.entity_id, message)
    walk.altered = not itself
    walk.changes += 1
    if alone:
        return
    walk.unknown = False
    walk.version, walk.seq = row.version, row.seq
    # Where only the hash was altered, the next row still names the one that it had.
    walk.ends = (row.hash,) if digest is None else (row.hash, digest)


def _digest(chain_key: bytes, row: Row[Any]) -> bytes | None:
    """The hash that a row must have; None where no row of ours can be like this."""
    link = Link(
        ledger_id=row.ledger_id,
        version=row.version,
        seq=row.seq,
        entity=row.entity,
        entity_id=row.entity_id,
        op=row.op,
        actor_id=row.actor_id,
        at=row.at,
        content_mac=row.content_mac,
    )
    try:
        return link_hash(chain_key, row.prev_hash, link)
    except (OverflowError, ValueError, OSError):
        return None
