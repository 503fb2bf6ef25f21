"""Files that are made to hurt who reads them."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import av
from av.video.stream import VideoStream

from tests import clips
from tests.clips import Clip

Make = Callable[[Path, int], Path]
"""Writes the file at a path; what it names of the network is a port of this machine."""


def _text(content: str) -> Make:
    def make(path: Path, port: int) -> Path:
        neighbour = clips.write(path.with_name("neighbour.mp4"))
        path.write_text(content.format(port=port, neighbour=neighbour, name=neighbour.name), encoding="utf-8")
        return path

    return make


NAMING: Final[dict[str, Make]] = {
    "ffconcat, relative": _text("ffconcat version 1.0\nfile '{name}'\n"),
    "ffconcat, absolute": _text("ffconcat version 1.0\nfile '{neighbour}'\n"),
    "hls, file": _text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{neighbour}\n#EXT-X-ENDLIST\n"),
    "hls, network": _text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"
    ),
    "sdp": _text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    ),
    "dash": _text(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" profiles="x"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="1"><BaseURL>http://127.0.0.1:{port}/a.mp4</BaseURL>'
        '<SegmentBase indexRange="0-1"/></Representation></AdaptationSet></Period></MPD>'
    ),
    "vobsub": _text(
        "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 0\n"
    ),
    "srt": _text("1\n00:00:00,000 --> 00:00:01,000\nfile://{neighbour}\n"),
    "rtsp": _text("[Reference]\nRef1=http://127.0.0.1:{port}/a.asf\n"),
    "svg": _text('<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:{port}/a.png"/></svg>'),
}
"""Scripts, playlists and descriptions that name another file or a place of the network."""


def other_codec(path: Path) -> Path:
    """A screen recording of the nineties: a decoder that is there and is not for strangers."""
    return clips.write(path, Clip(codec="zmbv", pixels="bgr0", frames=4))


def many_streams(path: Path, count: int) -> Path:
    """An mp4 with so many videos."""
    with av.open(str(path), "w", format="mp4") as output:
        streams = [output.add_stream("mpeg4", rate=10) for _ in range(count)]
        for stream in streams:
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = 16, 16
            stream.codec_context.thread_count = 1
        for stream in streams:
            frame = av.VideoFrame(16, 16, "yuv420p")
            assert isinstance(stream, VideoStream)
            output.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def changes_size(path: Path) -> Path:
    """A transport stream of 12 frames of 160 x 96, and then 12 of 320 x 192."""
    parts = [clips.write(path.with_name(f"{n}.ts"), Clip(frames=12, width=160 * n, height=96 * n)) for n in (1, 2)]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def years(path: Path) -> Path:
    """Three frames, the last one some years later."""
    return clips.write(path, Clip(frames=3, rate=1, stamps=[0, 1, 90_000_000], bframes=0))


def repeated(path: Path, count: int) -> Path:
    """An mp4 of some kilobytes whose index says that it has `count` pictures of one byte."""
    clips.write(path, Clip(frames=4, bframes=0))
    data = bytearray(path.read_bytes())
    for name, offset, number in ((b"stsz", 8, 1), (b"stsz", 12, count), (b"stts", 12, count), (b"stsc", 16, count)):
        struct.pack_into(">I", data, data.index(name) + offset, number)
    path.write_bytes(data)
    return path


def bomb_inside(path: Path) -> Path:
    """A mov that says 160 x 96, with a PNG in it that says 30000 x 30000."""
    clips.write(path, Clip(codec="png", pixels="rgb24", frames=1))
    data = bytearray(path.read_bytes())
    struct.pack_into(">II", data, data.index(b"IHDR") + 4, 30_000, 30_000)
    path.write_bytes(data)
    return path
