"""Sending a large file from the shell: pieces, lost lines, lost answers, refusals."""

import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import respx

from scripts import resumable
from scripts.access import Access
from scripts.client import Away, Client, Problem
from scripts.refusal import Refusal
from scripts.resumable import PIECE_BYTES
from tests.scripts.tus_server import API, URL, TusServer

SIZE = 2 * PIECE_BYTES + 1000


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of nobody in particular."""
    with Client(Access(URL, "key", "")) as made:
        yield made


@pytest.fixture
def api() -> Iterator[respx.Router]:
    """A coordinator made of answers."""
    with respx.mock(base_url=API, assert_all_called=False) as router:
        yield router


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of three pieces."""
    file = tmp_path / "视频.mp4"
    file.write_bytes(random.Random(1).randbytes(SIZE))
    return file


@pytest.fixture
def pauses() -> list[float]:
    """How long it would have slept."""
    return []


def _sent(client: Client, path: Path, pauses: list[float], patience_s: float = 60) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    found = resumable.upload(
        client, "videos", path, lambda done, size: seen.append((done, size)), patience_s=patience_s, sleep=pauses.append
    )
    assert found == {"id": "u1"}
    return seen


def test_pieces_become_the_object_that_the_last_answer_names(
    client: Client, api: respx.Router, path: Path, pauses: list[float]
) -> None:
    server = TusServer(api)
    seen = _sent(client, path, pauses)
    assert server.received == path.read_bytes()
    assert server.announced == {"size": SIZE, "filename": "视频.mp4", "kind": "video"}
    assert seen[-1] == (SIZE, SIZE)
    assert [(call.offset, call.length) for call in server.pieces] == [
        (0, PIECE_BYTES),
        (PIECE_BYTES, PIECE_BYTES),
        (2 * PIECE_BYTES, 1000),
    ]
    assert pauses == []


@pytest.mark.parametrize(
    ("loss", "taken"),
    [
        (httpx.ReadError("reset"), 1000),
        (httpx.ReadTimeout("slow"), PIECE_BYTES),
        (httpx.ConnectError("refused"), 0),
        (503, 0),
        (423, 0),
        (408, 1000),
    ],
    ids=str,
)
def test_a_lost_piece_is_sent_again_from_where_the_file_ends(
    client: Client, api: respx.Router, path: Path, pauses: list[float], loss: Exception | int, taken: int
) -> None:
    server = TusServer(api)
    server.lose(at=1, taken=taken, how=loss)
    _sent(client, path, pauses)
    assert server.received == path.read_bytes()
    assert pauses == [0.2]
    asked = server.pieces[2]
    assert (asked.offset, asked.length) == (PIECE_BYTES, 0)


def test_a_lost_last_answer_costs_no_byte(client: Client, api: respx.Router, path: Path, pauses: list[float]) -> None:
    server = TusServer(api)
    server.lose(at=2, taken=1000, how=httpx.ReadTimeout("slow"))
    _sent(client, path, pauses)
    assert server.received == path.read_bytes()
    assert [call.length for call in server.pieces[3:]] == [0, 0]


def test_a_coordinator_that_stays_away_is_named_when_patience_ends(
    client: Client, api: respx.Router, path: Path, pauses: list[float]
) -> None:
    server = TusServer(api)
    server.lose(at=1, taken=0, how=httpx.ConnectError("refused"), times=1000)
    with pytest.raises(Away, match="does not answer"):
        _sent(client, path, pauses, patience_s=0)
    assert len(server.received) == PIECE_BYTES


def test_an_upload_that_the_server_never_lets_go_is_named_in_the_end(
    client: Client, api: respx.Router, path: Path, pauses: list[float]
) -> None:
    server = TusServer(api)
    server.lose(at=1, taken=0, how=423, times=1000)
    with pytest.raises(Refusal, match="has kept the upload u1 to itself for 0 minutes"):
        resumable.upload(client, "videos", path, lambda done, size: None, locked_s=0, sleep=pauses.append)


def test_a_refusal_is_said_at_once(client: Client, api: respx.Router, path: Path, pauses: list[float]) -> None:
    server = TusServer(api)
    server.lose(at=2, taken=0, how=422)
    with pytest.raises(Problem, match="refused by the test"):
        _sent(client, path, pauses)
    assert pauses == []
