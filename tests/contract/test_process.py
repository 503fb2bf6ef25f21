"""One call from a file to a result, and calls that come twice."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import clips
from tests.contract.conftest import Json
from tests.contract.third_party import ThirdParty, problem
from tests.system.coordinator import Client, Coordinator

COLOR = {"kind": "color", "color": "#204060"}
Answer = Callable[[Json], bytes]


@contextmanager
def working(node: ThirdParty, result: Answer) -> Iterator[None]:
    """Let the node answer every offer with `result`, until the block ends."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            for offer in node.ask(wait_s=0.5)["assignments"]:
                data = result(offer)
                node.report(offer)
                node.put(offer, data).raise_for_status()
                node.complete(offer, data, frames=1 if offer["kind"] == "image" else offer["range"]["frames"])

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        try:
            yield
        finally:
            ended.set()
            worker.result(30)


@pytest.fixture
def png(tmp_path: Path) -> bytes:
    """A picture of the clip's size."""
    return clips.still(tmp_path / "still.png").read_bytes()


def test_a_still_of_a_video_comes_back_as_the_picture_itself(
    user: Client, node: ThirdParty, video: Json, png: bytes
) -> None:
    seen: list[Json] = []

    def result(offer: Json) -> bytes:
        seen.append(offer)
        return png

    body = {"video_id": video["id"], "at_s": 0.5, "background": COLOR, "model": node.model}
    with working(node, result):
        answer = user.post("/process/image", json=body, headers={"Prefer": "wait=30", "Accept": "image/png"})
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/png", png)
    assert cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR) is not None
    span = seen[0]["range"]
    numerator, denominator = map(int, span["time_base"].split("/"))
    assert (seen[0]["kind"], span["frames"]) == ("image", 1)
    assert span["first_pts"] * numerator / denominator == pytest.approx(0.5)


def test_a_picture_file_is_processed_in_one_form(user: Client, node: ThirdParty, png: bytes) -> None:
    form = {"request": json.dumps({"background": COLOR, "model": node.model, "options": {"image_format": "png"}})}
    with working(node, lambda offer: png):
        answer = user.post(
            "/process/image",
            data=form,
            files={"file": ("me.png", png)},
            headers={"Prefer": "wait=30", "Accept": "image/*"},
        )
    assert (answer.status_code, answer.content) == (200, png)


def test_a_video_file_is_processed_in_one_form_and_waited_for(user: Client, node: ThirdParty, clip: Path) -> None:
    form = {"request": json.dumps({"background": COLOR, "model": node.model})}
    with working(node, lambda offer: clip.read_bytes()):
        answer = user.post(
            "/process/video", data=form, files={"file": ("me.mp4", clip.read_bytes())}, headers={"Prefer": "wait=30"}
        )
    assert answer.status_code == 200
    task = answer.json()
    assert (task["state"], task["name"], task["kind"]) == ("completed", "me.mp4", "video")
    assert answer.headers["location"] == f"/api/v1/tasks/{task['id']}"
    assert user.get(task["results"]["composite"]["url"]).content == clip.read_bytes()


def test_without_a_wait_or_when_it_ends_the_task_is_accepted(user: Client, node: ThirdParty, video: Json) -> None:
    body = {"video_id": video["id"], "background": COLOR, "model": node.model}
    for prefer in ("", "wait=0", "wait=1", "respond-async"):
        answer = user.post("/process/video", json=body, headers={"Prefer": prefer, "Accept": "image/png"})
        assert answer.status_code == 202
        assert answer.json()["state"] == "waiting"
        assert user.get(f"..{answer.headers['location'].removeprefix('/api')}").status_code == 200
        user.put(f"/tasks/{answer.json()['id']}/cancel")


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("/process/video", {"background": COLOR}, ["/video_id"]),
        ("/process/video", {"video_id": "x"}, ["/background"]),
        ("/process/video", {"video_id": "x", "at_s": 1, "background": COLOR}, ["/at_s"]),
        ("/process/image", {"video_id": "x", "background": COLOR}, ["/at_s"]),
        ("/process/image", {"video_id": "x", "at_s": -1, "background": COLOR}, ["/at_s"]),
        ("/process/batch", {"items": []}, ["/items"]),
    ],
)
def test_what_is_missing_is_named(
    coordinator: Coordinator, user: Client, path: str, body: Json, pointers: list[str]
) -> None:
    before = coordinator.ledger()
    answer = user.post(path, json=body)
    assert problem(answer) == (422, "invalid_request")
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers
    assert coordinator.ledger() == before


def test_a_refused_form_leaves_no_upload(coordinator: Coordinator, user: Client, clip: Path) -> None:
    before = coordinator.ledger(), coordinator.files()
    files = {"file": ("me.mp4", clip.read_bytes())}
    for request, code in (
        ('{"model": "never-heard-of", "background": {"kind": "color", "color": "#000000"}}', "unknown_model"),
        ('{"background": {"kind": "transparent"}}', "unsupported_background"),
        ('{"background": ', "broken_json"),
        ("{}", "invalid_request"),
        ('{"video_id": "x", "background": {"kind": "color", "color": "#000000"}}', "invalid_request"),
    ):
        answer = user.post("/process/video", data={"request": request}, files=files)
        assert problem(answer)[1] == code
        assert (coordinator.ledger(), coordinator.files()) == before


def test_a_batch_is_made_whole_and_cancelled_whole(user: Client, node: ThirdParty, video: Json) -> None:
    item = {"video_id": video["id"], "background": COLOR, "model": node.model}
    made = user.post("/process/batch", json={"items": [item, item, item]})
    assert made.status_code == 202
    batch = made.json()
    assert batch["counts"] == {"waiting": 3}
    assert made.headers["location"] == f"/api/v1/batches/{batch['id']}"
    assert user.get(f"/batches/{batch['id']}").json()["counts"] == {"waiting": 3}
    user.delete(f"/batches/{batch['id']}")
    assert user.get(f"/batches/{batch['id']}").json()["counts"] == {"cancelled": 3}


def test_a_batch_with_one_wrong_item_makes_nothing(
    coordinator: Coordinator, user: Client, node: ThirdParty, video: Json
) -> None:
    before = coordinator.ledger()
    item = {"video_id": video["id"], "background": COLOR, "model": node.model}
    answer = user.post("/process/batch", json={"items": [item, {**item, "video_id": "not-there"}]})
    assert problem(answer) == (404, "not_found")
    assert answer.json()["params"]["item"] == 1
    assert coordinator.ledger() == before


@pytest.mark.parametrize("path", ["/tasks", "/process/video", "/process/batch"])
def test_a_key_makes_one_thing_however_often_it_comes(
    coordinator: Coordinator, user: Client, stranger: Client, node: ThirdParty, video: Json, path: str
) -> None:
    body: Json = {"video_id": video["id"], "background": COLOR, "model": node.model}
    other = {**body, "priority": 7}
    if path.endswith("batch"):
        body, other = {"items": [body]}, {"items": [other]}
    key = {"Idempotency-Key": f"key of {node.model}"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: user.post(path, json=body, headers=key), range(4)))
    ids = {answer.json()["id"] for answer in answers if answer.is_success}
    assert len(ids) == 1
    assert user.post(path, json=body, headers=key).json()["id"] in ids
    assert problem(user.post(path, json=other, headers=key)) == (422, "idempotency_mismatch")
    assert len(coordinator.rows("SELECT id FROM tasks WHERE model = ?", node.model)) == 1
    assert problem(stranger.post(path, json=body, headers=key)) == (404, "not_found")
    for row in coordinator.rows("SELECT id FROM tasks WHERE model = ?", node.model):
        user.put(f"/tasks/{row['id']}/cancel")


def test_a_composite_of_a_video_on_nothing_is_refused(user: Client, video: Json) -> None:
    body = {"video_id": video["id"], "background": {"kind": "transparent"}}
    assert problem(user.post("/tasks", json=body)) == (422, "unsupported_background")
