"""Promise 9: a corrupt hand-off is refused, on the way up and on the way down, and the source is never touched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import clips
from tests.clips import Clip
from tests.contract.conftest import Json, Start
from tests.contract.third_party import ThirdParty
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.running_node import RunningNode
from tests.fakes.work import CopyWork
from tests.system.coordinator import Client
from tests.system.patience import until

NOISE = bytes(range(256)) * 16
WRONG = {
    "fewer frames": Clip(frames=23),
    "smaller frames": Clip(width=80, height=48),
    "slower frames": Clip(rate=12),
}
PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>" * 20


@pytest.fixture
def work(node: ThirdParty, start: Start) -> Json:
    """An accepted offer."""
    found = node.offered(start())
    assert node.report(found, stage="fetch").json() == {"command": "continue"}
    return found


@pytest.fixture
def data(clip: Path) -> bytes:
    """A composite that is as good as any: the source itself has the right frames at the right times."""
    return clip.read_bytes()


def fails(user: Client, work: Json, code: str) -> None:
    """The attempt is refused for this reason, and the step waits to be tried again."""

    def log() -> list[Json]:
        items: list[Json] = user.get(f"/tasks/{work['task_id']}/events").json()["items"]
        return [
            item for item in items if item["data"].get("attempt_id") == work["attempt_id"] and "error" in item["data"]
        ]

    found = until(log, 20, "the attempt is refused")
    assert [item["data"]["error"]["code"] for item in found] == [code]
    assert found[0]["data"]["error"]["error_class"] == "node"
    assert user.task(work["task_id"])["state"] == "waiting"


def result_of(user: Client, task_id: str) -> bytes:
    task = user.ended(task_id)
    assert (task["state"], task["progress"]) == ("completed", 100)
    return user.get(task["results"]["composite"]["url"]).content


@pytest.mark.parametrize(
    ("sent", "changes", "code"),
    [
        ("nothing", {}, "artifact_mismatch"),
        ("half", {}, "artifact_mismatch"),
        ("whole", {"size": 7}, "artifact_mismatch"),
        ("whole", {"sha256": "0" * 64}, "artifact_mismatch"),
        ("whole", {"output": "mask"}, "artifact_mismatch"),
        ("a page", {}, "artifact_not_a_video"),
        ("noise", {}, "artifact_not_a_video"),
        ("fewer frames", {}, "artifact_frames"),
        ("smaller frames", {}, "artifact_size"),
        ("slower frames", {}, "artifact_pts"),
    ],
)
def test_bytes_that_are_not_the_result_are_refused_and_the_step_is_tried_again(
    user: Client,
    node: ThirdParty,
    video: Json,
    work: Json,
    data: bytes,
    tmp_path: Path,
    sent: str,
    changes: Json,
    code: str,
) -> None:
    plain = {"nothing": b"", "half": data[: len(data) // 2], "whole": data, "a page": PAGE, "noise": NOISE}
    made = plain[sent] if sent in plain else clips.write(tmp_path / "c.mp4", WRONG[sent]).read_bytes()
    if sent == "half":
        node.put(work, made, total=len(data))
    elif made:
        assert node.put(work, made).json() == {"received": len(made)}
    truth = data if sent in {"half", "nothing"} else made
    assert node.complete(work, truth, **changes).json() == {"command": "continue"}
    fails(user, work, code)
    again = node.offered(work["task_id"])
    assert again["attempt_id"] != work["attempt_id"]
    assert again["attempt_token"] != work["attempt_token"]
    assert node.put(again, data).status_code == 200
    assert node.complete(again, data).json() == {"command": "continue"}
    assert result_of(user, work["task_id"]) == data
    assert user.get(video["url"]).content == data


@pytest.fixture
def fake() -> Iterator[FakeCoordinator]:
    """A coordinator whose files a test may spoil."""
    with FakeCoordinator() as running:
        yield running


@pytest.mark.parametrize("sent", ["nothing", "half"])
def test_a_node_takes_no_source_that_is_too_short_and_goes_on_when_the_true_bytes_come(
    fake: FakeCoordinator, data: bytes, tmp_path: Path, sent: str
) -> None:
    assignment = fake.assignment(data)
    spoilt = {"nothing": b"", "half": data[: len(data) // 2]}
    fake.files[assignment.source.sha256] = spoilt[sent]
    fake.offer(assignment)
    with RunningNode(tmp_path, fake.url, CopyWork()):
        fake.until(lambda: len(fake.callbacks) >= 4)
        assert {one.stage for one in fake.callbacks} == {"fetch"}
        fake.files[assignment.source.sha256] = data
        ended = fake.end_of(assignment)
    assert ended.kind == "completed"
    assert bytes(fake.artifacts[assignment.attempt_id, "composite"]) == data


def test_a_node_refuses_a_source_of_another_hash_and_does_not_blame_the_file(
    fake: FakeCoordinator, data: bytes, tmp_path: Path
) -> None:
    assignment = fake.assignment(data)
    fake.files[assignment.source.sha256] = PAGE * (len(data) // len(PAGE)) + PAGE[: len(data) % len(PAGE)]
    fake.offer(assignment)
    with RunningNode(tmp_path, fake.url, CopyWork()):
        ended = fake.end_of(assignment)
    assert (ended.kind, ended.artifacts) == ("failed", ())
    assert ended.error is not None
    assert ended.error.error_class != "input"
    assert not fake.artifacts
