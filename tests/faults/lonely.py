"""A coordinator that only nodes by hand join: the shortest lease there is, short beats, and little patience with work
that does not move."""

from pathlib import Path

from tests.system.coordinator import Client, Coordinator
from tests.system.patience import LEASE_S

STALL_S = 3.0
TICK_S = 0.2
SLACK_S = 4.0
"""What a busy machine needs for everything else."""


def coordinator(home: Path) -> Coordinator:
    """Not yet started."""
    return Coordinator(home, LEASE_S=f"{LEASE_S:g}", HEARTBEAT_INTERVAL="1", TASK_TIMEOUT=f"{1000 * STALL_S:g}")


class Lonely:
    """A coordinator that only nodes by hand join, with an account and a video of a second."""

    def __init__(self, coordinator: Coordinator, user: Client, admin: Client, clip: Path) -> None:
        self.coordinator = coordinator
        self.user = user
        self.admin = admin
        self.clip = clip
        self.video = str(user.upload(clip)["id"])

    def submit(self, model: str) -> str:
        """A task for the nodes of one model; its id."""
        return self.user.submit(self.video, model=model)

    def attempts(self, task_id: str) -> list[tuple[str, str, str | None]]:
        """Node, state and charge of each attempt of a task, oldest first."""
        statement = "SELECT interface_id, state, charge FROM attempts WHERE task_id = ? ORDER BY id"
        rows = self.coordinator.rows(statement, task_id)
        return [(row["interface_id"], row["state"], row["charge"]) for row in rows]

    def admission(self, interface_id: str) -> str:
        """Whether a node is believed."""
        return str(self.admin.get(f"/admin/interfaces/{interface_id}").raise_for_status().json()["admission"])
