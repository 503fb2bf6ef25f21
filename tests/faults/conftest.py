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


@pytest.fixture(scope="session", params=["push", "pull"])
def running_segmented(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The same, cutting videos into segments of some five seconds."""
    home = tmp_path_factory.mktemp(f"segmented-{request.param}")
    with Fleet(home, push=request.param == "push", SEGMENT_SECONDS="5") as fleet:
        yield fleet


@pytest.fixture
def segmented(running_segmented: Fleet) -> Fleet:
    """The fleet that cuts videos, whole and idle."""
    running_segmented.heal()
    return running_segmented
