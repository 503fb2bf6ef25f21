"""Uploads over real HTTP: streamed in, examined, listed, removed; refusals leave nothing behind."""

import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests import clips
from tests.clips import Clip
from tests.coordinator.conftest import MakeSettings, Serve, Server
from tests.coordinator.media_home import everything

BOUNDARY = "----form"


LeftBehind = Callable[[], list[str]]


@pytest.fixture
def server(shared_server: Server) -> Server:
    """The one that everybody shares."""
    return shared_server


@pytest.fixture
def user(server: Server) -> Iterator[httpx.Client]:
    """A client of an account that nobody else uses."""
    with server.client(server.register(f"somebody-{uuid.uuid4().hex}")) as client:
        yield client


@pytest.fixture
def left_behind(server: Server) -> LeftBehind:
    """The files that came since the test began."""
    before = set(everything(server.settings.home))
    return lambda: sorted(set(everything(server.settings.home)) - before)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A short video with sound."""
    return clips.write(tmp_path / "clip.mp4", Clip(audio="aac"))


def _send(client: httpx.Client, path: Path, name: str = "clip.mp4", to: str = "/videos") -> httpx.Response:
    with path.open("rb") as file:
        return client.post(to, files={"file": (name, file, "application/x-anything")})


def _form(content: bytes, *, end: bool = True) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="clip.mp4"\r\n\r\n'
    return head.encode() + content + (f"\r\n--{BOUNDARY}--\r\n".encode() if end else b"")


def _post_raw(client: httpx.Client, body: bytes | Iterator[bytes], content_type: str | None = None) -> httpx.Response:
    return client.post(
        "/videos",
        content=body,
        headers={"Content-Type": content_type or f"multipart/form-data; boundary={BOUNDARY}"},
    )


def test_a_video_comes_back_with_what_programs_rely_on(user: httpx.Client, server: Server, clip: Path) -> None:
    answer = _send(user, clip, "../../My clip.mp4")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert answer.headers["location"] == f"/api/v1/videos/{body['id']}"
    assert {name: body[name] for name in ("name", "kind", "size", "width", "height", "frames", "duration", "fps")} == {
        "name": "My clip.mp4",
        "kind": "video",
        "size": clip.stat().st_size,
        "width": 160,
        "height": 96,
        "frames": 24,
        "duration": 1.0,
        "fps": 24.0,
    }
    assert (body["rotation"], body["has_audio"], body["codec"], body["container"]) == (0, True, "h264", "mp4")
    assert body["url"].startswith(f"{server.url}/videos/{body['id']}?exp=")
    assert body["expires_at"] > body["created_at"]
    assert httpx.get(body["url"]).content == clip.read_bytes()
    thumbnail = httpx.get(body["thumbnail_url"])
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert thumbnail.content.startswith(b"\xff\xd8")
    assert user.get(f"/videos/{body['id']}").json() == body


def test_a_picture_comes_back_as_a_background(user: httpx.Client, tmp_path: Path) -> None:
    answer = _send(user, clips.still(tmp_path / "still.png"), "still.png", "/backgrounds")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["kind"], body["content_type"], body["frames"]) == ("background", "image/png", 1)
    assert httpx.get(body["url"]).headers["content-type"] == "image/png"
    assert user.get("/videos").json()["items"] == []
    assert user.get("/backgrounds").json()["items"] == [body]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.write_bytes(b"This is not a video.\n" * 99), "not_a_video"),
        (lambda path: path.write_bytes(b""), "empty_file"),
        (clips.without_frames, "no_frames"),
        (clips.sound_only, "not_a_video"),
        (clips.truncated, "broken_media"),
        (lambda path: clips.playlist(path, clips.write(path.with_name("neighbour.mp4"))), "unsupported_container"),
    ],
    ids=["text", "empty", "no frames", "sound", "cut off", "playlist"],
)
def test_bad_files_are_named_and_leave_nothing(
    user: httpx.Client, left_behind: LeftBehind, tmp_path: Path, make: Callable[[Path], object], code: str
) -> None:
    path = tmp_path / "renamed.mp4"
    make(path)
    answer = _send(user, path)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert left_behind() == []
    assert user.get("/videos").json()["items"] == []


def test_a_limit_is_kept_whether_or_not_a_length_was_announced(
    serve: Serve, make_settings: MakeSettings, tmp_path: Path
) -> None:
    def body(pieces: int) -> Iterator[bytes]:
        yield _form(b"", end=False)
        for _ in range(pieces):
            yield b"x" * (1 << 16)
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    with serve(make_settings(UPLOAD_FILE_SIZE_LIMIT="1")) as server, server.client(server.register("user")) as user:
        for content in (body(24), body(60), b"".join(body(24)), b"".join(body(60))):
            answer = _post_raw(user, content)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
            assert answer.json()["params"] == {"limit": 1 << 20}
        assert everything(server.settings.home) == []


def test_a_bomb_of_a_picture_is_refused(user: httpx.Client, tmp_path: Path) -> None:
    answer = _send(user, clips.huge_png(tmp_path / "bomb.png"), "bomb.png", "/backgrounds")
    assert (answer.status_code, answer.json()["code"]) == (422, "media_too_large")


def test_a_form_that_ends_early_is_a_truncated_upload(user: httpx.Client, left_behind: LeftBehind, clip: Path) -> None:
    answer = _post_raw(user, _form(clip.read_bytes(), end=False))
    assert (answer.status_code, answer.json()["code"]) == (400, "truncated_upload")
    assert left_behind() == []


def test_a_sender_who_hangs_up_leaves_nothing_behind(
    user: httpx.Client, server: Server, left_behind: LeftBehind, clip: Path
) -> None:
    form = _form(clip.read_bytes())
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = (
            f"POST /api/v1/videos HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: {user.headers['Authorization']}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(form)}\r\n\r\n"
        )
        connection.sendall(head.encode() + form[: len(form) // 2])
        while not left_behind():
            assert user.get("/videos").status_code == 200
    while left_behind():
        assert user.get("/videos").json()["items"] == []
    assert user.get("/videos").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{}", "application/json", "unsupported_media_type"),
        (b"", "multipart/form-data", "unsupported_media_type"),
        (b"no form at all", None, "invalid_request"),
        (f"--{BOUNDARY}--\r\n".encode(), None, "invalid_request"),
        (_form(b"x").replace(b'"file"', b'"other"'), None, "invalid_request"),
        (_form(b"x").replace(b'; filename="clip.mp4"', b""), None, "invalid_request"),
        (_form(b"x").removesuffix(b"--\r\n") + b"\r\n" + _form(b"y"), None, "invalid_request"),
        (b"", None, "truncated_upload"),
    ],
    ids=["json", "no boundary", "no form", "no part", "another name", "no file", "two files", "no body"],
)
def test_a_form_that_is_none_is_refused(
    user: httpx.Client, left_behind: LeftBehind, body: bytes, content_type: str | None, code: str
) -> None:
    answer = _post_raw(user, body, content_type)
    assert answer.json()["code"] == code, answer.text
    assert left_behind() == []


def test_a_form_arrives_in_pieces_of_any_size(user: httpx.Client, clip: Path) -> None:
    form = _form(clip.read_bytes())

    def drips() -> Iterator[bytes]:
        for at in range(300):
            yield form[at : at + 1]
        yield form[300:]

    answer = _post_raw(user, drips())
    assert answer.status_code == 201, answer.text
    assert httpx.get(answer.json()["url"]).content == clip.read_bytes()


def test_nobody_uploads_without_an_account(server: Server, left_behind: LeftBehind, clip: Path) -> None:
    with server.client() as stranger:
        assert _send(stranger, clip).json()["code"] == "unauthorized"
    assert left_behind() == []


def test_anothers_upload_is_not_there(user: httpx.Client, server: Server, clip: Path) -> None:
    media_id = _send(user, clip).json()["id"]
    with server.client(server.register(f"another-{uuid.uuid4().hex}")) as other:
        assert other.get(f"/videos/{media_id}").status_code == 404
        assert other.delete(f"/videos/{media_id}").status_code == 404
        assert other.get("/videos").json() == {"items": [], "next": None}
    assert user.get(f"/backgrounds/{media_id}").status_code == 404


def test_a_list_is_paged_sorted_and_searched(user: httpx.Client, tmp_path: Path) -> None:
    picture = clips.still(tmp_path / "still.png")
    for name in ("b.png", "a.png", "c.png"):
        assert _send(user, picture, name, "/backgrounds").status_code == 201

    def names(**query: str | int) -> tuple[list[str], str | None]:
        body = user.get("/backgrounds", params=query).json()
        return [item["name"] for item in body["items"]], body["next"]

    assert names() == (["c.png", "a.png", "b.png"], None)
    first, cursor = names(sort="name", limit=2)
    assert cursor is not None
    assert first + names(sort="name", limit=2, cursor=cursor)[0] == ["a.png", "b.png", "c.png"]
    assert names(q="B.P") == (["b.png"], None)
    for query in ({"cursor": "nonsense"}, {"cursor": cursor, "sort": "size"}):
        assert user.get("/backgrounds", params=query).json()["code"] == "invalid_cursor"
    for query in ({"sort": "password"}, {"limit": "0"}, {"limit": "1000"}):
        assert user.get("/backgrounds", params=query).json()["code"] == "invalid_request"


def test_a_removed_upload_is_gone_with_its_links(user: httpx.Client, left_behind: LeftBehind, clip: Path) -> None:
    body = _send(user, clip).json()
    assert user.delete(f"/videos/{body['id']}").status_code == 204
    assert httpx.get(body["url"]).status_code == 404
    assert httpx.get(body["thumbnail_url"]).status_code == 404
    assert user.delete(f"/videos/{body['id']}").status_code == 404
    assert left_behind() == []


def test_a_quota_refuses_in_words(serve: Serve, make_settings: MakeSettings, tmp_path: Path) -> None:
    large = clips.write(
        tmp_path / "large.mp4", Clip(width=640, height=480, frames=60, codec="mjpeg", pixels="yuvj420p")
    )
    assert 400_000 < large.stat().st_size < 1 << 20
    with serve(make_settings(USER_STORAGE_MB="1")) as server, server.client(server.register("user")) as user:
        answers = [_send(user, large) for _ in range(3)]
        assert answers[0].status_code == 201
        assert (answers[-1].status_code, answers[-1].json()["code"]) == (413, "quota_exceeded")


def test_too_little_disk_refuses_uploads(serve: Serve, make_settings: MakeSettings, clip: Path) -> None:
    with (
        serve(make_settings(DISK_FREE_MIN_MB="999999999")) as server,
        server.client(server.register("user")) as user,
    ):
        answer = _send(user, clip)
        assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
