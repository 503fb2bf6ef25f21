"""The mask as a picture for each frame: PNGs in one ZIP file, with a list of their times.

Nothing in the ZIP is compressed a second time, so any program takes single pictures out of it. `timestamps.txt` is in
the second format of mkvtoolnix: milliseconds, a line for each frame.
"""

import contextlib
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from av.video.frame import VideoFrame

from interface_node.pipeline.frames import Geometry, planes
from interface_node.pipeline.spec import OutputFile
from interface_node.pipeline.still import encode_picture
from interface_node.pipeline.whole_file import part_of, sha256_of, translated
from protocol.states import Output

SUFFIX: Final = ".zip"
TIMES: Final = "timestamps.txt"
_MEMBER_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The first that a ZIP can say: equal masks make equal files."""


class MaskSequence:
    """Takes the frames of masks in order, as a sink does; `finish` makes the file whole, `discard` leaves nothing.

    `base` is the source's pts that becomes zero. Memory: some hundred bytes for each frame, which the index needs.
    """

    output = Output.MASK

    def __init__(self, path: Path, file: zipfile.ZipFile, geometry: Geometry, time_base: Fraction, base: int) -> None:
        self._path = path
        self._file = file
        self._geometry = geometry
        self._time_base = time_base
        self._base = base
        self._stamps: list[int] = []
        self._last_duration = 0

    def write(self, frame: VideoFrame) -> None:
        """The luma of the next frame, upright and without the row or column that made it even."""
        assert frame.pts is not None, "the source stamps every frame"
        mask = planes(frame)[0][: self._geometry.height, : self._geometry.width]
        upright = np.ascontiguousarray(np.rot90(mask, self._geometry.quarters), np.uint8)
        self._add(f"{len(self._stamps):06d}.png", encode_picture(upright, "png"))
        self._stamps.append(frame.pts)
        self._last_duration = frame.duration or 0

    def finish(self) -> OutputFile:
        """Write the list of times and the index; what was written, still as `.part`."""
        times = (float(1000 * (stamp - self._base) * self._time_base) for stamp in self._stamps)
        lines = ["# timestamp format v2", *(f"{time:.6f}" for time in times)]
        self._add(TIMES, "\n".join([*lines, ""]).encode())
        with translated(self._path):
            self._file.close()
        return self._describe()

    def discard(self) -> None:
        """Give the file up."""
        with contextlib.suppress(OSError, ValueError):
            self._file.close()
        part_of(self._path).unlink(missing_ok=True)

    def _add(self, name: str, data: bytes) -> None:
        with translated(self._path):
            self._file.writestr(zipfile.ZipInfo(name, _MEMBER_DATE), data)

    def _describe(self) -> OutputFile:
        width, height = self._geometry.width, self._geometry.height
        if self._geometry.turned:
            width, height = height, width
        first, last = (self._stamps[0], self._stamps[-1]) if self._stamps else (None, None)
        span = 0 if first is None or last is None else last - first + self._last_duration
        return OutputFile(
            output=self.output,
            path=self._path,
            container="zip",
            sha256=sha256_of(part_of(self._path)),
            size=part_of(self._path).stat().st_size,
            frames=len(self._stamps),
            width=width,
            height=height,
            duration=float(span * self._time_base),
            time_base=self._time_base,
            first_pts=first,
            last_pts=last,
            extradata_sha256=None,
        )


def open_sequence(path: Path, geometry: Geometry, time_base: Fraction, base: int) -> MaskSequence:
    """Start the file; errors as `translated` says."""
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return MaskSequence(path, zipfile.ZipFile(part_of(path), "w"), geometry, time_base, base)
