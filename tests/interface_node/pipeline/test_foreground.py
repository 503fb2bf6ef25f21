"""At the edge the person gets the colours that were there before a camera mixed them with the background's."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.pipeline.compositor import Compositor
from interface_node.pipeline.foreground import decontaminated
from interface_node.pipeline.frames import Colour, Geometry, Plane, planes
from interface_node.pipeline.image import ImageSpec, run_image
from interface_node.pipeline.spec import Plain
from interface_node.pipeline.still import encode_picture, read_picture
from protocol.states import Output
from protocol.work import Refinement
from tests.fakes.segmenters import Halves

Bytes = NDArray[np.uint8]


class Scene(NamedTuple):
    """Planes as a camera sees them, the person's own, and the mask in the size of each."""

    seen: tuple[Plane, ...]
    own: tuple[Plane, ...]
    masks: list[Bytes]


def disc(height: int, width: int) -> Bytes:
    """A person with a soft edge some ten pixels wide."""
    mask = np.zeros((height, width), np.uint8)
    cv2.circle(mask, (width // 2, height // 2), height // 4, 255, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 3), np.uint8)


def coded(values: NDArray[np.float64], deep: bool) -> Plane:
    """0..1 as 10 or 8 bits."""
    return np.rint(values * 1023).astype(np.uint16) if deep else np.rint(values * 255).astype(np.uint8)


def scene(height: int = 180, width: int = 240, deep: bool = False) -> Scene:
    """A striped person before a background that grows lighter; chroma at half size."""
    seen, own, masks = list[Plane](), list[Plane](), list[Bytes]()
    for index, (person, left, right) in enumerate(((0.3, 0.6, 0.95), (0.65, 0.3, 0.4), (0.4, 0.6, 0.7))):
        rows, columns = (height, width) if index == 0 else ((height + 1) // 2, (width + 1) // 2)
        mask = np.asarray(cv2.resize(disc(height, width), (columns, rows), interpolation=cv2.INTER_LINEAR), np.uint8)
        stripes = person + 0.04 * np.sin(np.arange(rows) / rows * 60)[:, None] * np.ones((1, columns))
        behind = np.linspace(left, right, columns)[None, :] * np.ones((rows, 1))
        alpha = mask / 255
        own.append(coded(stripes, deep))
        seen.append(coded(alpha * stripes + (1 - alpha) * behind, deep))
        masks.append(mask)
    return Scene(tuple(seen), tuple(own), masks)


def wrong(made: Plane, own: Plane, mask: Bytes) -> float:
    """The mean error of the person's colour where the mask is half transparent, 0..1."""
    soft = (mask > 50) & (mask < 205)
    peak = 1023 if own.dtype == np.uint16 else 255
    return float(np.abs(made.astype(np.float64) - own)[soft].mean()) / peak


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "10 bits"])
@pytest.mark.parametrize(("height", "width"), [(180, 240), (97, 161), (720, 1280)])
def test_the_person_has_its_own_colours_where_the_background_shone_through(height: int, width: int, deep: bool) -> None:
    made = scene(height, width, deep)
    found = decontaminated(made.seen, made.masks)
    for plane, seen, own, mask in zip(found, made.seen, made.own, made.masks, strict=True):
        assert (plane.shape, plane.dtype) == (own.shape, own.dtype)
        assert wrong(plane, own, mask) < wrong(seen, own, mask) / 4


def test_what_is_the_persons_alone_stays_as_it_is_and_nothing_is_changed_in_place() -> None:
    made = scene()
    before = [plane.copy() for plane in made.seen]
    found = decontaminated(made.seen, made.masks)
    for plane, seen, copy, mask in zip(found, made.seen, before, made.masks, strict=True):
        assert np.array_equal(seen, copy)
        assert np.array_equal(plane[mask == 255], seen[mask == 255])


@pytest.mark.parametrize("value", [0, 255])
def test_without_a_soft_edge_there_is_nothing_to_do(value: int) -> None:
    made = scene()
    found = decontaminated(made.seen, [np.full_like(mask, value) for mask in made.masks])
    assert all(plane is seen for plane, seen in zip(found, made.seen, strict=True))


def test_a_tiny_picture_is_no_trouble() -> None:
    made = scene(8, 6)
    assert [plane.shape for plane in decontaminated(made.seen, made.masks)] == [(8, 6), (4, 3), (4, 3)]


@pytest.mark.parametrize("wanted", [False, True])
def test_foreground_and_composite_have_them_only_when_asked(wanted: bool) -> None:
    made = scene()
    geometry = Geometry(240, 180, 0, None, None, "yuv420p", Colour(1, 1, 1, 1))
    frame = VideoFrame(240, 180, "yuv420p")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    for target, plane in zip(planes(frame), made.seen, strict=True):
        target[:] = plane
    outputs = frozenset({Output.COMPOSITE, Output.FOREGROUND})
    compositor = Compositor(geometry, lambda source, masks, pts: made.own, outputs, decontaminate=wanted)
    found = compositor.compose(frame, made.masks[0])
    plain = wrong(made.seen[0], made.own[0], made.masks[0])
    assert (wrong(planes(found[Output.FOREGROUND])[0], made.own[0], made.masks[0]) < plain / 4) == wanted
    # Over a background of the person's own colours little of the old one is to be seen.
    assert (wrong(planes(found[Output.COMPOSITE])[0], made.own[0], made.masks[0]) < plain / 10) == wanted


class Disc(Halves):
    """Knows where the person is."""

    def alpha(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """The disc."""
        width, height = self.size
        return disc(height, width).astype(np.float32) / np.float32(255)


def test_a_still_has_them_too(tmp_path: Path) -> None:
    mask = disc(96, 160)
    alpha, person, behind = mask[:, :, None] / 255, np.array([200, 90, 40]), np.array([20, 200, 220])
    (tmp_path / "a.png").write_bytes(
        encode_picture(np.rint(alpha * person + (1 - alpha) * behind).astype(np.uint8), "png")
    )
    errors = []
    for wanted in (False, True):
        outputs = {Output.FOREGROUND: tmp_path / "f.png"}
        spec = ImageSpec(tmp_path / "a.png", Plain(0, 0, 0), outputs, refinement=Refinement(decontaminate=wanted))
        run_image(spec, Disc((160, 96)), lambda step: None, lambda: False)
        found = read_picture(tmp_path / "f.png")
        assert np.array_equal(found[:, :, 3], mask)
        errors.append(np.abs(found[:, :, :3] - person.astype(np.float64))[(mask > 50) & (mask < 205)].mean())
    assert errors[1] < errors[0] / 4
