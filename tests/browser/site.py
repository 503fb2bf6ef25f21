"""The programs behind the pages: a coordinator and a node, and what tests do to them past the pages."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.system.coordinator import PASSWORD, Client, Coordinator
from tests.system.nodes import MODEL, NodeProcess, tiny_model
from tests.system.patience import until

LIMIT_MB = 1000
NODE = "工作站一号"


class Site:
    """Both run until `stack` is closed."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        keys = {
            "UPLOAD_FILE_SIZE_LIMIT": f"{LIMIT_MB}",
            "SEGMENT_SECONDS": "2",
            "DEFAULT_MODEL": MODEL,
            "HEARTBEAT_INTERVAL": "1",
        }
        self.coordinator = stack.enter_context(Coordinator(home / "coordinator", LEASE_S="20", **keys))
        self.url = self.coordinator.url
        self.node = NodeProcess(home, self.url, tiny_model(home / "cache"), NODE, push=True, NODE_SLOTS="2")
        stack.enter_context(self.node)
        self.admin = stack.enter_context(self.coordinator.administrator())
        self.node.online(self.admin)
        self._stack = stack

    def account(self, name: str) -> Client:
        """A new account as a program uses it; its password is `PASSWORD` of tests.system.coordinator."""
        return self._stack.enter_context(self.coordinator.account(name))

    def drain(self) -> None:
        """The node takes nothing new."""
        self._node("drain", draining=True)

    def resume(self) -> None:
        """It takes work again."""
        self._node("resume", draining=False)

    def _node(self, verb: str, *, draining: bool) -> None:
        row = self.node.row(self.admin)
        assert row is not None
        self.admin.put(f"/admin/interfaces/{row['id']}/{verb}").raise_for_status()

        def look() -> dict[str, Any] | None:
            found = self.node.row(self.admin)
            return found if found is not None and found["draining"] is draining else None

        until(look, 30, f"the node knows {verb}")


__all__ = ["NODE", "PASSWORD", "Site"]
