"""Promise 17: a large upload survives kill -9 of either side. The bytes are identical."""

import hashlib
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tusclient.client import TusClient

from tests import clips
from tests.faults.lonely import Lonely
from tests.system.coordinator import Client
from tests.system.patience import until

SIZE = 24 << 20
PIECE = 2 << 20
SENDER = """
import sys, time
import httpx

def half():
    with open(sys.argv[2], "rb") as file:
        file.seek(int(sys.argv[3]))
        yield file.read(3 << 20)
    print("half", flush=True)
    time.sleep(600)

headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": sys.argv[3], "Authorization": sys.argv[4]}
headers |= {"Content-Type": "application/offset+octet-stream", "Content-Length": str(8 << 20)}
httpx.patch(sys.argv[1], headers=headers, content=half(), timeout=600, trust_env=False)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short video with megabytes behind it that nobody plays."""
    path = clips.write(tmp_path_factory.mktemp("large") / "large.mp4")
    free = SIZE - path.stat().st_size
    with path.open("ab") as file:
        file.write(free.to_bytes(4, "big") + b"free" + bytes(at % 251 for at in range(251)) * (free // 251 + 1))
        file.truncate(SIZE)
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _headers(user: Client, **more: str) -> dict[str, str]:
    return {"Tus-Resumable": "1.0.0", "Authorization": user.headers["Authorization"], **more}


def _offset(user: Client, url: str) -> int:
    return int(httpx.head(url, headers=_headers(user), trust_env=False).headers["upload-offset"])


def _grows(user: Client, url: str, begun: int) -> None:
    until(lambda: _offset(user, url) > begun, 20, "some of the piece is there")


def _is_free(user: Client, url: str) -> bool:
    wanted = {"Upload-Offset": str(_offset(user, url)), "Content-Type": "application/offset+octet-stream"}
    return httpx.patch(url, headers=_headers(user, **wanted), trust_env=False).status_code == 204


def test_an_upload_survives_kill_9_of_its_sender_and_of_the_coordinator(lonely: Lonely, large: Path) -> None:
    coordinator, user = lonely.coordinator, lonely.user
    token = user.headers["Authorization"]
    tus = TusClient(f"{coordinator.url}/api/v1/uploads", headers={"Authorization": token})
    with large.open("rb") as file:
        first = tus.uploader(file_stream=file, chunk_size=PIECE, metadata={"filename": "large.mp4"})
        first.upload(stop_at=2 * PIECE)
    url = str(first.url)
    for killed in ("the sender", "the coordinator"):
        begun = _offset(user, url)
        command = [sys.executable, "-c", SENDER, url, str(large), str(begun), token]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as sender:
            assert sender.stdout is not None
            assert sender.stdout.readline() == b"half\n"
            _grows(user, url, begun)
            if killed == "the coordinator":
                coordinator.program.kill()
                coordinator.start()
            sender.kill()
        _grows(user, url, begun)
        until(lambda: _is_free(user, url), 20, f"nobody writes any more after {killed} died")
    with large.open("rb") as file:
        second = tus.uploader(file_stream=file, chunk_size=PIECE, url=url)
        assert 2 * PIECE < second.offset < SIZE
        second.upload()
    place = vars(second)["request"].response_headers["content-location"]
    video = user.get(place.removeprefix("/api/v1")).json()
    assert (video["size"], video["sha256"]) == (SIZE, _sha256(large))
    assert httpx.get(video["url"], trust_env=False).content == large.read_bytes()
    assert [name for name in coordinator.files() if name.endswith(".part")] == []
