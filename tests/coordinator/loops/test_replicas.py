"""What one replica tells the others, and what it makes of their words."""

import json

from coordinator.domain.news import Elsewhere, InterfaceChanged, QueueChanged, TaskChanged
from coordinator.gateway.feed import Feed
from coordinator.loops.replicas import MOST_IDS, Replicas, read
from coordinator.store.notices import MOST_BYTES, Notices, can_notify
from protocol.base import InterfaceId, TaskId, UserId

URL = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


def told(replicas: Replicas) -> list[Elsewhere | None]:
    """What the others hear."""
    return [read(text, "somebody else") for text in replicas.texts()]


def test_others_hear_ids_each_once() -> None:
    replicas, user = Replicas(Notices(URL), Feed()), UserId("u")
    for news in (
        TaskChanged(TaskId("a"), user, 7),
        TaskChanged(TaskId("a"), user, 8),
        TaskChanged(TaskId("a"), user),
        InterfaceChanged(InterfaceId("n")),
        QueueChanged(),
        Elsewhere(moved=("heard from another",)),
    ):
        replicas.hear(news)
    assert told(replicas) == [Elsewhere(("a",), ("a",), ("n",), queue=True)]


def test_much_news_is_several_notices_none_of_which_is_too_large() -> None:
    replicas = Replicas(Notices(URL), Feed())
    ids = [f"{number:032}" for number in range(2 * MOST_IDS + 1)]
    for key in ids:
        replicas.hear(TaskChanged(TaskId(key), UserId("u"), 1))
    texts = list(replicas.texts())
    assert [len(text.encode()) <= MOST_BYTES for text in texts] == [True] * 3
    assert [key for text in texts for key in json.loads(text)["moved"]] == ids


def test_own_words_and_those_of_strangers_are_no_news() -> None:
    replicas = Replicas(Notices(URL), Feed())
    replicas.hear(QueueChanged())
    own = next(iter(replicas.texts()))
    assert read(own, json.loads(own)["from"]) is None
    for words in ("", "[]", "{}", '{"from": "x", "moved": 1, "progress": [], "interfaces": [], "queue": true}'):
        assert read(words, "me") is None


def test_only_one_database_has_the_channel() -> None:
    kinds = [URL, "postgresql://h/d", "mysql+pymysql://h/d", "sqlite:///f"]
    assert [can_notify(url) for url in kinds] == [True, False, False, False]
