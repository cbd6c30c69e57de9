"""What people send to sign up and in, and what they get."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from models.users import UserRow
from resolvers.access import Actor
from resolvers.inputs import CurrencyCode, Input, Name
from resolvers.tokens import LIFETIME_SECONDS
from resolvers.users import Email, Locale, TimeZone

Secret = Annotated[str, Field(min_length=1, max_length=1_024)]


class RegisterInput(Input):
    """What opens an account with us."""

    email: Email
    password: Secret
    name: Name
    base_currency: CurrencyCode = "EUR"
    time_zone: TimeZone = "UTC"
    locale: Locale = "en"


class LoginInput(Input):
    """What signs in."""

    email: Annotated[str, Field(max_length=1_024)]
    password: Secret
    code: Annotated[str, Field(max_length=64)] | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session as its owner receives it, once."""

    user: UserRow
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int = LIFETIME_SECONDS


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody who was let in for a while."""

    actor: Actor
    expires_at: float
    """Seconds since the epoch."""
