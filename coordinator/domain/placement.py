"""Which node gets a step: can run it, has a slot, then the earliest expected finish."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

LOAD_S: Final = 5.0
"""Guess for a model that is not warm; it only orders nodes that are otherwise equal."""
UNKNOWN_FPS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node that could take work now. `free` counts slots; `fps` is measured for the step's model, or None."""

    interface_id: str
    free: int
    busy: int
    warm: bool
    fps: float | None
    disk_free_mb: int | None


@dataclass(frozen=True, slots=True)
class Need:
    """What a step asks for: `frames` to make, scratch `disk_mb`, and whether it must run alone."""

    frames: int
    disk_mb: int
    alone: bool


def expected_finish(node: Node, need: Need) -> float:
    """Seconds from now until `node` would have finished."""
    load = 0.0 if node.warm else LOAD_S
    return load + need.frames / (node.fps or UNKNOWN_FPS)


def suits(node: Node, need: Need) -> bool:
    """Whether the node may take the step at all."""
    return (
        node.free > 0
        and (not need.alone or node.busy == 0)
        and (node.disk_free_mb is None or node.disk_free_mb >= need.disk_mb)
    )


def choose(nodes: Sequence[Node], need: Need, tried: Collection[str]) -> Node | None:
    """The best node: one that has not tried the step before one that has, then the earliest finish, then the idlest."""
    fit = [node for node in nodes if suits(node, need)]
    return min(
        fit,
        key=lambda node: (
            node.interface_id in tried,
            expected_finish(node, need) * (1 + node.busy),
            node.busy,
            node.interface_id,
        ),
        default=None,
    )
