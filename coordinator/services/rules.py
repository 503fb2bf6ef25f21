"""The settings that services decide by, as one small value, so that a service needs no settings object."""

from dataclasses import dataclass, field
from typing import Final

from coordinator.domain.blame import Limits

SIGN_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Bounds and durations; seconds unless the name says otherwise."""

    lease_s: float = 30.0
    heartbeat_s: float = 60.0
    stall_s: float = 300.0
    model_load_s: float = 900.0
    limits: Limits = field(default_factory=lambda: Limits(failures=3, losses=12))
    segment_s: float = 10.0
    default_model: str = "selfie"
    user_max_waiting: int = 1000
    queue_size: int = 1_000_000
    upload_days: float = 30.0
    result_days: float = 30.0
    retain_parts_hours: float = 72.0
    webhook_http: bool = True

    @property
    def sign_s(self) -> float:
        """A sign of life without words is written down at most this often: well within the silence that makes a node
        offline."""
        return min(SIGN_S, self.heartbeat_s / 2)
