"""Signed links over real HTTP: ranges, validators, HEAD, names for saving, and nothing without a signature."""

import asyncio
import hashlib
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from coordinator.clock import system_clock
from coordinator.gateway import disk
from coordinator.gateway.files import Files
from coordinator.gateway.links import Links
from coordinator.ids import new_id
from coordinator.store import artifacts, tasks, users
from coordinator.store.database import Database
from coordinator.store.work import Work
from protocol.states import TaskState
from tests import clips
from tests.coordinator.conftest import ADMIN, Server


@pytest.fixture(scope="module")
def user(shared_server: Server) -> Iterator[httpx.Client]:
    """Somebody with an account for this module."""
    with shared_server.client(shared_server.register(f"links-{uuid.uuid4().hex}")) as client:
        yield client


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A short video."""
    return clips.write(tmp_path_factory.mktemp("links") / "clip.mp4").read_bytes()


@pytest.fixture(scope="module")
def url(user: httpx.Client, clip: bytes) -> str:
    """The link to it."""
    answer = user.post("/videos", files={"file": ("Ein schönes “Video”.mp4", clip)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


def test_the_whole_file_comes_with_headers_that_disarm_it(url: str, clip: bytes) -> None:
    answer = httpx.get(url)
    assert answer.status_code == 200
    assert answer.content == clip
    headers = answer.headers
    assert headers["content-type"] == "video/mp4"
    assert headers["content-length"] == str(len(clip))
    assert headers["accept-ranges"] == "bytes"
    assert headers["etag"] == f'"{hashlib.sha256(clip).hexdigest()}"'
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox"
    assert headers["cache-control"].startswith("private")
    assert "content-disposition" not in headers


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, None),
        ("bytes=100-199", 100, 200),
        ("bytes=-7", -7, None),
        ("bytes=500-99999999", 500, None),
        ("bytes=-99999999", 0, None),
    ],
)
def test_a_range_is_sent(url: str, clip: bytes, asked: str, start: int, end: int | None) -> None:
    answer = httpx.get(url, headers={"Range": asked})
    wanted = clip[start:end]
    assert answer.content == wanted
    assert answer.headers["content-length"] == str(len(wanted))
    if wanted == clip:
        assert answer.status_code == 200
        return
    first = clip.index(wanted) if len(wanted) > 50 else start % len(clip)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(wanted) - 1}/{len(clip)}"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_that_does_not_exist_is_416_with_the_size(url: str, clip: bytes, asked: str) -> None:
    answer = httpx.get(url, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(clip)}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("asked", ["bytes=", "bytes=a-b", "lines=0-1", "bytes=5-2", "bytes=0-1,4-5", "bytes=--1"])
def test_a_range_that_makes_no_sense_or_is_many_is_ignored(url: str, clip: bytes, asked: str) -> None:
    answer = httpx.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, clip)


def test_if_range_sends_a_range_of_this_version_only(url: str, clip: bytes) -> None:
    etag = httpx.head(url).headers["etag"]
    same = httpx.get(url, headers={"Range": "bytes=0-9", "If-Range": etag})
    assert (same.status_code, same.content) == (206, clip[:10])
    for other in ('"another"', f"W/{etag}", "Sat, 21 Nov 2026 00:00:00 GMT"):
        answer = httpx.get(url, headers={"Range": "bytes=0-9", "If-Range": other})
        assert (answer.status_code, answer.content) == (200, clip)


def test_who_has_it_already_is_told_so(url: str, clip: bytes) -> None:
    etag = httpx.head(url).headers["etag"]
    for known in (etag, f'"a", W/{etag}', "*"):
        answer = httpx.get(url, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
    assert httpx.get(url, headers={"If-None-Match": '"a"'}).content == clip


def test_head_says_what_get_would_send(url: str, clip: bytes) -> None:
    head = httpx.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(clip))
    part = httpx.head(url, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.headers["content-length"]) == (206, "10")


def test_a_download_has_the_name_that_it_was_sent_with(url: str) -> None:
    disposition = httpx.head(f"{url}&download=1").headers["content-disposition"]
    assert disposition.startswith('attachment; filename="Ein sch_nes _Video_.mp4"; filename*=UTF-8')
    assert unquote(disposition.rpartition("''")[2]) == "Ein schönes “Video”.mp4"


def test_without_a_good_signature_nothing_opens(url: str, user: httpx.Client) -> None:
    path, _, query = url.partition("?")
    exp, sig = query.split("&")
    for bad in ("", f"?{exp}", f"?{sig}", f"?{exp}&sig=AAAA", f"?exp=1&{sig}", f"?{exp}0&{sig}"):
        answer = httpx.get(f"{path}{bad}")
        assert (answer.status_code, answer.json()["code"]) == (403, "link_expired"), bad
    token = {"Authorization": user.headers["Authorization"]}
    assert httpx.get(path, headers=token).status_code == 403


def test_a_signature_opens_no_other_file(url: str, user: httpx.Client, clip: bytes) -> None:
    other = user.post("/videos", files={"file": ("b.mp4", clip)}).json()["url"]
    answer = httpx.get(other.partition("?")[0] + "?" + url.partition("?")[2])
    assert answer.json()["code"] == "link_expired"


def test_a_link_has_no_other_methods(url: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert httpx.request(method, url).status_code == 405


def test_the_same_link_is_given_again(url: str, user: httpx.Client) -> None:
    items = user.get("/videos", params={"q": "schönes"}).json()["items"]
    assert [item["url"] for item in items] == [url]


def _store_result(server: Server, content: bytes) -> str:
    """A completed task with its composite; the task's id."""
    settings = server.settings
    files = Files(settings.home, settings.upload_videos_dir, settings.upload_backgrounds_dir, 0)
    ids = {"task_id": new_id(), "step_id": new_id(), "attempt_id": new_id(), "output": "composite"}
    disk.store(files.result(**ids), content)
    row: dict[str, Any] = {
        **ids,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content_type": "video/mp4",
    }

    def unit(work: Work) -> None:
        owner = users.by_name(work, ADMIN[0])
        assert owner is not None
        task: dict[str, Any] = {
            "id": ids["task_id"],
            "user_id": owner.id,
            "kind": "video",
            "state": TaskState.COMPLETED.value,
        }
        task |= {"model": "selfie", "outputs": ["composite"], "options": {}, "source_name": "juggle.mp4"}
        tasks.add(work, {**task, "created_at": work.now})
        artifacts.add_result(work, {**row, "created_at": work.now})

    database = Database(settings.database_url, system_clock)
    database.run(unit)
    asyncio.run(database.close())
    return ids["task_id"]


def _result_link(server: Server, task_id: str, output: str = "composite") -> str:
    settings = server.settings
    paths = settings.upload_url_path, settings.upload_backgrounds_url_path
    return Links(settings.jwt_secret, settings.api_base_url, *paths).result(task_id, output, system_clock())


def test_a_result_is_sent_and_named_after_its_source(shared_server: Server, clip: bytes) -> None:
    link = _result_link(shared_server, _store_result(shared_server, clip))
    answer = httpx.get(f"{link}&download=1", headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (206, clip[:10])
    assert answer.headers["content-disposition"].startswith('attachment; filename="juggle-composite.mp4"')


def test_a_result_that_is_not_there_is_404(shared_server: Server) -> None:
    task_id = _store_result(shared_server, b"x")
    for link in (_result_link(shared_server, "nothing"), _result_link(shared_server, task_id, "mask")):
        answer = httpx.get(link)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_large_file_is_sent_whole_and_one_who_leaves_disturbs_nobody(shared_server: Server) -> None:
    content = bytes(range(256)) * (40 << 10)
    link = _result_link(shared_server, _store_result(shared_server, content))
    with httpx.stream("GET", link) as leaving:
        assert next(leaving.iter_bytes(1000)) == content[:1000]
    assert hashlib.sha256(httpx.get(link).content).digest() == hashlib.sha256(content).digest()
