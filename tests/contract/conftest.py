"""One coordinator as a process for the whole contract, two accounts, a video, and nodes of other people."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import clips
from tests.contract.third_party import ThirdParty
from tests.system.coordinator import Client, Coordinator

Json = dict[str, Any]
LIMIT_MB = 2


@pytest.fixture(scope="session")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """The program itself, with a small limit for uploads and a lease that no test has to wait for."""
    home = tmp_path_factory.mktemp("contract")
    with Coordinator(home, UPLOAD_FILE_SIZE_LIMIT=str(LIMIT_MB), LEASE_S="20", HEARTBEAT_INTERVAL="60") as running:
        yield running
    assert running.program.complaints() == []
    assert running.program.exit_code == 0


@pytest.fixture(scope="session")
def user(coordinator: Coordinator) -> Iterator[Client]:
    """An account."""
    with coordinator.account("somebody") as client:
        yield client


@pytest.fixture(scope="session")
def stranger(coordinator: Coordinator) -> Iterator[Client]:
    """Another account."""
    with coordinator.account("stranger") as client:
        yield client


@pytest.fixture(scope="session")
def admin(coordinator: Coordinator) -> Iterator[Client]:
    """The first administrator."""
    with coordinator.administrator() as client:
        yield client


@pytest.fixture(scope="session")
def nobody(coordinator: Coordinator) -> Iterator[Client]:
    """Not logged in."""
    with coordinator.client() as client:
        yield client


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of a second."""
    return clips.write(tmp_path_factory.mktemp("clips") / "clip.mp4")


@pytest.fixture(scope="session")
def video(user: Client, clip: Path) -> Json:
    """The same, uploaded by `user`."""
    return user.upload(clip)


@pytest.fixture
def node(coordinator: Coordinator) -> Iterator[ThirdParty]:
    """A node of one slot in the pull lane, joined; it leaves at the end."""
    made = ThirdParty(coordinator.url).join()
    yield made
    made.post("/api/v1/interfaces/leave", {"interface_id": made.interface_id, "boot_id": made.boot_id})
    made.http.close()


@pytest.fixture
def newcomer(coordinator: Coordinator) -> Iterator[ThirdParty]:
    """A node that has not joined."""
    made = ThirdParty(coordinator.url)
    yield made
    made.http.close()


Start = Callable[..., str]


@pytest.fixture
def start(user: Client, video: Json, node: ThirdParty) -> Iterator[Start]:
    """Submit a task for `node`: its id. What still lives at the end is cancelled."""
    made: list[str] = []

    def begin(**more: Any) -> str:
        made.append(user.submit(video["id"], model=node.model, **more))
        return made[-1]

    yield begin
    for task_id in made:
        user.put(f"/tasks/{task_id}/cancel")
