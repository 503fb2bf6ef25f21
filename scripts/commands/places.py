"""Where the results of a command go: under names that are true, and never over a file that is still needed."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final, Literal

from protocol.states import Output
from protocol.work import Encoding

PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp"})
VIDEOS: Final = frozenset({".mp4", ".mkv"})
ALPHA: Final = frozenset({".png", ".webp"})
Masks = Literal["video", "png"]


class Misplaced(Exception):
    """A result cannot have this name; the sentence says why."""


def is_picture(path: Path) -> bool:
    """By its name."""
    return path.suffix.lower() in PICTURES


def of_video(out: Path, outputs: Collection[Output], encoding: Encoding, mask: Masks = "video") -> dict[Output, Path]:
    """Where each output of a video goes: the composite to `out`, the others beside it. Misplaced: something would be
    called what it is not."""
    suffixes = {
        Output.COMPOSITE: out.suffix,
        Output.MASK: ".zip" if mask == "png" else ".mp4",
        Output.FOREGROUND: ".webm" if encoding.foreground == "vp9" else ".mov",
    }
    true = VIDEOS if Output.COMPOSITE in outputs else VIDEOS | {suffixes[output] for output in outputs}
    if out.suffix.lower() not in true:
        raise Misplaced(f"{out} would not be what its name says: a video becomes {_listed(true)}")
    return {output: _beside(out, output, suffixes[output]) for output in outputs}


def of_picture(out: Path, outputs: Collection[Output]) -> dict[Output, Path]:
    """The same of a picture. A foreground needs alpha, which a JPEG has not."""
    if not is_picture(out):
        raise Misplaced(f"{out} would not be what its name says: a picture becomes {_listed(PICTURES)}")
    alpha = out.suffix if out.suffix.lower() in ALPHA else ".png"
    return {output: _beside(out, output, alpha if output is Output.FOREGROUND else out.suffix) for output in outputs}


def check_apart(paths: Iterable[Path], source: Path, background: str) -> None:
    """Misplaced: to write one of `paths` would destroy the source, or the background where that is a file."""
    inputs = {"source": source, "background": Path(background)}
    for path in paths:
        for place in (path, path.with_name(f"{path.name}.part")):
            for name, file in inputs.items():
                if place.exists() and file.is_file() and place.samefile(file):
                    raise Misplaced(f"{place} is the {name} itself; give the result another name")


def _beside(out: Path, output: Output, suffix: str) -> Path:
    return out if output is Output.COMPOSITE else out.with_name(f"{out.stem}-{output}{suffix}")


def _listed(suffixes: Collection[str]) -> str:
    *most, last = sorted(suffixes)
    return f"{', '.join(most)} or {last}"
