"""What asks somebody into a group, and what answers."""

from typing import Annotated, Literal

from pydantic import Field

from resolvers.groups.inputs import Role
from resolvers.inputs import GroupRef, Input, UserRef
from resolvers.users import Email

Box = Literal["RECEIVED", "SENT"]
Status = Literal["PENDING", "ACCEPTED", "DECLINED", "CANCELLED", "EXPIRED"]


class InvitationCreate(Input):
    """Who is asked into which group."""

    group_id: GroupRef
    email: Email
    role: Role = "MEMBER"


class AddMember(Input):
    """Somebody known by her id, or anybody by an address."""

    user_id: UserRef | None = None
    email: Email | None = None
    role: Role = "MEMBER"


class Answer(Input):
    """The mailed token, for who answers without a proved address."""

    token: Annotated[str, Field(min_length=1, max_length=1_024)] | None = None
