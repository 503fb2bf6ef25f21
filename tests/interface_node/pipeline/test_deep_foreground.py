"""Foregrounds of 10-bit sources: no bit is lost before the encoder, and ProRes keeps them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from interface_node.pipeline.background import behind
from interface_node.pipeline.compositor import Compositor
from interface_node.pipeline.frames import Colour, Geometry, planes
from interface_node.pipeline.spec import Plain
from protocol.states import Output
from protocol.work import Encoding
from tests import clips
from tests import independent_reader as reader
from tests.clips import Clip
from tests.interface_node.pipeline.segments import Task

SIZE = (160, 96)


def test_a_foreground_is_as_deep_as_its_source_and_opaque_where_the_person_is() -> None:
    geometry = Geometry(*SIZE, 0, None, None, "yuv420p10le", Colour(1, 9, 9, 16))
    frame = av.VideoFrame.from_ndarray(clips.picture(*SIZE, 0), "rgb24").reformat(format="yuv420p10le")
    frame.pts, frame.time_base = 0, Fraction(1, 24)
    compositor = Compositor(geometry, behind(Plain(0, 0, 0), geometry), frozenset({Output.FOREGROUND}))
    mask = np.zeros((64, 64), np.uint8)
    mask[:, :32] = 255
    made = planes(compositor.compose(frame, mask)[Output.FOREGROUND])
    for one, other in zip(made[:3], planes(frame), strict=True):
        assert np.array_equal(one, other)
    assert (made[3][:, :70].min(), made[3][:, 90:].max()) == (1023, 0)


@pytest.mark.parametrize(("kept", "pixels"), [("vp9", "yuv420p"), ("prores", "yuva444p1")])
def test_the_alpha_of_a_deep_source_is_kept_by_both_codecs(tmp_path: Path, kept: str, pixels: str) -> None:
    source = clips.write(tmp_path / "a.mp4", Clip(codec="libx265", pixels="yuv420p10le", colour=(1, 9, 9, 16)))
    encoding = Encoding.model_validate({"foreground": kept})
    (made,) = Task(source, tmp_path, (Output.FOREGROUND,), encoding).run("single")
    decoder = "libvpx-vp9" if kept == "vp9" else None
    alpha = reader.rgba_frames(made.path, SIZE, decoder)[..., 3]
    assert alpha[:, :, :70].min() > 235
    assert alpha[:, :, 90:].max() < 20
    assert pixels in reader.description(made.path)
