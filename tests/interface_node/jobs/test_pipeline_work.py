"""A node with the real pipeline and the real model."""

import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from interface_node.engine import providers
from interface_node.errors import (
    Cancelled,
    PartMismatch,
    ProviderUnavailable,
    UnknownModel,
    UnsupportedBackground,
)
from interface_node.jobs.pipeline_work import PipelineWork, device_names, devices_of, open_work
from interface_node.jobs.work import Order, Progress
from interface_node.pipeline.source import scan
from protocol.states import ErrorClass, Output, StepKind
from protocol.work import ImageBackground, TransparentBackground
from tests import clips
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.running_node import RunningNode, settings_for


@pytest.fixture
def pipeline(cache: Path, selfie_path: Path) -> PipelineWork:
    """The default model on the CPU, cold."""
    assert selfie_path.is_file()
    return PipelineWork(cache, devices_of("cpu"))


def test_a_video_with_a_picture_behind_comes_back_with_its_frames_and_times(
    coordinator: FakeCoordinator, pipeline: PipelineWork, tmp_path: Path
) -> None:
    video = clips.variable_rate(tmp_path / "clip.mp4")
    background = ImageBackground(source=coordinator.source(clips.still(tmp_path / "beach.png").read_bytes()))
    outputs = (Output.COMPOSITE, Output.MASK, Output.FOREGROUND)
    assignment = coordinator.assignment(
        video.read_bytes(), range=scan(video).whole(), background=background, outputs=outputs
    )
    coordinator.offer(assignment)
    with RunningNode(tmp_path, coordinator.url, pipeline):
        ended = coordinator.end_of(assignment)
    assert (ended.kind, ended.provider, ended.frames_done) == ("completed", providers.CPU, 24)
    assert [one.frames for one in ended.artifacts] == [24, 24, 24]
    assert ended.artifacts[0].extradata_sha256 is not None
    made = tmp_path / "made.mp4"
    made.write_bytes(coordinator.artifacts[assignment.attempt_id, "composite"])
    with av.open(str(made)) as result, av.open(str(video)) as source:
        assert [frame.pts for frame in result.decode(video=0)] == [frame.pts for frame in source.decode(video=0)]


def test_a_picture_comes_back_as_a_picture(
    coordinator: FakeCoordinator, pipeline: PipelineWork, tmp_path: Path
) -> None:
    data = clips.still(tmp_path / "portrait.jpg").read_bytes()
    assignment = coordinator.offer(coordinator.assignment(data, kind=StepKind.IMAGE, range=None))
    with RunningNode(tmp_path, coordinator.url, pipeline):
        ended = coordinator.end_of(assignment)
    assert (ended.kind, ended.artifacts[0].frames) == ("completed", 1)
    stored = np.frombuffer(bytes(coordinator.artifacts[assignment.attempt_id, "composite"]), np.uint8)
    decoded = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (96, 160, 3)


def test_a_file_that_breaks_in_the_middle_is_the_files_fault(
    coordinator: FakeCoordinator, pipeline: PipelineWork, tmp_path: Path
) -> None:
    video = clips.broken_in_the_middle(tmp_path / "broken.mp4")
    planned = scan(video).whole()
    assignment = coordinator.offer(coordinator.assignment(video.read_bytes(), range=planned))
    with RunningNode(tmp_path, coordinator.url, pipeline):
        ended = coordinator.end_of(assignment)
    assert ended.error is not None
    assert (ended.kind, ended.error.error_class) == ("failed", ErrorClass.INPUT)


def test_what_it_cannot_do_is_known_before_anything_is_fetched(
    coordinator: FakeCoordinator, pipeline: PipelineWork
) -> None:
    pipeline.check(coordinator.assignment(b""))
    with pytest.raises(PartMismatch, match="the parts of the composite have 0 frames, the plan 10"):
        pipeline.check(coordinator.assignment(b"", kind=StepKind.ASSEMBLE))
    with pytest.raises(UnsupportedBackground):
        pipeline.check(coordinator.assignment(b"", background=TransparentBackground()))
    with pytest.raises(UnknownModel):
        pipeline.check(coordinator.assignment(b"", model="nobody-has-this"))


def test_a_model_is_warm_and_its_speed_known_after_its_first_run(
    coordinator: FakeCoordinator, pipeline: PipelineWork, tmp_path: Path
) -> None:
    video = clips.write(tmp_path / "clip.mp4")
    cold = {one.name: one for one in pipeline.models()}
    assert {"selfie", "mediapipe-selfie"} <= set(cold)
    assert (cold["selfie"].warm, cold["selfie"].speed_fps) == (False, None)
    stages: list[Progress] = []
    assignment = coordinator.assignment(video.read_bytes(), range=scan(video).whole())
    pipeline.run(Order(assignment, video, None, tmp_path / "out", 0), stages.append, threading.Event())
    warm = {one.name: one for one in pipeline.models()}
    assert warm["mediapipe-selfie"].warm
    assert (warm["selfie"].speed_fps or 0) > 0
    assert stages[-1].frames_done == 24


def test_a_run_that_was_cancelled_before_it_began_makes_nothing(
    coordinator: FakeCoordinator, pipeline: PipelineWork, tmp_path: Path
) -> None:
    cancelled = threading.Event()
    cancelled.set()
    video = clips.write(tmp_path / "clip.mp4")
    order = Order(coordinator.assignment(b""), video, None, tmp_path / "out", 0)
    with pytest.raises(Cancelled):
        pipeline.run(order, lambda progress: None, cancelled)
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there_stops_the_start_and_names_the_library(tmp_path: Path) -> None:
    reason = providers.why_not_cuda(0)
    if not reason:
        pytest.skip("THIS MACHINE HAS CUDA: a start without it is not tested")
    with pytest.raises(ProviderUnavailable, match="CUDA cannot be used: ") as caught:
        open_work(settings_for(tmp_path, "http://127.0.0.1:9", NODE_DEVICE="cuda"))
    assert reason in caught.value.detail


def test_several_cards_are_several_devices() -> None:
    assert device_names("cuda:0,1") == ["cuda:0", "cuda:1"]
    assert device_names("auto") == ["auto"]
    assert [device.label for device in devices_of("cpu")] == ["cpu"]
