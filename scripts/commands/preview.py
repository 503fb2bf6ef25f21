"""`segfleet process --preview`: a sheet with a few frames of the result, before the whole of it is made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from interface_node.engine.session import ModelSession
from interface_node.pipeline.glimpses import Glimpse, glimpses
from interface_node.pipeline.spec import RunSpec
from interface_node.pipeline.still import KINDS, encode_picture
from interface_node.pipeline.whole_file import write_whole
from scripts.refusal import errors

ROWS: Final = 3
COLUMNS: Final = 3
LONG_SIDE: Final = 480
"""Pixels of each picture on the sheet, at most."""
GAP: Final = 6
GROUND: Final = 24
"""The grey between the pictures."""
FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
SCALE: Final = 0.55


def write_preview(path: Path, spec: RunSpec, session: ModelSession) -> int:
    """Write a sheet of `ROWS` x `COLUMNS` frames, fewer of a shorter video, to a path with a suffix of `KINDS`: how
    many they are. Progress goes to standard error; NodeErrors as the pipeline has them."""
    count, warmup = ROWS * COLUMNS, session.interface.warmup_frames
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    seen: list[Glimpse] = []
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task("preview", total=count)
        for glimpse in glimpses(spec, session.segmenter, count, warmup, lambda: False):
            seen.append(Glimpse(glimpse.seconds, _small(glimpse.picture)))
            bar.advance(task)
        bar.update(task, total=len(seen))
    write_whole(path, encode_picture(sheet(seen), KINDS[path.suffix.lower()]))
    return len(seen)


def sheet(seen: Sequence[Glimpse]) -> NDArray[np.uint8]:
    """Pictures of one size, in rows, each with its time: `uint8 [h, w, 3]`, RGB."""
    height, width = seen[0].picture.shape[:2]
    columns = min(COLUMNS, len(seen))
    rows = -(-len(seen) // columns)
    made = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), GROUND, np.uint8)
    for place, (seconds, picture) in enumerate(seen):
        top, left = GAP + place // columns * (height + GAP), GAP + place % columns * (width + GAP)
        made[top : top + height, left : left + width] = _labelled(picture, clock(seconds))
    return made


def clock(seconds: float) -> str:
    """`0:07.5`, `12:34.0`, `1:02:03.0`."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _labelled(picture: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """In a corner, white on black, so that it is read on any picture."""
    made = np.ascontiguousarray(picture).copy()
    bottom = made.shape[0]
    (width, height), rest = cv2.getTextSize(text, FONT, SCALE, 1)
    cv2.rectangle(made, (0, bottom - height - rest - 8), (width + 12, bottom), (0, 0, 0), cv2.FILLED)
    cv2.putText(made, text, (6, bottom - rest - 3), FONT, SCALE, (255, 255, 255), 1, cv2.LINE_AA)
    return made
