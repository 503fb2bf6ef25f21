"""One fleet a lane for all faults: each test breaks it, the next one mends it first; and a lonely coordinator."""

from collections.abc import Iterator

import pytest

from tests import clips
from tests.faults.fleet import SMALL, Fleet
from tests.faults.lonely import Lonely, coordinator
from tests.system import long_clips


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
    """The same, cutting videos into segments of some five seconds; the long video has sixteen of them."""
    home = tmp_path_factory.mktemp(f"segmented-{request.param}")
    with Fleet(home, push=request.param == "push", SEGMENT_SECONDS="5") as fleet:
        fleet.long = long_clips.repeated(home / "sixteen.mp4", 40, SMALL)
        fleet.long_id = fleet.user.upload(fleet.long)["id"]
        yield fleet


@pytest.fixture
def segmented(running_segmented: Fleet) -> Fleet:
    """The fleet that cuts videos, whole and idle."""
    running_segmented.heal()
    return running_segmented


@pytest.fixture(scope="session")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lonely]:
    """A coordinator without nodes."""
    home = tmp_path_factory.mktemp("lonely")
    with coordinator(home) as running, running.account("somebody") as user, running.administrator() as admin:
        yield Lonely(running, user, admin, clips.write(home / "clip.mp4"))
    assert running.program.complaints() == []
