"""Programs that are kept running, as real processes."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from scripts import supervise
from scripts.supervise import DiedAtStart, Kept, Program
from tests.scripts.shell import ROOT

Keep = Callable[..., Kept]


@pytest.fixture
async def said() -> asyncio.Queue[str]:
    """What the keeper told."""
    return asyncio.Queue()


@pytest.fixture
async def keep(tmp_path: Path, said: asyncio.Queue[str]) -> AsyncIterator[Keep]:
    """Keep a Python program running; it is stopped at the end."""
    kept: list[Kept] = []

    def start(code: str, stop_s: float = 20.0) -> Kept:
        command = (sys.executable, "-u", "-c", textwrap.dedent(code))
        program = Program("sleeper", command, dict(os.environ), tmp_path / "logs" / "sleeper.log", stop_s)
        kept.append(Kept(program, said.put_nowait))
        return kept[-1]

    yield start
    for one in kept:
        one.kill()
        await one.stop()


async def until_written(path: Path, words: str, count: int = 1) -> None:
    """Until the program has written `words` so often."""
    await asyncio.to_thread(_watch, path, words, count)


def _watch(path: Path, words: str, count: int) -> None:
    end = time.monotonic() + 60
    while not path.exists() or path.read_text().count(words) < count:
        assert time.monotonic() < end, f"no {words!r} in {path}"
        time.sleep(0.02)


SLEEP = "import time; print('up'); time.sleep(600)"


async def test_a_program_that_ends_before_it_is_settled_is_an_error_with_its_last_lines(keep: Keep) -> None:
    kept = keep("print('the port is taken'); raise SystemExit(3)")
    with pytest.raises(DiedAtStart, match=r"sleeper ended at its start \(exit code 3\).*\n    the port is taken"):
        await kept.task


async def test_a_settled_program_that_is_killed_starts_again(keep: Keep, said: asyncio.Queue[str]) -> None:
    kept = keep(SLEEP)
    log = kept.program.log
    await until_written(log, "up")
    kept.settled = True
    before = kept.pid
    kept.kill()
    assert (await said.get()).startswith("sleeper ended (SIGKILL); starting it again")
    await until_written(log, "up", 2)
    assert kept.pid not in {None, before}
    assert kept.starts == 2


async def test_a_start_that_fails_again_and_again_is_told_with_the_log_and_then_no_more(
    keep: Keep, said: asyncio.Queue[str]
) -> None:
    kept = keep("print('no database'); raise SystemExit(1)")
    kept.settled = True
    told = [await asyncio.wait_for(said.get(), 60) for _ in range(supervise.TOLD_AT)]
    assert [words.partition("starting it again in ")[2] for words in told[:3]] == ["0.5 s", "1 s", "2 s"]
    assert "4 times in a row" in told[3]
    assert told[3].endswith("    no database")


async def test_stop_sends_sigterm_and_waits_for_the_end(keep: Keep, said: asyncio.Queue[str]) -> None:
    kept = keep("""
        import signal, time
        def end(*_):
            print('drained')
            raise SystemExit(0)
        signal.signal(signal.SIGTERM, end)
        print('up')
        time.sleep(600)
    """)
    await until_written(kept.program.log, "up")
    await kept.stop()
    assert kept.pid is None
    assert kept.program.log.read_text() == "up\ndrained\n"
    assert said.empty()


async def test_a_program_that_ignores_sigterm_is_killed_and_that_is_told(keep: Keep, said: asyncio.Queue[str]) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
    kept = keep(code, stop_s=0.2)
    await until_written(kept.program.log, "up")
    await kept.stop()
    assert kept.pid is None
    assert await said.get() == "sleeper did not end within 0.2 s and is killed"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux tells children of their parent's death")
async def test_a_keeper_that_is_killed_leaves_nobody_behind(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    code = f"""
        import asyncio, os, pathlib, sys
        from scripts.supervise import Kept, Program
        async def main():
            command = (sys.executable, "-u", "-c", {SLEEP!r})
            await Kept(Program("child", command, dict(os.environ), pathlib.Path({str(log)!r})), print).task
        asyncio.run(main())
    """
    keeper = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(code), env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    await until_written(log, "up")
    (child,) = psutil.Process(keeper.pid).children()
    keeper.send_signal(signal.SIGKILL)
    await keeper.wait()
    assert await asyncio.to_thread(psutil.wait_procs, [child], 30) == ([child], [])


def test_a_log_that_has_grown_too_long_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("wb") as file:
        file.truncate(supervise.LOG_BYTES + 1)
    supervise.open_log(log).close()
    assert log.stat().st_size == 0
    assert (tmp_path / "x.log.1").stat().st_size == supervise.LOG_BYTES + 1


def test_the_end_of_a_log_is_shown_indented_and_bounded(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("".join(f"line {number} {'x' * 1000}\n" for number in range(100)))
    lines = supervise.tail(log, 3).splitlines()
    assert [line[:11] for line in lines] == ["    line 97", "    line 98", "    line 99"]
    assert max(map(len, lines)) <= 304
    assert supervise.tail(tmp_path / "none.log") == "    (it cannot be read: No such file or directory)"
