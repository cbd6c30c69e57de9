"""Nobody learns from an answer, from its work or from its time whether somebody has an address."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from itertools import count
from random import Random
from time import perf_counter
from typing import Any, Final

import httpx2
import pytest
from starlette.applications import Starlette

from app import Running, create_app
from resolvers.limits import Limits
from settings import Settings
from tests.doors import PASSWORD, Person
from tests.security.welch import likelihood, trimmed
from tests.statements import counted

pytestmark = pytest.mark.anyio

PAIRS: Final = 200
"""Two samples each: the 400 that the case asks for."""
LIKELY: Final = 0.01
ROUNDS: Final = 3
"""One sample in a hundred seems uneven by chance; a real difference shows in each of three."""
NUMBERS = count(1)


@pytest.fixture(scope="module")
def verified_app(running: Running, settings: Settings) -> Starlette:
    """The product where sign-ups are proved by mail first, counting nothing."""
    off = Limits(None, b"", running.services.auth.family_of, on=False)  # type: ignore[arg-type]
    services = replace(running.services, limits=off, verified_registration=True)
    return create_app(services, settings)


@pytest.fixture
async def verified(verified_app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=verified_app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as found:
        yield found


def login(email: str) -> tuple[str, Any]:
    return "/v1/auth/login", {"email": email, "password": "not this one at all"}


def forgot(email: str) -> tuple[str, Any]:
    return "/v1/auth/forgot-password", {"email": email}


def sign_up(email: str) -> tuple[str, Any]:
    return "/v1/auth/register", {"email": email, "password": PASSWORD, "name": "Somebody"}


ASKED = {"login": (login, 401), "forgot": (forgot, 202), "register": (sign_up, 202)}
Ask = Callable[[str], tuple[str, Any]]


def stranger(known: str) -> str:
    """An address of nobody that is as long as a known one."""
    number = f"{next(NUMBERS)}."
    return number + known[len(number) :]


@pytest.mark.case("A06")
@pytest.mark.parametrize("name", ASKED)
async def test_known_and_unknown_addresses_cost_the_same_work(
    verified: httpx2.AsyncClient, eve: Person, running: Running, name: str
) -> None:
    """The same statements in the same order: what takes time is the same."""
    ask, status = ASKED[name]
    answers, work = set(), set()
    with counted(running.services.database) as statements:
        for email in (eve.email, stranger(eve.email)) * 2:
            statements.clear()
            path, body = ask(email)
            answer = await verified.post(path, json=body)
            told = {k: v for k, v in answer.json().items() if k not in {"timestamp", "meta"}}
            if "error" in told:
                told["error"].pop("correlationId", None)
            answers.add((answer.status_code, str(told), answer.headers["content-length"]))
            work.add(tuple(statements))
    assert {one[0] for one in answers} == {status}
    assert len(answers) == 1, answers
    assert len(work) == 1, work


async def _times(
    post: Callable[[str], Awaitable[int]], known: str, dice: Random
) -> tuple[list[float], list[float]]:
    """Seconds of answers for a known and for unknown addresses, one beside the other."""
    took: dict[bool, list[float]] = {True: [], False: []}
    statuses = set()
    for _ in range(PAIRS):
        # Side by side and now one, now the other first: what slows the machine slows both.
        for here in dice.sample((True, False), 2):
            email = known if here else stranger(known)
            begun = perf_counter()
            statuses.add(await post(email))
            took[here].append(perf_counter() - begun)
    assert len(statuses) == 1, statuses
    return took[True], took[False]


@pytest.mark.case("A06")
@pytest.mark.long
@pytest.mark.parametrize("name", ASKED)
async def test_four_hundred_answers_do_not_tell_known_from_unknown(
    verified: httpx2.AsyncClient, eve: Person, name: str
) -> None:
    """Welch's test on times of the whole way; what one round finds by chance, three do not."""
    ask, status = ASKED[name]

    async def post(email: str) -> int:
        path, body = ask(email)
        return (await verified.post(path, json=body)).status_code

    for email in (eve.email, stranger(eve.email)) * 3:
        assert await post(email) == status
    found = []
    for round_ in range(ROUNDS):
        known, unknown = await _times(post, eve.email, Random(round_))  # noqa: S311 - an order, no secret
        found.append((likelihood(known, unknown), sum(trimmed(known)) - sum(trimmed(unknown))))
        if found[-1][0] > LIKELY:
            return
    # Chance errs to one side and to the other; a difference keeps its side.
    assert len({seconds > 0 for _, seconds in found}) > 1, found


@pytest.mark.case("A06")
def test_the_statistic_sees_a_small_difference_and_no_other() -> None:
    """A fortieth more time is seen in 400 samples of a busy machine, none and outliers are not."""
    dice = Random(6)  # noqa: S311 - no secret

    def sample(more: float = 1.0) -> list[float]:
        busy = (dice.gauss(0.010, 0.0005) * more for _ in range(PAIRS))
        return [one + (0.3 if dice.random() < 0.03 else 0) for one in busy]

    even = [likelihood(sample(), sample()) for _ in range(200)]
    assert sum(p <= LIKELY for p in even) <= 6
    uneven = [likelihood(sample(), sample(1.025)) for _ in range(50)]
    assert sum(p <= LIKELY for p in uneven) >= 48
