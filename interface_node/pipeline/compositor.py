"""Putting the person over the background, on YUV planes, with OpenCV's saturating arithmetic."""

from collections.abc import Sequence

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from interface_node.pipeline.background import Behind
from interface_node.pipeline.blend import blend
from interface_node.pipeline.edges import refined
from interface_node.pipeline.foreground import decontaminated
from interface_node.pipeline.frames import Colour, Geometry, Plane, blank, even, opacity, planes, repeat_edges
from interface_node.pipeline.stretching import Canvas
from protocol.states import Output


class Compositor:
    """Makes the frames of every wanted output from one frame and its mask; each instance belongs to one thread."""

    def __init__(
        self,
        geometry: Geometry,
        behind: Behind,
        outputs: frozenset[Output],
        edges: bool = False,
        decontaminate: bool = False,
    ) -> None:
        self._geometry = geometry
        self._behind = behind
        self._outputs = outputs
        self._edges = edges
        self._decontaminate = decontaminate and outputs != {Output.MASK}
        self._rest: list[Plane] = []
        self._canvases: list[Canvas] = []

    def compose(self, frame: VideoFrame, alpha: NDArray[np.uint8]) -> dict[Output, VideoFrame]:
        """`frame` in the working format, `alpha: uint8` of the model's size -> a frame for each output, same pts."""
        source = planes(frame)
        there = opacity(frame)
        alpha = refined(alpha, source[0]) if self._edges else alpha
        self._canvases = self._canvases or [Canvas(plane.shape) for plane in source[:2]]
        luma, chroma = (_held(canvas.stretched(alpha), there) for canvas in self._canvases)
        masks = [luma, chroma, chroma]
        front = decontaminated(source, masks) if self._decontaminate else source
        made: dict[Output, VideoFrame] = {}
        if Output.COMPOSITE in self._outputs:
            behind = self._behind(source, masks, frame.pts or 0)
            made[Output.COMPOSITE] = self._composite(front, behind, masks)
        if Output.MASK in self._outputs:
            made[Output.MASK] = self._mask(masks[0])
        if Output.FOREGROUND in self._outputs:
            made[Output.FOREGROUND] = self._foreground(front, masks[0])
        for result in made.values():
            result.pts, result.time_base, result.duration = frame.pts, frame.time_base, frame.duration
        return made

    def _composite(
        self, front: tuple[Plane, ...], behind: Sequence[Plane], masks: list[NDArray[np.uint8]]
    ) -> VideoFrame:
        geometry = self._geometry
        result = _even_frame(geometry, geometry.pixels, geometry.colour)
        self._rest = self._rest or [np.empty_like(plane) for plane in front]
        for index, target in enumerate(planes(result)):
            height, width = front[index].shape
            here = self._canvases[min(index, 1)].here
            blend(front[index], behind[index], masks[index], self._rest[index], target[:height, :width], here)
            repeat_edges(target, width, height)
        return result

    def _mask(self, mask: NDArray[np.uint8]) -> VideoFrame:
        """Grey over the full range 0..255: a player that ignores the tag still shows black as black."""
        colour = Colour(2, self._geometry.colour.space, self._geometry.colour.primaries, self._geometry.colour.transfer)
        result = _even_frame(self._geometry, "yuv420p", colour)
        luma, *chroma = planes(result)
        height, width = mask.shape
        luma[:height, :width] = mask
        repeat_edges(luma, width, height)
        for plane in chroma:
            plane[:] = 128
        return result

    def _foreground(self, front: tuple[Plane, ...], mask: NDArray[np.uint8]) -> VideoFrame:
        """As deep as the source, for the codecs that are."""
        geometry = self._geometry
        deep = geometry.pixels == "yuv420p10le"
        alpha: Plane = np.asarray(mask.astype(np.uint16) * 257 >> 6, np.uint16) if deep else mask
        result = blank(geometry.width, geometry.height, geometry.pixels.replace("yuv", "yuva"), geometry.colour)
        for target, plane in zip(planes(result), (*front, alpha), strict=True):
            target[:] = plane
        return result


def _even_frame(geometry: Geometry, pixels: str, colour: Colour) -> VideoFrame:
    return blank(even(geometry.width), even(geometry.height), pixels, colour)


def sized(alpha: NDArray[np.uint8], plane: Plane) -> NDArray[np.uint8]:
    """`alpha: uint8` of any size at the size of a plane, `uint8 [h, w]`."""
    height, width = plane.shape
    return np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _held(mask: NDArray[np.uint8], there: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """The mask where the source is there: through its own holes the background is seen, too."""
    if there is None:
        return mask
    height, width = mask.shape
    sized = cv2.resize(there, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.multiply(mask, sized, scale=1 / 255), np.uint8)
