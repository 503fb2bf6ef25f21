"""One attempt as the kit sees it: what was offered, what the node said about it and what it uploaded."""

import hashlib
import io
import secrets
import struct
import time
import uuid
from dataclasses import dataclass, field
from fractions import Fraction

import av

from protocol.base import AttemptId, ModelName, StepId, TaskId
from protocol.reports import TERMINAL, Callback
from protocol.states import Output, StepKind
from protocol.work import Assignment, ColorBackground, Encoding, FrameRange, Source
from scripts.bench.clip import tiny_clip

PADDING = 64 * 1024
"""Bytes that a held source may trickle away, so that it lasts for minutes."""
BASE = "/api/v1/interfaces"


@dataclass(frozen=True)
class Report:
    """A callback, when it came (monotonic seconds), and whether it was answered 200."""

    at: float
    callback: Callback
    acknowledged: bool


@dataclass
class Job:
    """Knobs above, what was heard below. Written by the server's thread under the kit's condition."""

    assignment: Assignment
    data: bytes
    token: str
    held: bool = False
    """Its source comes a byte at a time until this is false again."""
    cancelled: bool = False
    cancelled_by_heartbeat: bool = False
    gone: bool = False
    unknown: bool = False
    deaf: int = 0
    """So many terminal callbacks get a proxy's page for an answer."""
    away_at_the_end: bool = False
    short_piece: bool = False
    """Only half of the first piece is kept."""
    taken: bool = False
    told_at: float | None = None
    """When the node first heard that it is to stop."""
    reports: list[Report] = field(default_factory=list)
    refused: list[Report] = field(default_factory=list)
    artifacts: dict[str, bytearray] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    reads: int = 0

    @property
    def id(self) -> AttemptId:
        """Of the attempt."""
        return self.assignment.attempt_id

    @property
    def end(self) -> Report | None:
        """The first terminal callback that was acknowledged."""
        return next((one for one in self.reports if one.acknowledged and one.callback.kind in TERMINAL), None)

    @property
    def ends(self) -> list[Report]:
        """Every terminal callback, acknowledged or not."""
        return [one for one in self.reports if one.callback.kind in TERMINAL]

    def tell(self) -> None:
        """Note that the node has now been told to stop."""
        if self.told_at is None:
            self.told_at = time.monotonic()

    def uploaded(self) -> bool:
        """Whether every output is here as a whole."""
        return all(
            len(self.artifacts.get(output, b"")) == self.totals.get(output, -1) for output in self.assignment.outputs
        )


class Clips:
    """A tiny video, a little different every time, so that no node has it in its cache."""

    def __init__(self) -> None:
        self._clip = tiny_clip()
        with av.open(io.BytesIO(self._clip), "r") as container:
            track = container.streams.video[0]
            times = sorted(packet.pts for packet in container.demux(track) if packet.pts is not None)
            base = track.time_base or Fraction(1, 1000)
        self.range = FrameRange(
            stream=0,
            time_base=f"{base.numerator}/{base.denominator}",
            frames=len(times),
            first_pts=times[0],
            last_pts=times[-1],
        )

    def fresh(self) -> bytes:
        """The clip with a box of padding behind it that every reader skips."""
        size = 8 + 16 + PADDING
        return self._clip + struct.pack(">I4s", size, b"free") + secrets.token_bytes(16) + bytes(PADDING)

    def job(self, model: ModelName, lease_s: float, *, held: bool = False) -> Job:
        """An attempt on a fresh clip."""
        data, attempt_id, token = self.fresh(), AttemptId(uuid.uuid4().hex), secrets.token_urlsafe(24)
        digest = hashlib.sha256(data).hexdigest()
        url = f"{BASE}/files/{attempt_id}/source"
        assignment = Assignment(
            attempt_id=attempt_id,
            task_id=TaskId(uuid.uuid4().hex),
            step_id=StepId(uuid.uuid4().hex),
            kind=StepKind.SEGMENT,
            source=Source(url=url, etag=digest, sha256=digest, size=len(data)),
            range=self.range,
            background=ColorBackground(color="#204060"),
            model=model,
            outputs=(Output.COMPOSITE,),
            encoding=Encoding(preset="ultrafast"),
            upload_urls={Output.COMPOSITE: f"{BASE}/artifacts/{attempt_id}/composite"},
            callback_url=f"{BASE}/callbacks/{attempt_id}",
            attempt_token=token,
            lease_s=lease_s,
        )
        return Job(assignment, data, token, held=held)


def frames_in(data: bytes) -> int:
    """How many pictures a video has; 0 when it is none."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            return sum(1 for _ in container.decode(video=0))
    except (av.FFmpegError, IndexError):
        return 0
