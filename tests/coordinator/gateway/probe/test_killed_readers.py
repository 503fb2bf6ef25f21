"""A reader that somebody else killed says nothing about the file that it was reading."""

import asyncio
import os
import signal
from pathlib import Path

from coordinator.gateway.probe.pool import ProbePool
from tests import clips


async def test_an_artifact_whose_reader_was_killed_from_outside_is_read_again(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "clip.mp4")
    pool = ProbePool(1)
    await pool.start()
    await pool.video(path)
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    probing = asyncio.create_task(pool.artifact(path))
    while not pool.busy:
        await asyncio.to_thread(os.sched_yield)
    os.kill(pid, signal.SIGKILL)
    assert (await probing).size == path.stat().st_size
    assert pool.pids() != [pid]
    await pool.stop()
