"""Ten tasks on two nodes: both work at once, everything completes, the lists of administrators show it."""

import httpx
import pytest

from tests.faults.fleet import Fleet
from tests.system.patience import until

pytestmark = pytest.mark.timeout(600)

TASKS = 10


def test_ten_tasks_keep_two_nodes_busy_at_once_and_all_complete(fleet: Fleet) -> None:
    bearer = {"Authorization": f"Bearer {fleet.admin.token}"}
    url = fleet.coordinator.url

    def curl(path: str) -> list[dict[str, object]]:
        """As the product's first curl lines ask."""
        answer = httpx.get(f"{url}/api/tasks/admin/{path}", headers=bearer, timeout=30)
        return list(answer.raise_for_status().json()["items"])

    wanted = [fleet.submit(fleet.short_id) for _ in range(TASKS)]
    assert {item["state"] for item in curl("pending")} == {"waiting"}
    assert {item["id"] for item in curl("pending")} <= set(wanted)
    names = {node.name for node in fleet.nodes}

    def busy() -> set[object]:
        rows = [row for row in curl("interfaces") if row["name"] in names]
        return {row["name"] for row in rows if row["state"] == "busy" and row["free_slots"] == 0 and row["attempts"]}

    until(lambda: busy() == names, 30, "both nodes are busy at once")
    assert {fleet.user.ended(task_id)["state"] for task_id in wanted} == {"completed"}
    assert curl("pending") == []
    done = [fleet.attempts(task_id) for task_id in wanted]
    assert [len(tried) for tried in done] == [1] * TASKS
    assert {tried[0]["node"] for tried in done} == names
    until(lambda: all(map(fleet.is_idle, fleet.nodes)), 5, "both are idle again")
