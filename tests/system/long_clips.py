"""Videos that keep a node busy for seconds and are made in a moment: one short clip's packets, many times over."""

from pathlib import Path
from typing import NamedTuple

import av

from tests import clips
from tests.clips import Clip


class _Entry(NamedTuple):
    """A packet's bytes with its times in ticks of its stream."""

    data: bytes
    pts: int
    dts: int
    duration: int
    is_key: bool


def repeated(path: Path, times: int, clip: Clip) -> Path:
    """An mp4 that shows `clip` so many times, every frame with its own timestamp."""
    once = clips.write(path.with_name(f"once-{path.name}"), clip)
    with av.open(str(once)) as source, av.open(str(path), "w", options={"movflags": "+faststart"}) as target:
        track = source.streams.video[0]
        tick = track.time_base
        assert tick is not None
        entries = [
            _Entry(bytes(packet), packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe)
            for packet in source.demux(track)
            if packet.pts is not None and packet.dts is not None
        ]
        stream = target.add_stream_from_template(track)
        stream.time_base = tick
        length = max(entry.pts + entry.duration for entry in entries)
        for turn in range(times):
            for entry in entries:
                packet = av.Packet(entry.data)
                packet.stream, packet.time_base = stream, tick
                packet.pts, packet.dts = entry.pts + turn * length, entry.dts + turn * length
                packet.duration, packet.is_keyframe = entry.duration, entry.is_key
                target.mux_one(packet)
    once.unlink()
    return path
