"""Files that are not what they say are refused with a reason, and cost no worker."""

import random
import struct
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import av
import pytest

from coordinator.errors import CoordinatorError, MediaError
from coordinator.gateway.probe.pool import ProbePool
from tests import clips
from tests.clips import Clip

pytestmark = pytest.mark.anyio
Make = Callable[[Path], Path]


def _bytes(content: bytes) -> Make:
    def make(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def _playlist(path: Path) -> Path:
    return clips.playlist(path, clips.write(path.with_name("neighbour.mp4")))


def _long(path: Path) -> Path:
    """Two frames, more than four hours apart."""
    return clips.write(path, Clip(frames=2, rate=1, stamps=[0, 14_401], bframes=0))


def _many_streams(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as output:
        streams = [output.add_stream("mpeg4", rate=10) for _ in range(17)]
        for stream in streams:
            stream.width, stream.height = 32, 32
        for stream in streams:
            frame = av.VideoFrame(32, 32, "yuv420p")
            output.mux([*stream.encode(frame), *stream.encode(None)])
    return path


def _too_wide(path: Path) -> Path:
    return clips.write(path, Clip(width=8_448, height=32, frames=2, bframes=0))


def _png(width: int, height: int) -> bytes:
    """A whole PNG, one bit a pixel, of nothing but zeros: huge pictures are small files."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


async def _code_of(probe: Callable[[Path], Awaitable[object]], path: Path) -> str:
    with pytest.raises(CoordinatorError) as refused:
        await probe(path)
    return refused.value.code


VIDEOS: dict[str, tuple[Make, str]] = {
    "empty": (_bytes(b""), "empty_file"),
    "text": (_bytes(b"This is not a video.\n" * 50), "not_a_video"),
    "zeros": (_bytes(bytes(100_000)), "not_a_video"),
    "a fake head": (_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"#!/bin/sh\n" * 100), "broken_media"),
    "matroska's head": (_bytes(b"\x1a\x45\xdf\xa3" + bytes(1000)), "broken_media"),
    "concat script": (_playlist, "unsupported_container"),
    "m3u8": (_bytes(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n"), "unsupported_container"),
    "dash": (
        _bytes(b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>'),
        "unsupported_container",
    ),
    "gif": (
        _bytes(b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"),
        "not_a_video",
    ),
    "picture": (lambda path: path.rename(clips.still(path.with_suffix(".png")).replace(path)), "not_a_video"),
    "sound": (clips.sound_only, "not_a_video"),
    "no frames": (clips.without_frames, "no_frames"),
    "cut off": (clips.truncated, "broken_media"),
    "too long": (_long, "media_too_long"),
    "too wide": (_too_wide, "media_too_large"),
    "many streams": (_many_streams, "too_many_streams"),
}


@pytest.mark.parametrize("what", VIDEOS)
async def test_what_is_no_acceptable_video_is_refused(pool: ProbePool, tmp_path: Path, what: str) -> None:
    make, code = VIDEOS[what]
    assert await _code_of(pool.video, make(tmp_path / "renamed.mp4")) == code


BACKGROUNDS: dict[str, tuple[Make, str]] = {
    "empty": (_bytes(b""), "empty_file"),
    "text": (_bytes(b"hello\n"), "not_an_image"),
    "gif": (VIDEOS["gif"][0], "not_an_image"),
    "svg": (
        _bytes(b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'),
        "not_an_image",
    ),
    "concat script": (_playlist, "unsupported_container"),
    "a bomb by its header": (lambda path: clips.huge_png(path.with_suffix(".png")), "media_too_large"),
    "a whole bomb": (_bytes(_png(30_000, 30_000)), "media_too_large"),
    "too many pixels": (_bytes(_png(8_100, 8_100)), "media_too_large"),
    "a head only": (_bytes(b"\x89PNG\r\n\x1a\n"), "broken_media"),
    "jpeg's head": (_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF"), "broken_media"),
    "webp's head": (_bytes(b"RIFF\x10\0\0\0WEBPVP8 "), "broken_media"),
    "animated webp": (_bytes(b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\x02" + bytes(20)), "not_an_image"),
    "no pixels": (_bytes(_png(0, 10)), "broken_media"),
}


@pytest.mark.parametrize("what", BACKGROUNDS)
async def test_what_is_no_acceptable_background_is_refused(pool: ProbePool, tmp_path: Path, what: str) -> None:
    make, code = BACKGROUNDS[what]
    assert await _code_of(pool.background, make(tmp_path / "renamed.png")) == code


async def test_the_largest_accepted_still_is_read(pool: ProbePool, tmp_path: Path) -> None:
    path = _bytes(_png(8_192, 7_812))(tmp_path / "large.png")
    facts = (await pool.image(path)).facts
    assert (facts.width, facts.height) == (8_192, 7_812)


async def test_a_cut_off_picture_is_refused(pool: ProbePool, tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".webp"):
        path = clips.still(tmp_path / f"cut{suffix}")
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 2 // 3])
        assert await _code_of(pool.image, path) == "broken_media"


async def test_a_video_is_no_still(pool: ProbePool, tmp_path: Path) -> None:
    assert await _code_of(pool.image, clips.write(tmp_path / "clip.mp4")) == "not_an_image"


async def test_a_playlist_does_not_reach_its_neighbour(pool: ProbePool, tmp_path: Path) -> None:
    """The same bytes are opened by an FFmpeg that is not told better."""
    path = _playlist(tmp_path / "script.mp4")
    with av.open(str(path)) as container:
        assert container.format.name == "concat"
    assert await _code_of(pool.video, path) == "unsupported_container"


async def test_damage_in_the_middle_is_not_seen_without_decoding(pool: ProbePool, tmp_path: Path) -> None:
    """What breaks in mid-decode is the node's to find; here it has an honest index and a good first frame."""
    facts = (await pool.video(clips.broken_in_the_middle(tmp_path / "broken.mp4"))).facts
    assert facts.frames == 48


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".png", ".jpg", ".webp"])
async def test_no_damage_costs_a_worker(pool: ProbePool, tmp_path: Path, suffix: str) -> None:
    """Bytes are changed, mostly in the head; the module's worker must answer every time."""
    is_still = suffix in {".png", ".jpg", ".webp"}
    make = clips.still if is_still else clips.write
    whole = make(tmp_path / f"whole{suffix}").read_bytes()
    chance, path = random.Random(suffix), tmp_path / "damaged"
    accepted = 0
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 5, 50))):
            data[chance.randrange(min(chance.choice((400, 1 << 20)), len(data)))] = chance.randrange(256)
        path.write_bytes(data[: chance.choice((len(data), chance.randrange(1, len(data))))])
        with suppress(MediaError):
            await pool.background(path)
            accepted += 1
    assert accepted < 40
