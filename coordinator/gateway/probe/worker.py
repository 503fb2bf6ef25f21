"""The probe's child process: no environment, no path, little memory; it sees files as descriptors, one at a time.

Started by `coordinator.gateway.probe.pool`, ends when the pool's end of the socket closes.
"""

import hashlib
import os
import resource
import socket
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from av.error import FFmpegError

from coordinator.domain.timestamps import pack
from coordinator.gateway.probe import image, video, wire
from coordinator.gateway.probe.picture import thumbnail
from coordinator.gateway.probe.refusal import Refused
from coordinator.gateway.probe.sniff import claim, head

MEMORY: Final = 2 << 30
DESCRIPTORS: Final = 32
NICENESS: Final = 5
_BLOCK: Final = 1 << 20


def main(descriptor: int) -> None:
    """Answer requests until the pool hangs up."""
    _confine()
    with socket.socket(fileno=descriptor) as link:
        link.sendall(wire.READY)
        while (request := wire.receive_request(link)) is not None:
            what, file = request
            _allow_seconds(what["cpu_s"])
            try:
                answer = _answer(what["do"], file)
            finally:
                os.close(file)
            wire.send_answer(link, answer)


def _confine() -> None:
    os.nice(NICENESS)
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # macOS refuses some; the parent's time limit holds everywhere
            resource.setrlimit(limit, (value, value))


def _allow_seconds(seconds: float) -> None:
    """CPU time for this request only; the kernel ends the process at the limit."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft, hard = int(used.ru_utime + used.ru_stime + seconds) + 1, resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or soft <= hard:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _answer(do: str, file: int) -> wire.Answer:
    try:
        answer = _ACTIONS[do](file)
    except Refused as refused:
        return wire.Answer({"code": refused.code, "detail": refused.detail, "params": refused.params})
    except MemoryError:
        return wire.Answer({"code": "media_too_large", "detail": "the file needs too much memory", "params": {}})
    except (FFmpegError, OverflowError, ValueError, LookupError) as error:  # LookupError: a stream that begins midway
        return wire.Answer({"code": "broken_media", "detail": type(error).__name__, "params": {}})
    return answer._replace(body={**answer.body, "peak_kb": _peak_kb()})


def _peak_kb() -> int:
    """The most memory that this program has held. Linux counts what the parent held into `ru_maxrss`, so that behind a
    large coordinator every worker would look grown."""
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def _video(file: int) -> wire.Answer:
    examined = video.examine(file, quick=False)
    picture = thumbnail(examined.poster, examined.facts.rotation, Fraction(examined.facts.sar))
    return wire.Answer({"kind": "video", "facts": examined.facts.to_json()}, pack(examined.times), picture)


def _image(file: int) -> wire.Answer:
    facts, picture = image.examine(file, os.fstat(file).st_size)
    return wire.Answer({"kind": "image", "facts": facts.to_json()}, b"", picture)


def _background(file: int) -> wire.Answer:
    """A still or a video. What is neither is called no picture, because that is what most people meant to send."""
    if claim(head(file)) in {"empty", "image"}:
        return _image(file)
    try:
        return _video(file)
    except Refused as refused:
        if refused.code == "not_a_video":
            raise Refused("not_an_image", refused.detail) from refused
        raise


def _artifact(file: int) -> wire.Answer:
    """What a node sent up: facts and timestamps as for a video or a still, and the sha256 of every byte."""
    size = os.fstat(file).st_size
    if claim(head(file)) in {"empty", "image"}:
        facts, _picture = image.examine(file, size)
        body: dict[str, Any] = {"kind": "image", "facts": facts.to_json()}
        pts = b""
    else:
        examined = video.examine(file, quick=True)
        body, pts = {"kind": "video", "facts": examined.facts.to_json()}, pack(examined.times)
    return wire.Answer({**body, "size": size, "sha256": _sha256(file)}, pts)


def _thumbnail(file: int) -> wire.Answer:
    answer = _background(file)
    return answer._replace(body={"kind": answer.body["kind"]}, pts=b"")


def _sha256(file: int) -> str:
    os.lseek(file, 0, os.SEEK_SET)
    digest = hashlib.sha256()
    while block := os.read(file, _BLOCK):
        digest.update(block)
    return digest.hexdigest()


_ACTIONS: Final = {
    "video": _video,
    "image": _image,
    "background": _background,
    "artifact": _artifact,
    "thumbnail": _thumbnail,
}
