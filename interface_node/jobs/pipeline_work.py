"""The real work: the models of this machine, the engine on its devices, the pipeline."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from interface_node.engine import providers, session
from interface_node.engine.providers import Device
from interface_node.engine.session import ModelSession
from interface_node.errors import Cancelled, NodeError, PartMismatch
from interface_node.jobs import speeds
from interface_node.jobs.work import Made, Order, Progress, Result
from interface_node.models import catalogue, store
from interface_node.models.manifest import Manifest
from interface_node.pipeline import spec
from interface_node.pipeline.assemble import AssembleSpec, assemble
from interface_node.pipeline.image import ImageSpec, run_image
from interface_node.pipeline.run import run as run_video
from interface_node.pipeline.spec import RunResult, RunSpec
from interface_node.settings import NodeSettings
from protocol.interfaces import NodeModel
from protocol.keys import KEYS
from protocol.states import Output, StepKind
from protocol.work import Assignment, Encoding

_log = structlog.get_logger(__name__)
MOST_FPS: Final = 1e6
_FOREGROUND_SUFFIX: Final = {"vp9": ".webm", "prores": ".mov"}


class PipelineWork:
    """Sessions are loaded once for each (model, device) and stay warm; slots are spread over the devices."""

    def __init__(self, cache: Path, devices: Sequence[Device]) -> None:
        self._cache = cache
        self._devices = devices
        self._sessions: dict[tuple[str, Device], ModelSession] = {}
        self._speeds: dict[str, float] = speeds.usual(speeds.read(cache, self.provider))
        self._known: tuple[NodeModel, ...] = ()
        self._loading = threading.Lock()

    @property
    def provider(self) -> str:
        """The provider that sessions really run on."""
        return self._devices[0].provider

    @property
    def devices(self) -> tuple[str, ...]:
        """The labels of what slots are spread over."""
        return tuple(device.label for device in self._devices)

    def models(self) -> tuple[NodeModel, ...]:
        """What this machine has the files of, under each of its names. A manifest that broke while we run is logged,
        and what was known before still counts."""
        try:
            self._known = self._found()
        except NodeError as error:
            _log.error("manifests_unreadable", why=error.detail)
        return self._known

    def _found(self) -> tuple[NodeModel, ...]:
        warm = {model for model, _ in list(self._sessions)}
        return tuple(
            NodeModel(
                name=name,
                title=manifest.title,
                licence=manifest.licence,
                commercial=manifest.commercial,
                provider=self.provider,
                warm=manifest.id in warm,
                speed_fps=self._speeds.get(manifest.id),
            )
            for manifest in catalogue.known(self._cache).values()
            if store.is_ready(self._cache, manifest)
            for name in manifest.names
        )

    def check(self, assignment: Assignment) -> None:
        """UnsupportedBackground, UnknownModel, or PartMismatch of an incomplete list, before anything is fetched."""
        if assignment.kind == StepKind.ASSEMBLE:
            _check_parts(assignment)
            return
        still = assignment.encoding.image if assignment.kind == StepKind.IMAGE else None
        spec.check_alpha(spec.backdrop(assignment.background, Path()), assignment.outputs, still)
        store.onnx_path(self._cache, catalogue.find(self._cache, assignment.model))

    def run(self, order: Order, report: Callable[[Progress], None], cancelled: threading.Event) -> Result:
        """Load the model if it is cold, then one picture or one range of frames; or join parts, without a model."""
        if order.assignment.kind == StepKind.ASSEMBLE:
            joined = _assembled(order, report, cancelled)
            return Result(tuple(_made(file) for file in joined.outputs), self.provider)
        manifest, loaded = self._loaded(order)
        if cancelled.is_set():
            raise Cancelled("cancelled while the model was loaded")
        warmup = manifest.interface.warmup_frames
        result = _ran(order, loaded, warmup, _teller(report), cancelled.is_set)
        self._measured(manifest, order.assignment, result)
        return Result(tuple(_made(file) for file in result.outputs), loaded.provider)

    def load(self, order: Order) -> None:
        """Make the model of an order warm, so that `run` begins with its file."""
        if order.assignment.kind != StepKind.ASSEMBLE:
            self._loaded(order)

    def _loaded(self, order: Order) -> tuple[Manifest, ModelSession]:
        manifest = catalogue.find(self._cache, order.assignment.model)
        return manifest, self._session(manifest, self._devices[order.slot % len(self._devices)])

    def _session(self, manifest: Manifest, device: Device) -> ModelSession:
        key = (manifest.id, device)
        with self._loading:
            found = self._sessions.get(key)
            if found is None:
                found = session.load(store.onnx_path(self._cache, manifest), manifest.interface, device.label)
                self._sessions[key] = found
                _log.info("model_loaded", model=manifest.id, device=device.label, seconds=round(found.load_s, 3))
        return found

    def _measured(self, manifest: Manifest, assignment: Assignment, result: RunResult) -> None:
        """Videos only: a single picture is mostly file handling."""
        if assignment.kind == StepKind.SEGMENT and result.frames:
            seconds, first_frame_s = round(result.total_s, 3), round(result.first_frame_s, 3)
            _log.info("video_processed", frames=result.frames, seconds=seconds, first_frame_s=first_frame_s)
            before = self._speeds.get(manifest.id, result.fps)
            self._speeds[manifest.id] = round(0.5 * before + 0.5 * result.fps, 3)


def open_work(settings: NodeSettings) -> PipelineWork:
    """The work of this machine. ProviderUnavailable names the library that NODE_DEVICE misses.

    A machine without any model gets the default one first, so that one command makes a node; DownloadFailed when
    it cannot be had.
    """
    devices = devices_of(settings.node_device)
    manifests = catalogue.known(settings.segfleet_cache)
    if not any(store.is_ready(settings.segfleet_cache, one) for one in manifests.values()):
        name = KEYS["DEFAULT_MODEL"].default
        _log.info("model_pulled", model=name)
        store.pull(settings.segfleet_cache, catalogue.find(settings.segfleet_cache, name))
    work = PipelineWork(settings.segfleet_cache, devices)
    _log.info("devices", devices=work.devices)
    return work


def devices_of(words: str) -> tuple[Device, ...]:
    """`auto`, `cpu`, `cuda` or `cuda:0,1` -> the devices that slots are spread over."""
    return tuple(providers.choose(name) for name in device_names(words))


def device_names(words: str) -> list[str]:
    """`cuda:0,1` -> `cuda:0` and `cuda:1`; anything else is one name."""
    kind, _, cards = words.partition(":")
    return [f"{kind}:{card}" for card in cards.split(",")] if cards else [words]


def _ran(
    order: Order, loaded: ModelSession, warmup: int, told: spec.OnProgress, is_cancelled: Callable[[], bool]
) -> RunResult:
    assignment = order.assignment
    background = spec.backdrop(assignment.background, order.background)
    outputs = _places(order)
    if assignment.kind == StepKind.IMAGE:
        picture = ImageSpec(
            order.source,
            background,
            outputs,
            assignment.encoding.image,
            assignment.range,
            refinement=assignment.refinement,
        )
        return run_image(picture, loaded.segmenter(), told, is_cancelled)
    wanted = spec.warmed_up(assignment.range, warmup)
    video = RunSpec(order.source, background, outputs, assignment.encoding, wanted, assignment.refinement)
    return run_video(video, loaded.segmenter(), told, is_cancelled)


def _assembled(order: Order, report: Callable[[Progress], None], cancelled: threading.Event) -> RunResult:
    assignment = order.assignment
    if assignment.range is None:
        raise PartMismatch("the whole that the parts belong to is not planned")
    whole = AssembleSpec(order.source, assignment.range, order.parts, _places(order), assignment.encoding.fragmented)
    return assemble(whole, _teller(report), cancelled.is_set)


def _check_parts(assignment: Assignment) -> None:
    planned = assignment.range.frames if assignment.range else 0
    for output in assignment.outputs:
        found = sum(part.frames for part in assignment.parts if part.output == output)
        if not found or found != planned:
            raise PartMismatch(f"the parts of the {output.value} have {found} frames, the plan {planned}")


def _teller(report: Callable[[Progress], None]) -> spec.OnProgress:
    def told(progress: spec.Progress) -> None:
        report(
            Progress(
                progress.stage,
                progress.done,
                progress.total,
                progress.frames_done,
                progress.frames_total,
                min(max(progress.fps, 0.0), MOST_FPS),
            )
        )

    return told


def _places(order: Order) -> dict[Output, Path]:
    encoding = order.assignment.encoding
    return {one: order.directory / f"{one.value}{_suffix(one, encoding)}" for one in order.assignment.outputs}


def _suffix(output: Output, encoding: Encoding) -> str:
    return _FOREGROUND_SUFFIX[encoding.foreground] if output == Output.FOREGROUND else ".mp4"


def _made(file: spec.OutputFile) -> Made:
    return Made(
        output=file.output,
        path=file.path,
        sha256=file.sha256,
        size=file.size,
        frames=file.frames,
        duration=file.duration,
        extradata_sha256=file.extradata_sha256,
        first_pts=file.first_pts,
        last_pts=file.last_pts,
    )
