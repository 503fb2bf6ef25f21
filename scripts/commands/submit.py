"""`segfleet submit`: a task from the shell, from the upload to the file with the result."""

import uuid
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from coordinator.domain.media import SUFFIXES
from coordinator.domain.planning import Codec, Quality
from protocol.states import Output
from protocol.work import Encoding, Fit
from scripts import access, backgrounds, resumable
from scripts.bars import Bars
from scripts.client import Client, sentence
from scripts.commands import places
from scripts.commands.quality_options import Decontaminate, FillHoles, RefineEdges, Smooth
from scripts.refusal import Refusal, console

INTERRUPTED = 130


class Behind(NamedTuple):
    """What `--background` says, and how a file is shown."""

    text: str
    fit: Fit
    loop: bool


def submit(
    video: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A video file.")],
    background: Annotated[str, typer.Option("--background", "-b", help=backgrounds.HELP)],
    out: Annotated[Path, typer.Option("--out", "-o", help="File or folder for the result.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="A model.  [default: the coordinator's]")] = None,
    outputs: Annotated[list[Output] | None, typer.Option(help="composite, mask, foreground; repeat it.")] = None,
    quality: Annotated[Quality, typer.Option(help="How well.")] = "standard",
    codec: Annotated[Codec, typer.Option(help="Of the composite; hevc and av1 for HDR.")] = "h264",
    fragmented: Annotated[bool, typer.Option("--fragmented", help="Playable while it arrives.")] = False,
    foreground: Annotated[Literal["vp9", "prores"], typer.Option(help="How alpha is kept.")] = "vp9",
    refine_edges: RefineEdges = False,
    fill_holes: FillHoles = False,
    smooth: Smooth = False,
    decontaminate: Decontaminate = False,
    fit: Annotated[Fit, typer.Option(help="How the background fills the frame.")] = "cover",
    loop: Annotated[bool, typer.Option("--loop/--hold", help="What a video in the background does at its end.")] = True,
    priority: Annotated[int, typer.Option(min=-100, max=100, help="Among your own tasks; more is sooner.")] = 0,
) -> None:
    """Replace the background of a video on the fleet and save the result here. Ctrl-C cancels the task."""
    refinement = {"refine_edges": refine_edges, "fill_holes": fill_holes, "smooth": smooth}
    person = {"decontaminate": decontaminate}
    wish: dict[str, Any] = {
        "outputs": [str(one) for one in outputs or [Output.COMPOSITE]],
        "options": {"quality": quality, "codec": codec, "foreground": foreground, "fragmented": fragmented}
        | refinement
        | person,
        "priority": priority,
    }
    if model is not None:
        wish["model"] = model
    targets = targets_of(out, video, background, outputs or [Output.COMPOSITE], Encoding(foreground=foreground))
    with Client(access.find()) as client:
        for path in process(client, video, Behind(background, fit, loop), wish, targets).values():
            console.print(str(path), soft_wrap=True, highlight=False)


def targets_of(out: Path, video: Path, background: str, outputs: list[Output], encoding: Encoding) -> dict[str, Path]:
    """Where each output is saved: at `out` or beside it, or in the folder `out`. Refusal: that cannot be."""
    named = out / f"{video.stem}.mp4" if out.is_dir() else out
    if not named.parent.is_dir():
        raise Refusal(f"There is no folder {named.parent}.")
    try:
        found = places.of_video(named, outputs, encoding)
        if out.is_dir() and Output.COMPOSITE in found:
            found[Output.COMPOSITE] = out / f"{video.stem}-composite.mp4"
        places.check_apart(found.values(), video, background)
    except places.Misplaced as error:
        raise Refusal(f"{error}.") from error
    return {str(output): path for output, path in found.items()}


def named(path: Path, content_type: str) -> Path:
    """`path`, or beside it with the suffix of what the result really is: mkv, where mp4 cannot hold the source's sound.
    It never takes the place of a file that nobody named."""
    suffix = SUFFIXES.get(content_type, path.suffix)
    if path.suffix.lower() == suffix.lower():
        return path
    instead = path.with_suffix(suffix)
    return path.with_name(f"{path.name}{suffix}") if instead.exists() else instead


def process(
    client: Client, video: Path, background: Behind, wish: dict[str, Any], targets: dict[str, Path]
) -> dict[str, Path]:
    """Upload, make the task, wait, save every result; the paths by output. A failure, or the end of a task by another
    hand, is a Refusal; Ctrl-C cancels the task."""
    key, body = uuid.uuid4().hex, dict[str, Any]()
    try:
        with Bars() as bars:
            behind = _background(client, background, bars)
            source = _upload(client, "videos", video, bars)
            body = {"video_id": source["id"], "background": behind, **wish}
            task = _watch(client, client.create_task(body, key)["id"], bars)
            _refuse_unless_completed(task)
            targets = {one: named(path, task["results"][one]["content_type"]) for one, path in targets.items()}
            for output, path in targets.items():
                _download(client, task, output, path, bars)
        return targets
    except KeyboardInterrupt:
        if body:  # the same key gives the task that was made, also when its answer never came
            with Client(client.access) as anew:  # a connection that was interrupted is in nobody knows which state
                anew.cancel(anew.create_task(body, key)["id"])
        raise Refusal("Cancelled.", INTERRUPTED) from None


def _background(client: Client, wanted: Behind, bars: Bars) -> dict[str, Any]:
    """What `--background` means, uploaded if it is a file."""
    try:
        named = backgrounds.parse(wanted.text)
    except backgrounds.NoBackground as error:
        raise Refusal(str(error)) from error
    if not isinstance(named, Path):
        return named.model_dump(mode="json")
    found = _upload(client, "backgrounds", named, bars)
    moving = (found.get("duration") or 0) > 0 and (found.get("frames") or 0) > 1
    return {"kind": "video" if moving else "image", "id": found["id"], "fit": wanted.fit, "loop": wanted.loop}


def _upload(client: Client, kind: str, path: Path, bars: Bars) -> dict[str, Any]:
    bar = bars.begin("upload", path.stat().st_size, path.name)

    def told(done: int, size: int) -> None:
        if done < size:
            bar.update(done)
        else:
            bar.update(done, f"{path.name}: being examined")

    large = path.stat().st_size > resumable.PIECE_BYTES
    found = resumable.upload(client, kind, path, told) if large else client.upload(kind, path, told)
    bar.update(path.stat().st_size, path.name)
    return found


def _watch(client: Client, task_id: str, bars: Bars) -> dict[str, Any]:
    bar = bars.begin("process", 100, "waiting")
    return client.wait(task_id, lambda task: bar.update(task["progress"], news(task)))


def news(task: dict[str, Any]) -> str:
    """The state of a task in a few words: `process 87/120 frames, 41.3 fps, 3 s left`."""
    if task["state"] != "processing":
        place = task.get("queue_position")
        return f"waiting, place {place}" if task["state"] == "waiting" and place else str(task["state"])
    words = [f"{task.get('stage') or 'processing'} {task['frames_done']}/{task['frames_total'] or '?'} frames"]
    if task.get("fps"):
        words.append(f"{task['fps']:.1f} fps")
    if task.get("eta_s") is not None:
        words.append(f"{task['eta_s']:.0f} s left")
    return ", ".join(words)


def _refuse_unless_completed(task: dict[str, Any]) -> None:
    if task["state"] == "completed":
        return
    error = task.get("error") or {}
    why = sentence(str(error.get("code", "")), str(error.get("detail", ""))) if error else ""
    raise Refusal(f"The task {task['id']} is {task['state']}. {why}".strip())


def _download(client: Client, task: dict[str, Any], output: str, path: Path, bars: Bars) -> None:
    bar = bars.begin("download", task["results"][output]["size"], path.name)
    client.download(task, output, path, lambda done, _size: bar.update(done))
