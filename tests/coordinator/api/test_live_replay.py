"""However commits and subscriptions interleave, a reader is told each event once and in order."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.api import live_replay
from coordinator.api.live_audience import Audience, Bounds
from coordinator.api.live_feed import Hub
from coordinator.api.live_identity import Identity
from coordinator.api.live_reader import MOST_DUE, Reader, Wish
from coordinator.api.live_watch import attend
from coordinator.app import compose
from coordinator.clock import system_clock
from coordinator.services.context import Context
from coordinator.store import events, history, users
from coordinator.store.database import Database
from coordinator.store.tables import Events
from coordinator.store.work import Work
from protocol.live import LIVE_MESSAGE, Close, Hello, Resync, TaskEvent
from tests.coordinator.conftest import settings_in

USERS, ADMIN = ("anna", "bert"), "root"
ACCOUNTS = (*USERS, ADMIN)
BOUNDS = Bounds(of_account=100)
SECONDS = 60.0


class Client:
    """A reader whose socket takes what it is told, at its own pace, and comes back with the last number it was told."""

    def __init__(self, here: Context, hub: Hub, user_id: str, role: str) -> None:
        self.here, self.hub = here, hub
        self.identity = Identity(user_id, 1, role, "bearer", here.tokens.issue(user_id, 1, here.clock()))
        self.told: list[int] = []
        self.since: int | None = None
        self.first = 0
        self.began = asyncio.Event()
        self._more = asyncio.Event()
        self._reader: Reader | None = None
        self._writing: asyncio.Task[None] | None = None

    async def come(self) -> None:
        """Connect, unless it is there."""
        if self._writing is None:
            self._reader = Reader(self.identity)
            self._reader.subscribe(Wish(self.since, None))
            assert self.hub.audience.enter(self._reader)
            self._writing = asyncio.create_task(self._write(self._reader))
            await asyncio.sleep(0)

    async def go(self) -> None:
        """Disconnect; what was under way is lost."""
        if self._writing is not None and self._reader is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self.hub.audience.leave(self._reader)
            self._writing = None

    async def _write(self, reader: Reader) -> None:
        while reader.ending is None:
            wish, reader.wish = reader.wish, None
            if wish is not None:
                await live_replay.follow(self.here, self.hub, reader, wish, self._say)
            elif (text := reader.take()) is not None:
                await self._say(text)
            else:
                await reader.wait()

    async def _say(self, text: str) -> None:
        await asyncio.sleep(0)
        match LIVE_MESSAGE.validate_json(text):
            case Hello(seq=seq):
                self.since = seq if self.since is None else self.since
                self.first = self.first if self.began.is_set() else seq
                self.began.set()
            case TaskEvent(seq=int(seq)):
                self.told.append(seq)
                self.since = seq
                self._more.set()
            case Resync():
                raise AssertionError("nothing was too old")

    async def knows(self, rows: Sequence[Events]) -> bool:
        """Wait until it was told as much as it may know of these; whether that is what it was told."""
        mine = [row.seq or 0 for row in rows if self.identity.user_id in (row.user_id, ADMIN)]
        wanted = [seq for seq in mine if seq > self.first]
        async with asyncio.timeout(SECONDS):
            while len(self.told) < len(wanted):
                self._more.clear()
                await self._more.wait()
        return self.told == wanted


Steps = list[tuple[str, int]]
MOVES = ("commit", "commit", "come", "go", "breathe")
STEPS = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 2)), min_size=5, max_size=40)


def add(user_id: str, role: str, work: Work) -> None:
    """An account."""
    users.add(
        work, id=user_id, username=user_id, password_hash="", role=role, created_at=0.0, version=1, disabled=False
    )


@pytest.fixture
def home(tmp_path: Path, migrated_sqlite: Path) -> Path:
    """A migrated database with two accounts and an administrator."""
    shutil.copyfile(migrated_sqlite, tmp_path / "segfleet.db")
    database = Database(f"sqlite:///{tmp_path / 'segfleet.db'}", system_clock)
    for key in ACCOUNTS:
        database.run(partial(add, key, "admin" if key == ADMIN else "user"))
    database.engine.dispose()
    return tmp_path


def test_each_event_once_and_in_order(home: Path) -> None:
    @settings(max_examples=15, deadline=None)
    @given(steps=STEPS)
    def holds(steps: Steps) -> None:
        assert asyncio.run(play(home, steps))

    holds()


async def play(home: Path, steps: Steps) -> bool:
    """Do the steps; then everybody comes. Whether each was told what was committed since it first came."""
    here = compose(settings_in(home, SEGFLEET_HOME=str(home)))
    hub = Hub(here, Audience(BOUNDS))
    here.database.open(here.feed.publish)
    stop, running = here.feed.listen(hub.hear), asyncio.create_task(hub.run())
    clients = [Client(here, hub, key, "admin" if key == ADMIN else "user") for key in ACCOUNTS]
    writing: list[asyncio.Task[None]] = []
    try:
        for what, who in steps:
            match what:
                case "commit":
                    writing.append(asyncio.create_task(here.database.write(commit(USERS[who % 2], 1 + who))))
                case "come":
                    await clients[who].come()
                case "go":
                    await clients[who].go()
                case _:
                    await asyncio.sleep(0.003 * who)
        await asyncio.gather(*writing)
        for client in clients:
            await client.come()
            await client.began.wait()
        for user_id in USERS:
            await here.database.write(commit(user_id, 1))
        rows = await here.database.read(lambda work: history.between(work, 0, 2**40, None, 2**20))
        return all([await client.knows(rows) for client in clients])
    finally:
        for client in clients:
            await client.go()
        stop()
        running.cancel()
        await here.database.close()


def commit(user_id: str, times: int) -> Callable[[Work], None]:
    """Some events of one account in one transaction."""

    def unit(work: Work) -> None:
        for _ in range(times):
            events.record(work, "k", f"task-of-{user_id}", user_id)

    return unit


def reader() -> Reader:
    return Reader(Identity("anna", 1, "user", "bearer", ""))


def test_only_the_last_word_about_numbers_is_kept_and_none_after_a_newer_event() -> None:
    ear = reader()
    for text in ("1 %", "2 %"):
        ear.owe_numbers(("task", "a"), text)
    ear.owe_numbers(("task", "b"), "3 %")
    ear.owe_event(7, ("task", "b"), "done")
    assert [ear.take(), ear.take(), ear.take()] == ["done", "2 %", None]


def test_who_is_owed_too_much_is_owed_nothing_and_cut() -> None:
    ear, cuts = reader(), list[bool]()
    ear.cut = lambda: cuts.append(True)
    for seq in range(1, MOST_DUE + 2):
        ear.owe_event(seq, ("task", "a"), "so")
    assert ear.ending == (Close.SLOW_READER, "slow_reader")
    assert ear.take() is None
    assert cuts == [True]


@pytest.mark.parametrize(
    ("after_s", "busy", "code"),
    [(59.0, False, None), (61.0, False, Close.SILENT), (9.0, True, None), (11.0, True, Close.SLOW_READER)],
)
def test_the_silent_and_the_slow_are_closed(after_s: float, busy: bool, code: Close | None) -> None:
    ear = reader()
    ear.busy_since = ear.heard_at if busy else None
    attend(ear, ear.heard_at + after_s, Bounds())
    assert (ear.ending.code if ear.ending is not None else None) == code


def test_there_are_only_so_many_sockets() -> None:
    audience = Audience(Bounds(sockets=3, of_account=2, strangers=2))
    assert [audience.knock("a") for _ in range(3)] == [True, True, False]
    audience.gave_up("a")
    audience.gave_up("a")
    first, second, third = reader(), reader(), reader()
    assert [audience.enter(one) for one in (first, second, third)] == [True, True, False]
    assert audience.knock("a")
    assert not audience.knock("a")
    audience.leave(first)
    assert audience.enter(third)


def test_strangers_of_one_address_keep_nobody_else_out() -> None:
    audience = Audience(Bounds(of_address=2))
    one_household = ("2001:db8::1", "2001:db8::2", "2001:db8::3")
    assert [audience.knock(address) for address in one_household] == [True, True, False]
    assert [audience.knock(address) for address in ("2001:db8:0:1::1", "192.0.2.1")] == [True, True]
    audience.gave_up(one_household[1])
    assert audience.knock(one_household[2])
