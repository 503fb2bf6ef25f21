"""A tiny real video, so that uploads and artifacts of a benchmark are real files."""

import io
from fractions import Fraction

import av
from av.video.frame import VideoFrame

FRAMES = 12


def tiny_clip(rate: int = 24) -> bytes:
    """12 frames of 64x48 at `rate` a second, H.264 in mp4."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(FRAMES):
            frame = VideoFrame(64, 48, "yuv420p")
            for plane, value in zip(frame.planes, (20 * index % 256, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def looped(clip: bytes, times: int) -> bytes:
    """The packets of a clip that begins with a keyframe and has no B-frames, so many times one after the other."""
    file = io.BytesIO()
    with av.open(io.BytesIO(clip), "r") as source, av.open(file, "w", format="mp4") as target:
        track = source.streams.video[0]
        stream = target.add_stream_from_template(track)
        stream.time_base = track.time_base or Fraction(1, 1)
        packets = [packet for packet in source.demux(track) if packet.pts is not None]
        tick = packets[1].pts - packets[0].pts if packets[0].pts is not None and packets[1].pts is not None else 0
        for number, packet in enumerate(packets * times):
            copy = av.Packet(bytes(packet))
            copy.stream, copy.time_base = stream, stream.time_base
            copy.pts = copy.dts = number * tick
            copy.duration, copy.is_keyframe = tick, packet.is_keyframe
            target.mux_one(copy)
    return file.getvalue()
