"""What the machine looks like: cards by NVML, disk and memory."""

import contextlib
import shutil
from pathlib import Path

import pynvml
import structlog

from protocol.interfaces import Gpu, GpuLoad

_log = structlog.get_logger(__name__)
_MIB = 1024 * 1024


class Cards:
    """The NVIDIA cards of this machine; none where there is no driver."""

    def __init__(self) -> None:
        self._handles: list[object] = []

    def open(self) -> None:
        """Ask the driver which cards there are."""
        try:
            pynvml.nvmlInit()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            _log.debug("no_cards", why=str(error))

    def close(self) -> None:
        """Let the driver go."""
        self._handles = []
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()

    def names(self) -> tuple[Gpu, ...]:
        """The cards with their memory."""
        found = []
        for index, handle in enumerate(self._handles):
            with contextlib.suppress(pynvml.NVMLError):
                name = pynvml.nvmlDeviceGetName(handle)
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
                found.append(Gpu(index=index, name=str(name)[:200], vram_mb=int(memory.total) // _MIB))
        return tuple(found)

    def loads(self) -> tuple[GpuLoad, ...]:
        """How busy each card is; a card that does not answer is left out."""
        found = []
        for index, handle in enumerate(self._handles):
            with contextlib.suppress(pynvml.NVMLError):
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
                util = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
                used = int(memory.used) // _MIB
                found.append(GpuLoad(index=index, util=util, vram_used_mb=used, temperature_c=_temperature(handle)))
        return tuple(found)


def _temperature(handle: object) -> float | None:
    try:
        return float(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU))
    except pynvml.NVMLError:
        return None


def disk_free_mb(directory: Path) -> int:
    """MiB that are free where `directory` is or will be."""
    place = next(one for one in (directory, *directory.parents) if one.exists())
    return shutil.disk_usage(place).free // _MIB
