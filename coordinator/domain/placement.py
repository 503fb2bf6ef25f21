"""Which waiting step goes to which node: the earliest expected finish, also that of nodes that are still busy.

`match` walks through the queue in its order. A step whose best node is busy is left to it, and from then on counts as
work that this node has before it; the first step whose best node is free is the one to start.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

LOAD_S: Final = 5.0
"""Guess for a model that is not warm."""
UNKNOWN_FPS: Final = 10.0
JOIN_FPS: Final = 2000.0
"""Frames that `assemble` copies in a second; no model runs."""
TRANSFER_MB_S: Final = 25.0
START_S: Final = 0.2
"""What even the smallest step costs: an offer, an answer, a report."""
WORTH_WAITING_S: Final = 2.0
"""No node stays idle so that another one saves less time than this."""
SCRATCH_MB: Final = 64
"""What a node needs besides the files of a step."""
SIZES: Final = (500_000, 1_000_000, 2_500_000, 9_000_000)
"""Bounds of the classes of picture size, in pixels: below each of these, and above the last."""


class Speed(NamedTuple):
    """How a node runs one model: whether it is loaded, and frames a second if anybody measured."""

    warm: bool
    fps: float | None


@dataclass(frozen=True, slots=True)
class Node:
    """A node that could take work, now or soon. `ready` is when each of its slots is free, in seconds from now,
    ascending (0 is now); `light` the same of its light slot; None where it is not to be had."""

    interface_id: str
    ready: tuple[float, ...]
    light: float | None = None
    disk_free_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What a step asks for. `alone`: beside nothing else; `light`: no slot, but the light one."""

    frames: int
    source_mb: float = 0.0
    disk_mb: int = 0
    alone: bool = False
    light: bool = False


@dataclass(frozen=True, slots=True)
class Want:
    """A waiting step: `speeds` names the nodes that can run it, `tried` those that failed at it, `here_mb` what of its
    input lies on a node already."""

    step_id: str
    need: Need
    speeds: Mapping[str, Speed]
    tried: Collection[str] = ()
    here_mb: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placed:
    """A step on the node that would finish it first: it begins in so many seconds (0 is now) and takes `seconds`."""

    want: Want
    interface_id: str
    begins: float
    seconds: float


def size_class(width: int, height: int) -> int:
    """Pictures of one class cost about the same to decode, composite and encode."""
    return sum(width * height >= bound for bound in SIZES)


def disk_mb(source_mb: float, frames: int, width: int, height: int, outputs: int) -> int:
    """Scratch that a step needs: its part of the source, and each output at two bits a pixel."""
    return SCRATCH_MB + round(source_mb + outputs * frames * width * height / 4 / 1e6)


def seconds(need: Need, speed: Speed, here_mb: float = 0.0) -> float:
    """How long a node works on a step: transfer, model load, frames."""
    transfer = START_S + max(0.0, need.source_mb - here_mb) / TRANSFER_MB_S
    if need.light:
        return transfer + need.frames / JOIN_FPS
    return transfer + (0.0 if speed.warm else LOAD_S) + need.frames / (speed.fps or UNKNOWN_FPS)


def starts(node: Node, need: Need) -> float | None:
    """In how many seconds `node` could begin; None: never."""
    if node.disk_free_mb is not None and node.disk_free_mb < need.disk_mb:
        return None
    first = node.light if need.light else next(iter(node.ready), None)
    if first is None or not need.alone:
        return first
    return max((first, *node.ready, node.light or 0.0))


def finish(node: Node, want: Want) -> float | None:
    """In how many seconds `node` would be done with the step; None: never."""
    begins = starts(node, want.need)
    speed = want.speeds.get(node.interface_id)
    if begins is None or speed is None:
        return None
    return begins + seconds(want.need, speed, want.here_mb.get(node.interface_id, 0.0))


def busy(node: Node) -> int:
    """How many of its slots are taken."""
    return sum(at > 0.0 for at in node.ready)


def best(nodes: Iterable[Node], want: Want) -> Node | None:
    """The node for a step: one that has not tried it before one that has, then the earliest finish. Waiting for a busy
    node must save `WORTH_WAITING_S`: speeds are guesses, and a node that gets nothing never shows a better one."""
    able = [
        (node, done + (WORTH_WAITING_S if starts(node, want.need) else 0.0))
        for node in nodes
        if (done := finish(node, want)) is not None
    ]
    key = min(
        ((node.interface_id in want.tried, done, busy(node), node.interface_id) for node, done in able),
        default=None,
    )
    return next((node for node, _ in able if key is not None and node.interface_id == key[3]), None)


def later(node: Node, want: Want) -> Node:
    """`node` with one more step before it."""
    done = finish(node, want) or 0.0
    if want.need.light:
        return Node(node.interface_id, node.ready, done, node.disk_free_mb)
    ready = tuple(sorted((*node.ready[1:], done)))
    if want.need.alone:
        ready = (done,) * len(node.ready)
    return Node(node.interface_id, ready, node.light, node.disk_free_mb)


def plan(nodes: Sequence[Node], wants: Iterable[Want]) -> Iterator[Placed]:
    """Where each step would go if nothing else came; steps that nobody can take are left out."""
    known = {node.interface_id: node for node in nodes}
    for want in wants:
        node = best(known.values(), want)
        begins = starts(node, want.need) if node is not None else None
        if node is None or begins is None:
            continue
        spent = seconds(want.need, want.speeds[node.interface_id], want.here_mb.get(node.interface_id, 0.0))
        yield Placed(want, node.interface_id, begins, spent)
        known[node.interface_id] = later(node, want)


def match(nodes: Sequence[Node], wants: Iterable[Want]) -> Placed | None:
    """The first step, in the order of `wants`, whose best node is free now."""
    return next((placed for placed in plan(nodes, wants) if placed.begins == 0.0), None)


def left(
    frames: int, frames_done: int, fps: float | None, estimate_s: float, elapsed_s: float, still_s: float
) -> float:
    """Seconds that an attempt will go on holding its slot. One that is overdue or stands still is not nearly done: it
    counts as busy for as long again as it has stood."""
    remaining = (frames - frames_done) / fps if fps and frames_done else estimate_s - elapsed_s
    return max(remaining, still_s, 0.05)


def worth_racing(remaining_s: float, idle_s: float) -> bool:
    """Whether an idle node should begin what another is still working on."""
    return remaining_s > 2 * idle_s
