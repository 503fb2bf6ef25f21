"""Work in a thread of its own that the process does not wait for at its end."""

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def run(work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Start `work` in a daemon thread with the caller's context; a pool's threads would hold up the exit for ever."""
    promise: concurrent.futures.Future[T] = concurrent.futures.Future()
    context = contextvars.copy_context()

    def body() -> None:
        try:
            result = context.run(work)
        except BaseException as error:  # noqa: BLE001 the edge of a thread: whoever awaits gets it
            promise.set_exception(error)
        else:
            promise.set_result(result)

    future = asyncio.wrap_future(promise)
    threading.Thread(target=body, name=name, daemon=True).start()
    return future
