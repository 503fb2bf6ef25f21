"""Backgrounds of every kind, and options, on their whole way: upload, task, offer, a real node's pixels, result.

The model says how red the picture is, and the source has no red: all that is seen is the background.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import httpx
import numpy as np
import pytest
import typer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from typer.testing import CliRunner

from scripts.commands.submit import submit
from tests import clips, independent_reader
from tests.clips import Clip
from tests.contract.conftest import Json
from tests.contract.third_party import ThirdParty, problem
from tests.interface_node.pipeline import greys
from tests.system.coordinator import Client, Coordinator
from tests.system.nodes import MODEL, NodeProcess, tiny_model

RATE, SECONDS, SIZE = 12, 9, (64, 48)
FRAMES = RATE * SECONDS

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    """A coordinator that cuts every two seconds, and two nodes, one in each lane."""
    home = tmp_path_factory.mktemp("backgrounds")
    cache = tiny_model(home / "cache")
    with (
        Coordinator(home / "coordinator", SEGMENT_SECONDS="2", HEARTBEAT_INTERVAL="1") as running,
        NodeProcess(home, running.url, cache, "one", push=False) as one,
        NodeProcess(home, running.url, cache, "two", push=True) as two,
        running.administrator() as admin,
    ):
        one.online(admin)
        two.online(admin)
        yield running


@pytest.fixture(scope="module")
def owner(fleet: Coordinator) -> Iterator[Client]:
    """An account."""
    with fleet.account("owner") as client:
        yield client


@pytest.fixture(scope="module")
def empty(owner: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a video of nine seconds with nobody in it."""
    path = tmp_path_factory.mktemp("empty") / "empty.mp4"
    return str(owner.upload(greys.write(path, FRAMES, RATE, step=0, chroma=greys.CYAN))["id"])


@pytest.fixture(scope="module")
def moving(owner: Client, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """Seven pictures, four a second, uploaded as a background."""
    return owner.upload(greys.write(tmp_path_factory.mktemp("moving") / "moving.mp4", 7, 4), "backgrounds")


@pytest.fixture
def moving_for_user(user: Client, tmp_path: Path) -> str:
    """The id of a background of another coordinator, where nodes are other people's."""
    return str(user.upload(greys.write(tmp_path / "moving.mp4", 7, 4), "backgrounds")["id"])


def done(owner: Client, **wish: Any) -> Json:
    """A task, completed."""
    task = owner.ended(owner.post("/tasks", json={"model": MODEL, **wish}).raise_for_status().json()["id"], 120)
    assert task["state"] == "completed", task["error"]
    return task


def saved(owner: Client, task: Json, folder: Path, output: str = "composite") -> Path:
    """A result of it."""
    url = task["results"][output]["url"]
    path = folder / f"{output}{Path(httpx.URL(url).path).suffix}"
    path.write_bytes(owner.get(url).raise_for_status().content)
    return path


def made(owner: Client, folder: Path, output: str = "composite", **wish: Any) -> Path:
    """The result of a task that is waited for."""
    return saved(owner, done(owner, **wish), folder, output)


def picture(path: Path) -> NDArray[np.int64]:
    """RGB or RGBA."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found[:, :, [2, 1, 0, 3][: found.shape[2]]], np.int64)


@pytest.mark.parametrize("loop", [True, False])
def test_a_video_moves_on_through_all_segments_as_through_one(
    owner: Client, empty: str, moving: Json, tmp_path: Path, loop: bool
) -> None:
    assert (moving["frames"], moving["duration"], moving["fps"]) == (7, 1.75, 4.0)
    behind = {"kind": "video", "id": moving["id"], "loop": loop}
    task = done(owner, video_id=empty, background=behind)
    steps = owner.get(f"/tasks/{task['id']}/steps").raise_for_status().json()["items"]
    assert [step["kind"] for step in steps].count("segment") > 3
    path = saved(owner, task, tmp_path)
    due = [number // 3 for number in range(FRAMES)]
    assert greys.shown_behind(path, SIZE) == [number % 7 if loop else min(number, 6) for number in due]


def test_a_video_may_be_called_a_picture_and_be_an_upload_of_either_kind(
    owner: Client, empty: str, tmp_path: Path
) -> None:
    video = owner.upload(greys.write(tmp_path / "b.mp4", 30, RATE))
    path = made(owner, tmp_path, video_id=empty, background={"kind": "image", "id": video["id"], "fit": "stretch"})
    assert greys.shown_behind(path, SIZE) == [number % 30 for number in range(FRAMES)]


def test_the_sound_of_the_background_is_not_in_the_result(owner: Client, empty: str, tmp_path: Path) -> None:
    loud = owner.upload(clips.write(tmp_path / "loud.mp4", Clip(audio="aac")), "backgrounds")
    path = made(owner, tmp_path, video_id=empty, background={"kind": "video", "id": loud["id"]})
    assert "Audio" not in independent_reader.description(path)


def test_a_still_of_a_video_has_the_background_of_its_moment(
    owner: Client, empty: str, moving: Json, tmp_path: Path
) -> None:
    behind = {"kind": "video", "id": moving["id"]}
    for second, number in ((0.0, 0), (1.0, 4), (2.0, 1)):
        grey = picture(made(owner, tmp_path, video_id=empty, at_s=second, background=behind)).mean()
        assert round((16 + grey * 219 / 255 - greys.DARKEST) / greys.STEP) == number


def test_every_segment_is_told_where_the_video_begins(
    user: Client, node: ThirdParty, moving_for_user: str, tmp_path: Path
) -> None:
    late = clips.write(tmp_path / "late.ts", Clip(frames=24 * RATE, rate=RATE))
    video = user.upload(late)
    behind = {"kind": "video", "id": moving_for_user, "fit": "contain", "loop": False}
    task_id = user.submit(str(video["id"]), model=node.model, background=behind)
    offered = node.offered(task_id)["background"]
    assert (offered["kind"], offered["fit"], offered["loop"]) == ("video", "contain", False)
    tick = Fraction(1, 90_000)
    assert offered["origin_pts"] * tick == independent_reader.frame_times(late).times[0] > 0
    assert node.http.get(offered["source"]["url"]).status_code == 401
    user.put(f"/tasks/{task_id}/cancel")


def test_a_photograph_is_worked_on_upright(owner: Client, tmp_path: Path) -> None:
    turned = owner.upload(clips.still(tmp_path / "turned.jpg", orientation=6), "backgrounds")
    flat = {"kind": "color", "color": "#0000ff"}
    options = {"image_format": "jpeg"}
    assert picture(made(owner, tmp_path, image_id=turned["id"], background=flat, options=options)).shape == (160, 96, 3)


def test_segfleet_submit_uploads_a_video_as_the_background(
    fleet: Coordinator, owner: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGFLEET_URL", fleet.url)
    monkeypatch.setenv("SEGFLEET_TOKEN", owner.token)
    source = greys.write(tmp_path / "source.mp4", RATE, RATE, step=0, chroma=greys.CYAN)
    behind, out = greys.write(tmp_path / "behind.mp4", 3, 4), tmp_path / "out.mp4"
    app = typer.Typer()
    app.command()(submit)
    words = [str(source), "-b", str(behind), "--hold", "-m", MODEL, "-o", str(out)]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert greys.shown_behind(out, SIZE) == [min(number // 3, 2) for number in range(RATE)]


def test_a_gradient_runs_from_the_first_colour_to_the_second(owner: Client, empty: str, tmp_path: Path) -> None:
    behind = {"kind": "gradient", "colors": ["#000000", "#ffffff"], "angle": 90}
    frames = independent_reader.rgb_frames(made(owner, tmp_path, video_id=empty, background=behind), SIZE)
    assert len(frames) == FRAMES
    across = frames[-1].mean(axis=(0, 2))
    assert (across[0] < 12, across[-1] > 243, abs(across[31:33].mean() - 128) < 6) == (True, True, True)


def test_nothing_is_behind_a_foreground(owner: Client, empty: str, tmp_path: Path) -> None:
    nothing = {"kind": "transparent"}
    path = made(owner, tmp_path, "foreground", video_id=empty, background=nothing, outputs=["foreground", "mask"])
    frames = independent_reader.rgba_frames(path, SIZE, "libvpx-vp9")
    assert (len(frames), int(frames[:, :, :, 3].max()) <= 2) == (FRAMES, True)


def test_nothing_is_behind_a_picture_with_alpha(owner: Client, tmp_path: Path) -> None:
    still = owner.upload(clips.still(tmp_path / "still.png"), "backgrounds")
    wish = {"image_id": still["id"], "background": {"kind": "transparent"}}
    for kind in ("png", "webp"):
        assert picture(made(owner, tmp_path, **wish, options={"image_format": kind})).shape == (96, 160, 4)
    refused = owner.post("/tasks", json={"model": MODEL, **wish, "options": {"image_format": "jpeg"}})
    assert problem(refused) == (422, "unsupported_background")
    assert "png or webp" in refused.json()["detail"]


def red_with_a_hole(path: Path) -> Path:
    """Three seconds of a red body; in its middle one pixel of the model is blue."""
    picture = np.zeros((96, 96, 3), np.uint8)
    picture[12:84, 12:84] = (255, 0, 0)
    picture[42:48, 42:48] = (0, 0, 255)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"crf": "4"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        for _ in range(3 * RATE):
            output.mux(stream.encode(VideoFrame.from_ndarray(picture, "rgb24")))
        output.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def holed(owner: Client, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The id of such a video, and the file."""
    path = red_with_a_hole(tmp_path_factory.mktemp("holed") / "a.mp4")
    return str(owner.upload(path)["id"]), path


@pytest.mark.parametrize(
    ("codec", "said", "refined"), [("hevc", "hevc (Main) (hvc1", True), ("av1", "av1 (libdav1d) (Main)", False)]
)
def test_codec_and_refinement_are_what_the_user_asked_for(
    owner: Client, holed: tuple[str, Path], tmp_path: Path, codec: str, said: str, refined: bool
) -> None:
    names = ("fill_holes", "smooth", "refine_edges", "decontaminate")
    options = {"codec": codec, "quality": "draft", **dict.fromkeys(names, refined)}
    video, source = holed
    flat = {"kind": "color", "color": "#ffffff"}
    task = done(owner, video_id=video, background=flat, outputs=["composite", "mask"], options=options)
    assert task["options"] == {**task["options"], **options}
    made = saved(owner, task, tmp_path)
    assert said in independent_reader.description(made)
    assert independent_reader.frame_times(made).times == independent_reader.frame_times(source).times
    hole = independent_reader.rgb_frames(saved(owner, task, tmp_path, "mask"), (96, 96))[:, 44:46, 44:46]
    assert hole.shape[0] == 3 * RATE
    assert (hole.min() > 200) if refined else (hole.max() < 128)


def test_a_composite_of_a_video_on_nothing_is_refused_in_words(owner: Client, empty: str) -> None:
    for outputs in (["composite"], ["mask", "composite"]):
        refused = owner.post(
            "/tasks", json={"video_id": empty, "background": {"kind": "transparent"}, "outputs": outputs}
        )
        assert problem(refused) == (422, "unsupported_background")
        assert "foreground" in refused.json()["detail"]


@pytest.mark.parametrize(
    "background",
    [
        {"kind": "gradient", "colors": ["#000000"]},
        {"kind": "gradient", "colors": ["#000000", "#ffffff"], "angle": 361},
        {"kind": "gradient", "colors": ["#000000", "red"]},
        {"kind": "video", "id": "x", "loop": "often"},
    ],
)
def test_a_background_that_says_nonsense_is_refused(owner: Client, empty: str, background: Json) -> None:
    assert problem(owner.post("/tasks", json={"video_id": empty, "background": background})) == (422, "invalid_request")
