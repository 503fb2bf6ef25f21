"""Names of files are words, never places."""

import base64
from pathlib import Path

import pytest

from tests.contract.third_party import problem
from tests.system.coordinator import Client, Coordinator

NASTY = ["../../../etc/passwd", "..\\..\\windows\\system.ini", "/etc/passwd", "a\x00b.mp4", "..", "x" * 4000 + ".mp4"]


@pytest.mark.parametrize("name", NASTY, ids=["up", "backslashes", "absolute", "zero", "dots", "long"])
def test_a_name_that_is_a_path_is_kept_as_a_plain_word_and_the_file_under_its_id(
    coordinator: Coordinator, user: Client, clip: Path, name: str
) -> None:
    before = coordinator.files()
    quoted = name.replace("\\", "\\\\").encode().replace(b"\x00", b"\x00")
    disposition = b'--b\r\ncontent-disposition: form-data; name="file"; filename="' + quoted + b'"\r\n\r\n'
    body = disposition + clip.read_bytes() + b"\r\n--b--\r\n"
    answer = user.post("/videos", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    if answer.status_code != 201:
        assert answer.status_code in {400, 422}, answer.text
        assert coordinator.files() == before
        return
    kept = answer.json()
    assert not set(kept["name"]) & set("/\\\x00")
    assert kept["name"] not in {"", ".", ".."}
    assert len(kept["name"].encode()) <= 255
    made = coordinator.files() - before
    assert {Path(path).name.partition(".")[0] for path in made} == {kept["id"]}
    assert user.delete(f"/videos/{kept['id']}").status_code == 204
    assert coordinator.files() == before


@pytest.mark.parametrize("path", ["/videos/..%2f..%2fsegfleet.db", "/videos/%2e%2e", "/results/../x/composite"])
def test_a_link_cannot_leave_its_folder(coordinator: Coordinator, user: Client, path: str) -> None:
    answer = user.get(f"{coordinator.url}{path}")
    assert answer.status_code in {403, 404}


@pytest.mark.parametrize("path", ["/tasks", "/videos", "/admin/tasks"])
@pytest.mark.parametrize(
    "content",
    [
        b'["-created_at", 1e309, "x"]',
        b'["-created_at", NaN, "x"]',
        b'["-created_at", ' + b"9" * 400 + b', "x"]',
        b'["-created_at", 1.0, "\\u0000"]',
        b'["-created_at", 1.0, "\\ud800"]',
        b'["-created_at", true, "x"]',
        b'["name", 1.0, "x"]',
        b"[" * 1400,
        b"\xff",
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(admin: Client, path: str, content: bytes) -> None:
    cursor = base64.urlsafe_b64encode(content).decode().rstrip("=")
    assert problem(admin.get(path, params={"cursor": cursor})) == (422, "invalid_cursor")


@pytest.mark.parametrize("name", ["q", "state", "sort", "limit", "cursor"])
@pytest.mark.parametrize("value", ["\x00", "%", "' OR 1=1 --", "\U0001f600", "-1", "9" * 30])
def test_a_query_of_any_kind_is_answered_or_refused(admin: Client, name: str, value: str) -> None:
    for path in ("/tasks", "/videos", "/admin/tasks", "/admin/interfaces", "/admin/users", "/admin/audit"):
        assert admin.get(path, params={name: value}).status_code in {200, 422}


def test_the_log_of_a_task_has_no_place_beyond_every_number(user: Client) -> None:
    task = user.post("/tasks", json={}).json()
    assert problem(user.get(f"/tasks/{task['id']}/events", params={"after": 2**64})) == (422, "invalid_request")
    assert user.get(f"/tasks/{task['id']}/events", params={"after": 2**53}).json()["items"] == []
    user.delete(f"/tasks/{task['id']}")


def test_a_task_id_with_a_path_in_it_is_simply_not_there(user: Client) -> None:
    assert problem(user.get("/tasks/..%2F..%2Fusers"))[0] == 404
    body = {"video_id": "../../etc/passwd", "background": {"kind": "color", "color": "#000000"}}
    assert problem(user.post("/tasks", json=body)) == (422, "invalid_request")
