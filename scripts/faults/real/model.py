"""A model of a few bytes, so that nothing need be downloaded: its mask is how red the picture is."""

import hashlib
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from interface_node.models import catalogue, store

NAME = "red"
SIDE = 16
MANIFEST = """\
id = "red"
title = "Red is the person"
licence = "Apache-2.0"
commercial = true
[source]
kind = "file"
path = "red.onnx"
sha256 = "{sha256}"
[interface.input]
name = "image"
width = {side}
height = {side}
[interface.output]
name = "mask"
"""


def write(cache: Path) -> Path:
    """Put the model into a $SEGFLEET_CACHE. Returns `cache`."""
    folder = cache / "models"
    folder.mkdir(parents=True)
    picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, SIDE, SIDE])
    zero = helper.make_node("Constant", [], ["zero"], value_int=0)
    gather = helper.make_node("Gather", ["image", "zero"], ["mask"], axis=1)
    graph = helper.make_graph([zero, gather], "red", [picture], [mask])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / "red.onnx"))
    sha256 = hashlib.sha256((folder / "red.onnx").read_bytes()).hexdigest()
    (folder / "red.toml").write_text(MANIFEST.format(sha256=sha256, side=SIDE))
    store.pull(cache, catalogue.find(cache, NAME))
    return cache
