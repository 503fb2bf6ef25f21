"""Who takes part in a run, and the network between them: everything on it may be late, lost, doubled or overtaken."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

T = TypeVar("T")
CONNECT_S: Final = 2.0
"""A caller that reaches nobody gives up the connection after so long."""


class NotConnected(Exception):
    """The message cannot have arrived."""


class NoAnswer(Exception):
    """Nobody knows whether the message arrived."""


class Party:
    """A process: it is up or down, and may stand still. What it does ends with it."""

    def __init__(self, name: str, crash: Callable[[str, BaseException], None]) -> None:
        self.name = name
        self.up = False
        self._crash = crash
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._frozen: asyncio.Event | None = None

    @property
    def frozen(self) -> bool:
        """Whether the process stands still."""
        return self._frozen is not None

    def start(self) -> None:
        """A new process."""
        raise NotImplementedError

    def spawn(self, what: Coroutine[Any, Any, None]) -> None:
        """Do something as this process; an error that nobody expects is a finding."""
        self.begin(what).set_name(self.name)

    def begin(self, what: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """`spawn` something that can be cancelled alone."""
        task = asyncio.get_running_loop().create_task(what)
        self._tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def kill(self) -> None:
        """SIGKILL."""
        self.up = False
        self.thaw()
        tasks, self._tasks = self._tasks, {}
        for task in tasks:
            task.cancel()

    def freeze(self) -> None:
        """SIGSTOP."""
        if self._frozen is None:
            self._frozen = asyncio.Event()

    def thaw(self) -> None:
        """SIGCONT."""
        if self._frozen is not None:
            self._frozen.set()
            self._frozen = None

    async def awake(self) -> None:
        """Go on once the process does not stand still."""
        while self._frozen is not None:
            await self._frozen.wait()

    async def pause(self, seconds: float) -> None:
        """Sleep as this process."""
        await asyncio.sleep(seconds)
        if self._frozen is not None:
            await self.awake()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._crash(self.name, error)


@dataclass
class Weather:
    """Of the network: seconds of delay on average, and the chances that a message is lost, doubled or very late."""

    delay_s: float = 0.02
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_s: float = 4.0


class Network:
    """Carries questions and their answers. `cut` holds directed pairs of names between which nothing gets through."""

    def __init__(self, chance: random.Random, calm: Weather) -> None:
        self._chance = chance
        self.weather = calm
        self.cut: set[tuple[str, str]] = set()
        self.carried = 0

    async def ask(self, source: Party, target: Party, handler: Callable[[], Awaitable[T]], timeout: float) -> T:
        """What `handler` answers when it runs at `target`. NotConnected, NoAnswer."""
        self.carried += 1
        if not target.up or (source.name, target.name) in self.cut or (target.name, source.name) in self.cut:
            return await self._blocked(source, target, handler, timeout)
        reply: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._chance.random() >= self.weather.lost:
            target.spawn(self._arrive(source, target, handler, reply))
        if self.weather.doubled and self._chance.random() < self.weather.doubled:
            target.spawn(self._arrive(source, target, handler, None))
        try:
            answer = await asyncio.wait_for(reply, timeout)
        except TimeoutError:
            raise NoAnswer from None
        if source.frozen:
            await source.awake()
        return answer

    async def _blocked(self, source: Party, target: Party, handler: Callable[[], Awaitable[T]], timeout: float) -> T:
        """Nobody listens; or the way there is cut; or only the way back, and an old connection carries the question."""
        if not target.up:
            await source.pause(self._delay())
            raise NotConnected
        if (source.name, target.name) not in self.cut and self._chance.random() < 0.5:
            target.spawn(self._arrive(source, target, handler, None))
            await source.pause(timeout)
            raise NoAnswer
        await source.pause(min(timeout, CONNECT_S))
        raise NotConnected

    async def _arrive(
        self, source: Party, target: Party, handler: Callable[[], Awaitable[T]], reply: "asyncio.Future[T] | None"
    ) -> None:
        await target.pause(self._delay())
        if (source.name, target.name) in self.cut:
            return
        answer = await handler()
        await target.pause(self._delay())
        if reply is not None and not reply.done() and self._returns(source, target):
            reply.set_result(answer)

    def _returns(self, source: Party, target: Party) -> bool:
        return (target.name, source.name) not in self.cut and self._chance.random() >= self.weather.lost

    def _delay(self) -> float:
        weather = self.weather
        if weather.late and self._chance.random() < weather.late:
            return self._chance.uniform(0.5, 1.0) * weather.late_s
        return self._chance.uniform(0.2, 1.8) * weather.delay_s
