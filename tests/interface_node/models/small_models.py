"""Models of a few bytes, or of as many as are wanted, and where to fetch them."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from interface_node.engine.interface import ModelInput, ModelInterface, ModelOutput
from interface_node.models.manifest import FileSource, Manifest, Source


class QuietHandler(SimpleHTTPRequestHandler):
    """A web server that keeps its log to itself."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class calls it so
        """Nothing."""


def onnx_bytes() -> bytes:
    value = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 16])
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 3, 16, 16])
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["mask"])], "g", [value], [mask])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


def manifest(source: Source, output: str = "mask") -> Manifest:
    interface = ModelInterface(input=ModelInput(name="image", width=16, height=16), output=ModelOutput(name=output))
    return Manifest(id="mine", title="Mine", licence="MIT", commercial=True, source=source, interface=interface)


def local(tmp_path: Path, data: bytes, sha256: str | None = None) -> FileSource:
    path = tmp_path / "weights.onnx"
    path.write_bytes(data)
    return FileSource(path=path, sha256=sha256 or hashlib.sha256(data).hexdigest())


def kept(cache: Path) -> list[Path]:
    return sorted((cache / "models").rglob("*.*")) if (cache / "models").exists() else []


def heavy(size: int) -> bytes:
    """A model with so many bytes of weights."""
    model = onnx.load_model_from_string(onnx_bytes())
    model.graph.initializer.append(helper.make_tensor("w", TensorProto.UINT8, [size], bytes(size), raw=True))
    return bytes(model.SerializeToString())


@contextmanager
def served(folder: Path, data: bytes) -> Iterator[str]:
    """Where a web server has the bytes."""
    folder.mkdir()
    (folder / "m.onnx").write_bytes(data)
    with HTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/m.onnx"
        server.shutdown()
