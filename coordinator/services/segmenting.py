"""Planning a video at its submission.

The times of a long video's frames lie in a file, for which no transaction waits: a unit that needs them gives up with
`Unplanned`, and is run again with the plan. A short clip is planned from its row alone, so its task costs nothing more.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from coordinator.domain import planning
from coordinator.domain.media import VideoFacts
from coordinator.domain.planning import PlannedStep, Timeline
from coordinator.gateway.files import Files
from coordinator.services.rules import Rules
from coordinator.store.database import Database
from coordinator.store.tables import Media
from coordinator.store.work import Work

T = TypeVar("T")
Plans = Mapping[str, Sequence[PlannedStep]]
"""The steps of long videos, by the id of the upload."""

NO_PLANS: Final[Plans] = {}


class Unplanned(Exception):
    """A unit met these long videos and has no plan of them."""

    def __init__(self, sources: Sequence[Media]) -> None:
        super().__init__(*(source.id for source in sources))
        self.sources = sources


def steps_of(rules: Rules, source: Media, plans: Plans) -> Sequence[PlannedStep]:
    """The steps of a video. Unplanned: it is long, and not among `plans`."""
    if source.id in plans:
        return plans[source.id]
    timeline = timeline_of(source)
    if planning.segments(timeline, rules.segment_s) == 1:
        return planning.plan_video(timeline)
    raise Unplanned([source])


def timeline_of(source: Media) -> Timeline:
    """What a video's row says of its frames."""
    facts = VideoFacts.from_json(source.facts)
    return Timeline(facts.stream, facts.time_base, facts.frames, facts.first_pts, facts.last_pts)


async def write(database: Database, files: Files, rules: Rules, unit: Callable[[Work, Plans], T]) -> T:
    """`Database.write` of a unit that submits tasks."""
    plans: dict[str, Sequence[PlannedStep]] = {}
    while True:
        try:
            return await database.write(lambda work: unit(work, plans))
        except Unplanned as missing:
            for source in missing.sources:
                plans[source.id] = await asyncio.to_thread(_planned, files, rules, source)


def _planned(files: Files, rules: Rules, source: Media) -> Sequence[PlannedStep]:
    timeline, times = timeline_of(source), files.read_times(source.id, source.kind)
    return planning.plan_video(timeline, times, planning.segments(timeline, rules.segment_s))
