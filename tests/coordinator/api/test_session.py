"""The page's session over real HTTP: its cookie, the defence against forged requests, and how it ends."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.responses import Response

from coordinator.api import page_cookie
from coordinator.errors import CsrfRefused, InsecureSite
from coordinator.gateway.tokens import Tokens
from tests.coordinator.conftest import ADMIN, PASSWORD, Server

CSRF = page_cookie.CSRF_HEADER
COOKIE = "segfleet"


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


Account = dict[str, Any]


@pytest.fixture(scope="module")
def somebody(shared_server: Server) -> Account:
    """One account for the tests that leave its sessions alive: a password costs half a second to hash."""
    return made(shared_server)


@pytest.fixture
def page(shared_server: Server, somebody: Account) -> Iterator[httpx.Client]:
    """A browser's client of that account, with a session of its own and its token against forged requests."""
    with browser(shared_server, somebody) as client:
        yield client


def made(server: Server) -> Account:
    name = f"page-{uuid.uuid4().hex}"
    with server.client() as client:
        answer = client.post("/auth/register", json={"username": name, "password": PASSWORD})
    return dict(answer.json())


def browser(server: Server, account: Account) -> httpx.Client:
    """A client with a genuine session, without the cost of a login."""
    tokens = Tokens(server.settings.jwt_secret, server.settings.jwt_expires_in)
    token = tokens.issue_page(account["id"], 1, time.time())
    client = server.client()
    client.cookies.set(COOKIE, token, domain="127.0.0.1", path="/")
    client.headers[CSRF] = tokens.csrf(token)
    return client


def bearer_token(server: Server, account: Account) -> str:
    """A program's genuine token."""
    return Tokens(server.settings.jwt_secret, 60).issue(account["id"], 1, time.time())


def log_in(client: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    answer = client.post("/auth/session", json={"username": name, "password": password})
    assert answer.status_code == 200, answer.text
    client.headers[CSRF] = answer.json()["csrf_token"]
    return answer


def test_a_login_sets_a_cookie_that_no_script_and_no_other_site_uses(shared_server: Server, somebody: Account) -> None:
    with shared_server.client() as client:
        answer = log_in(client, somebody["username"])
        flags = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
        assert flags == {"httponly", "samesite=strict", "path=/", f"max-age={7 * 86_400}"}
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json().keys() == {"user", "csrf_token", "expires_at"}
        assert client.cookies[COOKIE] not in answer.text
        again = client.get("/auth/session").json()
        assert again["csrf_token"] == answer.json()["csrf_token"]
        assert again["expires_at"] == answer.json()["expires_at"]
        assert again["user"]["username"] == somebody["username"]
        assert client.get("/tasks").json()["items"] == []


def test_over_https_the_cookie_is_bound_to_the_host() -> None:
    answer = Response()
    page_cookie.give(answer, "https://segfleet.example.org", "token", 60)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-segfleet=token;")
    assert "secure" in cookie.lower()
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize("sent", [{}, {CSRF: ""}, {CSRF: "x" * 43}, {CSRF: "é"}])
def test_what_changes_something_needs_the_token_beside_the_cookie(page: httpx.Client, sent: dict[str, str]) -> None:
    del page.headers[CSRF]
    headers = [(key.encode(), value.encode("latin-1")) for key, value in sent.items()]
    refused = page.post("/auth/keys", json={"name": "stolen"}, headers=headers)
    assert code(refused) == (403, "csrf_refused")
    assert refused.json()["params"] == {"reason": "token"}
    assert page.get("/auth/keys").json()["items"] == []


def test_the_token_of_another_session_is_worth_nothing(
    shared_server: Server, page: httpx.Client, somebody: Account
) -> None:
    with browser(shared_server, somebody) as other:
        page.headers[CSRF] = other.headers[CSRF]
    assert code(page.post("/auth/keys", json={"name": "stolen"})) == (403, "csrf_refused")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:1"},
    ],
)
def test_what_another_site_sends_is_refused_even_with_the_token(
    page: httpx.Client, somebody: Account, headers: dict[str, str]
) -> None:
    for answer in (
        page.post("/auth/keys", json={"name": "forged"}, headers=headers),
        page.post("/auth/session", json={"username": somebody["username"], "password": PASSWORD}, headers=headers),
    ):
        assert code(answer) == (403, "csrf_refused")
        assert answer.json()["params"] == {"reason": "origin"}
    assert page.get("/auth/keys").json()["items"] == []


def test_our_own_page_is_let_through(shared_server: Server, page: httpx.Client) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": shared_server.url}
    made = page.post("/auth/keys", json={"name": "mine"}, headers=headers)
    assert made.status_code == 201
    assert page.delete(f"/auth/keys/{made.json()['id']}", headers=headers).status_code == 204


def test_a_program_with_a_bearer_token_needs_nothing_else(
    shared_server: Server, page: httpx.Client, somebody: Account
) -> None:
    del page.headers[CSRF]
    bearer = {"Authorization": f"Bearer {bearer_token(shared_server, somebody)}", "Origin": "https://evil.example"}
    made = page.post("/auth/keys", json={"name": "program"}, headers=bearer)
    assert made.status_code == 201
    assert page.delete(f"/auth/keys/{made.json()['id']}", headers=bearer).status_code == 204


def test_a_cookie_is_no_bearer_token_and_a_bearer_token_no_cookie(
    shared_server: Server, page: httpx.Client, somebody: Account
) -> None:
    with shared_server.client(page.cookies[COOKIE]) as program:
        assert code(program.get("/auth/me")) == (401, "invalid_token")
    page.cookies.clear()
    planted = {"Cookie": f"{COOKIE}={bearer_token(shared_server, somebody)}"}
    assert code(page.get("/auth/me", headers=planted)) == (401, "invalid_token")


def test_a_cookie_that_was_planted_before_the_login_is_not_what_comes_out_of_it(
    shared_server: Server, page: httpx.Client
) -> None:
    planted, victim = page.cookies[COOKIE], ADMIN
    with shared_server.client() as client:
        client.cookies.set(COOKIE, planted, domain="127.0.0.1", path="/")
        answer = client.post("/auth/session", json={"username": victim[0], "password": victim[1]})
        assert answer.status_code == 200
        assert answer.cookies[COOKIE] != planted
        assert answer.json()["csrf_token"] != page.headers[CSRF]
    assert page.get("/auth/me").json()["username"] != victim[0]


def test_a_session_ends_when_it_says(shared_server: Server, page: httpx.Client) -> None:
    user, settings = page.get("/auth/me").json(), shared_server.settings
    tokens = Tokens(settings.jwt_secret, settings.jwt_expires_in)
    begun = time.time() - settings.jwt_expires_in
    page.cookies.clear()
    answers = [
        page.get("/auth/session", headers={"Cookie": f"{COOKIE}={tokens.issue_page(user['id'], 1, moment)}"})
        for moment in (begun + 60, begun - 1)
    ]
    assert answers[0].status_code == 200
    assert code(answers[1]) == (401, "token_expired")


def test_logging_out_takes_the_cookie_and_makes_it_worthless(shared_server: Server) -> None:
    account = made(shared_server)
    with browser(shared_server, account) as page, browser(shared_server, account) as other:
        cookie = page.cookies[COOKIE]
        gone = page.delete("/auth/session")
        assert gone.status_code == 204
        assert "max-age=0" in gone.headers["set-cookie"].lower()
        assert COOKIE not in page.cookies
        assert code(page.get("/auth/session")) == (401, "unauthorized")
        assert code(other.get("/auth/session")) == (401, "token_revoked")
        kept = page.get("/auth/session", headers={"Cookie": f"{COOKIE}={cookie}"})
        assert code(kept) == (401, "token_revoked")


def test_a_changed_password_keeps_this_page_and_ends_the_others(shared_server: Server) -> None:
    account = made(shared_server)
    with browser(shared_server, account) as page, browser(shared_server, account) as other:
        body = {"current_password": PASSWORD, "new_password": "another fine password"}
        changed = page.post("/auth/password", json=body)
        assert changed.json().keys() == {"user", "csrf_token", "expires_at"}
        page.headers[CSRF] = changed.json()["csrf_token"]
        assert page.post("/auth/keys", json={"name": "mine"}).status_code == 201
        assert code(other.get("/auth/session")) == (401, "token_revoked")


def test_a_wrong_password_gives_no_cookie(shared_server: Server, somebody: Account) -> None:
    with shared_server.client() as client:
        refused = client.post("/auth/session", json={"username": somebody["username"], "password": "not the password"})
        assert code(refused) == (401, "invalid_credentials")
        assert "set-cookie" not in refused.headers
        assert code(client.get("/auth/session")) == (401, "unauthorized")


def test_a_stale_cookie_is_in_nobodys_way(shared_server: Server, somebody: Account) -> None:
    with shared_server.client() as client:
        client.cookies.set(COOKIE, "garbage", domain="127.0.0.1", path="/")
        assert code(client.get("/auth/session")) == (401, "invalid_token")
        assert client.get("/health").status_code == 200
        assert log_in(client, somebody["username"]).status_code == 200


def test_a_password_travels_in_the_open_only_within_one_machine(shared_server: Server, somebody: Account) -> None:
    with shared_server.client() as client:
        body = {"username": somebody["username"], "password": PASSWORD}
        refused = client.post("/auth/session", json=body, headers={"Host": "segfleet.example.org"})
    assert code(refused) == (403, "insecure_site")
    for host in ("localhost:6001", "127.0.0.1", "[::1]:6001"):
        page_cookie.refuse_plain_http(Headers({"host": host}), "http://127.0.0.1:6001")
    page_cookie.refuse_plain_http(Headers({"host": "segfleet.example.org"}), "https://segfleet.example.org")
    with pytest.raises(InsecureSite):
        page_cookie.refuse_plain_http(Headers({}), "http://127.0.0.1:6001")


def test_behind_a_proxy_the_origin_is_the_address_that_people_see() -> None:
    site = "https://segfleet.example.org:443"
    headers = {"host": "10.0.0.7:6001", "origin": "https://Segfleet.example.org"}
    page_cookie.refuse_other_sites(Headers(headers), site)
    with pytest.raises(CsrfRefused):
        page_cookie.refuse_other_sites(Headers(headers | {"origin": "http://segfleet.example.org"}), site)


def test_a_socket_of_a_browser_must_say_whose_page_opens_it() -> None:
    site = "http://127.0.0.1:6001"
    page_cookie.refuse_other_sites(Headers({"host": "localhost:6001", "origin": "http://localhost:6001"}), site)
    for origin in ({}, {"origin": "http://evil.example"}):
        with pytest.raises(CsrfRefused):
            page_cookie.refuse_other_sites(Headers({"host": "localhost:6001", **origin}), site, origin_needed=True)


def test_foreign_origins_never_get_credentials(shared_server: Server) -> None:
    origin = "https://evil.example"
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": CSRF}
    with shared_server.client() as client:
        preflight = client.options("/auth/keys", headers=asked)
        read = client.get("/auth/session", headers={"Origin": origin})
    assert preflight.status_code == 400
    for answer in (preflight, read):
        assert "access-control-allow-credentials" not in answer.headers
