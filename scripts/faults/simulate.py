"""A deterministic simulation of the coordinator under faults: `python -m scripts.faults.simulate --seeds 200`.

The real loops, services, store and routes for nodes run on a virtual clock, with simulated nodes and a simulated
network; an execution ledger checks every unit and every end. A seed that finds something is printed, and
`--seed N` runs it again, the same to the last message. `--plant BUG` puts a mistake into the product, which must be
found. The exit code is 1 when something was found.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing.pool import Pool
from typing import NamedTuple

from scripts.faults.estate import Estate
from scripts.faults.plants import PLANTS, planted
from scripts.faults.world import Report, run


@cache
def _estate() -> Estate:
    return Estate()


def simulate(seed: int, plant: str | None = None, *, keep_log: bool = False) -> Report:
    """One seed in this process. Equal hashes across processes need PYTHONHASHSEED=0, as `reports` has it."""
    with planted(plant):
        return run(seed, _estate(), keep_log=keep_log)


class Order(NamedTuple):
    """A seed to be run, with a bug or without; `keep_log` brings its log home."""

    seed: int
    plant: str | None = None
    keep_log: bool = False


class Hunt(NamedTuple):
    """Seeds to be run one after another until a bug shows."""

    plant: str
    seeds: Sequence[int]


def _obey(order: Order) -> Report:
    return simulate(order.seed, order.plant, keep_log=order.keep_log)


def _hunt(hunt: Hunt) -> Report | None:
    words = PLANTS[hunt.plant].found_as
    tried = (simulate(seed, hunt.plant) for seed in hunt.seeds)
    return next((one for one in tried if any(words in sentence for sentence in one.findings)), None)


def reports(orders: Sequence[Order], jobs: int) -> Iterator[Report]:
    """The reports on these orders, in their order, from processes of their own."""
    with _pool(min(jobs, len(orders))) as pool:
        yield from pool.imap(_obey, orders, chunksize=1)


def hunts(wanted: Sequence[Hunt], jobs: int) -> list[Report | None]:
    """For each the first report that names the bug; None: it was not seen."""
    with _pool(min(jobs, len(wanted))) as pool:
        return pool.map(_hunt, wanted, chunksize=1)


@contextmanager
def _pool(jobs: int) -> Iterator[Pool]:
    """Processes whose sets have the same order each time."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        with multiprocessing.get_context("spawn").Pool(jobs) as pool:
            yield pool
    finally:
        del os.environ["PYTHONHASHSEED"]
        if before is not None:
            os.environ["PYTHONHASHSEED"] = before


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds and print what they found."""
    asked = _parser().parse_args(arguments)
    seeds = [asked.seed] if asked.seed is not None else list(range(asked.first, asked.first + asked.seeds))
    began, bad, states, faults = time.monotonic(), 0, Counter[str](), Counter[str]()
    for report in reports([Order(seed, asked.plant, asked.seed is not None) for seed in seeds], asked.jobs):
        states.update(report.tasks)
        faults.update(report.faults)
        for line in report.log:
            print(line)
        if asked.seed is not None:
            print(f"seed {report.seed}: hash {report.hash}, {report.elapsed_s:.0f} s, {report.tasks}")
        if report.findings:
            bad += 1
            print(f"seed {report.seed}: {len(report.findings)} violations (hash {report.hash})")
            print(*(f"  {sentence}" for sentence in report.findings), sep="\n", flush=True)
            if asked.until_found:
                break
    took = time.monotonic() - began
    print(f"tasks: {_counted(states)}")
    print(f"faults: {_counted(faults)}")
    print(f"{len(seeds)} seeds, {bad} with violations, {len(seeds) / took:.1f} a second")
    return 1 if bad else 0


def _counted(things: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(things.items())) or "none"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulate", description="The coordinator's logic under seeded faults")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="replay one seed and print its log")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="put this bug into the product")
    parser.add_argument("--until-found", action="store_true", help="stop at the first violation")
    return parser


if __name__ == "__main__":
    sys.exit(main())
