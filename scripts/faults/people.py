"""Users of a run: they upload, submit, pause, resume, cancel and retry whenever they like."""

import asyncio
import functools
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from coordinator.domain.tasks import ColorChoice, TaskCreate
from coordinator.errors import CoordinatorError
from coordinator.ids import new_id
from coordinator.services import controls, segmenting, submissions
from coordinator.services.segmenting import Plans
from coordinator.services.submissions import Submission
from coordinator.store import media, users
from coordinator.store.tables import Tasks
from coordinator.store.work import Work
from protocol.states import Output
from scripts.faults.estate import FACTS, RULES

if TYPE_CHECKING:
    from scripts.faults.world import World

GREEN: Final = ColorChoice(kind="color", color="#00ff00")
SHA: Final = "a" * 64
VERBS: Final[dict[str, Callable[[Work, str, str], Tasks]]] = {
    "pause": controls.pause,
    "resume": lambda work, user, task: controls.resume(work, RULES, user, task),
    "cancel": lambda work, user, task: controls.cancel(work, RULES, user, task),
    "retry": lambda work, user, task: controls.retry(work, RULES, user, task),
}
LIKES: Final = {
    "waiting": (("pause", 3), ("cancel", 1)),
    "processing": (("pause", 4), ("cancel", 1)),
    "paused": (("resume", 6), ("cancel", 1)),
    "failed": (("retry", 4),),
    "cancelled": (("retry", 1),),
    "completed": (),
}
"""What a user does with a task that shows this state, and how gladly."""


class People:
    """One account, several tasks."""

    def __init__(self, world: "World", chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._user = ""
        self._poison = chance.choice([0.0, 0.0, 0.0, 0.2])

    def open(self) -> None:
        """The account exists before anything runs."""
        self._user = new_id()
        row: dict[str, Any] = {
            "id": self._user,
            "username": "someone",
            "password_hash": "",
            "role": "user",
            "created_at": 0.0,
        }
        database = self._world.replicas[0].database
        database.run(lambda work: users.add(work, **row, version=1, disabled=False))

    async def act(self) -> None:
        """Submit some tasks, and change one's mind about them in between."""
        chance = self._chance
        for _ in range(chance.randint(1, 5)):
            await asyncio.sleep(chance.uniform(0.0, 5.0))
            await self._submit()
            if chance.random() < 0.5:
                await asyncio.sleep(chance.uniform(0.5, 8.0))
                await self._change_mind()
        for _ in range(chance.randint(0, 3)):
            await asyncio.sleep(chance.uniform(1.0, 8.0))
            await self._change_mind()

    async def _submit(self) -> None:
        context = self._world.any_replica(self._chance).context
        frames = self._chance.choice([24, 48, 96, 96, 192, 288])
        outputs = (Output.COMPOSITE, Output.MASK) if self._chance.random() < 0.2 else (Output.COMPOSITE,)
        try:
            video = await context.database.write(functools.partial(_upload, user=self._user, frames=frames))
            self._world.clips[video] = frames
            wanted = Submission(self._user, TaskCreate(video_id=video, background=GREEN, outputs=outputs))

            def unit(work: Work, plans: Plans) -> Tasks:
                return submissions.create(work, RULES, wanted, plans=plans)

            task = await segmenting.write(context.database, context.files, RULES, unit)
            if self._chance.random() < self._poison:
                self._world.poisoned.add(task.id)
        except (CoordinatorError, asyncio.CancelledError):
            return

    async def _change_mind(self) -> None:
        known = self._world.ledger.rows["tasks"]
        if not known:
            return
        task = known[self._chance.choice(sorted(known))]
        likes = LIKES.get(task["state"], ())
        if not likes:
            return
        verb = self._chance.choices([one for one, _ in likes], [weight for _, weight in likes])[0]
        await self.ask(task["id"], verb)

    async def come_back(self) -> None:
        """When all is calm: most paused tasks are resumed, some failed ones tried again."""
        for task in tuple(self._world.ledger.rows["tasks"].values()):
            if task["state"] == "paused" and self._chance.random() < 0.8:
                await self.ask(task["id"], "resume")
            elif task["state"] in {"failed", "cancelled"} and self._chance.random() < 0.3:
                await self.ask(task["id"], "retry")

    async def ask(self, task_id: str, verb: str) -> None:
        """One verb; it may come too late, or nobody may be there."""
        replica = self._world.any_replica(self._chance)
        self._world.ledger.user_asked(task_id, verb)
        do, user = VERBS[verb], self._user
        try:
            await replica.database.write(lambda work: do(work, user, task_id))
        except (CoordinatorError, asyncio.CancelledError):
            return


def _upload(work: Work, user: str, frames: int) -> str:
    facts = {**FACTS, "frames": frames, "keyframes": 1, "first_pts": 0, "last_pts": frames - 1, "duration": frames / 24}
    row: dict[str, Any] = {"id": new_id(), "user_id": user, "kind": "video", "name": "clip.mp4", "size": 1000}
    row |= {"sha256": SHA, "content_type": "video/mp4", "width": 64, "height": 48, "frames": frames}
    row |= {"duration": frames / 24, "fps": 24.0, "facts": facts, "has_thumbnail": False}
    media.add(work, row)
    return str(row["id"])
