"""Promise 13: one user cannot flood the queue, asked through the API and answered by a node of somebody else.

`FLOOD_TASKS=1000 pytest` on this file takes the whole flood; the suite shows the same with a few.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.third_party import ThirdParty
from tests.system.coordinator import Client, Coordinator
from tests.system.patience import until

FLOOD, OTHERS = int(os.environ.get("FLOOD_TASKS", "12")), 9


@pytest.fixture
def people(coordinator: Coordinator, clip: Path) -> Iterator[list[Client]]:
    """Ten accounts that have used nothing."""
    clients = [coordinator.account(f"flood-{place}") for place in range(OTHERS + 1)]
    yield clients
    for client in clients:
        client.close()


def test_promise_13_nine_users_with_one_task_start_before_the_second_of_one_with_many(
    people: list[Client], clip: Path, node: ThirdParty
) -> None:
    flood, *others = people
    video = flood.upload(clip)["id"]
    owners = {flood.submit(video, model=node.model): flood for _ in range(FLOOD)}
    owners |= {client.submit(client.upload(clip)["id"], model=node.model): client for client in others}
    order = []
    for _ in range(OTHERS + 2):
        work = until(lambda: next(iter(node.ask()["assignments"]), None), 20, "something is offered")
        assert node.report(work).status_code == 200
        order.append(owners[work["task_id"]])
        owners[work["task_id"]].put(f"/tasks/{work['task_id']}/cancel").raise_for_status()
        assert node.report(work, "cancelled").status_code == 200
    for task_id, owner in owners.items():
        owner.put(f"/tasks/{task_id}/cancel")
    again = order.index(flood, order.index(flood) + 1)
    assert set(others) <= set(order[:again])
