"""Everything that can go wrong on a node, in one tree.

    NodeError
      InputError           the file is to blame; another node would say the same
        NotAVideo NoFrames UnsupportedContainer BrokenMedia MediaTooLarge TooManyStreams NotAnImage FramesMismatch
        DecoderCrashed
      Unsupported          the request is fine and this version cannot do it
        UnsupportedBackground UnsupportedOutput UnsupportedStep
      ResourcesError       this machine lacks something
        UnknownModel ProviderUnavailable DiskFull DownloadFailed WorkerKilled
      NodeFault            this node, its model files or its software are to blame
        ModelInvalid EngineFailed OutputUnwritable SourceMismatch PartMismatch UploadRefused AddressRefused NoProgress
        WorkerBroke
      Cancelled            somebody asked to stop; nobody is to blame

The class fixes `code` (stable, travels in callbacks), `error_class` (whose fault) and `retryable`; the instance says
in `detail` what happened, in one sentence for people.
"""

from typing import ClassVar, Final

from protocol.states import ErrorClass


class NodeError(Exception):
    """The root. Never raised itself."""

    code: ClassVar[str]
    error_class: ClassVar[ErrorClass]
    retryable: ClassVar[bool] = True

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InputError(NodeError):
    """The file is to blame."""

    error_class = ErrorClass.INPUT
    retryable = False


class NotAVideo(InputError):
    """No demuxer on the allow-list knows the file, or it has no video stream."""

    code = "not_a_video"


class NoFrames(InputError):
    """A video stream without a single picture, or none in the range."""

    code = "no_frames"


class UnsupportedContainer(InputError):
    """A container or codec that we do not open."""

    code = "unsupported_container"


class BrokenMedia(InputError):
    """The file breaks while it is read."""

    code = "broken_media"


class MediaTooLarge(InputError):
    """More pixels or more frames than allowed."""

    code = "media_too_large"


class TooManyStreams(InputError):
    """More streams than allowed."""

    code = "too_many_streams"


class NotAnImage(InputError):
    """Not a JPEG, PNG or WebP picture."""

    code = "not_an_image"


class FramesMismatch(InputError):
    """The decoder gave other frames than the plan, which was read from the same bytes, promises."""

    code = "frames_mismatch"


class DecoderCrashed(InputError):
    """The process that read the file died of it."""

    code = "decoder_crashed"


class Unsupported(NodeError):
    """The request is fine and this version cannot do it."""

    error_class = ErrorClass.UNSUPPORTED
    retryable = False


class UnsupportedBackground(Unsupported):
    """A kind of background that this node does not know."""

    code = "unsupported_background"


class UnsupportedOutput(Unsupported):
    """An output, codec or container that this node cannot write."""

    code = "unsupported_output"


class UnsupportedStep(Unsupported):
    """A kind of step that this node does not know."""

    code = "unsupported_step"


class ResourcesError(NodeError):
    """This machine lacks something that another one may have."""

    error_class = ErrorClass.RESOURCES


class UnknownModel(ResourcesError):
    """No manifest of that name, or its file was not pulled."""

    code = "unknown_model"


class ProviderUnavailable(ResourcesError):
    """The device that was asked for cannot be used; the detail names the missing library."""

    code = "provider_unavailable"


class DiskFull(ResourcesError):
    """No room for an output or a download."""

    code = "disk_full"


class DownloadFailed(ResourcesError):
    """A model or sample could not be obtained, or had the wrong hash."""

    code = "download_failed"


class WorkerKilled(ResourcesError):
    """Somebody, most likely a kernel without memory, ended the process that worked on the attempt."""

    code = "worker_killed"


class NodeFault(NodeError):
    """This node's own files or software are to blame."""

    error_class = ErrorClass.NODE


class ModelInvalid(NodeFault):
    """A manifest or a model file that cannot be used as it says."""

    code = "model_invalid"


class EngineFailed(NodeFault):
    """The inference engine gave an error instead of a mask."""

    code = "engine_failed"


class OutputUnwritable(NodeFault):
    """A result cannot be written where it belongs, for another reason than room."""

    code = "output_unwritable"


class SourceMismatch(NodeFault):
    """The bytes that arrived here are not the ones that the plan was made from."""

    code = "source_mismatch"


class PartMismatch(NodeFault):
    """A finished part is not what the plan says, or does not fit the parts beside it."""

    code = "part_mismatch"


class UploadRefused(NodeFault):
    """The coordinator does not take the artifact that was made here."""

    code = "upload_refused"


class AddressRefused(NodeFault):
    """An assignment names a place that is neither the coordinator's nor one of its storage."""

    code = "address_refused"


class NoProgress(NodeFault):
    """A stage's own counter stood still for longer than allowed."""

    code = "no_progress"


class WorkerBroke(NodeFault):
    """The process that worked on the attempt ended, or said what it may not, without the file being the reason."""

    code = "worker_broke"


class Cancelled(NodeError):
    """Somebody asked to stop."""

    code = "cancelled"
    error_class = ErrorClass.INTERNAL
    retryable = False


def _leaves(kind: type[NodeError]) -> dict[str, type[NodeError]]:
    found = {name: leaf for below in kind.__subclasses__() for name, leaf in _leaves(below).items()}
    return found or {kind.code: kind}


ERRORS: Final = _leaves(NodeError)
"""Every error by its code."""
