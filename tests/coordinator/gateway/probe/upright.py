"""The first frame of a file as people see it, by the ffmpeg program that imageio-ffmpeg ships."""

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

_HEADER = re.compile(rb"P6\s(\d+) (\d+)\s255\s")


def frame(path: Path) -> NDArray[np.uint8]:
    """`uint8 [h, w, 3]`, turned as the file's matrix or EXIF orientation says."""
    command = [str(imageio_ffmpeg.get_ffmpeg_exe()), "-v", "error", "-i", str(path), "-frames:v", "1"]
    data = subprocess.run([*command, "-c:v", "ppm", "-f", "image2pipe", "-"], capture_output=True, check=True).stdout
    header = _HEADER.match(data)
    assert header
    return np.frombuffer(data[header.end() :], np.uint8).reshape(int(header[2]), int(header[1]), 3)
