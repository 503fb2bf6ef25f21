"""One fleet a lane for all faults: each test breaks it, the next one mends it first; and a lonely coordinator."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import clips
from tests.faults.fleet import SMALL, Fleet
from tests.faults.lonely import Lonely, coordinator
from tests.system import long_clips


class Fleets:
    """The fleets of all tests here, each begun when it is first asked for: beginning one costs more than most tests."""

    def __init__(self, make_home: Callable[[str], Path]) -> None:
        self._make_home = make_home
        self._running: dict[tuple[str, bool], Fleet] = {}
        self.stack = ExitStack()

    def of(self, lane: str, segmented: bool = False) -> Fleet:
        """The fleet of a lane, whole and idle. A segmented one cuts videos into pieces of some five seconds, and its
        long video has sixteen of them."""
        key = (lane, segmented)
        if key not in self._running:
            home = self._make_home(f"{'segmented' if segmented else 'fleet'}-{lane}")
            keys = {"SEGMENT_SECONDS": "5"} if segmented else {}
            fleet = self.stack.enter_context(Fleet(home, push=lane == "push", **keys))
            if segmented:
                fleet.long = long_clips.repeated(home / "sixteen.mp4", 40, SMALL)
                fleet.long_id = fleet.user.upload(fleet.long)["id"]
            self._running[key] = fleet
        self._running[key].heal()
        return self._running[key]


@pytest.fixture(scope="package")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleets]:
    """Coordinators with two nodes each, as processes."""
    known = Fleets(tmp_path_factory.mktemp)
    with known.stack:
        yield known


@pytest.fixture(params=["push", "pull"])
def fleet(request: pytest.FixtureRequest, fleets: Fleets) -> Fleet:
    """A fleet of each lane in turn, whole and idle."""
    return fleets.of(request.param)


@pytest.fixture(params=["push", "pull"])
def segmented(request: pytest.FixtureRequest, fleets: Fleets) -> Fleet:
    """The same, cutting videos into segments."""
    return fleets.of(request.param, segmented=True)


@pytest.fixture(scope="package")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lonely]:
    """A coordinator without nodes."""
    home = tmp_path_factory.mktemp("lonely")
    with coordinator(home) as running, running.account("somebody") as user, running.administrator() as admin:
        yield Lonely(running, user, admin, clips.write(home / "clip.mp4"))
    assert running.program.complaints() == []
