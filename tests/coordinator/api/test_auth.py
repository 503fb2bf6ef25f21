import asyncio
import time

import httpx
import jwt
import pytest

from tests.coordinator.conftest import ADMIN, PASSWORD, MakeSettings, Serve, Server

SECRET = b"your-secret-key".ljust(64, b"\0")


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"]


def forged(**claims: object) -> str:
    whole = {"sub": "nobody", "ver": 1, "iat": time.time(), "exp": time.time() + 86_400, **claims}
    return jwt.encode({name: value for name, value in whole.items() if value is not None}, SECRET, "HS256")


@pytest.mark.parametrize(("name", "kept", "spelt"), [("Ada", "ada", "ADA"), ("小明", "小明", "小明")])
def test_a_stranger_registers_logs_in_and_is_somebody(shared_server: Server, name: str, kept: str, spelt: str) -> None:
    with shared_server.client() as client:
        body = {"username": name, "password": PASSWORD, "email": "ada@example.org"}
        made = client.post("/auth/register", json=body)
        assert made.status_code == 201
        assert made.json()["username"] == kept
        assert made.json()["role"] == "user"
        answer = client.post("/auth/login", json={"username": spelt, "password": PASSWORD}).json()
    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 7 * 86_400
    with shared_server.client(answer["access_token"]) as client:
        assert client.get("/auth/me").json()["id"] == made.json()["id"]


def test_one_name_in_two_spellings_is_taken(shared_server: Server) -> None:
    shared_server.register("straße")
    with shared_server.client() as client:
        taken = client.post("/auth/register", json={"username": "STRASSE", "password": PASSWORD})
        assert code(taken) == (409, "username_taken")


@pytest.mark.parametrize("name", ["a", "a b c", "tab\tname", "\u202eevil", "x" * 65, "line\nbreak"])
def test_a_name_that_nobody_can_read_is_refused(shared_server: Server, name: str) -> None:
    with shared_server.client() as client:
        refused = client.post("/auth/register", json={"username": name, "password": PASSWORD})
    assert code(refused) == (422, "invalid_request")
    assert refused.json()["errors"] == [{"pointer": "/username", "code": "invalid_username", "detail": ""}]


@pytest.mark.parametrize("password", ["short", "x" * 257, "é" * 129])
def test_a_password_has_12_to_256_bytes(shared_server: Server, password: str) -> None:
    with shared_server.client() as client:
        refused = client.post("/auth/register", json={"username": "somebody", "password": password})
    assert code(refused) == (422, "weak_password")


def test_a_closed_registration_is_for_administrators_only(make_settings: MakeSettings, serve: Serve) -> None:
    with serve(make_settings(REGISTRATION="closed")) as server, server.client() as client:
        refused = client.post("/auth/register", json={"username": "somebody", "password": PASSWORD})
        assert code(refused) == (403, "registration_closed")
        with server.client(server.login(*ADMIN)) as admin:
            made = admin.post("/admin/users", json={"username": "somebody", "password": PASSWORD, "role": "admin"})
        assert made.status_code == 201
        assert server.login("somebody", PASSWORD)


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(server: Server, user: httpx.Client) -> None:
    with server.client() as client:
        answers = [
            client.post("/auth/login", json={"username": name, "password": "not the password"}).json()
            for name in ("somebody", "nobody", "no name")
        ]
    assert [answer["code"] for answer in answers] == ["invalid_credentials"] * 3
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (forged(exp=1), "token_expired"),
        (forged(), "invalid_token"),
        (forged(ver=None), "invalid_token"),
        (forged(exp=None), "invalid_token"),
        (forged(iat=None), "invalid_token"),
        (forged(ver="1"), "invalid_token"),
        (jwt.encode({"sub": "x", "ver": 1, "iat": 1, "exp": 2**40}, "", "none"), "invalid_token"),
        (jwt.encode({"sub": "x", "ver": 1, "iat": 1, "exp": 2**40}, SECRET, "HS384"), "invalid_token"),
        (forged()[:-3] + "AAA", "invalid_token"),
        ("sfk_" + "x" * 43, "invalid_token"),
        ("garbage", "invalid_token"),
    ],
)
def test_a_token_that_is_not_ours_is_refused(shared_server: Server, token: str, expected: str) -> None:
    with shared_server.client(token) as client:
        refused = client.get("/auth/me")
    assert code(refused) == (401, expected)
    assert refused.headers["www-authenticate"] == "Bearer"


def test_a_token_of_another_key_is_refused(server: Server, user: httpx.Client) -> None:
    me = user.get("/auth/me").json()["id"]
    claims = {"sub": me, "ver": 1, "iat": 1, "exp": 2**40}
    with server.client(jwt.encode(claims, SECRET, "HS256")) as client:
        assert client.get("/auth/me").json()["id"] == me
    with server.client(jwt.encode(claims, b"x" * 64, "HS256")) as client:
        assert code(client.get("/auth/me")) == (401, "invalid_token")


def test_without_a_token_the_answer_is_to_log_in(shared_server: Server) -> None:
    with shared_server.client() as client:
        assert code(client.get("/auth/me")) == (401, "unauthorized")
        assert code(client.get("/auth/me", headers={"Authorization": "Basic YTpi"})) == (401, "unauthorized")


def test_logging_out_ends_every_session_at_once(server: Server, user: httpx.Client) -> None:
    with server.client(server.login("somebody", PASSWORD)) as other:
        assert user.post("/auth/logout").status_code == 204
        assert code(user.get("/auth/me")) == (401, "token_revoked")
        assert code(other.get("/auth/me")) == (401, "token_revoked")
    with server.client(server.login("somebody", PASSWORD)) as again:
        assert again.get("/auth/me").status_code == 200


def test_a_changed_password_ends_the_other_sessions(server: Server, user: httpx.Client) -> None:
    new = "another fine password"
    wrong = user.post("/auth/password", json={"current_password": "not mine at all", "new_password": new})
    assert code(wrong) == (401, "invalid_credentials")
    changed = user.post("/auth/password", json={"current_password": PASSWORD, "new_password": new})
    assert changed.status_code == 200
    assert code(user.get("/auth/me")) == (401, "token_revoked")
    with server.client(changed.json()["access_token"]) as client:
        assert client.get("/auth/me").status_code == 200
        old = client.post("/auth/login", json={"username": "somebody", "password": PASSWORD})
        assert code(old) == (401, "invalid_credentials")
    assert server.login("somebody", new)


def test_an_api_key_works_until_it_is_removed(server: Server, user: httpx.Client) -> None:
    made = user.post("/auth/keys", json={"name": "laptop"}).json()
    assert made["key"].startswith("sfk_")
    with server.client(made["key"]) as program:
        assert program.get("/auth/me").json()["username"] == "somebody"
        listed = user.get("/auth/keys").json()["items"]
        assert [one["name"] for one in listed] == ["laptop"]
        assert "key" not in listed[0]
        assert listed[0]["last_used_at"] is not None
        assert user.delete(f"/auth/keys/{made['id']}").status_code == 204
        assert code(program.get("/auth/me")) == (401, "invalid_token")
    assert code(user.delete(f"/auth/keys/{made['id']}")) == (404, "not_found")


def test_an_api_key_outlives_a_logout_and_dies_with_the_account(
    server: Server, user: httpx.Client, admin: httpx.Client
) -> None:
    key = user.post("/auth/keys", json={"name": "laptop"}).json()["key"]
    me = user.get("/auth/me").json()["id"]
    user.post("/auth/logout")
    with server.client(key) as program:
        assert program.get("/auth/me").status_code == 200
        admin.patch(f"/admin/users/{me}", json={"disabled": True})
        assert code(program.get("/auth/me")) == (403, "account_disabled")


def test_a_key_that_ended_in_the_past_is_not_made(user: httpx.Client) -> None:
    refused = user.post("/auth/keys", json={"name": "old", "expires_at": "2020-01-01T00:00:00Z"})
    assert code(refused) == (422, "invalid_request")
    assert user.get("/auth/keys").json()["items"] == []


def test_nobody_removes_the_key_of_another(server: Server, user: httpx.Client) -> None:
    key = user.post("/auth/keys", json={"name": "laptop"}).json()
    with server.client(server.register("stranger")) as stranger:
        assert code(stranger.delete(f"/auth/keys/{key['id']}")) == (404, "not_found")
    assert len(user.get("/auth/keys").json()["items"]) == 1


@pytest.mark.slow
def test_a_flood_of_logins_is_bounded_and_told_to_come_back(server: Server) -> None:
    body = {"username": "nobody", "password": "x" * 20}

    async def flood() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            return await asyncio.gather(*(client.post("/api/v1/auth/login", json=body) for _ in range(60)))

    answers = asyncio.run(flood())
    codes = {code(answer) for answer in answers}
    assert codes == {(401, "invalid_credentials"), (503, "busy_hashing")}
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 503)
