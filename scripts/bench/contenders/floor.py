"""The floor: decode and encode through PyAV as our pipeline does, and nothing between.

python -m scripts.bench.contenders.floor CLIP BACKGROUND RESULT
"""

import json
import os
import sys
import time
from fractions import Fraction
from typing import Final

import av
from av.video.stream import VideoStream

OPTIONS: Final = {"preset": "veryfast", "crf": "23"}
THREADS: Final = 2


def main() -> None:
    """Transcode."""
    clip, _, result = sys.argv[1:]
    began, cpu = time.perf_counter(), time.process_time()
    frames = transcode(clip, result)
    spent = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    print(json.dumps({"frames": frames, **spent}))


def transcode(clip: str, result: str) -> int:
    """The number of frames that were decoded and encoded."""
    frames = 0
    with av.open(clip) as source, av.open(result, "w") as target:
        track = source.streams.video[0]
        track.thread_type = "AUTO" if (os.cpu_count() or 1) > 4 else "NONE"
        stream = target.add_stream("libx264", rate=track.average_rate, options=OPTIONS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = track.width, track.height, "yuv420p"
        stream.codec_context.thread_count = THREADS
        stream.codec_context.time_base = stream.time_base = track.time_base or Fraction(1)
        for frame in source.decode(track):
            frame.pict_type = 0
            target.mux(stream.encode(frame))
            frames += 1
        target.mux(stream.encode(None))
    return frames


if __name__ == "__main__":
    main()
