"""Fixtures of the probe."""

from collections.abc import AsyncIterator

import pytest

from coordinator.gateway.probe.pool import ProbePool


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[ProbePool]:
    """One worker that no file of this module may break."""
    made = ProbePool(1, served=100_000)
    await made.start()
    pids = made.pids()
    yield made
    survivors = made.pids()
    await made.stop()
    assert survivors == pids
