"""A clip for trying speeds: something like a person that moves before something like a room, with a camera's noise."""

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from interface_node.pipeline.frames import planes

RATE: Final = 24
_NOISES: Final = 7


def write(path: Path, width: int, height: int, frames: int) -> Path:
    """`frames` frames of H.264 in mp4, 24 a second, the same every time; sides must be even."""
    random = np.random.default_rng(1)
    room = cv2.resize(random.integers(40, 200, (9, 16)).astype(np.float32), (width, height))
    noises = [random.normal(0, 3, (height, width)).astype(np.float32) for _ in range(_NOISES)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "20"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            picture = room + noises[number % _NOISES]
            x = round(width * (0.5 + 0.1 * np.sin(number / RATE)))
            cv2.ellipse(picture, (x, height), (width // 6, height * 2 // 3), 0, 0, 360, (70.0,), -1)
            cv2.circle(picture, (x, height // 3), height // 7, (170.0,), -1)
            frame = VideoFrame(width, height, "yuv420p")
            luma, *chroma = planes(frame)
            luma[:] = np.clip(picture, 16, 235)
            for plane, value in zip(chroma, (118, 136), strict=True):
                plane[:] = value
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
