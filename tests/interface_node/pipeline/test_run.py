"""What comes out of a run, judged by a reader that is not the one that wrote it."""

import hashlib
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from interface_node.errors import Cancelled
from interface_node.pipeline.run import run
from interface_node.pipeline.source import scan
from interface_node.pipeline.spec import OutputFile, Plain, Progress, RunResult, RunSpec
from protocol.states import Output
from protocol.work import Encoding, FrameRange
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.fakes.segmenters import Everything, Halves, Stuck
from tests.system.patience import busy

GREEN = Plain(16, 180, 64)
FINE = Encoding(crf=4)


def composite(
    source: Path, target: Path, wanted: FrameRange | None = None, segmenter: Halves | None = None
) -> OutputFile:
    spec = RunSpec(source, GREEN, {Output.COMPOSITE: target}, FINE, wanted)
    return run(spec, segmenter or Halves(), lambda progress: None, lambda: False).outputs[0]


def everything(source: Path, folder: Path, encoding: Encoding = FINE) -> RunResult:
    alpha = "webm" if encoding.foreground == "vp9" else "mov"
    names = {Output.COMPOSITE: "c.mp4", Output.MASK: "m.mp4", Output.FOREGROUND: f"f.{alpha}"}
    spec = RunSpec(source, GREEN, {output: folder / name for output, name in names.items()}, encoding)
    return run(spec, Halves(), lambda progress: None, lambda: False)


@pytest.mark.parametrize(
    ("name", "clip"),
    [
        ("constant.mp4", Clip()),
        ("ntsc.mp4", Clip(time_base=Fraction(1001, 30000), rate=30)),
        ("one.mp4", Clip(frames=1)),
        ("late.mkv", Clip(stamps=[500 + 40 * n for n in range(24)], time_base=Fraction(1, 1000))),
        ("intra.mov", Clip(codec="mjpeg", pixels="yuvj420p")),
        ("planes.mp4", Clip(pixels="yuv444p")),
        ("odd.mp4", Clip(width=161, height=97, pixels="yuv444p")),
        ("ten.mp4", Clip(pixels="yuv420p10le")),
    ],
)
def test_every_frame_in_is_a_frame_out_with_its_own_time(tmp_path: Path, name: str, clip: Clip) -> None:
    source = clips.write(tmp_path / name, clip)
    made = composite(source, tmp_path / "c.mp4", scan(source).whole())
    judged = reader.frame_times(made.path)
    assert judged.times == reader.frame_times(source).times
    assert len(judged.times) == clip.frames == made.frames
    assert judged.complaints == []


def test_a_variable_rate_survives(tmp_path: Path) -> None:
    source = clips.variable_rate(tmp_path / "a.mp4", Clip(frames=40))
    made = composite(source, tmp_path / "c.mp4")
    assert reader.frame_times(made.path).times == reader.frame_times(source).times


def test_every_output_has_every_frame(tmp_path: Path) -> None:
    source = clips.variable_rate(tmp_path / "a.mp4")
    times = reader.frame_times(source).times
    result = everything(source, tmp_path)
    assert [(made.output, made.container) for made in result.outputs] == [
        (Output.COMPOSITE, "mp4"),
        (Output.MASK, "mp4"),
        (Output.FOREGROUND, "webm"),
    ]
    for made in result.outputs:
        judged = reader.frame_times(made.path).times
        assert len(judged) == len(times)
        # WebM counts in milliseconds, as this source does.
        assert judged == times


def test_the_person_is_kept_and_the_background_replaced(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4")
    made = composite(source, tmp_path / "c.mp4")
    before, after = (reader.rgb_frames(path, (160, 96)).astype(int) for path in (source, made.path))
    assert np.abs(after[:, :, :70] - before[:, :, :70]).mean() < 4
    assert np.abs(after[:, :, 90:] - [16, 180, 64]).max() < 12


def test_the_mask_is_grey_over_the_full_range(tmp_path: Path) -> None:
    everything(clips.write(tmp_path / "a.mp4"), tmp_path)
    mask = reader.rgb_frames(tmp_path / "m.mp4", (160, 96)).astype(int)
    assert np.ptp(mask, axis=3).max() <= 2
    assert mask[:, :, :70].min() > 250
    assert mask[:, :, 90:].max() < 5


def test_the_foreground_of_a_webm_carries_its_alpha(tmp_path: Path) -> None:
    everything(clips.write(tmp_path / "a.mp4"), tmp_path)
    frames = reader.rgba_frames(tmp_path / "f.webm", (160, 96), "libvpx-vp9")
    assert frames[:, :, :70, 3].min() > 235
    assert frames[:, :, 90:, 3].max() < 20


def test_the_foreground_of_a_prores_carries_its_alpha(tmp_path: Path) -> None:
    everything(clips.write(tmp_path / "a.mp4"), tmp_path, Encoding(foreground="prores"))
    frames = reader.rgba_frames(tmp_path / "f.mov", (160, 96))
    assert frames[:, :, :70, 3].min() > 250
    assert frames[:, :, 90:, 3].max() < 5
    assert "ap4h" in reader.description(tmp_path / "f.mov")


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "libopus"), ("a.mkv", "flac")])
def test_sound_is_copied_packet_by_packet(tmp_path: Path, name: str, codec: str) -> None:
    source = clips.write(tmp_path / name, Clip(frames=48, audio=codec))
    made = composite(source, tmp_path / "c.mp4", scan(source).whole())
    assert made.container == "mp4"
    assert reader.packet_hashes(made.path, "a") == reader.packet_hashes(source, "a")
    assert reader.frame_times(made.path).times == reader.frame_times(source).times


def test_subtitles_that_mp4_cannot_hold_make_the_result_mkv(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mkv", Clip(audio="aac", subtitles=True))
    made = composite(source, tmp_path / "c.mp4")
    assert (made.path.name, made.container) == ("c.mkv", "mkv")
    assert not (tmp_path / "c.mp4").exists()
    for kind in "as":
        assert reader.packet_hashes(made.path, kind) == reader.packet_hashes(source, kind)


def test_a_composite_that_is_asked_for_as_mkv_is_mkv(tmp_path: Path) -> None:
    made = composite(clips.write(tmp_path / "a.mp4"), tmp_path / "c.mkv")
    assert made.container == "mkv"
    assert "matroska" in reader.description(made.path)


def test_a_segment_has_its_frames_from_zero_and_no_sound(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(frames=40, audio="aac"))
    whole = reader.frame_times(source).times
    ticks = [int(moment * 12_288) for moment in whole]
    wanted = FrameRange(
        stream=0, time_base="1/12288", start_pts=ticks[10], end_pts=ticks[25], frames=15, first_pts=ticks[10]
    )
    made = composite(source, tmp_path / "c.mp4", wanted)
    assert reader.frame_times(made.path).times == [moment - whole[10] for moment in whole[10:25]]
    assert (made.first_pts, made.last_pts, made.frames) == (ticks[10], ticks[24], 15)
    assert "Audio" not in reader.description(made.path)


def test_rotation_is_carried_and_the_model_sees_the_picture_upright(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(rotation=90))
    segmenter = Halves((64, 64))
    made = composite(source, tmp_path / "c.mp4", segmenter=segmenter)
    assert "rotation of 90" in reader.description(made.path)
    # The ramp of red runs to the right as stored; turned by 90 degrees counter-clockwise it runs upwards.
    red = segmenter.seen[0][0]
    assert red[2].mean() - red[-3].mean() > 0.5
    # The upright left half is the stored upper half.
    before, after = (reader.rgb_frames(path, (160, 96)).astype(int) for path in (source, made.path))
    assert np.abs(after[:, :40] - before[:, :40]).mean() < 4
    assert np.abs(after[:, 56:] - [16, 180, 64]).max() < 12


def test_pixel_shape_and_colour_tags_are_carried(tmp_path: Path) -> None:
    clip = Clip(sar=Fraction(4, 3), colour=(2, 1, 1, 1))
    source = clips.write(tmp_path / "a.mp4", clip)
    text = reader.description(composite(source, tmp_path / "c.mp4").path)
    assert "SAR 4:3" in text
    assert "(pc, bt709" in text


def test_pixels_of_a_webm_foreground_are_made_square(tmp_path: Path) -> None:
    result = everything(clips.write(tmp_path / "a.mp4", Clip(sar=Fraction(4, 3))), tmp_path)
    assert [(made.width, made.height) for made in result.outputs] == [(160, 96), (160, 96), (213, 96)]
    frames = reader.rgba_frames(tmp_path / "f.webm", (213, 96), "libvpx-vp9")
    assert frames[:, :, :90, 3].min() > 235
    assert frames[:, :, 122:, 3].max() < 20


def test_an_untagged_source_gives_an_untagged_result(tmp_path: Path) -> None:
    text = reader.description(composite(clips.write(tmp_path / "a.mp4"), tmp_path / "c.mp4").path)
    assert "yuv420p(progressive)" in text


def test_colours_go_by_the_files_own_matrix_and_range(tmp_path: Path) -> None:
    for colour in ((1, 1, 1, 1), (2, 1, 1, 1), (1, 5, 5, 6), (2, 6, 6, 6), (1, 9, 9, 14)):
        source = clips.write(tmp_path / "a.mp4", Clip(frames=2, colour=colour))
        made = composite(source, tmp_path / "c.mp4")
        after = reader.rgb_frames(made.path, (160, 96)).astype(int)
        assert np.abs(after[:, :, 90:] - [16, 180, 64]).max() < 8, colour


def test_odd_sizes_repeat_their_last_row_and_column(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(width=161, height=97, pixels="yuv444p"))
    made = composite(source, tmp_path / "c.mp4", segmenter=Everything())
    assert (made.width, made.height) == (162, 98)
    after = reader.rgb_frames(made.path, (162, 98)).astype(int)
    assert np.abs(after[:, :, 161] - after[:, :, 160]).mean() < 6
    assert np.abs(after[:, 97] - after[:, 96]).mean() < 6


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(pixels="yuv420p10le"))
    made = composite(source, tmp_path / "c.mp4")
    assert "yuv420p10le" in reader.description(made.path)
    before, after = (reader.rgb_frames(path, (160, 96)).astype(int) for path in (source, made.path))
    assert np.abs(after[:, :, :70] - before[:, :, :70]).mean() < 4
    assert np.abs(after[:, :, 90:] - [16, 180, 64]).max() < 12


def test_the_result_says_what_lies_on_the_disk(tmp_path: Path) -> None:
    result = everything(clips.write(tmp_path / "a.mp4"), tmp_path / "out")
    for made in result.outputs:
        data = made.path.read_bytes()
        assert (made.size, made.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert (made.frames, made.first_pts, made.last_pts) == (24, 0, 11776)
        assert made.duration == pytest.approx(1.0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["c.mp4", "f.webm", "m.mp4"]
    assert result.frames == 24
    assert 0 < result.first_frame_s <= result.total_s


def test_the_same_task_gives_the_same_parameter_sets(tmp_path: Path) -> None:
    one, other = (clips.write(tmp_path / f"{name}.mp4", Clip(frames=n)) for name, n in (("a", 12), ("b", 30)))
    hashes = {composite(source, tmp_path / "c.mp4").extradata_sha256 for source in (one, other)}
    assert len(hashes) == 1
    assert None not in hashes


def test_a_composite_can_be_played_while_it_is_loaded(tmp_path: Path) -> None:
    data = composite(clips.write(tmp_path / "a.mp4"), tmp_path / "c.mp4").path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_progress_counts_frames_and_ends_with_all_of_them(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4")
    told: list[Progress] = []
    spec = RunSpec(source, GREEN, {Output.COMPOSITE: tmp_path / "c.mp4"}, range=scan(source).whole())
    run(spec, Halves(), told.append, lambda: False)
    assert (told[-1].stage, told[-1].done, told[-1].total) == ("process", 24, 24)
    assert [step.frames_done for step in told] == sorted(step.frames_done for step in told)


def test_a_cancelled_run_ends_within_three_seconds_and_leaves_nothing(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(frames=200))
    segmenter = Stuck()
    spec = RunSpec(source, GREEN, {Output.COMPOSITE: tmp_path / "out" / "c.mp4"})
    before, began = set(threading.enumerate()), time.monotonic()
    with pytest.raises(Cancelled):
        run(spec, segmenter, lambda progress: None, segmenter.working.is_set)
    assert time.monotonic() - began < busy(3)
    assert list((tmp_path / "out").iterdir()) == []
    assert set(threading.enumerate()) <= before


def test_an_error_in_the_callers_progress_ends_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(frames=200))

    def explode(progress: Progress) -> None:
        raise RuntimeError("the caller's own")

    spec = RunSpec(source, GREEN, {Output.COMPOSITE: tmp_path / "out" / "c.mp4"})
    with pytest.raises(RuntimeError, match="the caller's own"):
        run(spec, Stuck(), explode, lambda: False)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_result_that_stood_there_before_survives_a_failed_run(tmp_path: Path) -> None:
    target = tmp_path / "c.mp4"
    composite(clips.write(tmp_path / "a.mp4"), target)
    before = target.read_bytes()
    with pytest.raises(Exception, match="breaks"):
        composite(clips.broken_in_the_middle(tmp_path / "b.mp4"), target)
    assert target.read_bytes() == before
