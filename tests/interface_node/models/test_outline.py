"""The names of a graph are read as onnx reads them, and the weights are not read at all."""

import os
import tracemalloc
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from interface_node.models import outline
from tests.interface_node.engine import graphs


def weighted(path: Path, external: bool = False) -> Path:
    """A graph with a kilobyte of weights."""
    image, mask = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 8, 8]) for name in ("image", "mask"))
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1, 4, 8, 8], bytes(1024), raw=True)
    if external:
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="weights.bin")
    graph = helper.make_graph([helper.make_node("Add", ["image", "w"], ["mask"])], "g", [image], [mask], [weights])
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def test_names_are_those_that_onnx_reads(tmp_path: Path, selfie_path: Path) -> None:
    for path in (graphs.recurrent(tmp_path / "r.onnx"), weighted(tmp_path / "w.onnx"), selfie_path):
        graph = onnx.load(str(path)).graph
        found = outline.read(path)
        assert found.inputs == {value.name for value in graph.input}
        assert found.outputs == {value.name for value in graph.output}
        assert not found.external


def test_weights_in_another_file_are_noticed(tmp_path: Path) -> None:
    assert outline.read(weighted(tmp_path / "w.onnx", external=True)).external


def test_a_gigabyte_of_weights_is_not_read(tmp_path: Path) -> None:
    """A file with a hole of that size where the weights are: an unknown field behind the graph's own."""
    path, size = weighted(tmp_path / "w.onnx"), 1 << 30
    with path.open("ab") as file:
        file.write(
            bytes([15 << 3 | 2]) + bytes((size >> 7 * step & 127) | (128 if step < 4 else 0) for step in range(5))
        )
    os.truncate(path, path.stat().st_size + size)
    tracemalloc.start()
    try:
        assert outline.read(path).inputs == {"image"}
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cut", [1, 40, 400, -1])
def test_a_file_that_breaks_off_is_no_model(tmp_path: Path, cut: int) -> None:
    path = weighted(tmp_path / "w.onnx")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(outline.NotAModelError):
        outline.read(path)


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\x0a\x03abc", b"PK\x03\x04 a wheel", bytes(64)])
def test_other_files_are_no_models(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(outline.NotAModelError):
        outline.read(tmp_path / "x")
