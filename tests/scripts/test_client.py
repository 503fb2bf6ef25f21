"""The client of the commands at the edges of HTTP; `test_up.py` has it talk to a real coordinator."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import respx

from scripts.access import Access
from scripts.client import Away, Client, Problem, sentence
from scripts.refusal import Refusal

URL = "http://127.0.0.1:6001"
API = f"{URL}/api/v1"
BYTES = b"a result" * 1000
TASK = {
    "id": "t1",
    "state": "completed",
    "results": {"composite": {"size": len(BYTES), "sha256": hashlib.sha256(BYTES).hexdigest()}},
}


@pytest.fixture
def client() -> Iterator[Client]:
    """A client that waits for nobody."""
    with Client(Access(URL, "key", ""), patience_s=0) as made:
        yield made


@pytest.fixture
def api() -> Iterator[respx.Router]:
    """A coordinator made of answers."""
    with respx.mock(base_url=API) as router:
        yield router


def nothing(_done: int, _size: int) -> None:
    """Nobody watches."""


def test_a_problem_becomes_one_sentence_with_its_places(client: Client, api: respx.Router) -> None:
    problem = {
        "title": "The request is not valid",
        "status": 422,
        "errors": [{"pointer": "/background/color", "code": "string_pattern_mismatch"}],
    }
    api.post("/tasks").respond(422, json=problem)
    with pytest.raises(Problem) as caught:
        client.create_task({}, "key")
    assert str(caught.value) == "The request is not valid (/background/color string_pattern_mismatch)."
    assert caught.value.status == 422


@pytest.mark.parametrize(
    ("title", "detail", "said"),
    [
        ("The file is empty", "", "The file is empty."),
        ("The file is empty", "The file is empty", "The file is empty."),
        ("The file is damaged", "no moov atom.", "The file is damaged: no moov atom."),
    ],
)
def test_a_sentence_ends_with_one_full_stop(title: str, detail: str, said: str) -> None:
    assert sentence(title, detail) == said


def test_an_answer_that_is_no_problem_of_ours_is_named_by_its_status(client: Client, api: respx.Router) -> None:
    api.get("/tasks/t1").respond(502, text="<html>proxy</html>")
    with pytest.raises(Problem, match=r"^The server answered 502 to GET /api/v1/tasks/t1\.$"):
        client.call("GET", "/tasks/t1")


def test_a_task_that_was_made_without_an_answer_is_asked_for_with_the_same_key(
    client: Client, api: respx.Router
) -> None:
    route = api.post("/tasks")
    route.side_effect = [httpx.ReadError("reset"), httpx.Response(201, json=TASK)]
    assert client.create_task({"video_id": "v"}, "one key")["id"] == "t1"
    assert [call.request.headers["Idempotency-Key"] for call in route.calls] == ["one key", "one key"]


def test_waiting_outlasts_a_coordinator_that_starts_again(api: respx.Router) -> None:
    looks: list[str] = []
    route = api.get("/tasks/t1")
    route.side_effect = [
        httpx.Response(200, json={**TASK, "state": "processing"}),
        httpx.ConnectError("refused"),
        httpx.Response(503, json={"title": "The database did not answer"}),
        httpx.Response(200, json=TASK),
    ]
    with Client(Access(URL, "key", "")) as patient:
        assert patient.wait("t1", lambda task: looks.append(task["state"]))["state"] == "completed"
    assert looks == ["processing", "completed"]


def test_waiting_ends_when_patience_does(client: Client, api: respx.Router) -> None:
    api.get("/tasks/t1").mock(side_effect=httpx.ConnectError("refused"))
    with pytest.raises(Away, match="does not answer"):
        client.wait("t1", lambda task: None)


def test_cancelling_a_task_that_has_ended_shows_how_it_ended(client: Client, api: respx.Router) -> None:
    api.put("/tasks/t1/cancel").respond(409, json={"title": "Wrong state", "code": "wrong_state"})
    api.get("/tasks/t1").respond(json=TASK)
    assert client.cancel("t1")["state"] == "completed"


def test_a_download_is_whole_and_checked(client: Client, api: respx.Router, tmp_path: Path) -> None:
    api.get("/tasks/t1/results/composite").respond(content=BYTES)
    seen: list[tuple[int, int]] = []
    client.download(TASK, "composite", tmp_path / "out.mp4", lambda done, size: seen.append((done, size)))
    assert (tmp_path / "out.mp4").read_bytes() == BYTES
    assert seen[-1] == (len(BYTES), len(BYTES))


def test_a_damaged_download_leaves_the_old_file_and_nothing_else(
    client: Client, api: respx.Router, tmp_path: Path
) -> None:
    (tmp_path / "out.mp4").write_text("yesterday's")
    api.get("/tasks/t1/results/composite").respond(content=BYTES[:-1])
    with pytest.raises(Refusal, match="arrived damaged"):
        client.download(TASK, "composite", tmp_path / "out.mp4", nothing)
    assert (tmp_path / "out.mp4").read_text() == "yesterday's"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_lists_are_read_to_their_end(client: Client, api: respx.Router) -> None:
    route = api.get("/tasks")
    route.side_effect = [
        httpx.Response(200, json={"items": [{"id": "a"}], "next": "c1"}),
        httpx.Response(200, json={"items": [{"id": "b"}], "next": None}),
    ]
    assert [task["id"] for task in client.pages("/tasks", state="waiting", limit=1, q=None)] == ["a", "b"]
    assert [dict(call.request.url.params) for call in route.calls] == [
        {"state": "waiting", "limit": "1"},
        {"state": "waiting", "limit": "1", "cursor": "c1"},
    ]
