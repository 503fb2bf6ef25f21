"""A small world for tests: accounts, uploads, nodes and tasks in a real database, moved by the real verbs."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import update

from coordinator.domain import planning
from coordinator.domain.tasks import ColorChoice, MediaChoice, TaskCreate
from coordinator.domain.timestamps import frame_times
from coordinator.ids import new_id
from coordinator.services import dispatching, outcomes, segmenting, submissions
from coordinator.services.candidates import Polls
from coordinator.services.dispatching import ClaimLostError, Offer
from coordinator.services.rules import Rules
from coordinator.services.submissions import Submission
from coordinator.store import artifacts, attempts, interfaces, media, offers, steps, tasks, users
from coordinator.store.database import Database
from coordinator.store.schema import table
from coordinator.store.tables import Attempts, Interfaces, Steps, Tasks, Waits
from coordinator.store.work import Work
from protocol.interfaces import NodeModel
from protocol.reports import Callback
from tests.coordinator.soundness import every_node

T = TypeVar("T")
RULES = Rules()
GREEN = ColorChoice(kind="color", color="#00ff00")
SHA = "a" * 64
FACTS = {
    "container": "mp4",
    "codec": "h264",
    "pix_fmt": "yuv420p",
    "width": 64,
    "height": 48,
    "rotation": 0,
    "sar": "1/1",
    "color": {},
    "stream": 0,
    "time_base": "1/24",
    "keyframes": 1,
    "has_timestamps": True,
    "duration": 1.0,
    "fps": 24.0,
    "has_audio": False,
    "streams": [],
    "extradata_sha256": SHA,
    "faststart": True,
}


@dataclass
class World:
    """Everything runs in this thread, each verb in a transaction of its own; `heard` is the news of all of them."""

    database: Database
    rules: Rules = RULES
    heard: list[Hashable] = field(default_factory=list)

    def run(self, unit: Callable[[Work], T]) -> T:
        """Run one unit and keep its news."""
        result, news = self.database.run(unit)
        self.heard.extend(news)
        return result

    def news(self) -> list[Hashable]:
        """What was announced since the last call."""
        heard, self.heard = self.heard, []
        return heard

    def user(self, **values: Any) -> str:
        """An account's id."""
        user_id = new_id()
        known = {"id": user_id, "username": f"user{user_id}", "password_hash": "", "role": "user", "created_at": 0.0}
        self.run(lambda work: users.add(work, **known | {"version": 1, "disabled": False} | values))
        return user_id

    def video(self, user_id: str, frames: int = 24) -> str:
        """An uploaded video's id; no file lies behind it."""
        facts = {**FACTS, "frames": frames, "first_pts": 0, "last_pts": frames - 1}
        return self._upload(user_id, "video", "video/mp4", frames, facts)

    def picture(self, user_id: str) -> str:
        """An uploaded background's id."""
        facts = {"container": "png", "codec": "png", "pix_fmt": "rgb24", "width": 64, "height": 48, "rotation": 0}
        return self._upload(user_id, "background", "image/png", 1, facts)

    def _upload(self, user_id: str, kind: str, content_type: str, frames: int, facts: dict[str, Any]) -> str:
        row = {"id": new_id(), "user_id": user_id, "kind": kind, "name": f"{kind}.bin", "size": 1000, "sha256": SHA}
        row |= {"content_type": content_type, "width": 64, "height": 48, "frames": frames, "duration": 1.0}
        row |= {"fps": 24.0, "facts": facts, "has_thumbnail": False}
        self.run(lambda work: media.add(work, row))
        return str(row["id"])

    def node(self, slots: int = 2, models: Sequence[str] = ("selfie",), **values: Any) -> str:
        """A node of the push lane that may be given work; its id."""
        row = {"id": new_id(), "name": "node", "admission": "approved", "online": True, "lane": "push", "slots": slots}
        row |= {"boot_id": "boot-1", "address": "http://127.0.0.1:1", "last_seen": 0.0, "created_at": 0.0}
        offered = [NodeModel(name=name, provider="CPUExecutionProvider", warm=True, speed_fps=50) for name in models]

        def unit(work: Work) -> None:
            interfaces.add(work, row | values)
            offers.replace(work, str(row["id"]), offered)

        self.run(unit)
        return str(row["id"])

    def task(self, user_id: str | None = None, frames: int = 24, segments: int = 1, **spec: Any) -> str:
        """A waiting task, its video cut into so many segments of equal length; its id."""
        owner = user_id or self.user()
        video_id = self.video(owner, frames)
        source = self.database.look(lambda work: media.get(work, video_id))
        assert source is not None
        planned = planning.plan_video(
            segmenting.timeline_of(source), frame_times(range(frames), range(frames)), segments
        )
        asked, plans = TaskCreate(video_id=video_id, background=GREEN, **spec), {video_id: planned}
        return self.run(lambda work: submissions.create(work, self.rules, Submission(owner, asked), plans=plans)).id

    def task_with(self, user_id: str, picture_id: str) -> str:
        """A waiting task with a picture behind the person; its id."""
        chosen = MediaChoice(kind="image", id=picture_id)
        asked = TaskCreate(video_id=self.video(user_id), background=chosen)
        return self.run(lambda work: submissions.create(work, self.rules, Submission(user_id, asked))).id

    def add_step(self, task_id: str, frames: int = 24) -> str:
        """One more segment, as a longer plan would have made it; its id."""
        known = self.steps(task_id)
        first = cast("tuple[Any, ...]", known[0])
        row = dict(zip(table(Steps).c.keys(), first, strict=True))
        row |= {"id": new_id(), "ord": len(known), "frames": frames}
        total = self.get(task_id).frames_total + frames

        def unit(work: Work) -> None:
            steps.add(work, [row])
            tasks.change(work, task_id, frames_total=total)

        self.run(unit)
        self._cut(task_id)
        return str(row["id"])

    def _cut(self, task_id: str) -> None:
        """Give the segments the ranges of a plan: half open, one after the other."""
        rows, at = self.steps(task_id), 0
        for row in rows:
            plan = {"stream": 0, "time_base": "1/24", "frames": row.frames, "first_pts": at}
            plan |= {"start_pts": at or None, "last_pts": at + row.frames - 1}
            at += row.frames
            self.set(Steps, row.id, plan=plan | {"end_pts": None if row is rows[-1] else at})

    def segments(self, count: int, user_id: str | None = None, **spec: Any) -> str:
        """A waiting task of so many segments of a second; its id."""
        task_id = self.task(user_id, **spec)
        for _ in range(count - 1):
            self.add_step(task_id)
        return task_id

    def set(self, kind: type[Any], key: str, **values: Any) -> None:
        """Write columns of one row directly: time passes on this world's command."""
        rows, waits = table(kind), table(Waits)

        def unit(work: Work) -> None:
            work.execute(update(rows).where(rows.c.id == key).values(**values))
            if kind is Steps:
                work.execute(update(waits).values(ready_at=0.0))

        self.run(unit)

    def get(self, task_id: str) -> Tasks:
        """A task's row."""
        found = self.database.look(lambda work: tasks.get(work, task_id))
        assert found is not None
        return found

    def state(self, task_id: str) -> str:
        """A task's state."""
        return self.get(task_id).state

    def steps(self, task_id: str) -> Sequence[Steps]:
        """A task's steps."""
        return self.database.look(lambda work: steps.of_task(work, task_id))

    def step(self, task_id: str) -> Steps:
        """The first step of a task."""
        return self.steps(task_id)[0]

    def attempt(self, attempt_id: str) -> Attempts:
        """An attempt's row."""
        found = self.database.look(lambda work: attempts.get(work, attempt_id))
        assert found is not None
        return found

    def attempts(self, task_id: str) -> Sequence[Attempts]:
        """Every attempt of a task."""
        return self.database.look(lambda work: attempts.of_task(work, task_id))

    def interface(self, interface_id: str) -> Interfaces:
        """A node's row."""
        found = self.database.look(lambda work: interfaces.get(work, interface_id))
        assert found is not None
        return found

    def claim(self, polling: Sequence[str] = ()) -> Offer | None:
        """One claim; None also when somebody else was faster."""
        try:
            return self.run(lambda work: dispatching.claim(work, self.rules, Polls(polling))).offer
        except ClaimLostError:
            return None

    def offered(self) -> str:
        """Claim something that must be there; the attempt's id."""
        offer = self.claim()
        assert offer is not None
        return offer.attempt.id

    def accept(self, attempt_id: str, boot_id: str = "boot-1") -> bool:
        """The node answers 202."""
        return self.run(lambda work: dispatching.accept(work, self.rules, attempt_id, boot_id)) is not None

    def running(self) -> str:
        """Claim, and the node accepts; the attempt's id."""
        attempt_id = self.offered()
        assert self.accept(attempt_id)
        return attempt_id

    def running_on_polling(self) -> str:
        """`running` for the node of a coordinator whose own dispatcher must not see it; the attempt's id."""
        offer = self.claim([node.id for node in self.database.look(every_node)])
        assert offer is not None
        assert self.accept(offer.attempt.id)
        return offer.attempt.id

    def say(self, attempt_id: str, kind: str, seq: int = 1, sender: str | None = None, **said: Any) -> str:
        """The node sends a callback; what it is told."""
        sender = sender or self.attempt(attempt_id).interface_id
        known = {"attempt_id": attempt_id, "boot_id": "boot-1", "seq": seq, "kind": kind}
        callback = Callback.model_validate(known | said)
        return self.run(lambda work: outcomes.hear(work, self.rules, sender, callback))

    def fail(self, attempt_id: str, error_class: str = "node", seq: int = 1) -> str:
        """The node says that it failed."""
        error = {"code": "broken", "detail": "It broke", "error_class": error_class}
        return self.say(attempt_id, "failed", seq, error=error)

    def upload(self, attempt_id: str, size: int = 500) -> None:
        """The node's bytes have arrived."""
        row = self.attempt(attempt_id)
        values = {"attempt_id": attempt_id, "task_id": row.task_id, "step_id": row.step_id, "created_at": 0.0}
        outputs = self.get(row.task_id).outputs

        def unit(work: Work) -> None:
            for output in outputs:
                if artifacts.get(work, attempt_id, output) is not None:
                    continue
                artifacts.begin(work, values | {"output": output, "size": size})
                artifacts.finish(work, attempt_id, output)

        self.run(unit)

    def report(self, attempt_id: str, seq: int = 1, size: int = 500) -> str:
        """The node has sent its bytes and says that it completed."""
        self.upload(attempt_id, size)
        outputs = self.get(self.attempt(attempt_id).task_id).outputs
        made = [{"output": name, "sha256": SHA, "size": size, "frames": 24} for name in outputs]
        return self.say(attempt_id, "completed", seq, frames_done=24, artifacts=made)

    def verify(self, attempt_id: str, extradata: str | None = SHA) -> bool:
        """The probe agrees."""
        kinds = {"composite": "video/mp4"}
        return self.run(lambda work: outcomes.complete(work, self.rules, attempt_id, kinds, extradata))

    def refute(self, attempt_id: str) -> bool:
        """The probe disagrees."""
        return self.run(lambda work: outcomes.refute(work, self.rules, attempt_id, "artifact_frames", "Too few"))

    def reported(self) -> str:
        """Claim, accept, report; the attempt's id."""
        attempt_id = self.running()
        assert self.report(attempt_id) == "continue"
        return attempt_id

    def done(self) -> str:
        """Claim, accept, report, verify; the attempt's id."""
        attempt_id = self.reported()
        assert self.verify(attempt_id)
        return attempt_id
