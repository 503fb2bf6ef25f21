"""Nodes over real HTTP: joining, signatures, heartbeats, leaving."""

import httpx

from coordinator.clock import system_clock
from tests.coordinator.api.joined import BASE, description, join, register
from tests.coordinator.api.test_auth import code
from tests.coordinator.conftest import MakeSettings, Serve, Server


def test_a_node_joins_with_the_cluster_string_alone(server: Server) -> None:
    answer = register(server, description())
    assert answer.status_code == 200
    reply = answer.json()
    assert (reply["admission"], reply["lane"], reply["lease_s"], reply["heartbeat_interval_s"]) == (
        "approved", "pull", 30, 60
    )  # fmt: skip
    assert len(reply["secret"]) >= 32
    assert abs(reply["server_time"] - system_clock()) < 10
    assert answer.headers["cache-control"] == "no-store"


def test_a_wrong_cluster_string_is_refused_before_the_body_is_looked_at(server: Server) -> None:
    for given in ("wrong", "wingerboy2"):
        assert code(register(server, {"nonsense": True}, given)) == (401, "bad_cluster_string")
    assert code(httpx.post(f"{server.url}{BASE}/register", content=b"{")) == (401, "bad_cluster_string")


def test_what_is_wrong_with_a_registration_is_said_by_place(server: Server) -> None:
    answer = register(server, description(slots=0, node_id="not a uuid", from_the_future={"ignored": True}))
    assert code(answer) == (422, "invalid_request")
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/slots", "/node_id"}
    node = join(server)
    assert code(node.post("/heartbeat", b"{broken")) == (400, "broken_json")


def test_a_node_that_cannot_work_here_is_told_why(server: Server) -> None:
    assert code(register(server, description(protocol_version=99))) == (422, "unsupported_protocol")
    assert code(register(server, description(address="http://169.254.169.254"))) == (422, "address_refused")


def test_unknown_fields_of_a_newer_node_are_ignored(server: Server) -> None:
    node = join(server, from_the_future=1)
    assert node.beat(1, from_the_future={"x": 1}).status_code == 200


def test_a_heartbeat_is_answered_and_an_older_one_changes_nothing(server: Server, admin: httpx.Client) -> None:
    node = join(server)
    load = [{"index": 0, "util": 50, "vram_used_mb": 100, "temperature_c": 60}]
    answer = node.beat(5, gpus=load, attempts=[{"attempt_id": "nobodys"}])
    assert answer.json() | {"server_time": 0} == {
        "commands": [], "admission": "approved", "lane": "pull", "drain": None,
        "unknown_attempts": ["nobodys"], "next_heartbeat_s": 10, "server_time": 0,
    }  # fmt: skip
    assert node.beat(4, health="unhealthy").status_code == 200
    shown = admin.get(f"/admin/interfaces/{node.interface_id}").json()
    assert shown["health"] == "healthy"
    assert shown["gpus"] == [{"index": 0, "name": "Test card", "vram_mb": 8192, **load[0]}]


def test_a_message_without_a_signature_or_of_nobody_is_refused(server: Server) -> None:
    node = join(server)
    said = {"interface_id": node.interface_id, "boot_id": node.boot_id, "seq": 1}
    assert code(httpx.post(f"{server.url}{BASE}/heartbeat", json=said)) == (401, "bad_signature")
    bare = {"segfleet-interface": node.interface_id}
    assert code(httpx.post(f"{server.url}{BASE}/heartbeat", json=said, headers=bare)) == (401, "bad_signature")
    assert code(node.post("/heartbeat", said, interface_id="nobody")) == (401, "bad_signature")
    assert code(node.post("/heartbeat", said, interface_id="x" * 5000)) == (401, "bad_signature")


def test_a_signature_is_good_for_one_secret_one_route_and_five_minutes(server: Server) -> None:
    node = join(server)
    said = {"interface_id": node.interface_id, "boot_id": node.boot_id, "seq": 1}
    assert code(node.post("/heartbeat", said, secret="another secret")) == (401, "bad_signature")
    assert code(node.post("/heartbeat", said, signed_path="/leave")) == (401, "bad_signature")
    late = node.post("/heartbeat", said, late_s=400)
    assert code(late) == (401, "clock_skew")
    assert abs(late.json()["params"]["server_time"] - system_clock()) < 10
    assert code(node.post("/heartbeat", said, late_s=-400)) == (401, "clock_skew")
    assert node.post("/heartbeat", said, late_s=200).status_code == 200


def test_the_query_belongs_to_what_is_signed(server: Server) -> None:
    node = join(server)
    said = {"interface_id": node.interface_id, "boot_id": node.boot_id, "seq": 1}
    assert code(node.post("/heartbeat?x=1", said, signed_path="/heartbeat")) == (401, "bad_signature")
    assert node.post("/heartbeat?x=%41", said).status_code == 200


def test_a_node_speaks_for_itself_only(server: Server) -> None:
    one, other = join(server), join(server)
    said = {"interface_id": other.interface_id, "boot_id": other.boot_id, "seq": 1}
    assert code(one.post("/heartbeat", said)) == (401, "bad_signature")


def test_a_body_of_more_than_a_megabyte_is_not_read(server: Server) -> None:
    node = join(server)
    assert code(node.post("/heartbeat", b" " * (1024 * 1024 + 1))) == (413, "too_large")


def test_a_node_that_signs_joins_again_as_itself_and_its_old_secret_counts_until_the_new_one_is_used(
    server: Server,
) -> None:
    node = join(server)
    assert node.beat(1).status_code == 200
    answer = node.register_again(boot_id="second-boot")
    assert answer.json()["interface_id"] == node.interface_id
    assert node.beat(1).status_code == 200
    old, node.secret = node.secret, answer.json()["secret"]
    assert node.beat(2).status_code == 200
    node.secret = old
    assert code(node.beat(3)) == (401, "bad_signature")


def test_a_registration_with_a_wrong_signature_makes_no_new_row(server: Server, admin: httpx.Client) -> None:
    node = join(server)
    node.secret = "lost"
    assert code(node.register_again()) == (401, "bad_signature")
    assert len(admin.get("/admin/interfaces").json()["items"]) == 1


def test_two_processes_of_one_identity_end_with_one(server: Server) -> None:
    first = join(server)
    first.beat(1)
    second = first.register_again(boot_id="second-boot").json()
    first.secret = second["secret"]
    assert first.beat(1).status_code == 200
    first.said["boot_id"] = "first-boot-again"
    assert code(first.beat(2)) == (401, "bad_signature")


def test_a_replaced_process_that_registers_again_is_refused(server: Server) -> None:
    node = join(server)
    node.beat(1)
    before = node.boot_id
    node.register_again(boot_id="second-boot")
    assert code(node.register_again(boot_id=before)) == (409, "duplicate_identity")
    assert code(register(server, node.said)) == (409, "duplicate_identity")


def test_leaving_makes_a_node_offline_at_once(server: Server, admin: httpx.Client) -> None:
    node = join(server)
    assert node.post("/leave", {"interface_id": node.interface_id, "boot_id": node.boot_id}).status_code == 200
    assert admin.get(f"/admin/interfaces/{node.interface_id}").json()["state"] == "offline"
    assert node.register_again(boot_id="second-boot").status_code == 200
    assert admin.get(f"/admin/interfaces/{node.interface_id}").json()["state"] == "online"


def test_a_revoked_node_learns_it_with_its_next_message(server: Server, admin: httpx.Client) -> None:
    node = join(server)
    assert node.beat(1).status_code == 200
    assert admin.put(f"/admin/interfaces/{node.interface_id}/revoke").json()["state"] == "revoked"
    assert code(node.beat(2)) == (403, "revoked")
    assert code(node.register_again(boot_id="second-boot")) == (403, "revoked")
    assert code(register(server, node.said)) == (403, "revoked")
    node.secret = "guessed"
    assert code(node.beat(3)) == (401, "bad_signature")


def test_a_node_waits_for_its_administrator_where_approval_is_manual(serve: Serve, make_settings: MakeSettings) -> None:
    with serve(make_settings(INTERFACE_APPROVAL="manual")) as server:
        node = join(server)
        assert node.beat(1).json()["admission"] == "pending"
        with server.client(server.login("admin", "admin password of tests")) as admin:
            assert admin.put(f"/admin/interfaces/{node.interface_id}/approve").json()["state"] == "online"
        assert node.beat(2).json()["admission"] == "approved"
