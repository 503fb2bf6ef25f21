"""The video that people submit in a fault run: cheap to make, seconds of work, several segments."""

from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame

WIDTH, HEIGHT, RATE = 640, 360, 24
FRAMES = 480
KEYFRAME_EVERY = 24


def write(path: Path, frames: int = FRAMES) -> Path:
    """Stripes that move, H.264 in mp4."""
    pattern = bytes(abs(2 * (value % 256) - 255) for value in range(4 * WIDTH))
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "g": str(KEYFRAME_EVERY)}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
            for plane in frame.planes:
                row = pattern[5 * number % WIDTH :][: plane.line_size]
                plane.update(row * plane.height)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds after the first."""
    with av.open(str(path), "r") as container:
        track = container.streams.video[0]
        base = track.time_base or Fraction(1, 1)
        stamps = sorted(packet.pts for packet in container.demux(track) if packet.pts is not None)
    return [(stamp - stamps[0]) * base for stamp in stamps]
