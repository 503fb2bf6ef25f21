"""What an ended attempt costs its step, and when the step may be tried again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from protocol.states import ErrorClass

BACKOFF_BASE_S: Final = 1.0
BACKOFF_MOST_S: Final = 60.0
ALONE_AFTER_LOSSES: Final = 3
"""A step that was lost so often runs only on a node that holds nothing else: it may be what kills them."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a step has been through since submit or retry; `bad_input` is what `trust.input_is_bad` says."""

    failures: int
    losses: int
    bad_input: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """`MAX_ATTEMPTS` and `MAX_LOSSES`."""

    failures: int
    losses: int


def is_dead(record: Record, limits: Limits) -> bool:
    """Whether the step is given up."""
    return record.failures >= limits.failures or record.losses >= limits.losses or record.bad_input


def backoff(failures: int, jitter: float) -> float:
    """Seconds until the next try: exponential, `jitter` 0..1 takes up to half of it away."""
    if failures <= 0:
        return 0.0
    return min(BACKOFF_MOST_S, BACKOFF_BASE_S * 2.0 ** (failures - 1)) * (1.0 - 0.5 * jitter)


def is_input(error: Mapping[str, Any]) -> bool:
    """Whether an attempt's error blames the file."""
    return error.get("error_class") == ErrorClass.INPUT


def must_run_alone(losses: int) -> bool:
    """Whether the step may only run on a node that holds nothing else."""
    return losses >= ALONE_AFTER_LOSSES
