"""Nodes as processes, with a model of a few bytes so that nothing need be downloaded."""

import hashlib
from pathlib import Path
from typing import Any, Self

import onnx
from onnx import TensorProto, helper

from interface_node.models import catalogue, store
from tests.system.coordinator import CLUSTER, Client
from tests.system.patience import until
from tests.system.programs import Program, free_port

SIDE = 16
ONLINE_S = 60.0
MODEL = "red"
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


def tiny_model(cache: Path) -> Path:
    """Put the model `red` into a $SEGFLEET_CACHE: its mask is how red the picture is. Returns `cache`."""
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
    store.pull(cache, catalogue.find(cache, MODEL))
    return cache


class NodeProcess:
    """`python -m interface_node`. In the push lane it has an address that the coordinator calls."""

    def __init__(self, home: Path, coordinator_url: str, cache: Path, name: str, *, push: bool, **keys: str) -> None:
        self.name = name
        self.port = free_port()
        environment = {
            "SEGFLEET_HOME": str(home / name),
            "SEGFLEET_CACHE": str(cache),
            "COORDINATOR_URL": coordinator_url,
            "INTERFACE_IDENTIFICATION": CLUSTER,
            "NODE_NAME": name,
            "NODE_PORT": str(self.port),
            "NODE_DEVICE": "cpu",
            "NODE_DRAIN_SECONDS": "0.3",
            **({"NODE_ADDRESS": f"http://127.0.0.1:{self.port}"} if push else {}),
            **keys,
        }
        self.push = push
        self.program = Program(["-m", "interface_node"], environment, home / name, "node")

    def __enter__(self) -> Self:
        self.program.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.program.exit_code is None:
            self.program.kill()

    def online(self, admin: Client) -> dict[str, Any]:
        """Its row when it is there, in the lane that it shall be in."""
        lane = "push" if self.push else "pull"

        def look() -> dict[str, Any] | None:
            assert self.program.exit_code is None, self.program.said()
            row = self.row(admin)
            return row if row and row["state"] in {"online", "busy"} and row["lane"] == lane else None

        return until(look, ONLINE_S, f"{self.name} is online in the {lane} lane")

    def row(self, admin: Client) -> dict[str, Any] | None:
        """How the coordinator shows it; None: it never joined."""
        items = admin.get("/admin/interfaces").raise_for_status().json()["items"]
        return next((item for item in items if item["name"] == self.name), None)
