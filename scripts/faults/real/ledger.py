"""What came out of a fault run, from the database and the files themselves, held against what was asked for."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from scripts.faults.real import video
from scripts.faults.real.people import People, Wish

LIVE = frozenset({"offered", "running", "reported", "stopping"})
WON = "completed"
Row = dict[str, Any]


@dataclass
class Ledger:
    """`wrong` is empty when nothing was lost and nothing was done twice."""

    tasks: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    wasted_frames: int = 0
    wasted_attempts: int = 0
    segment_frames: int = 0
    wrong: list[str] = field(default_factory=list)


def balance(people: People, database_url: str, source: Path, folder: Path, faults: int) -> Ledger:
    """The books. `faults` is how many hit a node or the coordinator; each may cost one segment."""
    engine = create_engine(database_url, poolclass=NullPool)
    try:
        rows = {name: _rows(engine, name) for name in ("tasks", "steps", "attempts", "results")}
    finally:
        engine.dispose()
    found = Ledger()
    found.tasks = Counter(str(row["state"]) for row in rows["tasks"])
    found.attempts = Counter(str(row["state"]) for row in rows["attempts"])
    found.wrong += unanswered(people.wishes, rows["tasks"])
    found.wrong += unsettled(rows)
    weigh(found, rows, {wish.id for wish in people.wishes if wish.may_cancel or wish.pause}, faults)
    times = video.times(source)
    for number, wish in enumerate(people.wishes):
        if wish.state == "completed":
            path = people.result(wish, folder / f"result-{number}.mp4")
            if path is None or video.times(path) != times:
                found.wrong.append(f"the result of task {wish.id} has other frames or times than the source")
            elif path is not None:
                path.unlink()
    return found


def _rows(engine: Engine, table: str) -> list[Row]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]  # noqa: S608 - from a fixed list


def unanswered(wishes: list[Wish], tasks: list[Row]) -> Iterator[str]:
    """Tasks that were lost, made twice, or ended otherwise than somebody asked for."""
    known = {row["id"] for row in tasks}
    asked = {wish.id for wish in wishes if wish.id is not None}
    yield from (f"task {one} was accepted and is not there" for one in sorted(asked - known))
    yield from (f"task {one} is there although nobody asked for it (twice)" for one in sorted(known - asked))
    for wish in wishes:
        if wish.fell:
            yield f"the progress of task {wish.id} fell"
        if wish.state != "completed" and not (wish.state == "cancelled" and wish.may_cancel):
            yield f"task {wish.id} ended as {wish.state or 'nothing at all'}"


def unsettled(rows: dict[str, list[Row]]) -> Iterator[str]:
    """Steps that are not done exactly once, and attempts that live on."""
    states = {row["id"]: row["state"] for row in rows["tasks"]}
    winners: Counter[str] = Counter(row["step_id"] for row in rows["attempts"] if row["state"] == WON)
    won = {row["id"] for row in rows["attempts"] if row["state"] == WON}
    yield from (f"attempt {row['id']} is still {row['state']}" for row in rows["attempts"] if row["state"] in LIVE)
    for step in rows["steps"]:
        count, name = winners[step["id"]], f"step {step['ord']} ({step['kind']}) of task {step['task_id']}"
        if count > 1:
            yield f"{name} was completed {count} times"
        if states.get(step["task_id"]) == "completed" and (step["state"] != "done" or step["winner"] not in won):
            yield f"{name} is {step['state']} in a completed task"
    results = Counter((row["task_id"], row["output"]) for row in rows["results"])
    yield from (
        f"task {task} has {count} results of {output}" for (task, output), count in results.items() if count > 1
    )


def weigh(found: Ledger, rows: dict[str, list[Row]], disturbed: set[str | None], faults: int) -> None:
    """Note the frames of attempts that won nothing; lost races and what people stopped themselves apart."""
    segments = {row["id"]: row for row in rows["steps"] if row["kind"] == "segment"}
    found.segment_frames = max((int(row["frames"]) for row in segments.values()), default=0)
    for row in rows["attempts"]:
        step = segments.get(row["step_id"])
        outrun = step is not None and row["state"] == "cancelled" and step["winner"] not in {None, row["id"]}
        if step is None or row["state"] in {WON, "rejected"} or row["task_id"] in disturbed or outrun:
            continue
        if row["frames_done"]:
            found.wasted_attempts += 1
            found.wasted_frames += int(row["frames_done"])
    if found.wasted_frames > faults * found.segment_frames:
        most = faults * found.segment_frames
        found.wrong.append(f"{found.wasted_frames} frames were wasted; {faults} faults may cost {most}")
