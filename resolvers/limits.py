"""How often things may be asked for: per person, and per operation; one table for both doors."""

import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any, Final, Protocol
from uuid import UUID

from models.stores.limits import Share, Standing, Verdict
from resolvers.access import Actor
from resolvers.errors import AddressBlocked, AppError, ErrorCode, RateLimited
from resolvers.users import searchable_email

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400
COST_OF_A_UNIT: Final = 100
ROWS_OF_A_UNIT: Final = 50
LOCAL_WIDTH: Final = 20
"""The local profile multiplies all limits but a person's: there everybody has one address."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A limit: how many units in any span of so many seconds, and whose they are.

    ``per`` names what the count belongs to: PERSON (who is signed in; the address while nobody
    is), ADDRESS, ACCOUNT (an e-mail address, whether anybody has it or not), LOGIN (address and
    account together) or SESSION (a refresh token's family).
    """

    name: str
    limit: int
    seconds: int
    per: str


USER: Final = Policy("user", 1_000, HOUR, "PERSON")
UPLOAD: Final = Policy("upload", 60, HOUR, "PERSON")
IMPORT: Final = Policy("import", 200, DAY, "PERSON")
EXPORT: Final = Policy("export", 10, HOUR, "PERSON")
SECOND_FACTOR: Final = Policy("second-factor", 10, 15 * MINUTE, "PERSON")
INVITATION: Final = Policy("invitation", 30, DAY, "PERSON")
# Root field of the graph -> its limit beside that of the person.
POLICIES: Final[Mapping[str, Policy]] = {
    "login": Policy("login", 10, 15 * MINUTE, "LOGIN"),
    "register": Policy("register", 5, HOUR, "ADDRESS"),
    "forgotPassword": Policy("forgot", 3, HOUR, "ACCOUNT"),
    "refresh": Policy("refresh", 60, HOUR, "SESSION"),
    "resendVerification": Policy("verification", 3, HOUR, "PERSON"),
    "createUpload": UPLOAD,
    "createImport": IMPORT,
    "createInvitation": INVITATION,
    "setUpTwoFactor": SECOND_FACTOR,
    "enableTwoFactor": SECOND_FACTOR,
    "disableTwoFactor": SECOND_FACTOR,
    "renewRecoveryCodes": SECOND_FACTOR,
    "beginSignIn": Policy("begin-sign-in", 30, HOUR, "ADDRESS"),
    "finishSignIn": Policy("finish-sign-in", 30, HOUR, "ADDRESS"),
    "linkIdentity": SECOND_FACTOR,
    "createPersonalToken": Policy("tokens", 30, DAY, "PERSON"),
    "export": EXPORT,
    "requestTakeout": EXPORT,
    # Each try checks a password.
    "deleteUser": Policy("deletion", 5, HOUR, "PERSON"),
    "addGroupMember": INVITATION,
}
SIGNING_IN: Final = frozenset(
    {"login", "register", "forgotPassword", "resetPassword", "verifyEmail", "finishSignIn"}
)
"""What a blocked address may not do; counted in the database while Redis is away."""
GUARDED: Final = SIGNING_IN | {"refresh"}
# Root field -> the argument that holds its rows.
BATCHES: Final[Mapping[str, str]] = {
    "createTransactions": "transactions",
    "updateTransactions": "transactions",
    "deleteTransactions": "ids",
}

# An address is blocked for 15 minutes once so many sign-ins on different accounts failed from it,
# or so much of signing in at all, in ten minutes; each further block of a day lasts twice as long.
_FAILED_ACCOUNTS: Final = Policy("failed-accounts", 20, 10 * MINUTE, "ADDRESS")
_FAILURES: Final = Policy("failures", 50, 10 * MINUTE, "ADDRESS")
_FAILED_ONCE: Final = Policy("failed-once", 1, 10 * MINUTE, "LOGIN")
_BLOCKS: Final = Policy("blocks", 1_000, DAY, "ADDRESS")
_BLOCK_ONCE: Final = Policy("block-once", 1, 10 * MINUTE, "ADDRESS")
FIRST_BLOCK_SECONDS: Final = 15 * MINUTE
_MOST_BLOCK_SECONDS: Final = DAY
# Who is asked for the code has given the right password.
_NO_FAILURES: Final = frozenset({ErrorCode.ADDRESS_BLOCKED, ErrorCode.TWO_FACTOR_REQUIRED})
_MOST_TOKEN: Final = 1_024


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a person, or only the address that a request came from."""

    actor: Actor | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """One operation of a request: its root field and, where a limit needs them, its arguments."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of one limit."""

    policy: Policy
    remaining: int
    reset_seconds: int
    """Until the next unit comes back, or until a refused request fits."""


class Windows(Protocol):
    """Counts shares of limits."""

    async def take(self, shares: Sequence[Share], *, guarded: bool = False) -> Verdict:
        """Take all shares or none."""


def units_of(calls: Iterable[Call], cost: int = 0) -> int:
    """What a request counts against its person: one, or more for dear queries and large batches."""
    rows = 0
    for call in calls:
        value = call.arguments.get(BATCHES.get(call.name, ""))
        rows += ceil(len(value) / ROWS_OF_A_UNIT) if isinstance(value, list) else 0
    return max(1, ceil(cost / COST_OF_A_UNIT), rows)


class Limits:
    """Counts requests of both doors and refuses what is over a limit."""

    def __init__(
        self,
        windows: Windows,
        secret: bytes,
        families: Callable[[str], Awaitable[UUID | None]],
        *,
        on: bool = True,
        width: int = 1,
    ) -> None:
        """``families`` tells which session a refresh token is of."""
        self._windows = windows
        self._secret = secret
        self._families = families
        self._width = width
        self.on = on

    async def admit(
        self, caller: Caller, calls: Sequence[Call] = (), units: int = 1
    ) -> list[Allowance]:
        """Count one request against every limit that it meets, or against none.

        Raises RATE_LIMITED with ``allowances`` set, ADDRESS_BLOCKED for signing in.
        """
        if not self.on:
            return []
        wanted: dict[str, tuple[Policy, Share]] = {}
        if caller.actor is not None:
            share = self._share(USER, caller, Call(""), units)
            wanted[share.key] = (USER, share)
        for call in calls:
            known = POLICIES.get(call.name)
            if known is None:
                continue
            policy = self._wide(known)
            family = await self._family(call) if policy.per == "SESSION" else None
            share = self._share(policy, caller, call, family=family)
            if share.key in wanted:
                share = replace(share, units=wanted[share.key][1].units + 1)
            wanted[share.key] = (policy, share)
        names = {call.name for call in calls}
        if names & SIGNING_IN:
            await self._refuse_blocked(caller)
        if not wanted:
            return []
        shares = [share for _, share in wanted.values()]
        guarded = bool(names & GUARDED)
        verdict = await self._windows.take(shares, guarded=guarded)
        allowances = [
            _allowance(policy, standing)
            for (policy, _), standing in zip(wanted.values(), verdict.standings, strict=True)
        ]
        if not verdict.admitted:
            raise _refusal(allowances, verdict)
        return allowances

    async def failed(self, caller: Caller, calls: Sequence[Call], error: AppError) -> None:
        """Note that signing in failed; too much of it blocks the address."""
        signing = [call for call in calls if call.name in SIGNING_IN]
        mine = 400 <= error.status < 500 and error.code not in _NO_FAILURES
        if not self.on or not signing or not mine:
            return
        call = signing[0]
        noted = [self._share(self._wide(_FAILURES), caller, call)]
        verdict = await self._windows.take(noted, guarded=True)
        full = not verdict.admitted or verdict.standings[0].used >= noted[0].limit
        if call.name == "login" and error.code is ErrorCode.INVALID_CREDENTIALS:
            accounts = self._share(self._wide(_FAILED_ACCOUNTS), caller, call)
            once = self._share(_FAILED_ONCE, caller, call)
            verdict = await self._windows.take([once, accounts], guarded=True)
            full = full or verdict.standings[1].used >= accounts.limit
        if full:
            both = [self._share(one, caller, call) for one in (_BLOCK_ONCE, _BLOCKS)]
            await self._windows.take(both, guarded=True)

    async def _refuse_blocked(self, caller: Caller) -> None:
        look = self._share(_BLOCKS, caller, Call(""), units=0)
        standing = (await self._windows.take([look], guarded=True)).standings[0]
        if not standing.used:
            return
        lasts = min(FIRST_BLOCK_SECONDS * 2 ** (standing.used - 1), _MOST_BLOCK_SECONDS)
        left = ceil(lasts - standing.newest_ms / 1_000)
        if left > 0:
            raise AddressBlocked(
                "Too many failed attempts came from this address; it may sign in again later.",
                details={"retryAfterSeconds": left},
                retry_after_seconds=left,
            )

    async def _family(self, call: Call) -> UUID | None:
        """The session that a refresh token is of."""
        token = _input(call).get("refreshToken")
        if not isinstance(token, str) or not 0 < len(token) <= _MOST_TOKEN:
            return None
        return await self._families(token)

    def _wide(self, policy: Policy) -> Policy:
        """A policy as wide as the profile makes it."""
        return replace(policy, limit=policy.limit * self._width)

    def _share(
        self,
        policy: Policy,
        caller: Caller,
        call: Call,
        units: int = 1,
        *,
        family: UUID | None = None,
    ) -> Share:
        """The share of a policy; its key holds no address of either kind, only keyed hashes."""
        whose, what = _subject(policy, caller, call, family)
        parts = [f"{{{self._name(whose)}}}", policy.name, *([self._name(what)] if what else [])]
        return Share(":".join(parts), policy.limit, policy.seconds, units)

    def _name(self, subject: str) -> str:
        return hmac.digest(self._secret, subject.encode("utf-8", "replace"), sha256)[:16].hex()


def _input(call: Call) -> Mapping[str, Any]:
    given = call.arguments.get("input")
    return given if isinstance(given, Mapping) else {}


def _subject(policy: Policy, caller: Caller, call: Call, family: UUID | None) -> tuple[str, str]:
    """Whom a count belongs to, and within that of what."""
    if policy.per == "PERSON" and caller.actor is not None:
        return f"user {caller.actor.user_id.hex}", ""
    address = f"address {network_of(caller.address)}"
    if policy.per in {"LOGIN", "ACCOUNT"}:
        account = f"account {searchable_email(str(_input(call).get('email', '')))}"
        return (address, account) if policy.per == "LOGIN" else (account, "")
    if family is not None:
        return f"session {family.hex}", ""
    # Also for a refresh token that nobody has.
    return address, ""


def network_of(address: str | None) -> str:
    """The address a count belongs to: a whole IPv4 address, the /64 network of an IPv6 one."""
    try:
        found: IPv4Address | IPv6Address = ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, 64), strict=False))
    return str(found)


def _allowance(policy: Policy, standing: Standing) -> Allowance:
    milliseconds = standing.wait_ms or standing.next_ms
    return Allowance(policy, max(0, policy.limit - standing.used), ceil(milliseconds / 1_000))


def _refusal(allowances: list[Allowance], verdict: Verdict) -> RateLimited:
    waits = [one.wait_ms for one in verdict.standings]
    worst = allowances[waits.index(max(waits))]
    policy, wait = worst.policy, max(1, worst.reset_seconds)
    refused = RateLimited(
        f"The limit of {policy.limit:,} in {_span(policy.seconds)} ({policy.name}) is used up; "
        f"repeat this in {wait} seconds.",
        details={
            "policy": policy.name,
            "limit": policy.limit,
            "windowSeconds": policy.seconds,
            "retryAfterSeconds": wait,
        },
        retry_after_seconds=wait,
    )
    refused.allowances = allowances
    return refused


def _span(seconds: int) -> str:
    return f"any {seconds // MINUTE} minutes" if seconds <= HOUR else f"any {seconds // HOUR} hours"
