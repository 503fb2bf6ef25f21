"""tus 1.0 over real HTTP: pieces, refusals before the body, what the last piece answers, quotas, the end of uploads."""

import base64
import hashlib
import json
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tusclient.client import TusClient

from tests import clips
from tests.coordinator.api.tus_sender import PIECE_TYPE, TUS, Sender, metadata
from tests.coordinator.conftest import ADMIN, Server
from tests.coordinator.media_home import everything
from tests.system.patience import until

LeftBehind = Callable[[], list[str]]
QUOTA = 1 << 20


@pytest.fixture
def server(shared_server: Server) -> Server:
    """The one that everybody shares."""
    return shared_server


@pytest.fixture(scope="module")
def user(shared_server: Server) -> Iterator[httpx.Client]:
    """A client of an account that only this file uses: making one costs more than most tests."""
    with shared_server.client(shared_server.register(f"somebody-{uuid.uuid4().hex}")) as client:
        yield client


@pytest.fixture
def sender(user: httpx.Client) -> Iterator[Sender]:
    """The same, speaking tus; what it did not end is removed."""
    made = Sender(user)
    yield made
    for item in user.get("/uploads").json()["items"]:
        made.ask("DELETE", f"/api/v1/uploads/{item['id']}")


@pytest.fixture
def left_behind(server: Server) -> LeftBehind:
    """The files that came since the test began."""
    before = set(everything(server.settings.home))
    return lambda: sorted(set(everything(server.settings.home)) - before)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A short video."""
    return clips.write(tmp_path_factory.mktemp("clips") / "clip.mp4").read_bytes()


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem, which says the version of tus like every answer."""
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer.status_code, answer.json()["code"]


def test_pieces_become_a_video_which_the_last_answer_names(sender: Sender, clip: bytes) -> None:
    made = sender.create(len(clip), said={"filename": "../My clip.mp4", "kind": "video"})
    path = made.headers["location"]
    assert (made.status_code, made.headers["upload-offset"]) == (201, "0")
    first = sender.patch(path, 0, clip[:1000])
    assert (first.status_code, first.headers["upload-offset"], first.content) == (204, "1000", b"")
    assert "content-location" not in first.headers
    looked = sender.head(path)
    assert (looked.status_code, looked.headers["upload-offset"]) == (200, "1000")
    assert looked.headers["upload-length"] == str(len(clip))
    assert looked.headers["upload-metadata"] == metadata(filename="../My clip.mp4", kind="video")
    assert looked.headers["cache-control"] == "no-store"
    last = sender.patch(path, 1000, clip[1000:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(clip)))
    video = sender.client.get(last.headers["content-location"].removeprefix("/api/v1")).json()
    assert (video["name"], video["size"], video["frames"]) == ("My clip.mp4", len(clip), 24)
    assert video["sha256"] == hashlib.sha256(clip).hexdigest()
    assert httpx.get(video["url"]).content == clip
    assert {answer.headers["tus-resumable"] for answer in (made, first, looked, last)} == {"1.0.0"}
    later = sender.head(path)
    again = sender.patch(path, len(clip), b"")
    for answer in (later, again):
        assert answer.headers["content-location"] == last.headers["content-location"]
        assert answer.headers["upload-offset"] == str(len(clip))
    assert code(sender.patch(path, 0, clip)) == (409, "wrong_offset")


def test_a_piece_is_refused_before_its_body_is_read(sender: Sender, server: Server, left_behind: LeftBehind) -> None:
    path = sender.begin(10_000)

    def refused(who: Sender, where: str, headers: dict[str, str]) -> tuple[int, str]:
        address = urlsplit(server.url)
        known = {"Upload-Offset": "0", "Content-Type": PIECE_TYPE, "Content-Length": "10"}
        token = {name: value for name, value in who.client.headers.items() if name == "authorization"}
        with closing(HTTPConnection(address.hostname or "", address.port, timeout=20)) as line:
            line.putrequest("PATCH", where)
            for name, value in {**TUS, **token, **known, **headers}.items():
                line.putheader(name, value)
            line.endheaders()
            answer = line.getresponse()
            return answer.status, json.load(answer)["code"]

    with server.client(server.register(f"another-{uuid.uuid4().hex}")) as other, server.client() as nobody:
        assert refused(Sender(other), path, {}) == (404, "not_found")
        assert refused(Sender(nobody), path, {}) == (401, "unauthorized")
    assert refused(sender, "/api/v1/uploads/nothing", {}) == (404, "not_found")
    assert refused(sender, path, {"Upload-Offset": "5"}) == (409, "wrong_offset")
    assert refused(sender, path, {"Content-Length": "10001"}) == (413, "too_large")
    assert refused(sender, path, {"Content-Type": "application/octet-stream"}) == (415, "unsupported_media_type")
    assert refused(sender, path, {"Upload-Checksum": "md5 AAAA"}) == (400, "unsupported_checksum")
    assert refused(sender, path, {"Upload-Offset": "-1"}) == (422, "invalid_request")
    assert sender.offset(path) == 0
    assert [name.rpartition(".")[2] for name in left_behind()] == ["part"]


@pytest.mark.parametrize(
    ("size", "said", "expected"),
    [
        (0, {}, (422, "empty_file")),
        ((100 << 20) + 1, {}, (413, "too_large")),
        (2**60, {}, (422, "invalid_request")),
        (10, {"kind": "picture"}, (422, "invalid_request")),
        (10, {"filename": "x" * 5000}, (422, "invalid_request")),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_announced(
    sender: Sender, left_behind: LeftBehind, size: int, said: dict[str, str], expected: tuple[int, str]
) -> None:
    assert code(sender.create(size, said=said)) == expected
    assert left_behind() == []


def test_metadata_that_is_no_base_64_is_refused_and_a_length_is_needed(sender: Sender) -> None:
    for text in ("filename !", "filename /w==", "filename"):
        answer = sender.create(10, headers={"Upload-Metadata": text})
        assert code(answer) == (422, "invalid_request") if text != "filename" else answer.status_code == 201
    assert code(sender.ask("POST", "/api/v1/uploads", {"Upload-Defer-Length": "1"})) == (422, "invalid_request")
    with_body = sender.create(10, headers={"Content-Type": "text/plain"}, body=b"")
    assert with_body.status_code == 201
    wrong = sender.ask("POST", "/api/v1/uploads", {"Upload-Length": "10", "Content-Type": "text/plain"}, content=b"x")
    assert code(wrong) == (415, "unsupported_media_type")


def test_the_first_bytes_may_come_with_the_announcement(sender: Sender, clip: bytes, left_behind: LeftBehind) -> None:
    half = sender.create(len(clip), clip[:500], said={"filename": "clip.mp4"})
    assert (half.status_code, half.headers["upload-offset"]) == (201, "500")
    assert sender.patch(half.headers["location"], 500, clip[500:]).headers["content-location"]
    whole = sender.create(len(clip), clip)
    assert (whole.status_code, "content-location" in whole.headers) == (201, True)
    before = left_behind()
    wrong = {"Upload-Checksum": "sha1 AAAA"}
    assert code(sender.create(len(clip), clip[:500], headers=wrong)) == (460, "checksum_mismatch")
    assert code(sender.create(400, clip[:500])) == (413, "too_large")
    assert (left_behind(), sender.client.get("/uploads").json()["items"]) == (before, [])


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_piece_with_another_checksum_leaves_the_offset_where_it_was(
    sender: Sender, clip: bytes, algorithm: str
) -> None:
    path = sender.begin(len(clip))

    def checked(content: bytes) -> dict[str, str]:
        digest = base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
        return {"Upload-Checksum": f"{algorithm} {digest}"}

    assert sender.patch(path, 0, clip[:100], checked(clip[:100])).headers["upload-offset"] == "100"
    assert code(sender.patch(path, 100, clip[100:], checked(clip))) == (460, "checksum_mismatch")
    assert sender.offset(path) == 100
    assert sender.patch(path, 100, clip[100:], checked(clip[100:])).headers["content-location"]


def test_a_file_that_is_no_video_is_refused_by_its_last_piece_and_leaves_nothing(
    sender: Sender, left_behind: LeftBehind
) -> None:
    path, before = (
        sender.begin(2000, filename="clip.mp4"),
        [row["id"] for row in sender.client.get("/videos").json()["items"]],
    )
    assert sender.patch(path, 0, b"x" * 1000).status_code == 204
    assert code(sender.patch(path, 1000, b"x" * 1000)) == (422, "not_a_video")
    assert sender.head(path).status_code == 404
    assert (left_behind(), [row["id"] for row in sender.client.get("/videos").json()["items"]]) == ([], before)


def test_a_background_may_be_a_picture(sender: Sender, tmp_path: Path) -> None:
    picture = clips.still(tmp_path / "still.png").read_bytes()
    answer = sender.patch(sender.begin(len(picture), filename="still.png", kind="background"), 0, picture)
    found = sender.client.get(answer.headers["content-location"].removeprefix("/api/v1")).json()
    assert (found["kind"], found["name"], found["content_type"]) == ("background", "still.png", "image/png")


def test_a_line_that_breaks_keeps_what_had_come_and_a_second_writer_is_told_at_once(
    sender: Sender, server: Server
) -> None:
    size = 3 << 20
    path = sender.begin(size)
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port or 0)) as line:
        head = (
            f"PATCH {path} HTTP/1.1\r\nHost: {address.netloc}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            f"Authorization: {sender.client.headers['Authorization']}\r\nContent-Type: {PIECE_TYPE}\r\n"
            f"Content-Length: {size}\r\n\r\n"
        )
        line.sendall(head.encode() + b"x" * (size - 700))
        until(lambda: sender.offset(path) > 0, 20, "the first writer writes")
        assert code(sender.patch(path, sender.offset(path), b"y")) == (423, "upload_locked")
    until(lambda: sender.offset(path) == size - 700, 20, "all that had come is there")
    until(lambda: sender.patch(path, size - 700, b"").status_code == 204, 20, "the first writer let go")


def test_an_upload_that_was_given_up_is_gone_with_its_bytes(
    sender: Sender, clip: bytes, left_behind: LeftBehind
) -> None:
    path = sender.begin(len(clip))
    sender.patch(path, 0, clip[:100])
    assert sender.ask("DELETE", path).status_code == 204
    assert left_behind() == []
    assert code(sender.ask("DELETE", path)) == (404, "not_found")
    assert code(sender.patch(path, 100, clip[100:])) == (404, "not_found")


def test_a_finished_upload_that_is_given_up_leaves_its_video_and_one_without_its_video_is_gone(
    sender: Sender, clip: bytes
) -> None:
    first, second = (sender.create(len(clip), clip).headers for _ in range(2))
    assert sender.ask("DELETE", first["location"]).status_code == 204
    assert sender.head(first["location"]).status_code == 404
    assert sender.client.get(first["content-location"].removeprefix("/api/v1")).status_code == 200
    assert sender.client.delete(second["content-location"].removeprefix("/api/v1")).status_code == 204
    assert sender.head(second["location"]).status_code == 410


def test_unfinished_uploads_are_listed_with_what_they_have(sender: Sender) -> None:
    older, newer = sender.begin(100, filename="a.mp4"), sender.begin(200, filename="b.png", kind="background")
    sender.patch(newer, 0, b"x" * 50)
    items = sender.client.get("/uploads").json()["items"]
    assert [(f"/api/v1/uploads/{item['id']}", item["name"], item["kind"]) for item in items] == [
        (newer, "b.png", "background"),
        (older, "a.mp4", "video"),
    ]
    assert [(item["offset"], item["size"]) for item in items] == [(50, 200), (0, 100)]
    expires = parsedate_to_datetime(sender.head(newer).headers["upload-expires"])
    assert items[0]["expires_at"].startswith(expires.strftime("%Y-%m-%dT%H:%M:%S"))


def test_a_post_may_stand_for_what_a_program_cannot_send(sender: Sender, clip: bytes) -> None:
    path = sender.begin(len(clip))
    wanted = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0", "Content-Type": PIECE_TYPE}
    assert sender.ask("POST", path, wanted, content=clip).headers["upload-offset"] == str(len(clip))
    assert sender.ask("POST", path, {"X-HTTP-Method-Override": "DELETE"}).status_code == 204


def test_what_was_announced_counts_against_the_quota(server: Server, clip: bytes) -> None:
    sender = Sender(server.client(server.register(f"small-{uuid.uuid4().hex}")))
    user_id = sender.client.get("/auth/me").json()["id"]
    with server.client(server.login(*ADMIN)) as admin:
        assert admin.patch(f"/admin/users/{user_id}", json={"storage_mb": 1}).json()["storage_mb"] == 1
    path = sender.begin(QUOTA - 1000)
    assert code(sender.create(1001)) == (413, "quota_exceeded")
    refused = sender.client.post("/videos", files={"file": ("clip.mp4", clip)})
    assert refused.json()["params"] == {"used_bytes": QUOTA - 1000, "max_bytes": QUOTA}
    sender.ask("DELETE", path)
    assert sender.create(len(clip), clip).headers["content-location"]
    assert code(sender.create(QUOTA - len(clip) + 1)) == (413, "quota_exceeded")
    assert sender.create(QUOTA - len(clip)).status_code == 201
    sender.client.close()


@pytest.mark.parametrize("checked", [False, True], ids=["plain", "checksums"])
def test_tuspy_uploads_stops_and_goes_on_elsewhere(
    user: httpx.Client, tmp_path: Path, clip: bytes, checked: bool
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    client = TusClient(f"{user.base_url}uploads", headers={"Authorization": user.headers["Authorization"]})
    with path.open("rb") as file:
        said = {"filename": "clip.mp4", "kind": "video"}
        first = client.uploader(file_stream=file, chunk_size=1000, metadata=said, upload_checksum=checked)
        first.upload(stop_at=2000)
        second = client.uploader(file_stream=file, chunk_size=1500, url=first.url, upload_checksum=checked)
        assert second.offset == 2000
        second.upload()
        assert client.uploader(file_stream=file, url=first.url).offset == len(clip)
    place = vars(second)["request"].response_headers["content-location"]
    assert user.get(place.removeprefix("/api/v1")).json()["sha256"] == hashlib.sha256(clip).hexdigest()
