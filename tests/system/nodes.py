"""Nodes as processes, with a model of a few bytes so that nothing need be downloaded."""

from pathlib import Path
from typing import Any, Self

from scripts.faults.real import model
from tests.system.coordinator import CLUSTER, Client
from tests.system.patience import until
from tests.system.programs import Program, free_port

ONLINE_S = 60.0
MODEL = model.NAME
tiny_model = model.write


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
