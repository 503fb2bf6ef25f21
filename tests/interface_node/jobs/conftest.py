"""A coordinator, and work that the test holds in its hand."""

from collections.abc import Iterator

import pytest

from tests import clips
from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.work import CopyWork
from tests.interface_node.jobs.sourcing import LARGE, Video
from tests.interface_node.pipeline.shown import shown


@pytest.fixture
def coordinator() -> Iterator[FakeCoordinator]:
    """A coordinator that approves everybody."""
    with FakeCoordinator() as running:
        yield running


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    """Ten megabytes, ten seconds, 240 frames."""
    path = clips.write(tmp_path_factory.mktemp("large") / "large.mp4", LARGE)
    return Video(path, shown(path))


@pytest.fixture
def work() -> CopyWork:
    """Work that copies."""
    return CopyWork()
