"""The REST door: what its handlers share, and the validators of its answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from graph.context import Services
from graph.engine import Engine
from graph.validators import Validator
from resolvers.access import Actor
from rest_compat.routes import Endpoint
from rest_compat.stored import Stored

if TYPE_CHECKING:
    from models.database import VisibleVersion

NO_VERSION: Final = "0"
_TAG: Final = re.compile(r'"[0-9]{1,18}\.[0-9a-f]{24}"', re.ASCII)


@dataclass(frozen=True, slots=True)
class Rest:
    """The REST door: its services, rows and readers."""

    services: Services
    engine: Engine
    operations: Mapping[str, Stored]
    endpoints: Sequence[Endpoint]
    _twins: dict[tuple[str, str, str | None], Endpoint | None] = field(default_factory=dict)

    def twin(self, row: Endpoint) -> Endpoint | None:
        """The GET that answers the object that a write has just made or changed."""
        key = row.method, row.path, row.place
        if key not in self._twins:
            self._twins[key] = self._found_twin(row)
        return self._twins[key]

    def _found_twin(self, row: Endpoint) -> Endpoint | None:
        if row.method not in {"PUT", "POST"}:
            return None
        made = row.method == "POST" and not row.path.endswith("/restore")
        wanted = row.place or row.path.removesuffix("/restore")
        for other in self.endpoints:
            # What was made lies one parameter below its list, whatever that is called.
            above, _, last = other.path.rpartition("/")
            below = above == wanted and last.startswith("{")
            if other.method == "GET" and (below if made else other.path == wanted):
                return other
        return None

    def keeps(self, row: Endpoint) -> bool:
        """Whether answers of a row are cached: no files, no secrets, nothing with a clock in it."""
        operation = self.operations[row.operation]
        open_to_all = not (row.secret or row.expires or row.public or row.write is not None)
        compiled = operation.compiled
        return open_to_all and self.engine.keeps(compiled, compiled.operation(operation.name))

    async def behind(
        self, actor: Actor, written: tuple[UUID, int] | None
    ) -> "Sequence[VisibleVersion]":
        """Where the books that a person can see stand behind her write."""
        return await self.services.ledgers.drafts.versions(actor, written)

    async def versions(self, actor: Actor) -> "Sequence[VisibleVersion]":
        """Where the books that a person can see stand."""
        return await self.services.database.visible_versions(actor.user_id)

    def validator(
        self,
        actor: Actor,
        operation: str,
        variables: Mapping[str, Any],
        versions: "Sequence[VisibleVersion]",
        *,
        written: tuple[UUID, int] | None = None,
    ) -> bytes | None:
        """Seal of all that an answer depends on: document, variables, person, day, versions.

        After a write, ``written`` is the ledger's version that its body shows; None is given back
        when somebody has written since, for then the hash would belong to a newer body.
        """
        if written is not None and written not in [(v.ledger_id, v.version) for v in versions]:
            return None
        return self.question(operation, variables).of(actor, versions)

    def question(self, operation: str, variables: Mapping[str, Any]) -> Validator:
        """What seals the answers to an operation with some variables."""
        given = {name: value for name, value in variables.items() if value is not None}
        return Validator(self.services.build, operation, given)


def validated(row: Endpoint, tag: str) -> dict[str, str]:
    """The headers of an answer that has an entity tag."""
    cache = "no-store" if row.secret else "private, no-cache"
    return {"ETag": tag, "Cache-Control": cache, "Vary": "Authorization"}


def weak(row: Endpoint) -> str:
    """A file tells when it was made, so that two equal ones may differ in their bytes."""
    return "W/" if row.write is not None else ""


def entity_tag(seal: bytes, version: str) -> str:
    """``"<version>.<hash>"``; the hash covers the version, so that nobody can make up a pair."""
    told = blake2b(b"%b.%b" % (seal, version.encode()), digest_size=12).hexdigest()
    return f'"{version}.{told}"'


def unchanged(header: str | None, seal: bytes | None) -> str | None:
    """If-None-Match (RFC 9110 section 13.1.2): the given tag that the present answer would have.

    Its hash proves its version too, so the 304 carries the very tag of the 200 (section 15.4.5)
    although nothing was read.  ``*`` matches any answer that exists; whether one does is known
    only after running, so it never saves a run.
    """
    if seal is None:
        return None
    for one in (header or "").split(","):
        tag = one.strip().removeprefix("W/")
        if _TAG.fullmatch(tag) and tag == entity_tag(seal, tag[1:].partition(".")[0]):
            return tag
    return None
