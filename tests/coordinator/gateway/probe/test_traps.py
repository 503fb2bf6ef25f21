"""Files that name others, never end, or are larger than they say: refused by the probe, which stays alive."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coordinator.errors import CoordinatorError
from coordinator.gateway.probe.pool import ProbePool
from tests import traps

pytestmark = pytest.mark.anyio


@pytest.fixture
def network() -> Iterator[socket.socket]:
    """Where a file that is obeyed would call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.mark.parametrize("what", traps.NAMING)
async def test_a_file_that_names_another_one_is_refused_and_nothing_is_called(
    pool: ProbePool, network: socket.socket, tmp_path: Path, what: str
) -> None:
    path = traps.NAMING[what](tmp_path / "renamed.mp4", network.getsockname()[1])
    for probe in (pool.video, pool.background, pool.artifact):
        with pytest.raises(CoordinatorError) as refused:
            await probe(path)
        assert refused.value.code in {"not_a_video", "unsupported_container", "not_an_image"}
    with pytest.raises(BlockingIOError):
        network.accept()


TRAPS: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "a decoder that is not for strangers": ("a.avi", traps.other_codec, "unsupported_container"),
    "a hundred streams": ("a.mp4", lambda path: traps.many_streams(path, 100), "media_too_large"),
    "frames years apart": ("a.mkv", traps.years, "media_too_long"),
    "an index of millions": ("a.mp4", lambda path: traps.repeated(path, 3_000_000), "no_frames"),
    "a bomb inside": ("a.mov", traps.bomb_inside, "broken_media"),
}


@pytest.mark.parametrize("what", TRAPS)
async def test_what_is_larger_than_it_says_is_refused(pool: ProbePool, tmp_path: Path, what: str) -> None:
    name, make, code = TRAPS[what]
    with pytest.raises(CoordinatorError) as refused:
        await pool.video(make(tmp_path / name))
    assert refused.value.code == code


async def test_a_stream_that_changes_its_size_is_a_video_of_the_first(pool: ProbePool, tmp_path: Path) -> None:
    facts = (await pool.video(traps.changes_size(tmp_path / "a.ts"))).facts
    assert (facts.width, facts.height, facts.frames) == (160, 96, 24)
