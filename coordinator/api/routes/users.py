"""Accounts, as administrators see and change them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from coordinator.api import views_accounts as views
from coordinator.api.deps import Admin, ClientAddress, Here
from coordinator.services import accounts, sessions
from coordinator.store import users
from protocol.base import RequestModel
from protocol.states import Role

router = APIRouter(prefix="/admin/users", tags=["users"])


class NewAccount(RequestModel):
    """An account that an administrator makes, also while registration is closed."""

    username: Annotated[str, Field(min_length=1, max_length=256)]
    password: Annotated[str, Field(max_length=1024, repr=False)]
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    role: Role = Role.USER


class Changes(RequestModel):
    """What to change; what is absent stays. `class` goes before the rest of the queue, the higher the sooner."""

    role: Role | None = None
    disabled: bool | None = None
    klass: Annotated[int, Field(ge=-100, le=100)] | None = Field(default=None, alias="class")
    storage_mb: Annotated[int, Field(ge=0, le=2**40)] | None = None
    max_waiting: Annotated[int, Field(ge=0, le=2**30)] | None = None
    password: str | None = Field(default=None, max_length=1024, repr=False)


NULLABLE = frozenset({"storage_mb", "max_waiting"})


@router.get("", name="list")
async def list_users(
    _admin: Admin,
    here: Here,
    q: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[str, Query(max_length=256)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Accounts by name."""
    found = await here.database.read(lambda work: users.page(work, q=q.casefold(), after=cursor, limit=limit))
    following = found[-1].username if len(found) == limit else None
    return {"items": [views.administered(row) for row in found], "next": following}


@router.post("", status_code=201)
async def make(body: NewAccount, admin: Admin, here: Here, address: ClientAddress) -> dict[str, Any]:
    """Make an account."""
    row = await sessions.make_account(here, admin, body.username, body.password, body.email, body.role, address)
    return views.administered(row)


@router.get("/{user_id}")
async def get(user_id: str, _admin: Admin, here: Here) -> dict[str, Any]:
    """One account."""
    return views.administered(await here.database.read(lambda work: accounts.get(work, user_id)))


@router.patch("/{user_id}")
async def change(user_id: str, body: Changes, admin: Admin, here: Here, address: ClientAddress) -> dict[str, Any]:
    """Change role, rights, bounds or password. A new role, password or disabling ends the account's sessions."""
    given = body.model_dump(exclude_unset=True)
    changes = {name: value for name, value in given.items() if value is not None or name in NULLABLE}
    return views.administered(await sessions.administer(here, admin, user_id, changes, address))
