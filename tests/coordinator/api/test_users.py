import httpx

from tests.coordinator.api.test_auth import code
from tests.coordinator.conftest import ADMIN, PASSWORD, Server


def test_users_are_for_administrators(server: Server, user: httpx.Client) -> None:
    assert code(user.get("/admin/users")) == (403, "forbidden")
    assert code(user.get("/admin/audit")) == (403, "forbidden")
    with server.client() as client:
        assert code(client.get("/admin/users")) == (401, "unauthorized")


def test_the_list_goes_on_where_the_page_ended(server: Server, admin: httpx.Client) -> None:
    for name in ("ada", "bob", "cleo"):
        server.register(name)
    first = admin.get("/admin/users", params={"limit": 2}).json()
    rest = admin.get("/admin/users", params={"limit": 200, "cursor": first["next"]}).json()
    names = [one["username"] for one in first["items"] + rest["items"]]
    assert names == ["ada", "admin", "bob", "cleo"]
    assert rest["next"] is None
    found = admin.get("/admin/users", params={"q": "LE"}).json()["items"]
    assert [one["username"] for one in found] == ["cleo"]


def test_a_new_role_ends_the_sessions_and_counts_at_once(
    server: Server, user: httpx.Client, admin: httpx.Client
) -> None:
    me = user.get("/auth/me").json()["id"]
    changed = admin.patch(f"/admin/users/{me}", json={"role": "admin", "class": 3})
    assert changed.json()["role"] == "admin"
    assert changed.json()["class"] == 3
    assert code(user.get("/auth/me")) == (401, "token_revoked")
    with server.client(server.login("somebody", PASSWORD)) as promoted:
        assert promoted.get("/admin/users").status_code == 200


def test_a_disabled_account_is_out_at_once_and_learns_why_with_its_password_only(
    server: Server, user: httpx.Client, admin: httpx.Client
) -> None:
    me = user.get("/auth/me").json()["id"]
    admin.patch(f"/admin/users/{me}", json={"disabled": True})
    assert code(user.get("/auth/me")) == (403, "account_disabled")
    wrong = user.post("/auth/login", json={"username": "somebody", "password": "wrong password"})
    assert code(wrong) == (401, "invalid_credentials")
    right = user.post("/auth/login", json={"username": "somebody", "password": PASSWORD})
    assert code(right) == (403, "account_disabled")


def test_the_last_administrator_stays(server: Server, admin: httpx.Client) -> None:
    me = admin.get("/auth/me").json()["id"]
    assert code(admin.patch(f"/admin/users/{me}", json={"role": "user"})) == (409, "last_admin")
    assert code(admin.patch(f"/admin/users/{me}", json={"disabled": True})) == (409, "last_admin")
    other = admin.post("/admin/users", json={"username": "second", "password": PASSWORD, "role": "admin"}).json()
    assert admin.patch(f"/admin/users/{other['id']}", json={"role": "user"}).status_code == 200


def test_a_change_that_changes_nothing_ends_no_session(user: httpx.Client, admin: httpx.Client) -> None:
    me = user.get("/auth/me").json()["id"]
    assert admin.patch(f"/admin/users/{me}", json={"role": "user", "disabled": False}).status_code == 200
    assert user.get("/auth/me").status_code == 200


def test_an_administrator_sets_a_new_password(server: Server, user: httpx.Client, admin: httpx.Client) -> None:
    me = user.get("/auth/me").json()["id"]
    assert code(admin.patch(f"/admin/users/{me}", json={"password": "short"})) == (422, "weak_password")
    assert admin.patch(f"/admin/users/{me}", json={"password": "set by somebody"}).status_code == 200
    assert code(user.get("/auth/me")) == (401, "token_revoked")
    assert server.login("somebody", "set by somebody")


def test_the_audit_names_who_did_what(server: Server, user: httpx.Client, admin: httpx.Client) -> None:
    me = user.get("/auth/me").json()["id"]
    user.post("/auth/login", json={"username": "somebody", "password": "wrong password"})
    admin.patch(f"/admin/users/{me}", json={"class": 1})
    rows = admin.get("/admin/audit").json()["items"]
    assert [row["action"] for row in rows] == [
        "user.changed", "login.failed", "login.ok", "login.ok", "user.registered", "admin.made", "user.registered",
    ]  # fmt: skip
    assert rows[0]["actor"] == ADMIN[0]
    assert rows[0]["target"] == me
    assert rows[0]["data"] == {"klass": 1}
    assert rows[0]["address"] == "127.0.0.1"
    assert PASSWORD not in str(rows)


def test_the_audit_is_read_page_by_page(server: Server, user: httpx.Client, admin: httpx.Client) -> None:
    first = admin.get("/admin/audit", params={"limit": 1, "action": "login.ok"}).json()
    second = admin.get("/admin/audit", params={"limit": 1, "action": "login.ok", "cursor": first["next"]}).json()
    assert second["items"][0]["seq"] < first["items"][0]["seq"]
    assert code(admin.get("/admin/audit", params={"cursor": "x"})) == (422, "invalid_cursor")


def test_an_unknown_user_is_not_found(admin: httpx.Client) -> None:
    assert code(admin.get("/admin/users/nobody")) == (404, "not_found")
    assert code(admin.patch("/admin/users/nobody", json={"role": "user"})) == (404, "not_found")
