"""The seam between jobs and pixels: what a job hands to the pipeline, and what it gets back."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from interface_node.pipeline.container import Media
from interface_node.pipeline.joint import PartFile
from protocol.interfaces import NodeModel
from protocol.reports import Stage
from protocol.states import Output
from protocol.work import Assignment


@dataclass(frozen=True)
class Progress:
    """How far a stage is, in its own unit (bytes, frames, packets); `fps` frames a second of the process stage."""

    stage: Stage
    done: int = 0
    total: int = 0
    frames_done: int = 0
    frames_total: int = 0
    fps: float | None = None


@dataclass(frozen=True)
class Order:
    """One attempt with its files on this machine. `slot` counts from 0; outputs are written into `directory`.

    `parts` has, for an `assemble` step, the finished segments of each output in their order.
    """

    assignment: Assignment
    source: Media
    background: Path | None
    directory: Path
    slot: int
    parts: Mapping[Output, tuple[PartFile, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """A finished output. `duration` in seconds, `frames` 1 for a still."""

    output: Output
    path: Path
    sha256: str
    size: int
    frames: int
    duration: float = 0.0
    extradata_sha256: str | None = None
    first_pts: int | None = None
    last_pts: int | None = None


@dataclass(frozen=True)
class Result:
    """What an attempt made, and the provider that really ran."""

    made: tuple[Made, ...]
    provider: str


class Work(Protocol):
    """Whatever turns an order into outputs."""

    @property
    def provider(self) -> str:
        """The provider that sessions really run on."""

    def models(self) -> tuple[NodeModel, ...]:
        """What this node can run now, aliases included."""

    def check(self, assignment: Assignment) -> None:
        """Raise a NodeError when this node cannot do it, before it says yes."""

    def run(self, order: Order, report: Callable[[Progress], None], cancelled: threading.Event) -> Result:
        """Do it, in the calling thread. NodeError when it failed, Cancelled soon after `cancelled` was set."""
