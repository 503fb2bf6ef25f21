"""A coordinator, and work that the test holds in its hand."""

from collections.abc import Iterator

import pytest

from tests.fakes.coordinator import FakeCoordinator
from tests.fakes.work import CopyWork


@pytest.fixture
def coordinator() -> Iterator[FakeCoordinator]:
    """A coordinator that approves everybody."""
    with FakeCoordinator() as running:
        yield running


@pytest.fixture
def work() -> CopyWork:
    """Work that copies."""
    return CopyWork()
