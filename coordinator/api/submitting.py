"""What the routes that make tasks have alike: the Idempotency-Key, the frame that `at_s` names, Location."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Annotated, Any, TypeVar

from fastapi import Header, Request

from coordinator import errors
from coordinator.api import views_tasks as views
from coordinator.domain.media import VideoFacts
from coordinator.domain.tasks import TaskCreate
from coordinator.services import looking, segmenting
from coordinator.services.context import Context
from coordinator.services.segmenting import Plans
from coordinator.services.submissions import Key, Submission
from coordinator.store import media
from coordinator.store.tables import Tasks, Users
from coordinator.store.work import Work

T = TypeVar("T")
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=128)]


async def key_of(request: Request, route: str, given: str | None) -> Key | None:
    """The key with the hash of the body that it stands for."""
    if given is None:
        return None
    return Key(route, given, hashlib.sha256(await request.body()).hexdigest())


async def submission(here: Context, user: Users, spec: TaskCreate) -> Submission:
    """The task asked for, with the pts of the frame that `at_s` names: the last one shown at that moment."""
    pts = None
    if spec.at_s is not None and spec.video_id is not None:
        video_id = spec.video_id
        source = await here.database.read(lambda work: media.get(work, video_id))
        if source is not None and source.user_id == user.id and source.content_type.startswith("video/"):
            facts, times = VideoFacts.from_json(source.facts), await here.files.times_of(source.id, source.kind)
            pts = _frame_at(times.pts, Fraction(facts.time_base), spec.at_s)
    return Submission(user.id, spec, pts)


async def submitted(here: Context, unit: Callable[[Work, Plans], T]) -> T:
    """What a unit that submits tasks returns."""
    return await segmenting.write(here.database, here.files, here.rules, unit)


def _frame_at(pts: Sequence[int], time_base: Fraction, at_s: float) -> int:
    """`at_s` counts from the first frame. InvalidRequest: the file has no timestamps to look in."""
    if not pts:
        raise errors.InvalidRequest("This video has no timestamps, so no single frame can be named")
    wanted = pts[0] + int(Fraction(at_s) / time_base)
    return pts[max(0, bisect_right(pts, wanted) - 1)]


def shown(here: Context, work: Work, task: Tasks) -> dict[str, Any]:
    """A task as JSON, read in the unit that changed it."""
    return views.task(looking.one(work, task), here.links, here.clock())
