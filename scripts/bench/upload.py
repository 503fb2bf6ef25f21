"""How fast a large file comes in by tus, against a bare route that appends and fsyncs, and what kill -9 does to it.

    python -m scripts.bench.upload [--mb 300] [--runs 5] [--kills 5] [--folder var]

Both are processes of their own; the same client sends the same 8 MiB pieces to one and the other in turn, and both
write below `--folder`, which should be a disk and no memory. Ours ends when the video is examined and registered, which
the floor does not do; "the bytes" is the time until the last piece but one is durable, on both sides. After that one
upload is sent through so many kill -9 of the coordinator, and its bytes are compared.
"""

import argparse
import asyncio
import hashlib
import io
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import av
import httpx
from av.video.frame import VideoFrame

from scripts import resumable
from scripts.access import Access
from scripts.bench.clip import looped
from scripts.bench.dispatch import answers, free_port, login, start_coordinator
from scripts.client import Client
from scripts.resumable import PIECE_BYTES

MB = 1 << 20
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
WIDTH, HEIGHT = 320, 180


class Run(NamedTuple):
    """Seconds until the last answer, and until the one before it."""

    whole: float
    pieces: float


def noisy_video(path: Path, size: int) -> None:
    """A video of about `size` bytes whose pictures no encoder makes small."""
    file, chance = io.BytesIO(), random.Random(1)
    with av.open(file, "w", format="mp4") as container:
        options = {"preset": "ultrafast", "qp": "12", "bf": "0"}
        stream = container.add_stream("libx264", rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for _ in range(24):
            frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
            for plane in frame.planes:
                plane.update(chance.randbytes(plane.buffer_size))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = file.getvalue()
    path.write_bytes(looped(clip, max(1, size // len(clip))))


def _send(http: httpx.Client, url: str, path: Path) -> tuple[Run, httpx.Response]:
    """The file in pieces to `url`; the last answer."""
    began, offset, before, answer = time.perf_counter(), 0, 0.0, None
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            before = time.perf_counter()
            answer = http.patch(url, content=piece, headers={**TUS, "Upload-Offset": str(offset)})
            answer.raise_for_status()
            offset += len(piece)
    if answer is None:
        raise RuntimeError("the file is empty")
    return Run(time.perf_counter() - began, before - began), answer


def _ours(http: httpx.Client, url: str, path: Path) -> Run:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(path.stat().st_size)}
    made = http.post(f"{url}/api/v1/uploads", headers=headers).raise_for_status()
    run, answer = _send(http, f"{url}{made.headers['location']}", path)
    http.delete(f"{url}{answer.headers['content-location']}").raise_for_status()
    return run


def _floor(http: httpx.Client, url: str, path: Path) -> Run:
    run, _ = _send(http, f"{url}/file", path)
    http.delete(f"{url}/file").raise_for_status()
    return run


def _compare(ours: list[Run], floors: list[Run], size: int) -> None:
    for name, pick in (("with the examination", lambda run: run.whole), ("the bytes", lambda run: run.pieces)):
        mine, floor = (statistics.median(map(pick, runs)) for runs in (ours, floors))
        speeds = f"{size / MB / mine:.0f} MB/s, the floor {size / MB / floor:.0f} MB/s"
        print(f"{name}: {speeds}, ratio {floor / mine:.2f}")


def _survives(start: Callable[[], subprocess.Popen[bytes]], access: Access, path: Path, kills: int) -> None:
    """One upload through so many deaths of the coordinator."""
    size, process, died = path.stat().st_size, start(), [0]
    asyncio.run(answers(f"{access.url}/api/v1/health"))
    places = [(number + 1) * size // (kills + 1) for number in range(kills)]

    def kill(done: int, _size: int) -> None:
        if died[0] < kills and done > places[died[0]] and process.poll() is None:
            died[0] += 1
            process.kill()
            process.wait()

    def start_again(_pause_s: float) -> None:
        nonlocal process
        if process.poll() is not None:
            process = start()
            asyncio.run(answers(f"{access.url}/api/v1/health"))

    try:
        with Client(access) as client:
            video = resumable.upload(client, "videos", path, kill, sleep=start_again)
    finally:
        process.terminate()
        process.wait(30)
    same = video["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    print(
        f"{died[0]} times kill -9 of the coordinator during one upload: the bytes are {'' if same else 'NOT '}identical"
    )
    if not same:
        raise SystemExit(1)


def measure(megabytes: int, runs: int, kills: int, place: Path) -> None:
    """Run everything and print what came out."""
    port, floor_port = free_port(), free_port()
    url, floor_url = (f"http://127.0.0.1:{number}" for number in (port, floor_port))
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.absolute()) as home:
        path, folder = Path(home) / "video.mp4", Path(home) / "floor"
        folder.mkdir()
        noisy_video(path, megabytes * MB)
        size = path.stat().st_size

        def start() -> subprocess.Popen[bytes]:
            return start_coordinator(Path(home), port, UPLOAD_FILE_SIZE_LIMIT="100000")

        coordinator = start()
        floor = subprocess.Popen([sys.executable, "-m", "scripts.bench.append", str(floor_port), str(folder)])
        try:
            asyncio.run(answers(f"{url}/api/v1/health"))
            asyncio.run(answers(f"{floor_url}/"))
            headers = asyncio.run(login(url))
            ours, floors = [], []
            with httpx.Client(headers=headers, timeout=600, trust_env=False) as http:
                for _ in range(runs):
                    ours.append(_ours(http, url, path))
                    floors.append(_floor(http, floor_url, path))
        finally:
            for process in (coordinator, floor):
                process.terminate()
                process.wait(30)
        print(f"{size / MB:.0f} MB in pieces of 8 MiB, medians of {runs}")
        _compare(ours, floors, size)
        if kills:
            _survives(start, Access(url, headers["Authorization"].removeprefix("Bearer "), ""), path, kills)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=300)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("var"))
    options = parser.parse_args()
    measure(options.mb, options.runs, options.kills, options.folder)


if __name__ == "__main__":
    main()
