"""A video of two segments from outside: what a node is asked to join, and what its user sees meanwhile."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import clips
from tests.clips import Clip
from tests.contract.conftest import Json
from tests.contract.third_party import ThirdParty, problem
from tests.system.coordinator import Client
from tests.system.patience import until

RATE = 10
WHOLE = Clip(frames=24 * RATE, rate=RATE, width=64, height=48, keyframe_every=RATE)


def changed(**values: Any) -> Clip:
    """The whole clip but for these."""
    return replace(WHOLE, **values)


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 seconds: two segments, cut at 12."""
    return clips.write(tmp_path_factory.mktemp("long") / "long.mp4", WHOLE)


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Either half."""
    return clips.write(tmp_path_factory.mktemp("part") / "part.mp4", changed(frames=12 * RATE)).read_bytes()


@pytest.fixture
def task_id(user: Client, node: ThirdParty, long_clip: Path) -> str:
    """Submitted for `node`."""
    video = user.upload(long_clip)
    return user.submit(str(video["id"]), model=node.model)


def steps(user: Client, task_id: str) -> list[Json]:
    return list(user.get(f"/tasks/{task_id}/steps").raise_for_status().json()["items"])


def finish(user: Client, node: ThirdParty, work: Json, data: bytes) -> None:
    """Send a composite, report it, and wait until the coordinator believes it."""
    assert node.put(work, data).json() == {"received": len(data)}
    assert node.complete(work, data).json() == {"command": "continue"}

    def believed() -> bool:
        return any(one["id"] == work["step_id"] and one["state"] == "done" for one in steps(user, work["task_id"]))

    until(believed, 30, "the step is done")


def joining(user: Client, node: ThirdParty, task_id: str, part: bytes) -> Json:
    """The offer of `assemble`, after both halves were done."""
    for _ in range(2):
        finish(user, node, node.offered(task_id), part)
    return offered_joining(node)


def offered_joining(node: ThirdParty) -> Json:
    return until(lambda: next(iter(node.ask(light_slots=1)["assignments"]), None), 30, "the step that joins is offered")


def refused(user: Client, task_id: str, number: int) -> list[Json] | None:
    """The task's failures when there are so many."""
    found = [one for one in user.get(f"/tasks/{task_id}/events").json()["items"] if one["kind"] == "attempt_fail"]
    return found if len(found) >= number else None


def test_the_segments_are_shown_with_their_seconds_their_node_and_a_playable_link(
    user: Client, node: ThirdParty, task_id: str, part: bytes
) -> None:
    first, second = steps(user, task_id)
    assert [(one["kind"], one["state"], one["url"]) for one in (first, second)] == [("segment", "pending", None)] * 2
    assert [(one["start"], one["end"]) for one in (first, second)] == [(0.0, 12.0), (12.0, 24.0)]
    assert [one["frames_total"] for one in (first, second)] == [120, 120]
    work = node.offered(task_id)
    node.report(work, stage="process", frames_done=60, frames_total=120, done=60, total=120, fps=30.0)
    shown = until(lambda: [one for one in steps(user, task_id) if one["frames_done"] == 60], 10, "progress is shown")
    assert (shown[0]["state"], shown[0]["fps"]) == ("running", 30.0)
    assert node.model in shown[0]["node"]
    finish(user, node, work, part)
    task = user.task(task_id)
    assert (task["frames_done"], task["progress"], task["results"]) == (120, 49.5, {})
    done = next(one for one in steps(user, task_id) if one["id"] == work["step_id"])
    whole = httpx.get(done["url"])
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, part, "video/mp4")
    some = httpx.get(done["url"], headers={"Range": "bytes=10-19"})
    assert (some.status_code, some.content) == (206, part[10:20])
    again = httpx.get(done["url"], headers={"If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304
    assert problem(httpx.get(done["url"].replace("sig=", "sig=x"))) == (403, "link_expired")
    user.put(f"/tasks/{task_id}/cancel")


def test_the_step_that_joins_fetches_the_parts_and_its_file_is_the_result(
    user: Client, node: ThirdParty, task_id: str, part: bytes, long_clip: Path
) -> None:
    work = joining(user, node, task_id, part)
    assert (work["kind"], work["range"]["frames"], work["range"]["start_pts"]) == ("assemble", 240, None)
    assert [named["first_pts"] for named in work["parts"]] == [0, 12 * 12_288]
    bearer = {"Authorization": f"Bearer {work['attempt_token']}"}
    for named in work["parts"]:
        fetched = node.http.get(named["url"], headers=bearer)
        assert (fetched.status_code, fetched.content) == (200, part)
        assert fetched.headers["etag"] == f'"{named["sha256"]}"'
        some = node.http.get(named["url"], headers=bearer | {"Range": "bytes=-7"})
        assert (some.status_code, some.content) == (206, part[-7:])
        assert problem(node.http.get(named["url"])) == (401, "bad_signature")
    url = work["parts"][0]["url"]
    assert problem(node.http.get(url.replace("composite", "mask"), headers=bearer)) == (404, "not_found")
    assert user.task(task_id)["progress"] == 99.0
    assert user.task(task_id)["state"] != "completed"
    finish(user, node, work, long_clip.read_bytes())
    task = user.ended(task_id)
    assert (task["state"], task["progress"], task["frames_done"]) == ("completed", 100, 240)
    assert user.get(task["results"]["composite"]["url"]).content == long_clip.read_bytes()
    assert [one["kind"] for one in steps(user, task_id)] == ["segment", "segment", "assemble"]
    assert problem(node.http.get(url, headers=bearer)) == (410, "gone")


def test_a_join_that_lacks_a_frame_or_has_one_at_another_time_is_refused(
    user: Client, node: ThirdParty, task_id: str, part: bytes, tmp_path: Path
) -> None:
    one_is_late = [2 * number + (number == 77) for number in range(24 * RATE)]
    wrong = {
        "artifact_frames": changed(frames=24 * RATE - 1),
        "artifact_pts": changed(stamps=one_is_late, rate=2 * RATE),
        "artifact_streams": changed(audio="aac"),
    }
    work = joining(user, node, task_id, part)
    for number, (code, clip) in enumerate(wrong.items()):
        data = clips.write(tmp_path / f"{code}.mp4", clip).read_bytes()
        assert node.put(work, data).json() == {"received": len(data)}
        node.complete(work, data)
        events = until(partial(refused, user, task_id, number + 1), 30, "it is refused")
        assert events[number]["data"]["error"]["code"] == code
        if number < len(wrong) - 1:
            work = offered_joining(node)
    task = user.ended(task_id)
    assert (task["state"], task["error"]["code"]) == ("failed", "artifact_streams")
