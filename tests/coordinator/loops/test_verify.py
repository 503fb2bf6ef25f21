"""Real files, the real probe: what agrees with the plan completes the task, what does not fails the attempt."""

import hashlib
from pathlib import Path

import pytest

from coordinator.services import outcomes
from coordinator.services.context import Context
from coordinator.store import artifacts
from coordinator.store.tables import Steps
from protocol.reports import Callback
from protocol.states import AttemptState as A
from protocol.states import Output
from protocol.states import TaskState as T
from tests import clips
from tests.clips import Clip
from tests.coordinator.world import World

GOOD = Clip(frames=24, width=64, height=48)
PATIENCE_S = 60


def put(context: Context, here: World, attempt_id: str, clip: Clip) -> bytes:
    """What a node sent up, as it lies on the disk."""
    row = here.attempt(attempt_id)
    path = context.files.result(row.task_id, row.step_id, attempt_id, Output.COMPOSITE)
    made = clips.write(path.with_name("made.mp4"), clip)
    made.rename(path)
    here.upload(attempt_id, path.stat().st_size)
    return path.read_bytes()


async def report(context: Context, here: World, attempt_id: str, sent: bytes, sha256: str | None = None) -> None:
    """The node says that it completed, as the route takes it."""
    made = {"output": "composite", "size": len(sent), "frames": 24}
    made |= {"sha256": sha256 or hashlib.sha256(sent).hexdigest()}
    said = {"attempt_id": attempt_id, "boot_id": "boot-1", "seq": 9, "kind": "completed", "artifacts": [made]}
    callback, sender = Callback.model_validate(said), here.attempt(attempt_id).interface_id
    await context.database.write(lambda work: outcomes.hear(work, context.rules, sender, callback))


async def judged(context: Context, here: World, attempt_id: str) -> str:
    """The attempt's code of refusal once the verifier has spoken."""
    row = here.attempt(attempt_id)
    assert await context.watch.ended(row.task_id, PATIENCE_S)
    row = here.attempt(attempt_id)
    return str((row.error or {}).get("code", row.state))


@pytest.fixture
async def attempt_id(context: Context, here: World) -> str:
    """An attempt that runs; its step fails for good at the first failure, so that a test can wait for the end."""
    task_id = here.task()
    here.set(Steps, here.step(task_id).id, failures=2)
    here.node(lane="pull")
    return here.running_on_polling()


async def test_a_file_that_agrees_completes_the_task_and_is_its_result(
    context: Context, here: World, attempt_id: str
) -> None:
    sent = put(context, here, attempt_id, GOOD)
    await report(context, here, attempt_id, sent)
    assert await judged(context, here, attempt_id) == A.COMPLETED
    task = here.get(here.attempt(attempt_id).task_id)
    result = here.database.look(lambda work: artifacts.result(work, task.id, "composite"))
    assert result is not None
    assert (task.state, result.size, result.content_type) == (T.COMPLETED, len(sent), "video/mp4")
    assert task.extradata_sha256 is not None


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (Clip(frames=23, width=64, height=48), "artifact_frames"),
        (Clip(frames=24, width=96, height=48), "artifact_size"),
        (Clip(frames=24, width=64, height=48, rate=12), "artifact_pts"),
    ],
)
async def test_a_file_that_disagrees_with_the_plan_fails(
    context: Context, here: World, attempt_id: str, clip: Clip, code: str
) -> None:
    await report(context, here, attempt_id, put(context, here, attempt_id, clip))
    assert await judged(context, here, attempt_id) == code


async def test_a_file_with_another_hash_than_reported_fails(context: Context, here: World, attempt_id: str) -> None:
    sent = put(context, here, attempt_id, GOOD)
    await report(context, here, attempt_id, sent, sha256="0" * 64)
    assert await judged(context, here, attempt_id) == "artifact_mismatch"


async def test_a_file_that_is_not_there_fails(context: Context, here: World, attempt_id: str) -> None:
    here.upload(attempt_id, 9)
    await report(context, here, attempt_id, b"nothing!!")
    assert await judged(context, here, attempt_id) == "artifact_missing"


async def test_a_file_that_is_no_video_fails(context: Context, here: World, attempt_id: str) -> None:
    row = here.attempt(attempt_id)
    path = context.files.result(row.task_id, row.step_id, attempt_id, Output.COMPOSITE)
    _write(path, b"not a video at all")
    here.upload(attempt_id, 18)
    await report(context, here, attempt_id, b"not a video at all")
    assert (await judged(context, here, attempt_id)).startswith("artifact_")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
