"""Work whose orders run in worker processes, one for each slot, that stay warm and may die of a file."""

import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from interface_node.errors import DecoderCrashed, NodeError, WorkerBroke, WorkerKilled
from interface_node.jobs.isolation.conversation import Deaf, converse
from interface_node.jobs.isolation.process import START_S, Worker
from interface_node.jobs.isolation.wire import Hangup
from interface_node.jobs.pipeline_work import PipelineWork
from interface_node.jobs.work import Order, Progress, Result, Work
from interface_node.settings import NodeSettings, without_keys
from protocol.interfaces import NodeModel
from protocol.states import StepKind
from protocol.work import Assignment

_log = structlog.get_logger(__name__)
_ROOT: Final = Path(__file__).resolve().parents[3]
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from interface_node.jobs.isolation.program import main; main()"
)
_CRASHES: Final = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS}
)
_LIGHT: Final = -1
GRACE_S: Final = 5.0
"""So long a worker may ignore a cancel before it is killed; a thread of the node, which cannot be, gets ten."""


class IsolatedWork:
    """`front` answers what needs no pixels. A worker that dies takes its attempt with it, and the next is started.

    What a worker holds (models) is not shared between slots.
    """

    def __init__(
        self,
        front: Work,
        command: Sequence[str],
        environment: Mapping[str, str],
        grace_s: float = GRACE_S,
        start_s: float = START_S,
    ) -> None:
        self._front = front
        self._command = command
        self._environment = environment
        self._grace_s = grace_s
        self._start_s = start_s
        self._idle: dict[int, Worker] = {}
        self._warm: dict[int, dict[str, NodeModel]] = {}
        self._lock = threading.Lock()

    @property
    def provider(self) -> str:
        """The provider that sessions really run on."""
        return self._front.provider

    def models(self) -> tuple[NodeModel, ...]:
        """As the front knows them, warm and as fast as the workers last said."""
        with self._lock:
            said = [models for models in self._warm.values() if models]
        found = self._front.models()
        return tuple(_merged(one, [models[one.name] for models in said if one.name in models]) for one in found)

    def check(self, assignment: Assignment) -> None:
        """As the front does."""
        self._front.check(assignment)

    def warm_up(self, slots: int) -> None:
        """Start a process for each slot now, so that no attempt waits for its imports."""
        with self._lock:
            for slot in range(slots):
                self._idle[slot] = self._started()

    def close(self) -> None:
        """End the workers that wait for orders."""
        with self._lock:
            idle, self._idle = list(self._idle.values()), {}
        for worker in idle:
            worker.stop()

    def run(self, order: Order, report: Callable[[Progress], None], cancelled: threading.Event) -> Result:
        """Do it in the worker of the order's slot.

        DecoderCrashed, WorkerKilled or WorkerBroke when that died; Cancelled soon after `cancelled` was set, if need be
        by killing it; what the worker raised.
        """
        slot = _LIGHT if order.assignment.kind == StepKind.ASSEMBLE else order.slot
        worker = self._take(slot)
        try:
            result, models = converse(worker, order, report, cancelled, self._grace_s)
        except Hangup as error:
            raise self._lost(slot, worker, str(error)) from error
        except Deaf as error:
            self._replace(slot, worker)
            raise error.cancelled from error
        except BaseException:
            self._give_back(slot, worker)
            raise
        self._give_back(slot, worker, {one.name: one for one in models})
        return result

    def _take(self, slot: int) -> Worker:
        with self._lock:
            worker = self._idle.pop(slot, None)
        if worker is not None and worker.is_alive:
            return worker
        if worker is not None:
            worker.stop()
            self._warm.pop(slot, None)
        return self._started()

    def _give_back(self, slot: int, worker: Worker, models: Mapping[str, NodeModel] | None = None) -> None:
        with self._lock:
            spare = self._idle.get(slot)
            self._idle[slot] = worker
            if models is not None:
                self._warm[slot] = dict(models)
        if spare is not None:
            spare.stop()

    def _lost(self, slot: int, worker: Worker, why: str) -> NodeError:
        code = worker.ended_by()
        _log.error("worker_died", pid=worker.pid, code=code, why=why, reading=worker.is_reading)
        self._replace(slot, worker)
        return _verdict(code, why, worker.is_reading)

    def _replace(self, slot: int, worker: Worker) -> None:
        worker.stop()
        with self._lock:
            self._warm.pop(slot, None)
        self._give_back(slot, self._started())

    def _started(self) -> Worker:
        worker = Worker(self._command, self._environment, self._start_s)
        worker.start()
        return worker


def isolated(front: PipelineWork, settings: NodeSettings) -> IsolatedWork:
    """The work of this machine in processes, one for each slot, which are started here and use the front's devices."""
    told = {
        "cache": str(settings.segfleet_cache),
        "devices": front.devices,
        "log": [settings.log_level, settings.log_format, str(settings.log_file) if settings.log_file else None],
    }
    command = (sys.executable, "-P", "-c", _START, str(_ROOT), json.dumps(told))
    work = IsolatedWork(front, command, without_keys())
    work.warm_up(settings.node_slots)
    return work


def _merged(model: NodeModel, said: Sequence[NodeModel]) -> NodeModel:
    speeds = [one.speed_fps for one in said if one.speed_fps is not None]
    warm = model.warm or any(one.warm for one in said)
    return model.model_copy(update={"warm": warm, "speed_fps": speeds[-1] if speeds else model.speed_fps})


def _verdict(code: int | None, why: str, is_reading: bool) -> NodeError:
    """Whose fault the end of a worker is: the file's only where it was being read. Without a `code` we ended it."""
    if code is None:
        return WorkerBroke(f"the worker process was ended by the node: {why}")
    if -code in _CRASHES:
        name = signal.Signals(-code).name
        if is_reading:
            return DecoderCrashed(f"the process that read the file was ended by {name}")
        return WorkerBroke(f"the worker process was ended by {name} while it loaded the model")
    if code == -signal.SIGKILL:
        return WorkerKilled("the worker process was killed, as the kernel does when memory runs out")
    return WorkerBroke(f"the worker process ended by itself with {code}")
