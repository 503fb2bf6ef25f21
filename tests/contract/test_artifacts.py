"""Bytes of an attempt, down and up: tokens, ranges, pieces. `test_promise_09_corrupt_hand_off` has what is refused."""

import hashlib
from pathlib import Path

import pytest

from protocol.reports import PIECE_BYTES
from tests.contract.conftest import Json, Start
from tests.contract.third_party import ThirdParty, problem
from tests.system.coordinator import Client, Coordinator


@pytest.fixture
def work(node: ThirdParty, start: Start) -> Json:
    """An accepted offer."""
    found = node.offered(start())
    assert node.report(found, stage="fetch").json() == {"command": "continue"}
    return found


@pytest.fixture
def data(clip: Path) -> bytes:
    """A composite that is as good as any: the source itself has the right frames at the right times."""
    return clip.read_bytes()


def headers(work: Json, **more: str) -> dict[str, str]:
    """With the attempt's token."""
    return {"Authorization": f"Bearer {work['attempt_token']}", **more}


def state(coordinator: Coordinator, work: Json) -> str:
    """Of the attempt."""
    return str(coordinator.rows("SELECT state FROM attempts WHERE id = ?", work["attempt_id"])[0]["state"])


def test_the_source_comes_whole_in_ranges_and_not_again(node: ThirdParty, work: Json, data: bytes) -> None:
    url, etag = work["source"]["url"], work["source"]["etag"]
    whole = node.http.get(url, headers=headers(work))
    assert (whole.status_code, whole.content) == (200, data)
    assert hashlib.sha256(whole.content).hexdigest() == work["source"]["sha256"]
    assert len(whole.content) == work["source"]["size"]
    part = node.http.get(url, headers=headers(work, Range="bytes=100-199"))
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    assert node.http.get(url, headers=headers(work, Range="bytes=-10")).content == data[-10:]
    changed = node.http.get(url, headers=headers(work, Range="bytes=0-9", **{"If-Range": '"another"'}))
    assert (changed.status_code, changed.content) == (200, data)
    assert etag.strip('"') in whole.headers["etag"]
    beyond = node.http.get(url, headers=headers(work, Range=f"bytes={len(data)}-"))
    assert beyond.status_code == 416
    head = node.http.head(url, headers=headers(work))
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(data)), b"")


def test_a_token_of_another_attempt_opens_nothing(
    node: ThirdParty, newcomer: ThirdParty, user: Client, video: Json, work: Json, data: bytes
) -> None:
    newcomer.join()
    other = newcomer.offered(user.submit(video["id"], model=newcomer.model))
    token = other["attempt_token"]
    assert problem(node.put(work, data, token=token)) == (401, "bad_signature")
    bearer = {"Authorization": f"Bearer {token}"}
    assert problem(node.http.get(work["source"]["url"], headers=bearer)) == (401, "bad_signature")
    assert problem(node.http.get(work["source"]["url"])) == (401, "bad_signature")
    assert problem(node.http.get(work["upload_urls"]["composite"], headers=bearer)) == (401, "bad_signature")
    user.put(f"/tasks/{other['task_id']}/cancel")


@pytest.mark.parametrize("how", ["released", "failed", "cancelled by the user", "completed"])
def test_a_token_ends_with_its_attempt(
    coordinator: Coordinator, user: Client, node: ThirdParty, work: Json, data: bytes, how: str
) -> None:
    if how == "completed":
        assert node.put(work, data).json() == {"received": len(data)}
        assert node.complete(work, data).json() == {"command": "continue"}
    elif how == "cancelled by the user":
        user.put(f"/tasks/{work['task_id']}/cancel")
    else:
        node.report(work, how, error={"code": "out_of_memory", "error_class": "resources"})
    before = coordinator.files()
    assert problem(node.http.get(work["source"]["url"], headers=headers(work))) == (410, "gone")
    assert problem(node.put(work, b"late", total=4)) == (410, "gone")
    assert coordinator.files() - before == set()


def test_pieces_that_do_not_fit_are_refused_and_say_where_to_go_on(node: ThirdParty, work: Json, data: bytes) -> None:
    size, half = len(data), len(data) // 2
    assert node.put(work, data[:half], total=size).json() == {"received": half}
    for offset in (0, half - 1, half + 1):
        answer = node.put(work, data[offset : offset + 10], offset=offset, total=size)
        assert problem(answer) == (409, "wrong_offset")
        assert answer.json()["params"]["received"] == half
    asked = node.http.get(work["upload_urls"]["composite"], headers=headers(work))
    assert asked.json() == {"received": half}
    assert problem(node.put(work, data[half:], offset=half, total=size + 5)) == (422, "artifact_mismatch")
    assert node.put(work, data[half:], offset=half, total=size).json() == {"received": size}
    again = node.put(work, data[half:], offset=half, total=size)
    assert problem(again) == (409, "wrong_offset")
    assert again.json()["params"]["received"] == size


def test_a_body_longer_than_its_range_is_not_kept(node: ThirdParty, work: Json) -> None:
    place = {"Content-Range": "bytes 0-9/10"}
    answer = node.http.put(work["upload_urls"]["composite"], content=b"x" * 5000, headers=headers(work, **place))
    assert problem(answer)[1] in {"artifact_too_large", "invalid_request"}
    assert node.http.get(work["upload_urls"]["composite"], headers=headers(work)).json() == {"received": 0}


@pytest.mark.parametrize(
    "place",
    ["", "bytes 0-9", "bytes 9-0/10", "bytes 0-10/10", "items 0-9/10", "bytes */10", "bytes 0-9/99999999999999999"],
)
def test_a_range_that_makes_no_sense_is_refused(node: ThirdParty, work: Json, place: str) -> None:
    more = headers(work, **{"Content-Range": place})
    answer = node.http.put(work["upload_urls"]["composite"], content=b"0123456789", headers=more)
    assert problem(answer) == (422, "invalid_request")


def test_an_artifact_may_not_weigh_more_than_its_raw_frames(
    coordinator: Coordinator, node: ThirdParty, work: Json
) -> None:
    before = coordinator.files()
    assert problem(node.put(work, b"x" * 1000, total=10**12)) == (413, "artifact_too_large")
    long = bytes(PIECE_BYTES + 1)
    assert problem(node.put(work, long)) == (413, "too_large")
    after = coordinator.files()
    assert after - before == set()
    assert [path for path in before - after if work["task_id"] in path] == []  # others' may be swept meanwhile


def test_an_output_that_nobody_asked_for_has_no_place(node: ThirdParty, work: Json, data: bytes) -> None:
    for output, status in (("mask", 404), ("everything", 422), ("..%2f..%2fx", 404)):
        url = work["upload_urls"]["composite"].replace("composite", output)
        assert problem(node.put(work, data, url=url))[0] == status


def test_a_repeated_completion_gets_its_answer_again_before_and_after_the_result_is_believed(
    coordinator: Coordinator, user: Client, node: ThirdParty, work: Json, data: bytes
) -> None:
    node.put(work, data)
    first = node.complete(work, data)
    again = node.complete(work, data)
    assert user.ended(work["task_id"])["state"] == "completed"
    ledger = coordinator.ledger()
    late = node.complete(work, data)
    lie = node.report(work, "failed", error={"code": "internal", "error_class": "internal"})
    assert [answer.json() for answer in (first, again, late, lie)] == [{"command": "continue"}] * 4
    assert coordinator.ledger() == ledger
    assert (state(coordinator, work), user.task(work["task_id"])["state"]) == ("completed", "completed")
