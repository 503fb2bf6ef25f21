"""What is not joined, and what a joining leaves when it ends early: nothing."""

import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from interface_node.errors import Cancelled, DiskFull, FramesMismatch, PartMismatch
from interface_node.pipeline.joint import PartFile
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import IsCancelled
from protocol.states import Output
from protocol.work import Encoding
from tests import clips
from tests.clips import Clip
from tests.interface_node.pipeline.segments import ALL, Task, ranges
from tests.small_disk import small_disk
from tests.system.patience import busy

C = Output.COMPOSITE


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A short video with sound."""
    return Task(clips.write(tmp_path / "a.mp4", Clip(audio="aac")), tmp_path)


def refused(task: Task, parts: list[PartFile]) -> str:
    """Why these parts are not joined; nothing is left of the try."""
    with pytest.raises(PartMismatch) as caught:
        task.join({C: parts})
    assert left(task) == []
    return caught.value.detail


def after(questions: int) -> IsCancelled:
    """Cancelled once that was asked so often."""
    asked = itertools.count()
    return lambda: next(asked) >= questions


def left(task: Task) -> list[str]:
    folder = task.folder / "joined"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_part_with_other_parameter_sets_is_refused(task: Task) -> None:
    first, _ = task.parts((12,))[C]
    other = Task(task.source, task.folder / "other", encoding=Encoding(preset="ultrafast"))
    _, second = other.parts((12,))[C]
    assert "encoded with other parameter sets" in refused(task, [first, second])


def test_a_missing_frame_is_noticed(task: Task) -> None:
    first, second = task.parts((12,))[C]
    assert "has 12 frames, the plan 13" in refused(task, [first, PartFile(second.path, 13)])
    assert "have 12 frames, the source 24" in refused(task, [first])
    assert "have 36 frames, the source 24" in refused(task, [first, second, second])
    assert "have 0 frames, the source 24" in refused(task, [])


def test_a_truncated_part_is_the_nodes_matter(task: Task) -> None:
    first, second = task.parts((12,))[C]
    data = second.path.read_bytes()
    second.path.write_bytes(data[: len(data) * 2 // 3])
    assert "cannot be read" in refused(task, [first, second])
    second.path.write_bytes(b"")
    assert "cannot be read" in refused(task, [first, second])
    second.path.unlink()
    assert "cannot be read" in refused(task, [first, second])


def test_a_part_that_begins_in_the_middle_of_a_group_is_refused(task: Task) -> None:
    (whole,) = task.parts(())[C]
    late = task.folder / "late.mkv"
    with av.open(str(whole.path)) as source, av.open(str(late), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in list(source.demux(source.streams.video[0]))[1:-1]:
            packet.stream = stream
            target.mux(packet)
    assert "does not begin with a keyframe" in refused(task, [PartFile(late, 23)])


def test_a_source_that_is_not_the_planned_one_is_refused(task: Task) -> None:
    parts = task.parts((12,))
    whole = scan(task.source).whole()
    for change in ({"frames": 25}, {"last_pts": 99}, {"time_base": "1/1000"}):
        with pytest.raises(FramesMismatch):
            task.join(parts, whole=whole.model_copy(update=change))
    assert left(task) == []


def test_a_cancelled_joining_ends_soon_and_leaves_nothing(tmp_path: Path) -> None:
    task = Task(clips.write(tmp_path / "a.mp4", Clip(frames=96, audio="aac")), tmp_path, ALL)
    parts = task.parts((48,))
    for last in (1, 150, 192, 290, 450):
        began = time.monotonic()
        with pytest.raises(Cancelled):
            task.join(parts, cancelled=after(last))
        assert time.monotonic() - began < busy(3)
        assert left(task) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    task = Task(clips.write(tmp_path / "a.mp4", Clip(width=320, height=240)), tmp_path)
    parts = task.parts((12,))
    (tmp_path / "joined").mkdir()
    with small_disk(tmp_path / "joined") as disk:
        (disk / "ballast").write_bytes(bytes(1024 * 1024 - 8192))
        with pytest.raises(DiskFull):
            task.join(parts)
        assert left(task) == ["ballast"]


KILLED = """
import os, signal, sys
from pathlib import Path
from interface_node.pipeline.assemble import AssembleSpec, assemble
from interface_node.pipeline.joint import PartFile
from interface_node.pipeline.source import scan
from protocol.states import Output
source, target, *parts = map(Path, sys.argv[1:])
asked = iter(range(1000))
def cancelled():
    if next(asked) == 40:
        os.kill(os.getpid(), signal.SIGKILL)
    return False
spec = AssembleSpec(
    source, scan(source).whole(), {Output.COMPOSITE: [PartFile(one, 12) for one in parts]}, {Output.COMPOSITE: target}
)
assemble(spec, lambda progress: None, cancelled)
"""


def test_a_killed_joining_leaves_no_file_under_the_results_name(task: Task) -> None:
    parts = [str(one.path) for one in task.parts((12,))[C]]
    target = task.folder / "joined" / "composite.mp4"
    command = [sys.executable, "-c", KILLED, str(task.source), str(target), *parts]
    done = subprocess.run(command, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert left(task) == ["composite.mp4.part"]
    (joined,) = task.join({C: [PartFile(Path(one), 12) for one in parts]})
    assert joined.frames == 24
    assert left(task) == ["composite.mp4"]


def test_the_plan_of_the_tests_covers_every_frame_once(task: Task) -> None:
    plan = ranges(task.source, (5, 6, 20))
    assert [one.frames for one in plan] == [5, 1, 14, 4]
    assert [one.end_pts for one in plan[:-1]] == [one.start_pts for one in plan[1:]]
