"""Damaged files through the coordinator's probe and the node's pipeline, each in the child process that it really has.

    python -m scripts.faults.fuzz_media --files 2000 [--seed N] [--only N] [--bound S] [--keep FOLDER]

A violation is a hang over the bound, a file left behind, an error that blames the machine for a file, or an error that
nobody gave a name. Its file is kept, and its seed and number make it again. The death of a child is counted, kept and
no violation: that is what children are for.
"""

import argparse
import collections
import os
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from coordinator.gateway.probe.process import Died, NotStarted
from coordinator.gateway.probe.process import Worker as Probe
from interface_node.errors import Cancelled, DecoderCrashed, NodeError, WorkerBroke, WorkerKilled
from interface_node.jobs.isolation.work import IsolatedWork
from interface_node.jobs.work import Order
from interface_node.settings import without_keys
from protocol.base import AttemptId, StepId, TaskId
from protocol.states import ErrorClass, Output, StepKind
from protocol.work import Assignment, ColorBackground, Encoding, Source
from scripts.faults import fuzz_worker, media_seeds
from scripts.faults.mutations import mutated

BOUND_S: Final = 30.0
DIED: Final = "child died"
_LOCAL: Final = "http://nowhere.invalid"


@dataclass
class Tally:
    """What became of the files, and what must not have."""

    probe: collections.Counter[str] = field(default_factory=collections.Counter)
    pipeline: collections.Counter[str] = field(default_factory=collections.Counter)
    violations: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


class Fuzzer:
    """One run over many files. `folder` is scratch space; `keep` gets the files that did what they must not."""

    def __init__(self, folder: Path, seed: int, bound_s: float, keep: Path) -> None:
        self.tally = Tally()
        self._folder = folder
        self._seed = seed
        self._bound_s = bound_s
        self._keep = keep
        self._known: set[str] = set()
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        (folder / "seeds").mkdir()
        self._seeds = media_seeds.write_all(folder / "seeds")
        self._data = [path.read_bytes() for path in self._seeds]
        front = fuzz_worker.FuzzWork()
        environment = {**without_keys(), "TMPDIR": str(self._temporary)}
        self._work = IsolatedWork(front, fuzz_worker.command(), environment, grace_s=2.0)
        self._probe = _started()

    def close(self) -> None:
        """End the children."""
        self._work.close()
        self._probe.stop()

    def whole(self) -> None:
        """The files before they are damaged, which must all be taken; libraries make their own files meanwhile."""
        for path in self._seeds:
            verdicts = self._probed(path), self._processed(-1, path)
            if set(verdicts) != {"completed"}:
                self.tally.violations.append(f"{path.name} is whole and ends as {' and '.join(verdicts)}")
        self._known = self._there()

    def one(self, number: int) -> None:
        """Make file `number` of this seed and see what becomes of it."""
        chance = random.Random(f"{self._seed}:{number}")
        index = chance.randrange(len(self._seeds))
        path = self._folder / f"file{self._seeds[index].suffix}"
        path.write_bytes(mutated(self._data, index, chance))
        began = time.monotonic()
        self._count(number, path, "probe", self._probed(path))
        self._count(number, path, "pipeline", self._processed(number, path))
        self.tally.slowest_s = max(self.tally.slowest_s, time.monotonic() - began)
        path.unlink()
        if strange := self._there() - self._known:
            self._known |= strange
            self._violation(number, path, f"left behind: {', '.join(sorted(strange))}")

    def _there(self) -> set[str]:
        return {one.name for one in (*self._temporary.iterdir(), *self._folder.iterdir())}

    def _count(self, number: int, path: Path, where: str, verdict: str) -> None:
        counter = self.tally.probe if where == "probe" else self.tally.pipeline
        counter[verdict] += 1
        if verdict.startswith("!"):
            self._violation(number, path, f"{where}: {verdict[1:]}")
        elif verdict.startswith(DIED):
            self._kept(number, path)

    def _violation(self, number: int, path: Path, why: str) -> None:
        kept = self._kept(number, path) if path.exists() else "made again by --only"
        self.tally.violations.append(f"--seed {self._seed} --only {number}: {why} ({kept})")

    def _kept(self, number: int, path: Path) -> str:
        self._keep.mkdir(parents=True, exist_ok=True)
        place = self._keep / f"seed{self._seed}-{number}{path.suffix}"
        place.write_bytes(path.read_bytes())
        return str(place)

    def _probed(self, path: Path) -> str:
        file, began = os.open(path, os.O_RDONLY | os.O_CLOEXEC), time.monotonic()
        try:
            answer = self._probe.ask("background" if media_seeds.is_picture(path) else "video", file, self._bound_s)
        except (TimeoutError, Died, NotStarted) as error:
            self._probe.stop()
            self._probe = _started()
            out_of_time = isinstance(error, TimeoutError) or (isinstance(error, Died) and error.out_of_time)
            return f"!over {self._bound_s:g} s" if out_of_time else f"{DIED} ({type(error).__name__})"
        finally:
            os.close(file)
        if time.monotonic() - began > self._bound_s:  # on a busy machine an answer may lie there before anybody looks
            return f"!over {self._bound_s:g} s"
        return str(answer.body.get("code", "completed"))

    def _processed(self, number: int, path: Path) -> str:
        directory = self._folder / f"attempt-{number}"
        directory.mkdir()
        over = threading.Event()
        bound = threading.Timer(self._bound_s, over.set)
        bound.start()
        try:
            made = self._work.run(_order(path, directory), lambda progress: None, over).made
            verdict = (
                "completed" if all(one.path.stat().st_size == one.size for one in made) else "!a result is not whole"
            )
            for output in made:
                output.path.unlink()
        except Cancelled:
            verdict = f"!over {self._bound_s:g} s"
        except (DecoderCrashed, WorkerKilled, WorkerBroke) as error:
            verdict = f"{DIED} ({error.code})"
            for left in directory.iterdir():  # as a node does with the folder of every attempt
                left.unlink()
        except NodeError as error:
            blames = error.error_class in (ErrorClass.INPUT, ErrorClass.UNSUPPORTED)
            verdict = error.code if blames else f"!{error.code} blames the machine: {error.detail}"
        except Exception as error:  # noqa: BLE001 - an error without a name is what is looked for
            verdict = f"!{type(error).__name__}: {error}"
        finally:
            bound.cancel()
        if not any(directory.iterdir()):
            directory.rmdir()
        return verdict


def _started() -> Probe:
    probe = Probe()
    probe.start()
    return probe


def _order(path: Path, directory: Path) -> Order:
    kind = StepKind.IMAGE if media_seeds.is_picture(path) else StepKind.SEGMENT
    assignment = Assignment(
        attempt_id=AttemptId("a_fuzz"),
        task_id=TaskId("t_fuzz"),
        step_id=StepId("s_fuzz"),
        kind=kind,
        source=Source(url=_LOCAL, etag='"e"', sha256="0" * 64, size=path.stat().st_size),
        background=ColorBackground(color="#00c800"),
        model="selfie",
        outputs=(Output.COMPOSITE,),
        encoding=Encoding(preset="ultrafast"),
        upload_urls={},
        callback_url=_LOCAL,
        attempt_token="-" * 16,
        lease_s=60,
    )
    return Order(assignment, path, None, directory, 0)


def fuzz(numbers: range, seed: int, bound_s: float, keep: Path) -> Tally:
    """Damage files `numbers` of `seed`, and tell what became of them."""
    with tempfile.TemporaryDirectory(prefix="segfleet-fuzz-") as scratch:
        fuzzer = Fuzzer(Path(scratch), seed, bound_s, keep)
        try:
            fuzzer.whole()
            for number in numbers:
                fuzzer.one(number)
        finally:
            fuzzer.close()
        return fuzzer.tally


def main() -> int:
    """Print seed and counts; 1 when something happened that must not."""
    parser = argparse.ArgumentParser(prog="fuzz_media", description="Damaged files through probe and pipeline.")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="another one each time when not given")
    parser.add_argument("--only", type=int, default=None, help="one file of a seed")
    parser.add_argument("--bound", type=float, default=BOUND_S, help="seconds that a file may take")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="where failing files go")
    chosen = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    numbers = range(chosen.files) if chosen.only is None else range(chosen.only, chosen.only + 1)
    began = time.monotonic()
    tally = fuzz(numbers, seed, chosen.bound, chosen.keep)
    print(f"seed {seed}: {len(numbers)} files in {time.monotonic() - began:.1f} s, the slowest {tally.slowest_s:.2f} s")
    for name, counter in (("probe", tally.probe), ("pipeline", tally.pipeline)):
        print(f"{name:<9}" + ", ".join(f"{verdict} {count}" for verdict, count in counter.most_common()))
    for violation in tally.violations:
        print(f"VIOLATION {violation}")
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
