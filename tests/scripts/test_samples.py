"""The sample media are the same on every machine."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from interface_node.errors import DownloadFailed
from interface_node.pipeline.source import scan
from interface_node.pipeline.still import read_picture
from interface_node.settings import from_environment
from scripts import samples


def test_the_sample_clip_is_the_pinned_one() -> None:
    try:
        path = samples.clip(from_environment().segfleet_cache)
    except DownloadFailed as error:
        pytest.skip(f"THE SAMPLE CLIP CANNOT BE HAD: {error.detail}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == samples.CLIP.sha256
    assert scan(path).frames == 120


def test_the_sample_background_is_painted_once_and_always_alike(tmp_path: Path) -> None:
    first = samples.background(tmp_path / "a")
    assert read_picture(first).shape == (720, 1280, 3)
    assert np.array_equal(read_picture(first), samples.evening())
    assert samples.background(tmp_path / "b").read_bytes() == first.read_bytes()
    assert samples.background(tmp_path / "a").stat().st_mtime_ns == first.stat().st_mtime_ns
