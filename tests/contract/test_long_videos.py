"""A long video becomes several steps by whatever way its task is made."""

import json
from pathlib import Path

import pytest

from tests import odd_clips
from tests.contract.conftest import Json
from tests.system.coordinator import Client

COLOR = {"kind": "color", "color": "#204060"}
SECONDS = 31
FRAMES = SECONDS * 24


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute and a second, a keyframe each second."""
    return odd_clips.write(tmp_path_factory.mktemp("long"), "closed.mp4", SECONDS)


@pytest.fixture(scope="module")
def long_video(user: Client, long_clip: Path) -> str:
    """The id of its upload."""
    return str(user.upload(long_clip)["id"])


def cut(user: Client, task: Json) -> None:
    """Look at a task's steps, and take the task away."""
    steps = user.get(f"/tasks/{task['id']}/steps").raise_for_status().json()["items"]
    assert [(step["kind"], step["start"], step["end"], step["frames_total"]) for step in steps] == [
        ("segment", 0, 10, 240),
        ("segment", 10, 21, 264),
        ("segment", 21, SECONDS, 240),
    ]
    assert user.task(task["id"])["frames_total"] == FRAMES
    user.put(f"/tasks/{task['id']}/cancel").raise_for_status()


def test_in_one_call(user: Client, long_video: str) -> None:
    answer = user.post("/tasks", json={"video_id": long_video, "background": COLOR})
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/v1/tasks/{answer.json()['id']}")
    cut(user, answer.json())


def test_the_same_key_gives_the_same_task(user: Client, long_video: str) -> None:
    body, headers = {"video_id": long_video, "background": COLOR}, {"Idempotency-Key": "long"}
    made = [user.post("/tasks", json=body, headers=headers).json()["id"] for _ in range(2)]
    assert made[0] == made[1]
    cut(user, {"id": made[0]})


def test_step_by_step_and_again_after_a_reset(user: Client, long_video: str) -> None:
    task = user.post("/tasks", json={}).json()
    for _ in range(2):
        user.put(f"/tasks/{task['id']}/source", json={"video_id": long_video}).raise_for_status()
        user.put(f"/tasks/{task['id']}/options", json={"background": COLOR}).raise_for_status()
        assert user.put(f"/tasks/{task['id']}/submit").raise_for_status().json()["state"] == "waiting"
        cut(user, task)
        user.put(f"/tasks/{task['id']}/reset").raise_for_status()


def test_by_process_with_its_name_or_with_the_file(user: Client, long_video: str, long_clip: Path) -> None:
    named = user.post("/process/video", json={"video_id": long_video, "background": COLOR})
    with long_clip.open("rb") as file:
        words = {"request": json.dumps({"background": COLOR})}
        sent = user.post("/process/video", data=words, files={"file": (long_clip.name, file)})
    assert (named.status_code, sent.status_code) == (202, 202)
    for answer in (named, sent):
        cut(user, answer.json())


def test_in_a_batch_with_short_ones(user: Client, long_video: str, video: Json) -> None:
    ids = [video["id"], long_video, long_video]
    items = [{"video_id": video_id, "background": COLOR} for video_id in ids]
    batch = user.post("/process/batch", json={"items": items}).raise_for_status().json()
    by_length = sorted(batch["items"], key=lambda task: int(task["frames_total"]))
    assert [task["frames_total"] for task in by_length] == [24, FRAMES, FRAMES]
    for task in by_length[1:]:
        cut(user, task)
