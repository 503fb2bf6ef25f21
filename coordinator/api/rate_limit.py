"""RATE_LIMIT: per address before login, per account after. Nodes, files and upload pieces are not counted."""

from collections.abc import Callable

from limits import parse_many
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator.api.addresses import household
from coordinator.api.errors import error_response
from coordinator.api.paths import NODES, UPLOADS
from coordinator.errors import AccountError, RateLimited

SWEEP_AT = 20_000


class Meter:
    """How much each name may still ask, kept as one number a name: the moment at which its allowance is whole again.

    Every request moves that moment by `period / amount`; it may lie at most one period ahead. So a burst of `amount`
    is fine, there is no edge of a window to ask twice at, and a name that rests costs nothing after a sweep.
    """

    def __init__(self, limit: str) -> None:
        self._limits = [(item.get_expiry() / item.amount, float(item.get_expiry())) for item in parse_many(limit)]
        self._whole_at: dict[tuple[str, int], float] = {}
        self._sweep_at = SWEEP_AT

    def __len__(self) -> int:
        """How many numbers are kept."""
        return len(self._whole_at)

    def wait_s(self, name: str, now: float, cost: int = 1) -> float:
        """Count one request at `now` (monotonic seconds), or `cost` of them; or, without counting, the seconds until
        that is fine."""
        moved = [
            max(self._whole_at.get((name, at), now), now) + cost * step
            for at, (step, _period) in enumerate(self._limits)
        ]
        wait = max(whole - now - period for whole, (_step, period) in zip(moved, self._limits, strict=True))
        if wait > 1e-9:
            return wait
        self._whole_at.update({(name, at): whole for at, whole in enumerate(moved)})
        self._sweep(now)
        return 0.0

    def _sweep(self, now: float) -> None:
        if len(self._whole_at) >= self._sweep_at:
            self._whole_at = {key: whole for key, whole in self._whole_at.items() if whole > now}
            self._sweep_at = max(SWEEP_AT, 2 * len(self._whole_at))


class RateLimit:
    """Answers 429 with `Retry-After`; sits behind `Authentication`, which says who is asking."""

    def __init__(self, app: ASGIApp, limit: str, monotonic: Callable[[], float]) -> None:
        self.app = app
        self._meter = Meter(limit)
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _counts(scope["method"], scope["path"]):
            wait = self._meter.wait_s(_name(scope), self._monotonic())
            if wait:
                language = Headers(scope=scope).get("accept-language", "")
                await error_response(RateLimited(retry_after_s=wait), language)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _counts(method: str, path: str) -> bool:
    is_piece = path.startswith(UPLOADS) and method in {"PATCH", "HEAD"}
    return path.startswith("/api/") and not path.startswith(NODES) and not is_piece


def _name(scope: Scope) -> str:
    account = scope["state"]["account"]
    if account is None or isinstance(account, AccountError):
        return f"address {household(scope['state']['address'])}"
    return f"account {account.id}"
