"""What routes ask for: the program's context, and who is asking."""

from typing import Annotated, cast

from fastapi import Depends, Security
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from coordinator.api.authentication import account_of
from coordinator.domain.permissions import may_administer
from coordinator.errors import AccountError, Forbidden, Unauthorized
from coordinator.services.context import Context
from coordinator.store.tables import Users


async def context(connection: HTTPConnection) -> Context:
    """The bundle that lives as long as the program."""
    return cast("Context", connection.scope["state"]["context"])


async def client_address(connection: HTTPConnection) -> str:
    """Who is at the other end, by the rules of TRUSTED_PROXIES; see `coordinator.api.addresses`."""
    return str(connection.scope["state"]["address"])


_BEARER = HTTPBearer(auto_error=False, description="A token of `auth/login`, or an API key.")


async def current_user(connection: HTTPConnection, _documented: Annotated[object, Security(_BEARER)] = None) -> Users:
    """The account behind the bearer token or the page's cookie. Unauthorized, or what was wrong, CsrfRefused too."""
    found = account_of(connection)
    if found is None:
        raise Unauthorized
    if isinstance(found, AccountError):
        raise found
    return found


async def current_admin(user: Annotated[Users, Depends(current_user)]) -> Users:
    """The account, which must be an administrator's. Forbidden."""
    if not may_administer(user.role):
        raise Forbidden
    return user


Here = Annotated[Context, Depends(context)]
ClientAddress = Annotated[str, Depends(client_address)]
User = Annotated[Users, Depends(current_user)]
Admin = Annotated[Users, Depends(current_admin)]
