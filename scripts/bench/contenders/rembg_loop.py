"""rembg's Python API with our default model: `remove` for every frame, the cut-out pasted over the background.

PyAV reads and writes. Runs in an environment of its own, so it imports nothing of ours.

    python rembg_loop.py CLIP BACKGROUND RESULT MODEL
"""

import importlib
import json
import sys
import time
from typing import Any

import av
import numpy as np

ort: Any = importlib.import_module("onnxruntime")
Image: Any = importlib.import_module("PIL.Image")
rembg: Any = importlib.import_module("rembg")


class Selfie:
    """Stands where rembg's own sessions stand, and prepares the picture as they do: 256x256, RGB 0..1."""

    def __init__(self, model: str) -> None:
        self._session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def predict(self, img: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """The mask as a grey picture of the same size."""
        small = np.asarray(img.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS))
        picture = (small / 255).transpose(2, 0, 1)[None].astype(np.float32)
        mask = self._session.run(None, {self._input: picture})[0].reshape(256, 256)
        grey = Image.fromarray((mask * 255).astype(np.uint8), mode="L")
        return [grey.resize(img.size, Image.Resampling.LANCZOS)]


def main() -> None:
    """Replace the background of the clip."""
    clip, picture, result, model = sys.argv[1:]
    began, cpu = time.perf_counter(), time.process_time()
    frames = loop(clip, picture, result, Selfie(model))
    spent = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    print(json.dumps({"frames": frames, **spent}))


def loop(clip: str, picture: str, result: str, session: Any) -> int:
    """The number of frames that were made."""
    frames = 0
    with av.open(clip) as source, av.open(result, "w") as target:
        track = source.streams.video[0]
        background = Image.open(picture).convert("RGB").resize((track.width, track.height))
        stream: Any = target.add_stream("libx264", rate=track.average_rate, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = track.width, track.height, "yuv420p"
        stream.codec_context.thread_count = 2
        for frame in source.decode(track):
            cut = rembg.remove(Image.fromarray(frame.to_ndarray(format="rgb24")), session=session)
            shown = background.copy()
            shown.paste(cut, mask=cut)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(shown), format="rgb24")))
            frames += 1
        target.mux(stream.encode(None))
    return frames


if __name__ == "__main__":
    main()
