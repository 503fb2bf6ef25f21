"""Who you are: accounts, logins and API keys."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, Field

from coordinator.api import page_cookie
from coordinator.api import views_accounts as views
from coordinator.api.authentication import page_token
from coordinator.api.deps import ClientAddress, Here, User
from coordinator.services import accounts, sessions
from coordinator.store import users
from protocol.base import RequestModel

router = APIRouter(prefix="/auth", tags=["auth"])

Password = Annotated[str, Field(max_length=1024, repr=False)]
Name = Annotated[str, Field(min_length=1, max_length=256)]


class Registration(RequestModel):
    """A new account. The password has 12 to 256 bytes."""

    username: Name
    password: Password
    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None


class Credentials(RequestModel):
    """Name and password."""

    username: Name
    password: Password


class PasswordChange(RequestModel):
    """The password as it is, and as it shall be."""

    current_password: Password
    new_password: Password


class NewKey(RequestModel):
    """An API key: a name to know it by, and when it ends."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    expires_at: AwareDatetime | None = None


@router.post("/register", status_code=201)
async def register(body: Registration, here: Here, address: ClientAddress) -> dict[str, Any]:
    """Make an account, unless registration is closed."""
    return views.account(await sessions.register(here, body.username, body.password, body.email, address))


@router.post("/login")
async def login(body: Credentials, here: Here, address: ClientAddress) -> dict[str, Any]:
    """Exchange name and password for a token."""
    account = await sessions.log_in(here, body.username, body.password, address)
    return views.session(sessions.for_program(here, account))


@router.post("/logout", status_code=204)
async def logout(user: User, here: Here, address: ClientAddress) -> None:
    """End every session of the account; API keys stay."""
    await here.database.write(lambda work: accounts.log_out(work, user, address))


@router.post("/password")
async def password(
    body: PasswordChange, request: Request, response: Response, user: User, here: Here, address: ClientAddress
) -> dict[str, Any]:
    """Change the password; every other session ends. A program goes on with the new token, the page with a new cookie
    and the `csrf_token` in the answer."""
    changed = await sessions.change_password(here, user, body.current_password, body.new_password, address)
    if page_token(request) is None:
        return views.session(sessions.for_program(here, changed))
    fresh = sessions.for_page(here, changed)
    page_cookie.give(response, here.settings.api_base_url, fresh.token, here.tokens.life_s)
    return views.page(fresh)


@router.get("/me")
async def me(user: User) -> dict[str, Any]:
    """The account itself."""
    return views.account(user)


@router.get("/keys")
async def keys(user: User, here: Here) -> dict[str, Any]:
    """The API keys of the account, without the keys themselves."""
    found = await here.database.read(lambda work: users.keys(work, user.id))
    return {"items": [views.key(row) for row in found], "next": None}


@router.post("/keys", status_code=201)
async def make_key(body: NewKey, user: User, here: Here, address: ClientAddress) -> dict[str, Any]:
    """Make an API key; `key` is in this answer and never again."""
    fresh = sessions.fresh_key()
    until = body.expires_at.timestamp() if body.expires_at else None
    row = await here.database.write(lambda work: accounts.add_key(work, user, body.name, fresh, until, address))
    return {**views.key(row), "key": fresh}


@router.delete("/keys/{key_id}", status_code=204)
async def remove_key(key_id: str, user: User, here: Here, address: ClientAddress) -> None:
    """Forget an API key; it stops working at once."""
    await here.database.write(lambda work: accounts.remove_key(work, user, key_id, address))
