"""From frames to their masks, with what is wanted beyond the model's own."""

from collections.abc import Iterable, Iterator

from interface_node.pipeline.holes import filled
from interface_node.pipeline.segmenter import FrameSegmenter
from interface_node.pipeline.smoothing import Seen, smoothed
from interface_node.pipeline.source import Shown
from protocol.work import Refinement


def masks(frames: Iterable[Shown], segmenter: FrameSegmenter, refinement: Refinement) -> Iterator[Seen]:
    """Every frame with its mask at the model's size, holes filled and smoothed as wanted; edges come later."""
    seen = (_seen(frame, segmenter, refinement.holes) for frame in frames)
    return smoothed(seen) if refinement.smooth else seen


def _seen(shown: Shown, segmenter: FrameSegmenter, holes: bool) -> Seen:
    small = segmenter.shrunk(shown.frame)
    alpha = segmenter.alpha_of(small)
    return Seen(shown.frame, shown.own, filled(alpha) if holes else alpha, small)
