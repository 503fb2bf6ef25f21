"""Loops that outlive accidents, and their end."""

import asyncio

from interface_node.jobs import loops


async def test_what_takes_a_cancellation_for_something_else_is_cancelled_until_it_ends() -> None:
    began = asyncio.Event()

    async def stubborn() -> None:
        for _ in range(2):
            try:
                began.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue
        await asyncio.Event().wait()

    task, ended = asyncio.create_task(stubborn()), asyncio.create_task(asyncio.sleep(0))
    await began.wait()
    await loops.end([task, ended])
    assert task.cancelled()
    assert ended.done()


async def test_a_loop_goes_on_after_an_error_and_ends_when_it_is_cancelled() -> None:
    again, ticks = asyncio.Event(), 0

    async def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 1:
            raise ValueError("the first one fails")
        again.set()
        await asyncio.Event().wait()

    loop = asyncio.create_task(loops.forever("test", tick))
    await again.wait()
    await loops.end([loop])
    assert ticks == 2
