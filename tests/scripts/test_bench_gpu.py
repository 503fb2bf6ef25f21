"""The bench of GPUs: a network of the promised size, a sentence where there is no GPU, a table where there is one."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from interface_node.engine.providers import why_not_cuda
from interface_node.engine.session import load
from scripts.bench import gpu, moving_clip
from scripts.bench.gpu import Taken

why_not = why_not_cuda(0)


def test_the_network_has_as_many_weights_as_birefnet_and_work_enough() -> None:
    depths = [3, *(channels for channels, _ in gpu.STAGES)]
    weights = sum(9 * channels**2 * count for channels, count in gpu.STAGES)
    weights += sum(before * after * 4 for before, after in itertools.pairwise(depths[1:]))
    work = sum(
        9 * channels**2 * count * (gpu.SIDE // (4 * 2**stage)) ** 2
        for stage, (channels, count) in enumerate(gpu.STAGES)
    )
    assert 200e6 < weights < 260e6
    assert 1.0e12 < work < 1.3e12


def test_a_small_one_of_its_kind_answers_with_a_mask(tmp_path: Path) -> None:
    interface = gpu.birefnet_sized(tmp_path / "m.onnx", 64, ((4, 1), (8, 2)))
    alpha = load(tmp_path / "m.onnx", interface, "cpu").segmenter().alpha(np.full((3, 64, 64), 0.5, np.float32))
    assert alpha.shape == (64, 64)
    assert alpha.min() >= 0
    assert alpha.max() <= 1


def test_the_table_shows_medians_and_what_nobody_saw_as_a_dash() -> None:
    taken = {
        "floor": [Taken(1.0), Taken(3.0), Taken(2.0)],
        "model": [Taken(4.0, 50.0), Taken(5.0, 70.0), Taken(4.5, 60.0)],
    }
    assert gpu.rows_of(taken, 90)[1:] == [("floor", "45.0", "-", "1.00"), ("model", "20.0", "60", "2.25")]


@pytest.mark.skipif(not why_not, reason="this machine has CUDA")
def test_without_a_gpu_it_ends_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 1
    assert capsys.readouterr().out == f"There is no GPU to measure here: {why_not}.\n"


@pytest.mark.gpu
@pytest.mark.skipif(bool(why_not), reason=f"NO GPU IS TESTED: {why_not}")
def test_a_gpu_is_measured(tmp_path: Path) -> None:
    clip = moving_clip.write(tmp_path / "clip.mp4", 640, 360, 24)
    taken, frames = gpu.measured(clip, tmp_path, 0, 1)
    assert frames == 24
    assert [len(runs) for runs in taken.values()] == [1, 1, 1]
