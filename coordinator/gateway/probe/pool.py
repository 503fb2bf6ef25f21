"""Probes for the event loop: a few warm worker processes, bounded, replaced after use, killed when they hang."""

import asyncio
import logging
import os
from array import array
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from coordinator.domain.media import ImageFacts, VideoFacts
from coordinator.domain.timestamps import FrameTimes, unpack
from coordinator.errors import BrokenMedia, CoordinatorError, MediaError, Overloaded, ProbeTimeout
from coordinator.gateway.probe.process import Died, NotStarted, Worker
from coordinator.gateway.probe.wire import Answer

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 30.0
BYTES_PER_SECOND: Final = 50e6
SERVED: Final = 200
PEAK_KB: Final = 512 * 1024
_ERRORS: Final = {kind.code: kind for kind in MediaError.__subclasses__()}
_VIDEO: Final = TypeAdapter(VideoFacts)
_IMAGE: Final = TypeAdapter(ImageFacts)
_NONSENSE: Final = "the reader of this file answered nonsense"
_STOPPING: Final = "the service is stopping"


@dataclass(frozen=True, slots=True)
class ProbedVideo:
    """`times` are in `facts.time_base`; empty without `has_timestamps`."""

    facts: VideoFacts
    times: FrameTimes = field(repr=False)
    thumbnail: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProbedImage:
    """A still and a small JPEG of it."""

    facts: ImageFacts
    thumbnail: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProbedArtifact:
    """What a node sent up, with the size and sha256 of the bytes that are really there."""

    facts: VideoFacts | ImageFacts
    pts: "array[int]" = field(repr=False)
    size: int
    sha256: str


class _Crashed(BrokenMedia):
    """The reader died: the file's doing, unless somebody killed it."""


class ProbePool:
    """At most `workers` probes at once; more wait. Methods raise the media errors of `coordinator.errors`.

    A worker is replaced after 200 files or when a file made it grow; a file that two of them died of is broken_media,
    one that hangs is killed (probe_timeout). `timeout_s` is for a small file; large ones get a second more for every
    50 MB. Whoever is looked at when the pool stops learns nothing about his file: Overloaded.
    """

    def __init__(self, workers: int, *, timeout_s: float = TIMEOUT_S, served: int = SERVED) -> None:
        self._size = workers
        self._timeout_s = timeout_s
        self._most_served = served
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="probe")
        self._lock = Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._stopped = False

    async def start(self) -> None:
        """Start all workers; they load while the program goes on."""
        for _ in range(self._size):
            self._idle.append(await asyncio.to_thread(_started))

    async def stop(self) -> None:
        """End all workers, also those that are at work."""
        with self._lock:
            self._stopped = True
            for worker in self._busy:
                worker.kill()
        await asyncio.to_thread(self._threads.shutdown, True, cancel_futures=True)
        for worker in self._idle:
            worker.stop()
        self._idle.clear()

    @property
    def busy(self) -> int:
        """How many workers look at a file now."""
        return len(self._busy)

    def pids(self) -> list[int]:
        """The process ids of all workers, idle first."""
        with self._lock:
            return [worker.pid for worker in [*self._idle, *self._busy] if worker.pid is not None]

    async def video(self, path: Path) -> ProbedVideo:
        """Facts, timestamps and thumbnail of a video."""
        return _video_of(await self._ask("video", path))

    async def image(self, path: Path) -> ProbedImage:
        """Facts and thumbnail of a JPEG, PNG or WebP picture."""
        return _image_of(await self._ask("image", path))

    async def background(self, path: Path) -> ProbedVideo | ProbedImage:
        """Whatever it is; neither picture nor video is `not_an_image`."""
        answer = await self._ask("background", path)
        return _image_of(answer) if answer.body.get("kind") == "image" else _video_of(answer)

    async def artifact(self, path: Path) -> ProbedArtifact:
        """What the verifier compares with the plan; no thumbnail is made."""
        answer = await self._ask("artifact", path)
        probed = _image_of(answer) if answer.body.get("kind") == "image" else _video_of(answer)
        pts = probed.times.pts if isinstance(probed, ProbedVideo) else array("q")
        size, sha256 = answer.body.get("size"), answer.body.get("sha256")
        if not isinstance(size, int) or not isinstance(sha256, str):
            raise BrokenMedia(_NONSENSE)
        return ProbedArtifact(probed.facts, pts, size, sha256)

    async def thumbnail(self, path: Path) -> bytes:
        """A JPEG, at most 320 pixels a side, of a picture or of a video's first frame."""
        return (await self._ask("thumbnail", path)).picture

    async def _ask(self, do: str, path: Path) -> Answer:
        try:
            answer = await self._once(do, path)
        except _Crashed:
            answer = await self._once(do, path)  # somebody may have killed the reader; a bad file does it again
        code = answer.body.get("code")
        if code is not None:
            raise _refusal(str(code), answer.body)
        return answer

    async def _once(self, do: str, path: Path) -> Answer:
        if self._stopped:
            raise Overloaded(_STOPPING)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, do, path)

    def _run(self, do: str, path: Path) -> Answer:
        """In a thread of the pool's own, of which there are as many as workers."""
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            worker = self._take()
            try:
                answer = worker.ask(do, file, self._timeout_s + os.fstat(file).st_size / BYTES_PER_SECOND)
            except (TimeoutError, Died, NotStarted) as error:
                self._drop(worker)
                raise Overloaded(_STOPPING) if self._stopped else _failure(error) from error
            except BaseException:
                self._drop(worker)
                raise
            self._give_back(worker)
            return answer
        finally:
            os.close(file)

    def _take(self) -> Worker:
        with self._lock:
            if self._stopped:
                raise Overloaded(_STOPPING)
            worker = self._idle.pop() if self._idle else None
            if worker is not None and not worker.is_alive:
                worker.stop()
                worker = None
            worker = worker or _started()
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: Worker) -> None:
        if worker.served >= self._most_served or worker.peak_kb > PEAK_KB:
            self._drop(worker)
            return
        with self._lock:
            self._busy.discard(worker)
            self._idle.append(worker)

    def _drop(self, worker: Worker) -> None:
        """Throw a worker away and start the next, so that it is warm when it is wanted."""
        worker.stop()
        with self._lock:
            self._busy.discard(worker)
            if not self._stopped:
                self._idle.append(_started())


def _started() -> Worker:
    worker = Worker()
    worker.start()
    return worker


def _failure(error: Exception) -> CoordinatorError:
    log.warning("probe_failed", extra={"reason": type(error).__name__})
    if isinstance(error, NotStarted):
        return Overloaded("no process could be started to examine the file")
    if isinstance(error, TimeoutError) or (isinstance(error, Died) and error.out_of_time):
        return ProbeTimeout()
    return _Crashed("the file made its reader crash")


def _refusal(code: str, body: dict[str, Any]) -> CoordinatorError:
    params = body.get("params")
    known = params if isinstance(params, dict) else {}
    return _ERRORS.get(code, BrokenMedia)(str(body.get("detail", ""))[:200], **known)


def _video_of(answer: Answer) -> ProbedVideo:
    try:
        return ProbedVideo(_VIDEO.validate_python(answer.body.get("facts")), unpack(answer.pts), answer.picture)
    except (ValidationError, ValueError) as error:
        raise BrokenMedia(_NONSENSE) from error


def _image_of(answer: Answer) -> ProbedImage:
    try:
        return ProbedImage(_IMAGE.validate_python(answer.body.get("facts")), answer.picture)
    except ValidationError as error:
        raise BrokenMedia(_NONSENSE) from error
