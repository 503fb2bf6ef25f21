"""Who may come in: tokens that are wrong in every way, things of others, bodies that are wrong in every way."""

import time
import uuid

import httpx
import jwt
import pytest

from tests.contract.conftest import Json, Start
from tests.contract.third_party import ThirdParty, problem
from tests.system.coordinator import PASSWORD, Client, Coordinator

SECRET = "your-secret-key"
"""The documented default, which loopback may use."""


def forged(token: str, **changes: object) -> str:
    """The claims of a real token with changes, signed as the program would."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode({**claims, **changes}, SECRET, "HS256")


@pytest.mark.parametrize("path", ["/auth/me", "/tasks", "/videos", "/stats", "/models"])
def test_without_a_token_nothing_is_shown(nobody: Client, path: str) -> None:
    assert problem(nobody.get(path)) == (401, "unauthorized")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_an_expired_token_says_so(coordinator: Coordinator, user: Client) -> None:
    now = int(time.time())
    with coordinator.client(forged(user.token, iat=now - 7200, exp=now - 3600)) as late:
        assert problem(late.get("/auth/me")) == (401, "token_expired")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("kind", ["other key", "no algorithm", "nonsense", "another user", "cut"])
def test_a_forged_token_opens_nothing(coordinator: Coordinator, user: Client, kind: str) -> None:
    claims = jwt.decode(user.token, options={"verify_signature": False})
    token = {
        "other key": jwt.encode(claims, "another key of thirty-two bytes!!", "HS256"),
        "no algorithm": jwt.encode(claims, "", "none"),
        "nonsense": "x.y.z",
        "another user": forged(user.token, sub=uuid.uuid4().hex),
        "cut": user.token[:-3],
    }[kind]
    with coordinator.client(token) as thief:
        assert problem(thief.get("/auth/me")) in {(401, "invalid_token"), (401, "token_revoked")}


def test_a_token_ends_with_its_password(coordinator: Coordinator) -> None:
    name = f"changes-{uuid.uuid4().hex[:8]}"
    with coordinator.account(name) as client:
        changed = {"current_password": PASSWORD, "new_password": "a wholly different password"}
        assert client.post("/auth/password", json=changed).is_success
        assert problem(client.get("/auth/me")) == (401, "token_revoked")


def test_a_strangers_video_and_task_are_not_there(stranger: Client, user: Client, video: Json, start: Start) -> None:
    task_id = start()
    body = {"video_id": video["id"], "background": {"kind": "color", "color": "#000000"}}
    assert problem(stranger.post("/tasks", json=body)) == (404, "not_found")
    for answer in (
        stranger.get(f"/videos/{video['id']}"),
        stranger.delete(f"/videos/{video['id']}"),
        stranger.get(f"/tasks/{task_id}"),
        stranger.put(f"/tasks/{task_id}/cancel"),
        stranger.delete(f"/tasks/{task_id}"),
        stranger.get(f"/tasks/{task_id}/steps"),
        stranger.get(f"/tasks/{task_id}/events"),
        stranger.get(f"/tasks/{task_id}/results/composite"),
        stranger.post("/process/video", json=body),
        stranger.post("/process/image", json={**body, "at_s": 0.2}),
        stranger.post("/process/batch", json={"items": [body]}),
    ):
        assert problem(answer) == (404, "not_found")
    assert user.task(task_id)["state"] == "waiting"


def test_a_video_in_use_stays(user: Client, video: Json, start: Start) -> None:
    start()
    assert problem(user.delete(f"/videos/{video['id']}")) == (409, "in_use")


def test_only_administrators_administer(user: Client, coordinator: Coordinator) -> None:
    for path in ("/admin/tasks", "/admin/interfaces", "/admin/users", "/admin/audit"):
        assert problem(user.get(path)) == (403, "forbidden")
    for path in ("pending", "interfaces"):
        assert problem(user.get(f"{coordinator.url}/api/tasks/admin/{path}")) == (403, "forbidden")


def test_an_unknown_model_is_refused(coordinator: Coordinator, user: Client, video: Json) -> None:
    before = coordinator.ledger()
    body = {"video_id": video["id"], "background": {"kind": "color", "color": "#000000"}, "model": "never-heard-of"}
    for path in ("/tasks", "/process/video"):
        assert problem(user.post(path, json=body)) == (422, "unknown_model")
    assert coordinator.ledger() == before


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b'{"video_id": "x", "colour": 1}', "invalid_request", "/colour"),
        (b'{"background": {"kind": "color", "color": "#000000", "x": 1}}', "invalid_request", "/background/x"),
        (b'{"background": {"kind": "color", "color": "red; rm -rf"}}', "invalid_request", "/background/color"),
        (b'{"options": {"quality": "standard", "x264": "stats=/tmp/x"}}', "invalid_request", "/options/x264"),
        (b'{"outputs": ["everything"]}', "invalid_request", "/outputs/0"),
        (b'{"priority": 1e9}', "invalid_request", "/priority"),
        (b'{"at_s": NaN}', "invalid_request", "/at_s"),
        (b'{"video_id": ', "broken_json", None),
        (b"\xff\xfe", "broken_json", None),
        (b"[" * 100_000, "broken_json", None),
        (b"[]", "invalid_request", ""),
    ],
)
def test_a_wrong_body_is_refused_at_its_place(
    coordinator: Coordinator, user: Client, body: bytes, code: str, pointer: str | None
) -> None:
    before = coordinator.ledger()
    for path in ("/tasks", "/process/video"):
        answer = user.post(path, content=body, headers={"content-type": "application/json"})
        assert problem(answer)[1] == code, answer.text
        if pointer is not None and path == "/tasks":
            assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert coordinator.ledger() == before


def test_retrying_a_task_that_was_cancelled_before_it_was_submitted_is_refused(
    coordinator: Coordinator, user: Client
) -> None:
    task = user.post("/tasks", json={}).json()
    assert task["state"] == "idle"
    assert user.put(f"/tasks/{task['id']}/cancel").json()["state"] == "cancelled"
    assert problem(user.put(f"/tasks/{task['id']}/retry")) == (409, "not_submitted")
    assert user.task(task["id"])["state"] == "cancelled"
    assert coordinator.rows("SELECT * FROM steps WHERE task_id = ?", task["id"]) == []


def test_titles_come_in_chinese_and_codes_stay(nobody: Client) -> None:
    answer = nobody.get("/tasks", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert problem(answer) == (401, "unauthorized")
    assert answer.json()["title"] == "请先登录"


def test_unknown_addresses_are_problems_too(coordinator: Coordinator, node: ThirdParty) -> None:
    assert problem(httpx.get(f"{coordinator.url}/api/v1/nothing", timeout=30)) == (404, "not_found")
    assert problem(httpx.patch(f"{coordinator.url}/api/v1/tasks", timeout=30))[1] == "method_not_allowed"
    assert problem(node.http.get("/api/v1/interfaces/heartbeat"))[1] == "method_not_allowed"
