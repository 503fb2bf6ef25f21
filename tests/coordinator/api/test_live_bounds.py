"""What one account, and one address, may cost the socket of everybody else."""

import json
import shutil
from pathlib import Path

from coordinator.api.live_audience import Bounds
from coordinator.store import events
from tests.coordinator.api.live_server import closed, heard, hello, live_server
from tests.coordinator.conftest import settings_in


def test_an_account_is_told_so_much_again_in_a_minute_and_then_only_that_there_was_something(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    shutil.copyfile(migrated_sqlite, tmp_path / "segfleet.db")
    with live_server(settings_in(tmp_path, SEGFLEET_HOME=str(tmp_path)), Bounds(told_again=5)) as sparing:
        mine, other = sparing.account(), sparing.account()
        with sparing.hears(mine) as ear, sparing.hears(mine) as second, sparing.hears(other) as theirs:
            first = hello(ear)
            hello(second)
            hello(theirs)
            sparing.happens(mine, times=3)
            sparing.happens(other, times=3)
            newest = [heard(ear)["seq"] for _ in range(3)][-1]
            again = json.dumps({"type": "subscribe", "since": first})
            ear.send(again)
            assert hello(ear) == first
            assert [heard(ear)["seq"] for _ in range(3)][-1] == newest
            for known in (second, theirs):
                assert [heard(known)["type"] for _ in range(3)] == ["task"] * 3
                known.send(again)
            assert heard(second)["type"] == "hello"
            assert heard(second)["reason"] == "too_old"
            assert hello(theirs) == first
            for _ in range(3):  # who missed nothing is told so as often as it asks
                second.send(json.dumps({"type": "subscribe", "since": newest + 3}))
                assert heard(second) == {"type": "hello", "seq": newest + 3}


def test_who_comes_back_to_forgotten_events_is_told_that_there_were_some(tmp_path: Path, migrated_sqlite: Path) -> None:
    shutil.copyfile(migrated_sqlite, tmp_path / "segfleet.db")
    with live_server(settings_in(tmp_path, SEGFLEET_HOME=str(tmp_path)), Bounds()) as forgetful:
        mine, other = forgetful.account(), forgetful.account()
        forgetful.happens(other, times=3)
        forgetful.happens(mine, times=3)
        newest = forgetful.quiet()
        assert forgetful.run(lambda work: events.forget(work, work.now + 1, 4)) == 4
        with forgetful.hears(mine, since=newest - 3) as ear:
            assert hello(ear) == newest
            assert heard(ear) == {"type": "resync", "seq": newest, "reason": "too_old"}
        with forgetful.hears(mine, since=newest - 2) as ear:
            assert [hello(ear), *(heard(ear)["seq"] for _ in range(2))] == [newest - 2, newest - 1, newest]


def test_silent_strangers_of_an_address_are_so_many_and_who_says_who_it_is_makes_room(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    shutil.copyfile(migrated_sqlite, tmp_path / "segfleet.db")
    with live_server(settings_in(tmp_path, SEGFLEET_HOME=str(tmp_path)), Bounds(of_address=2)) as narrow:
        introduction = json.dumps({"type": "auth", "token": narrow.token(narrow.account())})
        with narrow.connect() as first, narrow.connect():
            with narrow.connect() as third:
                assert closed(third) == (4429, "too_many_sockets")
            first.send(introduction)
            hello(first)
            with narrow.connect() as fourth:
                fourth.send(introduction)
                hello(fourth)
