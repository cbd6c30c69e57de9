"""Master keys that never leave AWS KMS: it wraps and unwraps data keys for us."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from botocore.exceptions import ClientError

from models.sealing import SealBroken
from models.stores.aws import Aws, AwsAway, told
from models.stores.keys import KeyProvider

_KIND: Final = b"pt-kms1\x00"
_NAME_BYTES: Final = 8
_WRONG: Final = frozenset(
    {
        "InvalidCiphertextException",
        "IncorrectKeyException",
        # What some servers answer where another key or context was named.
        "AccessDeniedException",
        "ValidationException",
    }
)
_CONTEXT: Final = "pockettrend"


class KmsKeys:
    """The first of some KMS keys wraps, all of them unwrap.

    ``before`` opens what was wrapped before KMS was used (the key file), so that an installation
    can move over by ``pockettrend rotate-keys --master``.
    """

    def __init__(
        self, kms: Aws, key_ids: Sequence[str], *, before: KeyProvider | None = None
    ) -> None:
        if not key_ids:
            raise ValueError("KMS needs the id of a key.")
        self._kms = kms
        self._first = key_ids[0]
        self._ids = {_name(one): one for one in key_ids}
        self._before = before

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        """Have a data key wrapped; raises AwsAway."""
        try:
            answer = await self._kms.call(
                "encrypt",
                KeyId=self._first,
                Plaintext=key,
                EncryptionContext={_CONTEXT: context.hex()},
            )
        except ClientError as error:
            raise AwsAway(f"kms encrypt: {told(error)}") from error
        return _KIND + _name(self._first) + bytes(answer["CiphertextBlob"])

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Have a data key unwrapped; raises SealBroken, AwsAway."""
        if not wrapped.startswith(_KIND):
            if self._before is None:
                raise SealBroken("A key was wrapped by a key file, and there is none.")
            return await self._before.unwrap(wrapped, context)
        end = len(_KIND) + _NAME_BYTES
        key_id = self._ids.get(wrapped[len(_KIND) : end])
        if key_id is None:
            raise SealBroken("A key was wrapped by a KMS key that is not named here.")
        try:
            answer = await self._kms.call(
                "decrypt",
                # Named, so that no other key that we may use can stand in for it.
                KeyId=key_id,
                CiphertextBlob=wrapped[end:],
                EncryptionContext={_CONTEXT: context.hex()},
            )
        except ClientError as error:
            if told(error) in _WRONG:
                raise SealBroken("A wrapped key did not open.") from error
            raise AwsAway(f"kms decrypt: {told(error)}") from error
        return bytes(answer["Plaintext"])

    def is_current(self, wrapped: bytes) -> bool:
        """Whether the first key has wrapped this."""
        return wrapped.startswith(_KIND + _name(self._first))


def _name(key_id: str) -> bytes:
    return sha256(b"pockettrend kms key\x00" + key_id.encode()).digest()[:_NAME_BYTES]
