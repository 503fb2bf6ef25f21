"""`make run`: the whole product on this machine, shown at work on a real video, and then left running."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from scripts.access import Access
from scripts.refusal import Refusal, console, tell


def main() -> int:
    """Start what `segfleet up` starts, put the sample through it, say where the result is, and go on running."""
    options = _options()
    try:
        asyncio.run(_run(options))
    except Refusal as error:
        return tell(error)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make run ARGS=...", description=main.__doc__)
    parser.add_argument("--host", help="address to listen on (API_HOST)")
    parser.add_argument("--port", type=int, help="port to listen on (API_PORT)")
    parser.add_argument("--node-port", type=int, help="port of the first node (NODE_PORT)")
    parser.add_argument("--nodes", type=int, default=1, help="how many nodes of this machine")
    parser.add_argument("--video", type=Path, help="a video instead of the sample")
    parser.add_argument("--background", type=Path, help="a picture instead of the sample")
    parser.add_argument("--once", action="store_true", help="stop after the sample")
    return parser.parse_args()


async def _run(options: argparse.Namespace) -> None:
    began = time.monotonic()
    _say("starting a coordinator and a node on this machine ...")
    from scripts.commands.up import obtain_model, say
    from scripts.fleet_plan import Wish, plan
    from scripts.local_fleet import LocalFleet, in_thread

    planned = plan(Wish(options.host, options.port, options.node_port, options.nodes))
    fleet = LocalFleet(planned, say)
    fetched = in_thread(lambda: _samples(planned.settings.segfleet_cache, options.video, options.background))
    fetched.add_done_callback(lambda done: done.cancelled() or done.exception())  # the fleet may fail before we look

    async def ready(way: Access) -> None:
        video, background = await fetched
        _say(f"all online after {time.monotonic() - began:.1f} s; {video.name} goes through the API now")
        path = await in_thread(lambda: _shown(way, planned.settings.home / "demo", video, background))
        _say(f"the source:    {video}\nthe composite: {path}")
        _explain(way, planned.settings.home)
        console.print(f"ready {way.url}", soft_wrap=True, highlight=False)
        if options.once:
            fleet.stop()

    await fleet.run(lambda: obtain_model(planned.settings.default_model), ready)


def _samples(cache: Path, video: Path | None, background: Path | None) -> tuple[Path, Path]:
    from interface_node.errors import NodeError
    from scripts import samples

    try:
        return video or samples.clip(cache), background or samples.background(cache)
    except NodeError as error:
        raise Refusal(
            f'The sample video cannot be had ({error.detail}); show your own with: make run ARGS="--video FILE"'
        ) from error


def _shown(way: Access, folder: Path, video: Path, background: Path) -> Path:
    from scripts.client import Client
    from scripts.commands.submit import Behind, process

    folder.mkdir(parents=True, exist_ok=True)
    wish = {"outputs": ["composite"]}
    targets = {"composite": folder / f"{video.stem}-composite.mp4"}
    with Client(way, patience_s=0) as client:
        return process(client, video, Behind(str(background), "cover", loop=True), wish, targets)["composite"]


def _explain(way: Access, home: Path) -> None:
    password = home / "admin-password"
    where = f"the password is in {password}" if password.exists() else "with the password of ADMIN_PASSWORD"
    _say(
        f"pages of the API: {way.url}/docs\n"
        f"a video of yours: .venv/bin/segfleet submit VIDEO --background PICTURE -o RESULT.mp4\n"
        f"the waiting tasks, as an administrator (log in as admin, {where}):\n"
        f"  TOKEN=$(.venv/bin/segfleet token)\n"
        f'  curl {way.url}/api/tasks/admin/pending -H "Authorization: Bearer $TOKEN"\n'
        f"Ctrl-C stops everything."
    )


def _say(text: str) -> None:
    console.print(text, soft_wrap=True, markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
