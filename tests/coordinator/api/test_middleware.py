import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from protocol.problems import PROBLEMS
from tests.coordinator.api.test_auth import code
from tests.coordinator.conftest import ADMIN, MakeSettings, Serve, Server

MIB = 1024 * 1024


def test_every_answer_carries_a_request_id(shared_server: Server) -> None:
    with shared_server.client() as client:
        fine, missing = client.get("/problems"), client.get("/no/such/thing")
        mine = client.get("/problems", headers={"X-Request-ID": "my-own_id.7".replace(".", "")})
        odd = client.get("/problems", headers={"X-Request-ID": "not an id; really"})
    assert fine.headers["x-request-id"] != missing.headers["x-request-id"]
    assert mine.headers["x-request-id"] == "my-own_id7"
    assert odd.headers["x-request-id"] != "not an id; really"


def test_titles_speak_the_readers_language(shared_server: Server) -> None:
    with shared_server.client() as client:
        titles = [
            client.get("/auth/me", headers={"Accept-Language": wanted}).json()["title"]
            for wanted in ("zh-CN,zh;q=0.9,en;q=0.8", "en-GB", "fr, zh;q=0.2", "en;q=0.1, zh;q=nonsense", "")
        ]
    assert titles == ["请先登录", "Log in first", "请先登录", "Log in first", "Log in first"]


@pytest.mark.parametrize(
    ("body", "expected", "errors"),
    [
        (b"{", (400, "broken_json"), []),
        (b"", (422, "invalid_request"), [("", "missing")]),
        (b"[]", (422, "invalid_request"), [("", "model_attributes_type")]),
        (b'{"username": "a", "password": "b", "admin": true}', (422, "invalid_request"), [("/admin", "unknown_field")]),
        (b'{"username": 7}', (422, "invalid_request"), [("/username", "string_type"), ("/password", "missing")]),
        (b'{"username": "\xff"}', (400, "broken_json"), []),
    ],
)
def test_a_wrong_body_is_answered_place_by_place(
    shared_server: Server, body: bytes, expected: tuple[int, str], errors: list[tuple[str, str]]
) -> None:
    with shared_server.client() as client:
        answer = client.post("/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert code(answer) == expected
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == errors


def test_a_body_that_is_no_json_is_told_what_is_understood(shared_server: Server) -> None:
    with shared_server.client() as client:
        answer = client.post("/auth/login", data={"username": "a", "password": "b"})
    assert code(answer) == (415, "unsupported_media_type")


def test_unknown_paths_and_methods_are_problems_too(shared_server: Server) -> None:
    with shared_server.client() as client:
        assert code(client.get("/../nothing")) == (404, "not_found")
        refused = client.put("/auth/login")
        assert code(refused) == (405, "method_not_allowed")
        assert refused.headers["allow"] == "POST"
        assert code(client.get("/problems/x/y")) == (404, "not_found")


def test_all_problem_codes_are_listed(shared_server: Server) -> None:
    with shared_server.client() as client:
        items = client.get("/problems").json()["items"]
    assert {"code": "not_found", "status": 404, "title": {"en": "There is no such thing", "zh": "对象不存在"}} in items


def test_an_announced_body_that_is_too_large_is_not_read(shared_server: Server) -> None:
    with _connected(shared_server) as stream:
        stream.sendall(
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1048577\r\n\r\n"
        )
        assert stream.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_turns_out_too_large_is_cut_off(shared_server: Server) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"username": "'
        for _ in range(64):
            yield b"x" * (MIB // 32)

    with shared_server.client() as client:
        answer = client.post("/auth/login", content=pieces(), headers={"Content-Type": "application/json"})
    assert code(answer) == (413, "too_large")
    assert answer.json()["params"] == {"limit": MIB}


def test_the_rate_is_counted_per_address_and_then_per_account(make_settings: MakeSettings, serve: Serve) -> None:
    with serve(make_settings(RATE_LIMIT="5/minute")) as server, server.client() as stranger:
        token = server.login(*ADMIN)
        assert [stranger.get("/problems").status_code for _ in range(4)] == [200] * 4
        refused = stranger.get("/problems")
        assert code(refused) == (429, "rate_limited")
        assert 1 <= int(refused.headers["retry-after"]) <= 13
        with server.client(token) as admin:
            assert [admin.get("/auth/me").status_code for _ in range(6)] == [200] * 5 + [429]
        with server.client("sfk_made-up-by-somebody") as liar:
            assert liar.get("/auth/me").status_code == 429


def test_nodes_and_files_are_not_counted(make_settings: MakeSettings, serve: Serve) -> None:
    with serve(make_settings(RATE_LIMIT="1/hour")) as server, server.client() as client:
        heartbeats = {client.post("/interfaces/heartbeat", json={}).status_code for _ in range(3)}
        files = {client.get(f"{server.url}/videos/nothing").status_code for _ in range(3)}
        pieces = {client.patch("/uploads/nothing", content=b"").status_code for _ in range(3)}
    assert 429 not in heartbeats | files | pieces


def test_forwarded_addresses_count_only_from_trusted_proxies(make_settings: MakeSettings, serve: Serve) -> None:
    def statuses(server: Server) -> list[int]:
        with server.client() as client:
            return [
                client.get("/problems", headers={"X-Forwarded-For": f"198.51.100.{n}"}).status_code for n in range(3)
            ]

    with serve(make_settings(RATE_LIMIT="1/hour")) as server:
        assert statuses(server) == [200, 429, 429]
    with serve(make_settings(RATE_LIMIT="1/hour", TRUSTED_PROXIES="127.0.0.0/8")) as server:
        assert statuses(server) == [200, 200, 200]


def test_cors_is_for_the_exact_origins(make_settings: MakeSettings, serve: Serve) -> None:
    with serve(make_settings(FRONTEND_URL="https://pages.example.org/")) as server, server.client() as client:
        wanted = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "upload-offset"}
        fine = client.options("/uploads/x", headers={"Origin": "https://pages.example.org", **wanted})
        assert fine.status_code == 200
        assert fine.headers["access-control-allow-origin"] == "https://pages.example.org"
        assert "access-control-allow-credentials" not in fine.headers
        assert "x-request-id" in fine.headers
        foreign = client.options("/uploads/x", headers={"Origin": "https://pages.example.org.evil", **wanted})
        assert "access-control-allow-origin" not in foreign.headers
        refused = client.get("/auth/me", headers={"Origin": "https://pages.example.org"})
        assert refused.status_code == 401
        exposed = refused.headers["access-control-expose-headers"].lower()
    tus = {"tus-resumable", "upload-offset", "upload-length", "upload-expires", "location", "content-location"}
    assert {"x-request-id", "etag", "retry-after", *tus} <= set(exposed.split(", "))


def test_a_public_route_works_with_a_stale_token(shared_server: Server) -> None:
    with shared_server.client("garbage") as client:
        assert client.get("/problems").status_code == 200


def test_operations_are_named_for_group_and_function(shared_server: Server) -> None:
    document = httpx.get(f"{shared_server.url}/openapi.json").json()
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert {"auth_login", "users_list", "problems_list"} <= set(names)
    assert len(names) == len(set(names))


def test_every_operation_says_which_problems_there_are(shared_server: Server) -> None:
    document = httpx.get(f"{shared_server.url}/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert set(schemas["Problem"]["properties"]["code"]["enum"]) == set(PROBLEMS)
    assert "FieldError" in schemas
    assert "HTTPValidationError" not in str(document)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    for operation in operations:
        content = operation["responses"]["default"]["content"]
        assert content["application/problem+json"]["schema"]["$ref"] == "#/components/schemas/Problem"
    assert {"HTTPBearer": []} in document["paths"]["/api/v1/auth/me"]["get"]["security"]
    assert "security" not in document["paths"]["/api/v1/problems"]["get"]


def test_the_api_pages_load_nothing_from_elsewhere(shared_server: Server) -> None:
    page = httpx.get(f"{shared_server.url}/docs").text
    assert "https://" not in page.replace("https://www.w3.org", "")
    assert "/static-offline-docs/" in page


@contextmanager
def _connected(server: Server) -> Iterator[socket.socket]:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as stream:
        yield stream


def test_json_on_a_file_route_is_bounded_like_all_json(server: Server, user: httpx.Client) -> None:
    answer = user.post("/videos", content=json.dumps("x" * (MIB + 1)), headers={"Content-Type": "application/json"})
    assert code(answer) == (413, "too_large")
