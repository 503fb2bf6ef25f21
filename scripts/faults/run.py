"""Real processes under real faults.

    python -m scripts.faults.run --minutes 5 --nodes 3 [--database postgres] [--seed N]

A coordinator and nodes with the real pipeline do small videos, while a seeded weather kills, freezes and restarts every
party, cuts one direction of their network, fills a disk and crashes the database (a cluster of our own). Then
everything is mended, and a ledger says what came out: every task ended right, nothing lost, nothing done twice, and no
more work wasted than one segment a fault. The exit code is 1 when something is wrong; the folder is kept then.

The schedule of faults follows from the seed; what the processes do between them does not.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from scripts.faults.real import ledger, video
from scripts.faults.real.fleet import Fleet
from scripts.faults.real.ledger import Ledger
from scripts.faults.real.people import People
from scripts.faults.real.postgres import Postgres
from scripts.faults.real.weather import Weather, schedule
from scripts.refusal import Refusal, tell

CALM_S = 180.0
"""After the weather: a whole task on a busy machine, and the longest backoff."""


def run(home: Path, seconds: float, nodes: int, seed: int, *, postgres: bool, quiet: bool = False) -> Ledger:
    """One run in `home`; what came out. Refusal: it could not even begin."""

    def say(line: str) -> None:
        if not quiet:
            print(line, flush=True)

    source = video.write(home / "source.mp4")
    with ExitStack() as stack:
        cluster = stack.enter_context(Postgres()) if postgres else None
        fleet = stack.enter_context(Fleet(home, nodes, cluster))
        people = stack.enter_context(People(fleet, source, seed, at_once=nodes + 1))
        people.begin()
        weather = Weather(fleet, say)
        disk = fleet.nodes[0].small_disk
        say(
            f"seed {seed}, {nodes} nodes, {'postgres' if postgres else 'sqlite'}, small disk: {'yes' if disk else 'no'}"
        )
        weather.play(schedule(seed, seconds, nodes, database=postgres, disk=disk), seconds, lambda: _tend(fleet))
        say(f"{seconds:6.1f} s  everything is mended")
        began = time.monotonic()
        ended = people.finish(CALM_S)
        faults = sum(weather.counts.values())
        found = ledger.balance(people, fleet.database_url, source, home, faults)
        if not ended:
            found.wrong.insert(0, f"not everything had ended {CALM_S:g} s after the last fault")
        ends = {program.log.stem: program.exit_code for program in fleet.programs()}
        found.wrong += [f"{name} ended by itself with {code}" for name, code in ends.items() if code is not None]
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(weather.counts.items()))
        say(f"faults: {faults} ({counts})")
        say(f"tasks: {_words(found.tasks)}; attempts: {_words(found.attempts)}")
        most = f"{faults} segments of {found.segment_frames} are allowed"
        say(f"wasted: {found.wasted_frames} frames of {found.wasted_attempts} attempts; {most}")
        say(f"the last task ended {time.monotonic() - began:.1f} s after the last fault")
    return found


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _tend(fleet: Fleet) -> None:
    """A supervisor's work: who ended by itself begins again, 2 excepted."""
    for node in fleet.nodes:
        if node.program.exit_code == 70:
            node.program.start()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args(arguments)
    seed = random.randrange(10**9) if given.seed is None else given.seed
    home = Path(tempfile.mkdtemp(prefix="segfleet-faults-"))
    try:
        found = run(home, 60 * given.minutes, given.nodes, seed, postgres=given.database == "postgres")
    except Refusal as error:
        return tell(error)
    for line in found.wrong:
        print(f"wrong: {line}")
    if found.wrong:
        print(f"seed {seed}: {len(found.wrong)} wrong; everything is kept in {home}")
        return 1
    shutil.rmtree(home, ignore_errors=True)
    print(f"seed {seed}: nothing lost, nothing doubled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
