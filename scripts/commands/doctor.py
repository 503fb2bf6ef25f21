"""`segfleet doctor`: is everything here that the product needs, and how is it mended where not."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import typer

from scripts.refusal import console

Level = Literal["ok", "warn", "fail"]
STYLES: dict[Level, str] = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was seen, and how to mend it."""

    level: Level
    what: str
    seen: str
    mend: str = ""


Check = Callable[[], Iterable[Finding]]


def doctor() -> None:
    """Look at this machine and these settings; exit code 1 when something must be mended."""
    from scripts.commands import doctor_machine, doctor_service

    failed = 0
    for finding in examine((*doctor_machine.CHECKS, *doctor_service.CHECKS)):
        show(finding)
        failed += finding.level == "fail"
    if failed:
        raise typer.Exit(1)


def examine(checks: Iterable[Check]) -> Iterator[Finding]:
    """Run the checks; one that breaks is a finding, too."""
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - whatever broke, the other checks still help
            name = check.__name__.replace("_", " ")
            yield Finding("fail", name, f"{type(error).__name__}: {error}", "see the message; the check itself broke")


def show(finding: Finding) -> None:
    """Print one finding, with the mending on a line of its own."""
    console.print(f"{finding.level:<4}", style=STYLES[finding.level], end=" ", highlight=False)
    console.print(f"{finding.what}: {finding.seen}", soft_wrap=True, markup=False, highlight=False)
    if finding.mend:
        console.print(f"     -> {finding.mend}", soft_wrap=True, markup=False, highlight=False)
