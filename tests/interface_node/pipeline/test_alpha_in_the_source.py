"""Sources that are transparent somewhere: there the background is seen, whoever the model says is there."""

from pathlib import Path

import av
import numpy as np
import pytest

from protocol.states import Output
from tests import independent_reader as reader
from tests.fakes.segmenters import Everything
from tests.interface_node.pipeline.segments import GREEN, Task

SIZE = (160, 96)


def half_there(path: Path, codec: str, pixels: str) -> Path:
    """Twelve grey frames, of which only the upper half is there."""
    rgba = np.full((SIZE[1], SIZE[0], 4), 128, np.uint8)
    rgba[: SIZE[1] // 2, :, 3], rgba[SIZE[1] // 2 :, :, 3] = 255, 0
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=24)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixels
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(rgba, "rgba").reformat(format=pixels)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("codec", "pixels"), [("prores_ks", "yuva444p10le"), ("qtrle", "argb"), ("png", "rgba")])
def test_the_background_is_seen_through_the_holes_of_the_source(tmp_path: Path, codec: str, pixels: str) -> None:
    source = half_there(tmp_path / "a.mov", codec, pixels)
    task = Task(source, tmp_path, (Output.COMPOSITE, Output.MASK), model=Everything)
    composite, mask = task.run("single")
    seen = reader.rgb_frames(composite.path, SIZE).astype(int)
    assert abs(seen[:, :40] - 128).max() < 16
    assert abs(seen[:, 56:] - [GREEN.red, GREEN.green, GREEN.blue]).max() < 16
    shown = reader.rgb_frames(mask.path, SIZE).astype(int)
    assert (shown[:, :40].min(), shown[:, 56:].max()) == (255, 0)
