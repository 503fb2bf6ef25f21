"""One fleet a lane for all faults: each test breaks it, the next one mends it first."""

from collections.abc import Iterator

import pytest

from tests.faults.fleet import Fleet


@pytest.fixture(scope="session", params=["push", "pull"])
def running_fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A coordinator and two nodes as processes, in each lane."""
    with Fleet(tmp_path_factory.mktemp(f"fleet-{request.param}"), push=request.param == "push") as fleet:
        yield fleet


@pytest.fixture
def fleet(running_fleet: Fleet) -> Fleet:
    """The fleet, whole and idle."""
    running_fleet.heal()
    return running_fleet
