"""The socket's manners: who may come in, who is sent away and with which word, and what a reader is owed."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from coordinator.api.live_audience import Bounds
from coordinator.domain.news import InterfaceChanged, QueueChanged
from coordinator.domain.tasks import TaskCreate
from coordinator.gateway.tokens import new_key
from coordinator.services import accounts, submissions
from coordinator.services.rules import Rules
from coordinator.services.submissions import Submission
from coordinator.store import events, tasks, users
from coordinator.store.work import Work
from protocol.base import InterfaceId
from protocol.states import TaskState
from tests.coordinator.api.live_server import BRISK, SECONDS, Live, closed, heard, hello, live_server, to_the_end
from tests.coordinator.conftest import settings_in
from tests.system.patience import until

BIG = "x" * 20_000
EVENTS = 500
"""More bytes than the systems of both sides keep for a socket."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Live]:
    """A socket whose patience is short."""
    home = tmp_path_factory.mktemp("live")
    shutil.copyfile(migrated_sqlite, home / "segfleet.db")
    settings = settings_in(home, SEGFLEET_HOME=str(home))
    with live_server(settings, BRISK) as running:
        yield running


def test_an_event_is_told_to_its_account_and_to_administrators_and_to_nobody_else(live: Live) -> None:
    mine, other, admin = live.account(), live.account(), live.account("admin")
    with live.hears(mine) as ours, live.hears(other) as theirs, live.hears(admin) as everybodys:
        for ear in (ours, theirs, everybodys):
            hello(ear)
        live.happens(mine, "waiting", why="so")
        live.happens(other, "paused")
        told = heard(ours)
        assert (told["kind"], told["data"], told["object"]["state"]) == ("waiting", {"why": "so"}, "removed")
        assert told == heard(everybodys)
        assert heard(theirs)["kind"] == heard(everybodys)["kind"] == "paused"


def test_a_subscription_is_replaced_by_the_next_one(live: Live) -> None:
    mine = live.account()
    with live.hears(mine) as ear:
        seq = hello(ear)
        live.happens(mine, times=3)
        first, second, third = (heard(ear)["seq"] for _ in range(3))
        assert seq < first
        ear.send(json.dumps({"type": "subscribe", "since": first}))
        assert hello(ear) == first
        assert [heard(ear)["seq"] for _ in range(2)] == [second, third]
        live.happens(mine)
        assert heard(ear)["seq"] == third + 1


def test_what_is_too_old_or_was_never_there_is_answered_by_a_resync(live: Live) -> None:
    mine = live.account()
    live.quiet()
    live.happens(mine, times=1001)
    with live.hears(mine, since=0) as ear:
        newest = hello(ear)
        assert heard(ear) == {"type": "resync", "seq": newest, "reason": "too_old"}
    with live.hears(mine, since=newest + 1) as ear:
        assert hello(ear) == newest
        assert heard(ear) == {"type": "resync", "seq": newest, "reason": "unknown"}
        live.happens(mine)
        assert heard(ear)["seq"] == newest + 1


@pytest.mark.parametrize(
    "said",
    [
        '{"type": "pong"}',
        "{}",
        "no json",
        '{"type": "auth", "token": 1}',
        '{"type": "auth", "x": 1}',
        b"\0",
        "[" * 9000,
    ],
)
def test_a_first_message_that_is_none_closes_the_socket(live: Live, said: str | bytes) -> None:
    with live.connect() as ear:
        ear.send(said)
        assert closed(ear) == (4400, "bad_message")


def test_a_second_message_that_is_none_closes_the_socket(live: Live) -> None:
    with live.hears(live.account()) as ear:
        hello(ear)
        ear.send('{"type": "subscribe", "topics": ["weather"]}')
        assert closed(ear) == (4400, "bad_message")


@pytest.mark.parametrize(("token", "code"), [("wrong", "invalid_token"), ("sfk_unknown", "invalid_token")])
def test_a_wrong_token_closes_the_socket(live: Live, token: str, code: str) -> None:
    with live.connect() as ear:
        ear.send(json.dumps({"type": "auth", "token": token}))
        assert closed(ear) == (4401, code)


def test_who_proves_nothing_is_sent_away(live: Live) -> None:
    with live.connect() as ear:
        ear.send('{"type": "auth"}')
        assert closed(ear) == (4401, "unauthorized")


def test_who_does_not_say_who_it_is_is_sent_away(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, SEGFLEET_HOME=str(tmp_path))
    with live_server(settings, Bounds(first_s=0.05)) as impatient, impatient.connect() as ear:
        assert closed(ear) == (4408, "silent")


def test_a_cookie_counts_from_our_own_page_only(live: Live) -> None:
    cookie = {"Cookie": live.cookie(live.account())}
    with live.connect(additional_headers=cookie, origin=f"http://127.0.0.1:{live.port}") as ear:
        ear.send('{"type": "subscribe"}')
        hello(ear)
    for origin in ("https://evil.example", None):
        with live.connect(additional_headers=cookie, origin=origin) as ear:
            ear.send('{"type": "auth"}')
            assert closed(ear) == (4403, "csrf_refused")
    with live.connect(origin="https://other.example") as ear:
        ear.send(json.dumps({"type": "auth", "token": live.token(live.account())}))
        hello(ear)


def test_a_program_may_prove_itself_by_the_header(live: Live) -> None:
    with live.connect(additional_headers={"Authorization": f"Bearer {live.token(live.account())}"}) as ear:
        ear.send('{"type": "auth"}')
        assert heard(ear)["type"] == "hello"


@pytest.mark.parametrize("topic", ["all_tasks", "interfaces", "queue"])
def test_topics_of_administrators_are_refused(live: Live, topic: str) -> None:
    with live.hears(live.account(), topics=["tasks", topic]) as ear:
        assert closed(ear) == (4403, "forbidden")


def test_an_expired_token_ends_the_socket(live: Live) -> None:
    with live.connect() as ear:
        ear.send(json.dumps({"type": "auth", "token": live.token(live.account(), life_s=2)}))
        assert closed(ear) == (4401, "token_expired")


def test_sessions_that_end_end_their_sockets_also_without_an_event(live: Live) -> None:
    mine, other = live.account(), live.account()
    with live.hears(mine) as revoked, live.hears(other) as disabled:
        hello(revoked)
        hello(disabled)
        live.run(lambda work: users.end_sessions(work, mine))
        live.run(lambda work: users.change(work, other, disabled=True))
        assert closed(revoked) == (4401, "token_revoked")
        assert closed(disabled) == (4401, "account_disabled")


def test_a_removed_key_ends_its_socket_and_a_new_password_does_not(live: Live) -> None:
    mine, key = live.account(), new_key()
    account = live.run(lambda work: accounts.get(work, mine))
    kept = live.run(lambda work: accounts.add_key(work, account, "mine", key, None, ""))
    with live.connect() as ear:
        ear.send(json.dumps({"type": "auth", "token": key}))
        hello(ear)
        live.run(lambda work: users.end_sessions(work, mine))
        live.happens(mine)
        assert heard(ear)["type"] == "task"
        live.run(lambda work: accounts.remove_key(work, account, kept.id, ""))
        assert closed(ear) == (4401, "token_revoked")


def test_silence_is_broken_by_pings_and_questions_are_answered(live: Live) -> None:
    with live.hears(live.account()) as ear:
        hello(ear)
        for _ in range(2):
            assert json.loads(ear.recv(SECONDS)) == {"type": "ping"}
            ear.send('{"type": "pong"}')
        ear.send('{"type": "ping"}')
        assert heard(ear) == {"type": "pong"}


def test_there_are_only_so_many_sockets_an_account(live: Live) -> None:
    mine = live.account()
    live.quiet()
    with ExitStack() as stack:
        first, *_ = [stack.enter_context(live.hears(mine)) for _ in range(BRISK.of_account)]
        until(lambda: len(live.hub.audience.open) >= BRISK.of_account, SECONDS, "they are in")
        with live.hears(mine) as one_more:
            assert closed(one_more) == (4429, "too_many_sockets")
        hello(first)
    until(lambda: not live.hub.audience.open, SECONDS, "they are gone")
    with live.hears(mine) as again:
        hello(again)


def test_a_chatterbox_is_sent_away(live: Live) -> None:
    with live.hears(live.account()) as ear:
        for _ in range(70):
            ear.send('{"type": "ping"}')
        assert closed(ear) == (4429, "too_many_messages")


def test_a_reader_that_stops_is_dropped_and_costs_the_others_nothing(live: Live) -> None:
    mine, first = live.account(), live.quiet()
    wanted = list(range(first + 1, first + 1 + EVENTS))
    with live.hears(mine) as lively, live.connect(max_queue=1) as stuck:
        stuck.send(json.dumps({"type": "auth", "token": live.token(mine)}))
        hello(lively)
        until(lambda: len(live.hub.audience.of_task(mine)) == 2, SECONDS, "both listen")
        for start in range(0, EVENTS, 50):
            live.happens(mine, times=50, big=BIG)
            assert [heard(lively)["seq"] for _ in range(50)] == wanted[start : start + 50]
        until(lambda: len(live.hub.audience.of_task(mine)) == 1, SECONDS, "the stuck one is gone")
        said, end = to_the_end(stuck)
        assert end == (4430, "slow_reader")
    taken = [message["seq"] for message in said[1:]]
    assert len(taken) < EVENTS
    with live.hears(mine, since=taken[-1] if taken else first) as again:
        hello(again)
        assert taken + [heard(again)["seq"] for _ in wanted[len(taken) :]] == wanted


def test_progress_is_told_without_a_number(live: Live) -> None:
    mine, other = live.account(), live.account()
    with live.hears(mine) as ear, live.hears(other) as theirs:
        hello(ear)
        hello(theirs)
        task_id = live.run(lambda work: submissions.create(work, Rules(), Submission(mine, TaskCreate()))).id
        created = heard(ear)
        live.moves(mine, task_id)
        told = heard(ear)
        assert (told["seq"], told["kind"]) == (None, "progress")
        assert told["object"] == created["object"]
        live.happens(other)
        assert heard(theirs)["kind"] == "waiting"


def test_events_of_a_batch_show_its_tasks_and_count_nobodys_place_in_the_queue(live: Live) -> None:
    mine = live.account()
    live.quiet()

    def submitted(work: Work) -> list[str]:
        made = [submissions.create(work, Rules(), Submission(mine, TaskCreate())).id for _ in range(3)]
        for task_id in made:
            tasks.move(work, task_id, (TaskState.IDLE,), TaskState.WAITING, submitted_at=work.now)
            events.record(work, "waiting", task_id, mine)
        return made

    def gone(work: Work) -> None:
        for task_id in made:
            tasks.remove(work, task_id)

    with live.hears(mine) as ear:
        hello(ear)
        made = live.run(submitted)
        told = [heard(ear) for _ in range(2 * len(made))]
    assert [message["object"]["id"] for message in told if message["kind"] == "waiting"] == made
    assert {message["object"]["state"] for message in told} == {"waiting"}
    assert {message["object"]["queue_position"] for message in told} == {None}
    live.run(gone)


def test_nodes_and_the_queue_are_told_to_administrators_who_ask(live: Live) -> None:
    admin = live.account("admin")
    live.quiet()
    with live.hears(admin, topics=["all_tasks", "interfaces", "queue"]) as ear:
        hello(ear)
        live.run(lambda work: work.announce(InterfaceChanged(InterfaceId("gone"))))
        live.run(lambda work: work.announce(QueueChanged()))
        told = {message["type"]: message for message in (heard(ear), heard(ear))}
    assert told["interface"]["object"] == {"id": "gone", "state": "removed"}
    assert told["queue"]["object"]["queue"] == {"waiting_tasks": 0, "waiting_steps": 0}
    assert {message["seq"] for message in told.values()} == {None}
