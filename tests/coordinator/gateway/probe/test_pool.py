"""The pool of probe processes outlives every file, and tells the truth about the good ones."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from coordinator.domain.media import ImageFacts, VideoFacts
from coordinator.errors import BrokenMedia, Overloaded, ProbeTimeout
from coordinator.gateway.probe.pool import ProbedImage, ProbedVideo, ProbePool
from tests import clips, independent_reader
from tests.clips import Clip
from tests.coordinator.gateway.probe import upright

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[ProbePool]:
    """Two workers, shared by the tests that break none."""
    made = ProbePool(2)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def lone() -> AsyncIterator[ProbePool]:
    """One worker of a test's own."""
    made = ProbePool(1)
    await made.start()
    yield made
    await made.stop()


async def test_the_facts_of_a_video_are_those_of_an_independent_reader(pool: ProbePool, tmp_path: Path) -> None:
    path = clips.write(tmp_path / "clip.mp4", Clip(frames=30, rate=24, audio="aac", colour=(1, 1, 1, 1)))
    probed = await pool.video(path)
    facts = probed.facts
    times = independent_reader.frame_times(path).times
    base = Fraction(facts.time_base)
    assert [pts * base for pts in probed.times.pts] == times
    assert (facts.frames, facts.width, facts.height) == (30, 160, 96)
    assert (facts.container, facts.codec, facts.pix_fmt) == ("mp4", "h264", "yuv420p")
    assert (facts.duration, facts.fps) == (1.25, 24.0)
    assert (facts.first_pts, facts.last_pts) == (probed.times.pts[0], probed.times.pts[-1])
    assert facts.has_timestamps
    assert facts.has_audio
    assert facts.faststart
    assert facts.color == {"range": 1, "matrix": 1, "primaries": 1, "transfer": 1}
    assert facts.streams == [
        {"index": 0, "type": "video", "codec": "h264"},
        {"index": 1, "type": "audio", "codec": "aac"},
    ]
    assert facts.content_type == "video/mp4"
    assert VideoFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize(
    ("suffix", "codec", "container"),
    [
        (".mp4", "libx264", "mp4"),
        (".mov", "libx264", "mov"),
        (".mkv", "libx264", "matroska"),
        (".webm", "libvpx-vp9", "webm"),
        (".ts", "libx264", "mpegts"),
        (".avi", "mpeg4", "avi"),
    ],
)
async def test_every_accepted_container_is_read(
    pool: ProbePool, tmp_path: Path, suffix: str, codec: str, container: str
) -> None:
    bframes = 0 if suffix == ".avi" else 2
    path = clips.write(tmp_path / f"clip{suffix}", Clip(codec=codec, bframes=bframes))
    facts = (await pool.video(path)).facts
    assert (facts.container, facts.frames) == (container, 24)
    assert [facts.duration, facts.fps] == pytest.approx([1.0, 24.0], abs=0.001)


async def test_a_variable_frame_rate_keeps_every_time(pool: ProbePool, tmp_path: Path) -> None:
    path = clips.variable_rate(tmp_path / "vfr.mp4")
    probed = await pool.video(path)
    base = Fraction(probed.facts.time_base)
    assert [pts * base for pts in probed.times.pts] == independent_reader.frame_times(path).times


@pytest.mark.parametrize("rotation", [90, -90, 180])
async def test_rotation_is_reported_and_the_thumbnail_stands_upright(
    pool: ProbePool, tmp_path: Path, rotation: int
) -> None:
    path = clips.write(tmp_path / "turned.mp4", Clip(width=320, height=192, rotation=rotation))
    probed = await pool.video(path)
    assert abs(probed.facts.rotation) == abs(rotation)
    assert (probed.facts.width, probed.facts.height) == (320, 192)
    seen = upright.frame(path)
    small = tmp_path / "thumbnail.jpg"
    small.write_bytes(probed.thumbnail)
    shown = upright.frame(small)
    assert shown.shape == seen.shape
    assert abs(shown.astype(int) - seen.astype(int)).mean() < 12


async def test_a_video_that_begins_in_black_shows_a_later_frame(pool: ProbePool, tmp_path: Path) -> None:
    path = tmp_path / "title.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=24, options={"preset": "ultrafast", "g": "12"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(96):
            pixels = clips.picture(160, 96, number) if number > 24 else np.zeros((96, 160, 3), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        output.mux(stream.encode(None))
    probed = await pool.video(path)
    small = tmp_path / "thumbnail.jpg"
    small.write_bytes(probed.thumbnail)
    assert np.ptp(upright.frame(small)) > 100
    assert probed.facts.first_pts == 0


async def test_a_thumbnail_of_nothing_but_black_is_black(pool: ProbePool, tmp_path: Path) -> None:
    path = tmp_path / "black.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=24)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for _ in range(12):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((96, 160, 3), np.uint8), "rgb24")))
        output.mux(stream.encode(None))
    probed = await pool.video(path)
    small = tmp_path / "thumbnail.jpg"
    small.write_bytes(probed.thumbnail)
    assert upright.frame(small).max() < 8
    assert probed.facts.frames == 12


async def test_a_thumbnail_has_square_pixels_and_is_small(pool: ProbePool, tmp_path: Path) -> None:
    path = clips.write(tmp_path / "wide.mp4", Clip(width=320, height=240, sar=Fraction(2)))
    probed = await pool.video(path)
    assert probed.facts.sar == "2/1"
    small = tmp_path / "thumbnail.jpg"
    small.write_bytes(probed.thumbnail)
    assert upright.frame(small).shape == (120, 320, 3)


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "png"), (".jpg", "jpeg"), (".webp", "webp")])
async def test_stills_are_read(pool: ProbePool, tmp_path: Path, suffix: str, kind: str) -> None:
    facts = (await pool.image(clips.still(tmp_path / f"still{suffix}"))).facts
    assert (facts.container, facts.width, facts.height, facts.rotation) == (kind, 160, 96, 0)
    assert facts.content_type == f"image/{kind}"
    assert ImageFacts.from_json(facts.to_json()) == facts


async def test_the_orientation_of_a_photograph_turns_its_thumbnail(pool: ProbePool, tmp_path: Path) -> None:
    probed = await pool.image(clips.still(tmp_path / "photo.jpg", 320, 192, orientation=6))
    assert (probed.facts.width, probed.facts.height) == (320, 192)
    small = tmp_path / "thumbnail.jpg"
    small.write_bytes(probed.thumbnail)
    assert upright.frame(small).shape == (320, 192, 3)


async def test_a_background_may_be_a_still_or_a_video(pool: ProbePool, tmp_path: Path) -> None:
    assert isinstance(await pool.background(clips.still(tmp_path / "a.png")), ProbedImage)
    assert isinstance(await pool.background(clips.write(tmp_path / "b.mp4")), ProbedVideo)


async def test_an_artifact_comes_with_its_size_and_hash(pool: ProbePool, tmp_path: Path) -> None:
    path = clips.write(tmp_path / "composite.mp4")
    probed, uploaded = await pool.artifact(path), await pool.video(path)
    assert probed.facts == uploaded.facts
    assert probed.pts == uploaded.times.pts
    assert probed.size == path.stat().st_size
    assert probed.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_equal_encoders_have_equal_extradata_and_others_have_not(pool: ProbePool, tmp_path: Path) -> None:
    first = await pool.artifact(clips.write(tmp_path / "a.mp4", Clip(frames=12)))
    second = await pool.artifact(clips.write(tmp_path / "b.mp4", Clip(frames=20)))
    other = await pool.artifact(clips.write(tmp_path / "c.mp4", Clip(frames=12, bframes=0)))
    shas = [p.facts.extradata_sha256 for p in (first, second, other) if isinstance(p.facts, VideoFacts)]
    assert shas[0] == shas[1] != shas[2]


async def test_more_probes_than_workers_wait_for_their_turn(pool: ProbePool, tmp_path: Path) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    found = await asyncio.gather(*(pool.video(path) for _ in range(12)))
    assert {one.facts.frames for one in found} == {24}
    assert len(pool.pids()) == 2


async def test_a_worker_has_no_environment_and_little_memory(pool: ProbePool, tmp_path: Path) -> None:
    await pool.video(clips.write(tmp_path / "clip.mp4"))
    process = psutil.Process(pool.pids()[0])
    assert set(process.environ()) <= {"PATH", "LC_CTYPE"}
    assert process.cwd() == "/"
    if hasattr(process, "rlimit"):
        assert process.rlimit(psutil.RLIMIT_AS)[0] == 2 << 30
        assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        assert process.rlimit(psutil.RLIMIT_NOFILE) == (32, 32)


async def test_a_worker_is_warm_and_is_replaced_after_its_share(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    pool = ProbePool(1, served=3)
    await pool.start()
    pids = []
    for _ in range(5):
        pids += pool.pids()
        await pool.video(path)
    await pool.stop()
    assert pids[0] == pids[1] == pids[2] != pids[3] == pids[4]
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_a_worker_that_runs_out_of_cpu_time_takes_only_its_file_with_it(lone: ProbePool, tmp_path: Path) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    await lone.video(path)
    (pid,) = lone.pids()
    os.kill(pid, signal.SIGSTOP)
    probing = asyncio.create_task(lone.video(path))
    await _until_at_work(lone)
    os.kill(pid, signal.SIGXCPU)
    os.kill(pid, signal.SIGCONT)
    with pytest.raises(ProbeTimeout):
        await probing
    assert (await lone.video(path)).facts.frames == 24
    assert lone.pids() != [pid]


async def test_a_file_that_every_worker_dies_of_is_broken_and_takes_nothing_with_it(
    lone: ProbePool, tmp_path: Path
) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    await lone.video(path)
    before = lone.pids()
    with pytest.raises(BrokenMedia, match="crash"):
        await lone.video(tmp_path)  # no worker can read a directory
    assert (await lone.video(path)).facts.frames == 24
    assert lone.pids() != before


async def test_a_worker_that_died_while_idle_harms_nobody(lone: ProbePool, tmp_path: Path) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    await lone.video(path)
    process = psutil.Process(lone.pids()[0])
    process.kill()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        await asyncio.to_thread(os.sched_yield)
    assert (await lone.video(path)).facts.frames == 24


async def test_a_worker_that_hangs_is_ended_and_the_next_starts_clean(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    pool = ProbePool(1, timeout_s=1.0)
    await pool.start()
    await pool.video(path)
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(ProbeTimeout):
        await pool.video(path)
    assert not psutil.pid_exists(pid)
    assert (await pool.video(path)).facts.frames == 24
    await pool.stop()


async def test_a_pool_that_stops_ends_the_probe_that_runs(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    pool = ProbePool(1)
    await pool.start()
    await pool.video(path)
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    probing = asyncio.create_task(pool.video(path))
    await _until_at_work(pool)
    await pool.stop()
    with pytest.raises(Overloaded):
        await probing
    assert not psutil.pid_exists(pid)


async def test_a_stopped_pool_says_so(tmp_path: Path) -> None:
    pool = ProbePool(1)
    await pool.start()
    await pool.stop()
    with pytest.raises(Overloaded):
        await pool.video(clips.write(tmp_path / "clip.mp4"))


async def _until_at_work(pool: ProbePool) -> None:
    while not pool.busy:
        await asyncio.to_thread(os.sched_yield)
