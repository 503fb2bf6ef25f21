"""The page's session: logging in gives a cookie that no script can read, and a token against forged requests."""

from typing import Any

from fastapi import APIRouter, Request, Response

from coordinator.api import page_cookie
from coordinator.api import views_accounts as views
from coordinator.api.authentication import page_token
from coordinator.api.deps import ClientAddress, Here, User
from coordinator.api.routes.auth import Credentials
from coordinator.errors import Unauthorized
from coordinator.services import accounts, sessions

router = APIRouter(prefix="/auth/session", tags=["session"])


@router.post("")
async def begin(
    body: Credentials, request: Request, response: Response, here: Here, address: ClientAddress
) -> dict[str, Any]:
    """Log in on the page: a cookie, and `csrf_token` for the header `X-CSRF-Token` of everything but GET and HEAD."""
    site = here.settings.api_base_url
    page_cookie.refuse_plain_http(request.headers, site)
    page_cookie.refuse_other_sites(request.headers, site)
    found = sessions.for_page(here, await sessions.log_in(here, body.username, body.password, address))
    page_cookie.give(response, site, found.token, here.tokens.life_s)
    response.headers["Cache-Control"] = "no-store"
    return views.page(found)


@router.get("")
async def look(request: Request, response: Response, user: User, here: Here) -> dict[str, Any]:
    """Whose cookie it is, and its `csrf_token` again; `unauthorized` without the cookie."""
    token = page_token(request)
    if token is None:
        raise Unauthorized
    response.headers["Cache-Control"] = "no-store"
    return views.page(sessions.page(here, user, token))


@router.delete("", status_code=204)
async def end(response: Response, user: User, here: Here, address: ClientAddress) -> None:
    """Log out: every session of the account ends and the cookie goes; API keys stay."""
    await here.database.write(lambda work: accounts.log_out(work, user, address))
    page_cookie.take(response, here.settings.api_base_url)
