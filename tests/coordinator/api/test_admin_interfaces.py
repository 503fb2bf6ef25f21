"""Nodes for administrators, and models for everybody, over real HTTP."""

import httpx

from tests.coordinator.api.joined import join
from tests.coordinator.api.test_auth import code
from tests.coordinator.conftest import ADMIN, Server


def test_the_list_shows_every_fact_of_a_node(server: Server, admin: httpx.Client) -> None:
    node = join(server, name="left rack", address="http://127.0.0.1:9")
    (shown,) = admin.get("/admin/interfaces").json()["items"]
    assert 0 <= shown.pop("last_seen_s") < 30
    assert shown.pop("created_at").endswith("Z")
    assert shown == {
        "id": node.interface_id,
        "name": "left rack",
        "address": "http://127.0.0.1:9",
        "lane": "pull",
        "state": "online",
        "admission": "approved",
        "draining": False,
        "slots": 2,
        "free_slots": 2,
        "models": [{"name": "selfie", "provider": "CPUExecutionProvider", "warm": True, "speed_fps": 50}],
        "gpus": [
            {
                "index": 0,
                "name": "Test card",
                "vram_mb": 8192,
                "util": None,
                "vram_used_mb": None,
                "temperature_c": None,
            }
        ],
        "provider": "CPUExecutionProvider",
        "software_version": "0.1.0",
        "attempts": [],
        "health": "healthy",
        "unreachable": False,
        "expected": False,
        "disk_free_mb": None,
        "quarantined_until": None,
    }


def test_the_first_curl_line_of_the_product_gets_the_same_list(server: Server, admin: httpx.Client) -> None:
    join(server)
    bearer = {"Authorization": admin.headers["authorization"]}
    shown = httpx.get(f"{server.url}/api/tasks/admin/interfaces", headers=bearer).json()
    expected = admin.get("/admin/interfaces").json()
    for answer in (shown, expected):
        answer["items"][0].pop("last_seen_s")
    assert shown == expected
    assert list(shown) == ["items", "next"]


def test_the_list_is_for_administrators(server: Server, user: httpx.Client) -> None:
    for path in ("/api/v1/admin/interfaces", "/api/tasks/admin/interfaces"):
        assert code(httpx.get(f"{server.url}{path}")) == (401, "unauthorized")
        bearer = {"Authorization": user.headers["authorization"]}
        assert code(httpx.get(f"{server.url}{path}", headers=bearer)) == (403, "forbidden")


def test_only_administrators_steer_nodes(server: Server, user: httpx.Client) -> None:
    node = join(server)
    for verb in ("approve", "drain", "resume", "quarantine", "revoke"):
        assert code(user.put(f"/admin/interfaces/{node.interface_id}/{verb}")) == (403, "forbidden")
    assert code(user.get(f"/admin/interfaces/{node.interface_id}")) == (403, "forbidden")


def test_every_verb_answers_the_node_as_it_is_then_and_is_written_down(server: Server, admin: httpx.Client) -> None:
    node = join(server)
    where = f"/admin/interfaces/{node.interface_id}"
    words = [
        admin.put(f"{where}/{verb}").json()["state"]
        for verb in ("drain", "drain", "resume", "quarantine", "approve", "revoke")
    ]
    assert words == ["draining", "draining", "online", "quarantined", "online", "revoked"]
    assert code(admin.put(f"{where}/approve")) == (409, "interface_state")
    rows = [row for row in admin.get("/admin/audit").json()["items"] if row["action"].startswith("interface.")]
    assert {row["actor"] for row in rows} == {ADMIN[0]}
    assert [row["action"] for row in rows[:4]] == [
        "interface.revoke", "interface.approve", "interface.quarantine", "interface.resume"
    ]  # fmt: skip


def test_a_draining_node_is_told_how_long_it_has(server: Server, admin: httpx.Client) -> None:
    node = join(server)
    where = f"/admin/interfaces/{node.interface_id}/drain"
    assert code(admin.put(where, json={"deadline_s": -1})) == (422, "invalid_request")
    assert code(admin.put(where, json={"deadline": 5})) == (422, "invalid_request")
    admin.put(where, json={"deadline_s": 90})
    assert 60 < node.beat(1).json()["drain"]["deadline_s"] <= 90


def test_a_node_that_nobody_knows_is_not_found(admin: httpx.Client) -> None:
    assert code(admin.get("/admin/interfaces/nobody")) == (404, "not_found")
    assert code(admin.put("/admin/interfaces/nobody/approve")) == (404, "not_found")


def test_pages_and_filters_of_the_list(server: Server, admin: httpx.Client) -> None:
    for number in range(3):
        join(server, name=f"node {number}")
    first = admin.get("/admin/interfaces", params={"limit": 2}).json()
    rest = admin.get("/admin/interfaces", params={"cursor": first["next"]}).json()
    assert [node["name"] for node in first["items"] + rest["items"]] == ["node 0", "node 1", "node 2"]
    assert rest["next"] is None
    assert [node["name"] for node in admin.get("/admin/interfaces", params={"q": "DE 1"}).json()["items"]] == ["node 1"]
    assert admin.get("/admin/interfaces", params={"state": "offline"}).json()["items"] == []
    assert code(admin.get("/admin/interfaces", params={"state": "asleep"})) == (422, "invalid_request")


def test_models_are_known_before_and_online_after_a_node_joins(server: Server, user: httpx.Client) -> None:
    unsaid = {"title": "", "licence": "", "commercial": None}
    nothing = {"name": "selfie", "default": True, "online": False, "nodes": 0, "providers": [], "speed_fps": None}
    nothing |= unsaid
    assert user.get("/models").json() == {"items": [nothing], "next": None}
    said = {"title": "The wide one", "licence": "Apache-2.0", "commercial": True}
    join(server, models=[{"name": "wide", "provider": "CUDAExecutionProvider", "speed_fps": 12.5, **said}])
    wide = {"name": "wide", "default": False, "online": True, "nodes": 1, "providers": ["CUDAExecutionProvider"]}
    assert user.get("/models").json()["items"] == [nothing, {**wide, "speed_fps": 12.5, **said}]
    assert code(httpx.get(f"{server.url}/api/v1/models")) == (401, "unauthorized")
