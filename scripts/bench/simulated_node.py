"""A node with a simulated engine: so many seconds a frame, a part that was made before, and a real `assemble`."""

import asyncio
import hashlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interface_node.pipeline.assemble import AssembleSpec, assemble
from interface_node.pipeline.joint import PartFile
from protocol.states import Output
from protocol.work import Assignment
from scripts.bench.stub_node import StubNode

REPORT_S = 1.0


@dataclass(slots=True)
class SimulatedNode(StubNode):
    """Every segment of its task must be `part`, as far as frames and times go."""

    frame_s: float = 0.1
    part: bytes = b""
    busy_s: float = 0.0
    frames: int = 0
    joins: int = 0
    joining_s: float = 0.0

    async def _work(self, offer: dict[str, Any]) -> None:
        assignment = Assignment.model_validate(offer)
        began = time.monotonic()
        if assignment.kind == "assemble":
            data = await self._assembled(assignment)
            self.joins += 1
            self.joining_s += time.monotonic() - began
        else:
            data = self.part
            await self._segmented(offer, assignment)
        made = await self._upload(offer, data)
        span = assignment.range
        assert span is not None
        made |= {"frames": span.frames, "first_pts": span.first_pts, "last_pts": span.last_pts}
        last = 2**40
        await self._report(
            offer, last, "completed", frames_done=span.frames, frames_total=span.frames, artifacts=[made]
        )
        self.busy_s += time.monotonic() - began

    async def _segmented(self, offer: dict[str, Any], assignment: Assignment) -> None:
        total = assignment.range.frames if assignment.range else 0
        began, seq = time.monotonic(), 0
        while (left := began + total * self.frame_s - time.monotonic()) > 0:
            done = min(total - 1, int((time.monotonic() - began) / self.frame_s))
            words = {"frames_done": done, "frames_total": total, "done": done, "total": total, "fps": 1 / self.frame_s}
            await self._report(offer, seq, "progress", **words)
            seq += 1
            await asyncio.sleep(min(REPORT_S, left))
        self.frames += total

    async def _assembled(self, assignment: Assignment) -> bytes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            source, result = folder / "source.mp4", folder / "joined.mp4"
            source.write_bytes(await self._download(assignment.source.url, assignment.attempt_token))
            parts = []
            for number, part in enumerate(assignment.parts):
                path = folder / f"{number}.mp4"
                own = hashlib.sha256(self.part).hexdigest() == part.sha256
                path.write_bytes(self.part if own else await self._download(part.url, assignment.attempt_token))
                parts.append(PartFile(path, part.frames))
            assert assignment.range is not None
            spec = AssembleSpec(source, assignment.range, {Output.COMPOSITE: parts}, {Output.COMPOSITE: result})
            await asyncio.to_thread(assemble, spec, lambda _step: None, lambda: False)
            return result.read_bytes()

    async def _download(self, url: str, token: str) -> bytes:
        assert self.session is not None
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.get(self.coordinator + url, headers=headers) as answer:
            answer.raise_for_status()
            return await answer.read()
