"""Signed links to files: the link itself is the permission, for at most an hour.

The signature is the sealed pair of ledger and person on whose behalf the link reads, made with
AES-SIV (RFC 5297) over the file's id and the expiry: nobody can make, change or read one, and the
same person gets the same link for five minutes, so that a browser or CDN can cache what it gives.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from models import ids
from models.sealing import derive
from resolvers.errors import Gone, NotFound

LINK_SECONDS: Final = 3_600
_STEP_SECONDS: Final = 300
_SEALED_BYTES: Final = 48
_SHOWN: Final = "There is no such file."


@dataclass(frozen=True, slots=True)
class Bearer:
    """On whose behalf a link reads."""

    ledger_id: UUID
    user_id: UUID


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(derive(key, "file link mac") + derive(key, "file link seal"))


def _about(file_id: UUID, expires: int) -> list[bytes]:
    return [file_id.bytes, str(expires).encode()]


def sign_link(key: bytes, bearer: Bearer, file_id: UUID, expires: int) -> str:
    """The signature of a link that ends at a POSIX time (seconds)."""
    sealed = _cipher(key).encrypt(
        bearer.ledger_id.bytes + bearer.user_id.bytes, _about(file_id, expires)
    )
    return base64.urlsafe_b64encode(sealed).decode()


def check_link(
    key: bytes, file_id: UUID | None, expires: str, signature: str, now: datetime
) -> Bearer:
    """Who reads by a link; raises NOT_FOUND for a wrong signature, GONE after its time."""
    if file_id is None or not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        raise NotFound(_SHOWN)
    try:
        sealed = base64.b64decode(signature, altchars=b"-_", validate=True)
        if len(sealed) != _SEALED_BYTES:
            raise NotFound(_SHOWN)
        plain = _cipher(key).decrypt(sealed, _about(file_id, int(expires)))
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise NotFound(_SHOWN) from error
    if now.timestamp() >= int(expires):
        raise Gone("This link has expired; ask for the file's downloadUrl again.")
    return Bearer(UUID(bytes=plain[:16]), UUID(bytes=plain[16:]))


def link_path(key: bytes, bearer: Bearer, file_id: UUID, now: datetime) -> str:
    """Path and query of a link that is good for 55 to 60 minutes."""
    expires = (int(now.timestamp()) + LINK_SECONDS) // _STEP_SECONDS * _STEP_SECONDS
    signature = sign_link(key, bearer, file_id, expires)
    return f"/v1/files/{ids.encode('file', file_id)}?exp={expires}&sig={signature}"
