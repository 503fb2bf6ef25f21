"""MediaPipe's own loop: OpenCV reads, its Selfie Segmentation, numpy puts the picture together.

PyAV writes, with the same encoder as everybody here. Runs in an environment of its own, so it imports nothing of ours.

    python mediapipe_loop.py CLIP BACKGROUND RESULT [--hard]

`--hard` cuts at 0.1 with `where`, as MediaPipe's example does; otherwise edges are soft, as ours are.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import av
import cv2
import numpy as np

mediapipe: Any = importlib.import_module("mediapipe")


def main() -> None:
    """Replace the background of the clip."""
    clip, picture, result, *options = sys.argv[1:]
    began, cpu = time.perf_counter(), time.process_time()
    frames = loop(clip, picture, result, together=cut if options else mixed)
    spent = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    print(json.dumps({"frames": frames, **spent}))


def cut(image: Any, background: Any, mask: Any) -> Any:
    """One or the other."""
    return np.where(np.stack((mask,) * 3, axis=-1) > 0.1, image, background)


def mixed(image: Any, background: Any, mask: Any) -> Any:
    """As much of each as the mask says."""
    alpha = mask[:, :, None]
    return (image * alpha + background * (1 - alpha)).astype(np.uint8)


def loop(clip: str, picture: str, result: str, together: Callable[[Any, Any, Any], Any]) -> int:
    """The number of frames that were made."""
    source = cv2.VideoCapture(clip)
    width, height = int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT))
    background: Any = cv2.resize(np.asarray(cv2.imread(picture)), (width, height))
    frames = 0
    with (
        av.open(result, "w") as target,
        mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as model,
    ):
        rate = round(source.get(cv2.CAP_PROP_FPS))
        stream: Any = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 2
        while True:
            more, image = source.read()
            if not more:
                break
            mask = model.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).segmentation_mask
            shown = together(image, background, mask)
            target.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="bgr24")))
            frames += 1
        target.mux(stream.encode(None))
    return frames


if __name__ == "__main__":
    main()
