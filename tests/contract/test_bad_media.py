"""Files that are no videos or pictures, each refused with its code, and nothing of them stays: no row, no file."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import clips
from tests.contract.conftest import LIMIT_MB
from tests.contract.third_party import problem
from tests.system.coordinator import Client, Coordinator

Make = Callable[[Path], Path]


def text(path: Path) -> Path:
    path.write_text("This is not a video.\n" * 100)
    return path


def nothing(path: Path) -> Path:
    path.touch()
    return path


def playlist(path: Path) -> Path:
    return clips.playlist(path, clips.write(path.with_name("neighbour.mp4")))


def hls(path: Path) -> Path:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    return path


def over_the_limit(path: Path) -> Path:
    path.write_bytes(clips.write(path).read_bytes() + bytes((LIMIT_MB + 1) << 20))
    return path


@pytest.fixture(autouse=True)
def nothing_stays(coordinator: Coordinator, user: Client) -> Iterator[None]:
    """The ledger and the disk are after every refusal what they were before."""
    assert user.token
    before = coordinator.ledger(), coordinator.files()
    yield
    assert (coordinator.ledger(), coordinator.files()) == before


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (text, 422, "not_a_video"),
        (nothing, 422, "empty_file"),
        (clips.without_frames, 422, "no_frames"),
        (clips.sound_only, 422, "not_a_video"),
        (clips.truncated, 422, "broken_media"),
        (playlist, 422, "unsupported_container"),
        (hls, 422, "unsupported_container"),
        (over_the_limit, 413, "too_large"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_file_that_is_no_video_is_refused_with_its_reason(
    user: Client, tmp_path: Path, make: Make, status: int, code: str
) -> None:
    with make(tmp_path / "video.mp4").open("rb") as file:
        assert problem(user.post("/videos", files={"file": ("video.mp4", file)})) == (status, code)


@pytest.mark.parametrize(
    ("make", "name", "code"),
    [
        (text, "picture.png", "not_an_image"),
        (nothing, "picture.png", "empty_file"),
        (clips.huge_png, "bomb.png", "media_too_large"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_file_that_is_no_picture_is_refused_with_its_reason(
    user: Client, tmp_path: Path, make: Make, name: str, code: str
) -> None:
    with make(tmp_path / name).open("rb") as file:
        assert problem(user.post("/backgrounds", files={"file": (name, file)})) == (422, code)


def test_an_upload_that_announces_too_much_is_refused_before_it_comes(coordinator: Coordinator, user: Client) -> None:
    head = request_head(coordinator, user, length=(LIMIT_MB + 10) << 20)
    with socket.create_connection(("127.0.0.1", coordinator.port), timeout=30) as line:
        line.sendall(head)
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_an_upload_that_breaks_off_leaves_nothing(coordinator: Coordinator, user: Client, clip: Path) -> None:
    head, part = request_head(coordinator, user, length=100_000), clip.read_bytes()[:2000]
    disposition = b'--b\r\ncontent-disposition: form-data; name="file"; filename="clip.mp4"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", coordinator.port), timeout=30) as line:
        line.sendall(head + disposition + part)
        line.shutdown(socket.SHUT_WR)
        answer = line.recv(4096)
    assert not answer or b" 400 " in answer.splitlines()[0]


def test_a_form_that_ends_in_the_middle_of_its_file_is_a_truncated_upload(user: Client, clip: Path) -> None:
    body = b'--b\r\ncontent-disposition: form-data; name="file"; filename="clip.mp4"\r\n\r\n' + clip.read_bytes()
    answer = user.post("/videos", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    assert problem(answer) == (400, "truncated_upload")


def test_a_form_without_a_file_and_a_body_that_is_no_form_are_refused(user: Client) -> None:
    assert problem(user.post("/videos", files={"other": ("x", b"x")})) == (422, "invalid_request")
    assert problem(user.post("/videos", json={"file": "x"})) == (415, "unsupported_media_type")


def test_nobody_uploads_without_logging_in(nobody: Client, clip: Path) -> None:
    assert problem(nobody.post("/videos", files={"file": clip.read_bytes()})) == (401, "unauthorized")


def request_head(coordinator: Coordinator, user: Client, length: int) -> bytes:
    lines = [
        "POST /api/v1/videos HTTP/1.1",
        f"Host: 127.0.0.1:{coordinator.port}",
        f"Authorization: Bearer {user.token}",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {length}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
