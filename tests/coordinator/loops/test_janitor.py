"""Files follow rows."""

import os
from functools import partial
from pathlib import Path

from coordinator.domain.media import VIDEO
from coordinator.domain.news import FilesUnwanted, MediaUnwanted, PartUnwanted
from coordinator.gateway.disk import part_of
from coordinator.loops.janitor import ORPHAN_S, Janitor
from coordinator.services.context import Context
from coordinator.services.retention import BATCH
from coordinator.store import media, uploads
from coordinator.store.tables import Media, Tasks
from protocol.base import AttemptId, TaskId
from tests.coordinator.world import World


def write(path: Path, age_s: float = 0.0) -> Path:
    """A file, and a directory around it, as old as that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    for old in (path, path.parent):
        at = old.stat().st_mtime - age_s
        os.utime(old, (at, at))
    return path


async def test_files_of_removed_rows_go_at_the_next_sweep(context: Context) -> None:
    janitor = Janitor(context)
    result = write(context.files.result("task", "step", "attempt", "composite"))
    upload = write(context.files.media(VIDEO, "media"))
    other = write(context.files.media(VIDEO, "other"))
    janitor.hear(FilesUnwanted(TaskId("task")))
    janitor.hear(MediaUnwanted("media", VIDEO))
    await janitor.sweep()
    assert [path.exists() for path in (result, upload, other)] == [False, False, True]


async def test_new_files_of_a_task_that_was_reset_survive_the_sweep_of_the_old_ones(context: Context) -> None:
    janitor = Janitor(context)
    old, new = (write(context.files.result("task", step, "attempt", "composite")) for step in ("old", "new"))
    janitor.hear(PartUnwanted(TaskId("task"), "old", AttemptId("attempt")))
    await janitor.sweep()
    assert [path.exists() for path in (old, new)] == [False, True]


async def test_parts_of_ended_tasks_go_and_the_result_stays(context: Context, here: World) -> None:
    task_id = here.task(frames=48, segments=2)
    here.node(lane="pull")
    files = []
    for _ in range(3):  # two segments, and what joins them
        winner = here.running_on_polling()
        here.report(winner)
        here.verify(winner)
        files.append(write(context.files.result(task_id, here.attempt(winner).step_id, winner, "composite")))
    here.set(Tasks, task_id, parts_expire_at=1.0)
    await Janitor(context).retire()
    assert [path.exists() for path in files] == [False, False, True]


async def test_however_much_has_expired_goes_in_one_round(context: Context, here: World) -> None:
    user = here.user()
    unused = [here.video(user) for _ in range(BATCH + 1)]
    for key in unused:
        here.set(Media, key, last_used_at=1.0)
    await Janitor(context).retire()
    assert context.database.look(partial(media.known, media_ids=unused)) == set()


async def test_uploads_that_nobody_went_on_with_go_with_their_bytes(context: Context, here: World) -> None:
    user = here.user()
    known = {"user_id": user, "kind": VIDEO, "name": "clip.mp4", "size": 10, "said": ""}
    for name, until in (("late", 1.0), ("open", 2e10), ("finished", 1.0)):
        row = {"id": name, "expires_at": until, **known}
        here.run(partial(uploads.add, values=row))
    here.run(partial(uploads.finish, upload_id="finished"))
    late, still = (write(part_of(context.files.media(VIDEO, name))) for name in ("late", "open"))
    finished = write(context.files.media(VIDEO, "finished"))
    janitor = Janitor(context)
    stop = context.feed.listen(janitor.hear)
    await janitor.retire()
    await janitor.sweep()
    stop()
    assert [path.exists() for path in (late, still, finished)] == [False, True, True]
    left = [
        name for name in ("late", "open", "finished") if context.database.look(partial(uploads.get, upload_id=name))
    ]
    assert left == ["open"]


async def test_only_what_no_row_names_and_is_older_than_a_day_is_an_orphan(context: Context, here: World) -> None:
    old = ORPHAN_S + 60
    user = here.user()
    named = write(context.files.media(VIDEO, here.video(user)), old)
    young, orphan = write(context.files.media(VIDEO, "young")), write(context.files.media(VIDEO, "orphan"), old)
    task_id = here.task(user)
    here.node(lane="pull")
    attempt_id = here.running_on_polling()
    here.upload(attempt_id)
    step_id = here.step(task_id).id
    kept = write(context.files.result(task_id, step_id, attempt_id, "composite"), old)
    lost = write(context.files.result(task_id, step_id, "nobody", "composite"), old)
    await Janitor(context).orphans()
    assert [path.exists() for path in (named, young, orphan, kept, lost)] == [True, True, False, True, False]
