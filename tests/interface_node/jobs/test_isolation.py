"""Worker processes that die while they read a file, in a node that goes on."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from interface_node.engine.providers import CUDA, Device, why_not_cuda
from interface_node.errors import BrokenMedia, Cancelled, NodeError, ProviderUnavailable, WorkerBroke
from interface_node.jobs.isolation.process import START_S
from interface_node.jobs.isolation.work import IsolatedWork, isolated
from interface_node.jobs.pipeline_work import PipelineWork, devices_of
from interface_node.jobs.work import Order, Progress
from interface_node.pipeline.source import scan
from interface_node.settings import without_keys
from protocol.interfaces import NodeModel
from protocol.states import ErrorClass, Output
from protocol.work import Assignment
from tests import clips
from tests.clips import Clip
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.coordinator_wire import CLUSTER
from tests.fakes.fragile_worker import POISONED
from tests.fakes.running_node import PACE, RunningNode, settings_for
from tests.fakes.work import CopyWork
from tests.interface_node.jobs.sourcing import Video
from tests.interface_node.pipeline.shown import shown
from tests.system.nodes import NodeProcess
from tests.system.patience import until

Fragile = Callable[..., IsolatedWork]
why_not = why_not_cuda(0)


@pytest.fixture
def fragile(cache: Path, selfie_path: Path) -> Iterator[Fragile]:
    """Isolated work whose workers a file can kill."""
    assert selfie_path.is_file()
    made: list[IsolatedWork] = []

    def make(kind: str = "fragile", grace_s: float = 5.0, start_s: float = START_S) -> IsolatedWork:
        words = json.dumps({"kind": kind, "cache": str(cache)})
        command = (sys.executable, "-m", "tests.fakes.fragile_worker", words)
        front = PipelineWork(cache, devices_of("cpu"))
        made.append(IsolatedWork(front, command, without_keys(), grace_s, start_s))
        return made[-1]

    yield make
    for work in made:
        work.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A whole video of 24 frames."""
    return clips.write(tmp_path / "clip.mp4")


def poisoned(clip: Path, poison: bytes) -> bytes:
    """The video with a box behind it that says what is to happen."""
    return clip.read_bytes() + (8 + len(poison)).to_bytes(4) + b"free" + poison


def order_of(coordinator: FakeCoordinator, clip: Path, data: bytes, folder: Path) -> Order:
    """An order without a node."""
    source = folder / "source"
    folder.mkdir()
    source.write_bytes(data)
    assignment = coordinator.assignment(data, range=scan(clip).whole())
    return Order(assignment, source, None, folder, 0)


def offer(coordinator: FakeCoordinator, clip: Path, data: bytes) -> Assignment:
    """Work for a node."""
    return coordinator.offer(coordinator.assignment(data, range=scan(clip).whole()))


def quiet(progress: Progress) -> None:
    """Nobody listens."""


def test_a_node_outlives_a_decoder_that_aborts_and_goes_on_with_other_work(
    coordinator: FakeCoordinator, fragile: Fragile, clip: Path, tmp_path: Path
) -> None:
    with RunningNode(tmp_path / "home", coordinator.url, fragile(), NODE_SLOTS="2") as node:
        bad = offer(coordinator, clip, poisoned(clip, b"[abort]"))
        good = [offer(coordinator, clip, clip.read_bytes()) for _ in range(3)]
        ended = coordinator.end_of(bad)
        assert ended.error is not None
        assert (ended.kind, ended.error.code, ended.error.error_class) == (
            "failed",
            "decoder_crashed",
            ErrorClass.INPUT,
        )
        assert "SIGABRT" in ended.error.detail
        assert [coordinator.end_of(one).kind for one in good] == ["completed"] * 3
        coordinator.beats(1)
        assert coordinator.heartbeats[-1].health == "healthy"
        assert len(coordinator.registrations) == 1
        assert list((tmp_path / "home" / "node" / "work").iterdir()) == []
        assert node.node.healthy


@pytest.mark.parametrize(
    ("poison", "code", "error_class"),
    [
        (b"[segv ]", "decoder_crashed", ErrorClass.INPUT),
        (b"[kill ]", "worker_killed", ErrorClass.RESOURCES),
        (b"[exit ]", "worker_broke", ErrorClass.NODE),
    ],
)
def test_how_a_worker_ends_says_whose_fault_it_was(
    coordinator: FakeCoordinator,
    fragile: Fragile,
    clip: Path,
    tmp_path: Path,
    poison: bytes,
    code: str,
    error_class: ErrorClass,
) -> None:
    work = fragile()
    with pytest.raises(NodeError) as caught:
        work.run(order_of(coordinator, clip, poisoned(clip, poison), tmp_path / "1"), quiet, threading.Event())
    assert (caught.value.code, caught.value.error_class) == (code, error_class)
    done = work.run(order_of(coordinator, clip, clip.read_bytes(), tmp_path / "2"), quiet, threading.Event())
    assert [one.frames for one in done.made] == [24]


def test_a_worker_that_dies_of_its_model_is_not_the_files_fault(
    coordinator: FakeCoordinator, fragile: Fragile, clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(NodeError) as caught:
        fragile("loads badly").run(
            order_of(coordinator, clip, clip.read_bytes(), tmp_path / "1"), quiet, threading.Event()
        )
    assert (caught.value.code, caught.value.error_class) == ("worker_broke", ErrorClass.NODE)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("mute", "the worker process was ended by the node: it has not begun to work in time"),
        ("babbles", "the worker process was ended by the node: it said nonsense"),
    ],
)
def test_a_worker_that_the_node_ends_is_not_said_to_have_ended_by_itself_or_for_want_of_memory(
    coordinator: FakeCoordinator, fragile: Fragile, clip: Path, tmp_path: Path, kind: str, sentence: str
) -> None:
    work = fragile(kind, start_s=0.5 if kind == "mute" else START_S)
    with pytest.raises(WorkerBroke) as caught:
        work.run(order_of(coordinator, clip, clip.read_bytes(), tmp_path / "1"), quiet, threading.Event())
    assert caught.value.detail == sentence


@pytest.mark.skipif(not why_not, reason="this machine has CUDA")
def test_a_worker_that_cannot_have_the_nodes_card_says_so_and_does_not_take_the_cpu(
    coordinator: FakeCoordinator, cache: Path, selfie_path: Path, clip: Path, tmp_path: Path
) -> None:
    assert selfie_path.is_file()
    front = PipelineWork(cache, [Device(CUDA)])  # what the node found when it was told `auto`
    work = isolated(front, settings_for(tmp_path, coordinator.url, SEGFLEET_CACHE=str(cache), NODE_DEVICE="auto"))
    with pytest.raises(ProviderUnavailable, match=r"lib\w+\.so(\.\d+)* is missing|without CUDA"):
        work.run(order_of(coordinator, clip, clip.read_bytes(), tmp_path / "1"), quiet, threading.Event())
    work.close()


def test_a_worker_that_does_not_listen_to_its_cancel_is_killed_and_the_node_stays(
    coordinator: FakeCoordinator, fragile: Fragile, clip: Path, tmp_path: Path
) -> None:
    work = fragile(grace_s=0.3)
    with RunningNode(tmp_path / "home", coordinator.url, work, pace=replace(PACE, stuck_s=20.0)) as node:
        deaf = offer(coordinator, clip, poisoned(clip, b"[deaf ]"))
        until(lambda: list((tmp_path / "home").rglob(POISONED)), 45, "the worker is deaf")
        coordinator.faults.cancelled.add(deaf.attempt_id)
        assert coordinator.end_of(deaf).kind == "cancelled"
        assert coordinator.end_of(offer(coordinator, clip, clip.read_bytes())).kind == "completed"
        assert node.node.healthy


def test_a_worker_cannot_have_the_node_send_up_what_lies_elsewhere(
    coordinator: FakeCoordinator, fragile: Fragile, clip: Path, tmp_path: Path
) -> None:
    with RunningNode(tmp_path / "home", coordinator.url, fragile("liar")):
        ended = coordinator.end_of(offer(coordinator, clip, clip.read_bytes()))
    assert ended.error is not None
    assert ended.error.code == "worker_broke"
    assert "identity.json" in ended.error.detail


def test_errors_progress_and_cancel_pass_through_a_worker_as_they_are(
    coordinator: FakeCoordinator, cache: Path, selfie_path: Path, clip: Path, tmp_path: Path
) -> None:
    assert selfie_path.is_file()
    work = isolated(
        PipelineWork(cache, devices_of("cpu")), settings_for(tmp_path, coordinator.url, SEGFLEET_CACHE=str(cache))
    )
    heard: list[Progress] = []
    broken = clips.broken_in_the_middle(tmp_path / "broken.mp4")
    with pytest.raises(BrokenMedia, match="after 24 frames"):
        work.run(order_of(coordinator, broken, broken.read_bytes(), tmp_path / "1"), quiet, threading.Event())
    assert [one.warm for one in work.models() if one.name == "selfie"] == [False]
    done = work.run(order_of(coordinator, clip, clip.read_bytes(), tmp_path / "2"), heard.append, threading.Event())
    assert (done.made[0].output, done.made[0].frames, done.made[0].path.parent) == (
        Output.COMPOSITE,
        24,
        tmp_path / "2",
    )
    assert heard[-1].frames_done == 24
    [model] = [one for one in work.models() if one.name == "selfie"]
    assert model.warm
    assert (model.speed_fps or 0) > 0
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(Cancelled):
        work.run(order_of(coordinator, clip, clip.read_bytes(), tmp_path / "3"), quiet, stopped)
    work.close()


def test_a_segment_of_a_large_video_reads_only_its_blocks_through_a_worker(
    coordinator: FakeCoordinator, fragile: Fragile, video: Video, tmp_path: Path
) -> None:
    plan = scan(video.path).whole()
    times = [pts for pts, _ in shown(video.path)]
    part = plan.model_copy(
        update={
            "start_pts": times[96],
            "end_pts": times[144],
            "frames": 48,
            "first_pts": times[96],
            "last_pts": times[143],
        }
    )
    data = video.path.read_bytes()
    assignment = coordinator.offer(coordinator.assignment(data, range=part))
    with RunningNode(tmp_path, coordinator.url, fragile()):
        ended = coordinator.end_of(assignment)
    assert (ended.kind, ended.artifacts[0].frames) == ("completed", 48)
    assert coordinator.serving.bytes_sent < 0.6 * len(data)


def test_a_worker_ends_with_its_node_and_knows_none_of_its_secrets(cache: Path, tmp_path: Path) -> None:
    work = isolated(PipelineWork(cache, devices_of("cpu")), settings_for(tmp_path, "http://127.0.0.1:9"))
    worker = work._idle[0]  # noqa: SLF001 - nobody else has the process's number
    environment = Path(f"/proc/{worker.pid}/environ")
    if environment.exists():
        names = {line.partition(b"=")[0].decode() for line in environment.read_bytes().split(b"\0")}
        assert not names & {"INTERFACE_IDENTIFICATION", "SEGFLEET_HOME", "COORDINATOR_URL"}
    pid = worker.pid
    worker._open_link().close()  # noqa: SLF001 - as the end of a node's process closes it
    end = time.monotonic() + 60
    while worker.is_alive and time.monotonic() < end:
        time.sleep(0.05)
    assert not worker.is_alive
    work.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_real_node_whose_worker_is_shot_in_mid_decode_charges_the_attempt_and_does_the_next(
    coordinator: FakeCoordinator, cache: Path, selfie_path: Path, clip: Path, tmp_path: Path
) -> None:
    assert selfie_path.is_file()
    long = clips.write(tmp_path / "long.mp4", Clip(frames=600, width=640, height=360))
    node = NodeProcess(tmp_path / "home", coordinator.url, cache, "shot", push=False, INTERFACE_IDENTIFICATION=CLUSTER)
    with node:
        shot = offer(coordinator, long, long.read_bytes())
        coordinator.until(lambda: any(one.frames_done > 0 for one in coordinator.callbacks))
        [worker] = psutil.Process(node.program.pid).children()
        worker.send_signal(signal.SIGSEGV)
        ended = coordinator.end_of(shot)
        assert ended.error is not None
        assert (ended.error.code, ended.error.error_class) == ("decoder_crashed", ErrorClass.INPUT)
        assert coordinator.end_of(offer(coordinator, clip, clip.read_bytes())).kind == "completed"
        assert len(coordinator.registrations) == 1
        [successor] = psutil.Process(node.program.pid).children()
        assert successor.pid != worker.pid
        node.program.kill()
        psutil.wait_procs([successor], timeout=30)
        assert not successor.is_running()


def test_what_the_node_knew_of_its_speed_counts_until_a_worker_knows_better() -> None:
    class Known(CopyWork):
        """It has been measured."""

        def models(self) -> tuple[NodeModel, ...]:
            """One model."""
            return (NodeModel(name="selfie", provider=self.provider, speed_fps=12.0),)

    [model] = IsolatedWork(Known(), ("unused",), {}).models()
    assert (model.warm, model.speed_fps) == (False, 12.0)
