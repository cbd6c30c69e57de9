"""The archive of a backup: a tar whose parts are sealed, and whose end proves that it is whole.

Members in order: ``head.json`` (what it is, its wrapped key), ``files/LEDGER/FILE`` as the store
holds them (sealed for their ledger), ``database`` (a dump sealed in chunks under the archive's
key) and ``end.json`` (their number and a MAC over the names, sizes and contents before it).  The
key is wrapped by the master key, which is never in the archive.
"""

import base64
import hmac
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.sealing import LedgerRing, derive
from models.stores.keys import KeyProvider

FORMAT: Final = "pockettrend-backup"
FORMAT_VERSION: Final = 1
HEAD: Final = "head.json"
DATABASE: Final = "database"
END: Final = "end.json"
FILES: Final = "files"
_PIECE_BYTES: Final = 1_048_576
_MOST_HEAD_BYTES: Final = 65_536


class BackupBroken(Exception):
    """An archive is not a whole backup of ours, or was made under another master key."""


@dataclass(frozen=True, slots=True)
class Head:
    """What an archive says about itself."""

    id: UUID
    revision: str
    """Migration of the database."""
    build: str
    at: str
    owner: str
    app: str
    """Roles that the rights in the dump name."""
    wrapped: bytes = field(repr=False)

    def to_json(self) -> bytes:
        """The member ``head.json``."""
        told = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "id": str(self.id),
            "revision": self.revision,
            "build": self.build,
            "at": self.at,
            "owner": self.owner,
            "app": self.app,
            "key": base64.b64encode(self.wrapped).decode(),
        }
        return json.dumps(told, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> "Head":
        """Read ``head.json``; raises BackupBroken."""
        try:
            told = json.loads(text)
            if (told["format"], told["version"]) != (FORMAT, FORMAT_VERSION):
                raise BackupBroken("This is a backup of another format than this build reads.")
            return cls(
                id=UUID(told["id"]),
                revision=str(told["revision"]),
                build=str(told["build"]),
                at=str(told["at"]),
                owner=str(told["owner"]),
                app=str(told["app"]),
                wrapped=base64.b64decode(told["key"], validate=True),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BackupBroken("This is no backup of ours.") from error


def key_context(archive_id: UUID) -> bytes:
    """What an archive's wrapped key is bound to."""
    return b"backup" + archive_id.bytes


async def open_key(head: Head, keys: KeyProvider) -> "ArchiveKey":
    """The key of an archive; raises SealBroken when the master key is another one."""
    return ArchiveKey(head.id, await keys.unwrap(head.wrapped, key_context(head.id)))


class ArchiveKey:
    """Seals the dump and proves the end."""

    def __init__(self, archive_id: UUID, key: bytes) -> None:
        self.id = archive_id
        self.ring = LedgerRing(archive_id, {1: AESGCM(derive(key, "backup content"))})
        self._end = derive(key, "backup end")

    def mac(self, digest: bytes) -> str:
        """The proof over everything before the end."""
        return hmac.digest(self._end, digest, "sha256").hex()


class Writer:
    """Writes the members one after the other."""

    def __init__(self, stream: IO[bytes], head: Head, key: ArchiveKey) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._key = key
        self._digest = sha256()
        self.members = 0
        self.add(HEAD, head.to_json())

    def add(self, name: str, content: bytes | IO[bytes], size: int | None = None) -> None:
        """Add bytes, or a stream of so many bytes."""
        if isinstance(content, bytes):
            size, content = len(content), io.BytesIO(content)
        info = tarfile.TarInfo(name)
        info.size, info.mode = size or 0, 0o600
        _begin(self._digest, name, info.size)
        self._tar.addfile(info, _Digesting(content, self._digest))
        self.members += 1

    def close(self) -> None:
        """Write the end; without it an archive counts as cut."""
        end = {"members": self.members, "mac": self._key.mac(self._digest.digest())}
        content = json.dumps(end).encode() + b"\n"
        info = tarfile.TarInfo(END)
        info.size, info.mode = len(content), 0o600
        self._tar.addfile(info, io.BytesIO(content))
        self._tar.close()


class _Digesting:
    """A stream whose bytes are digested while they are read."""

    def __init__(self, stream: IO[bytes], digest: Any) -> None:
        self._stream, self._digest = stream, digest

    def read(self, size: int = -1, /) -> bytes:
        piece = self._stream.read(size)
        self._digest.update(piece)
        return piece


def _begin(digest: Any, name: str, size: int) -> None:
    digest.update(f"{name}\x00{size}\x00".encode())


def read_head(path: Path) -> Head:
    """What an archive says about itself, not yet proved; raises BackupBroken."""
    for name, _size, stream in members(path):
        if name != HEAD:
            break
        return Head.from_json(stream.read(_MOST_HEAD_BYTES))
    raise BackupBroken(f"{path} is no backup of ours.")


def members(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, size and content of every member, in order; raises BackupBroken."""
    try:
        with tarfile.open(path, mode="r:") as tar:
            for info in tar:
                stream = tar.extractfile(info)
                if stream is None:
                    raise BackupBroken(f"{path} is no backup of ours.")
                yield info.name, info.size, stream
    except tarfile.TarError as error:
        raise BackupBroken(f"{path} is no whole archive: {error}.") from error


def check(path: Path, key: ArchiveKey) -> Iterator[int]:
    """Read the whole archive and prove its end; yields how many bytes are read so far."""
    try:
        yield from _checked(path, key)
    except tarfile.TarError as error:
        raise BackupBroken(f"{path} is no whole archive: {error}.") from error


def _checked(path: Path, key: ArchiveKey) -> Iterator[int]:
    digest = sha256()
    done = 0
    for count, (name, size, stream) in enumerate(members(path)):
        if name == END:
            try:
                told = json.loads(stream.read(_MOST_HEAD_BYTES))
                right = told["members"] == count
                right = right and hmac.compare_digest(told["mac"], key.mac(digest.digest()))
            except (ValueError, KeyError, TypeError):
                right = False
            if not right:
                raise BackupBroken(f"{path} was changed after it was made.")
            return
        _begin(digest, name, size)
        while piece := stream.read(_PIECE_BYTES):
            digest.update(piece)
            done += len(piece)
            yield done
    raise BackupBroken(f"{path} ends before its end: it was cut.")
