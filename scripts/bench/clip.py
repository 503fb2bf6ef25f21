"""A tiny real video, so that uploads and artifacts of a benchmark are real files."""

import io

import av
from av.video.frame import VideoFrame

FRAMES = 12


def tiny_clip() -> bytes:
    """12 frames of 64x48 at 24 a second, H.264 in mp4."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(FRAMES):
            frame = VideoFrame(64, 48, "yuv420p")
            for plane, value in zip(frame.planes, (20 * index % 256, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
