"""Readers end for reasons of their own: killed by somebody, or because they grew. Neither says a thing about a file."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator.domain.media import VideoFacts
from coordinator.gateway.probe.pool import PEAK_KB, ProbePool
from tests import clips


@pytest.fixture
async def pool() -> AsyncIterator[ProbePool]:
    """One reader, started by a program that once held more memory than a reader may."""
    held = bytearray((PEAK_KB + 65_536) * 1024)
    made = ProbePool(1)
    await made.start()
    del held
    yield made
    await made.stop()


async def test_a_reader_is_not_taken_for_grown_because_the_program_that_started_it_is_large(
    pool: ProbePool, tmp_path: Path
) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    (pid,) = pool.pids()
    for _ in range(2):
        await pool.video(path)
        assert pool.pids() == [pid]


@pytest.mark.parametrize("kind", ["video", "background", "artifact"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
async def test_a_file_whose_reader_was_ended_from_outside_is_read_again(
    pool: ProbePool, tmp_path: Path, kind: str, number: signal.Signals
) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    await pool.video(path)
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    probing = asyncio.create_task(
        {"video": pool.video, "background": pool.background, "artifact": pool.artifact}[kind](path)
    )
    while not pool.busy:
        await asyncio.to_thread(os.sched_yield)
    os.kill(pid, number)
    os.kill(pid, signal.SIGCONT)
    facts = (await probing).facts
    assert isinstance(facts, VideoFacts)
    assert facts.frames == 24
    assert pool.pids() != [pid]
