"""Model files on this machine: pulled, checked, converted once, kept under the hash of what they were made from."""

import contextlib
import errno
import hashlib
import os
import secrets
from pathlib import Path

import onnx
import pooch

from interface_node.errors import DiskFull, DownloadFailed, ModelInvalid, UnknownModel
from interface_node.models import tflite, wheel
from interface_node.models.manifest import FileSource, Manifest, UrlSource, WheelSource


def onnx_path(cache: Path, manifest: Manifest) -> Path:
    """Where the ONNX file is; UnknownModel says how to get it when it is not there yet."""
    path = _kept(cache, manifest)
    if not path.is_file():
        raise UnknownModel(f"the model {manifest.id} is not on this machine; run: segfleet models pull {manifest.id}")
    return path


def is_ready(cache: Path, manifest: Manifest) -> bool:
    """Whether the ONNX file is on this machine."""
    return _kept(cache, manifest).is_file()


def pull(cache: Path, manifest: Manifest, origin: Path | None = None) -> Path:
    """Fetch, check, convert and keep the model; the path of its ONNX file. A model that is there is left alone.

    `origin` is a file to take instead of the network: a wheel, or the model's own .tflite or .onnx. DownloadFailed
    when the bytes cannot be had or have another sha256, ModelInvalid when they cannot be used.
    """
    target = _kept(cache, manifest)
    if target.is_file() and origin is None:
        return target
    data = _local(manifest, origin) if origin is not None else _fetch(manifest)
    model = _as_onnx(manifest, data)
    _keep(target, model)
    return target


def _kept(cache: Path, manifest: Manifest) -> Path:
    suffix = f".v{tflite.VERSION}.onnx" if manifest.source.format == "tflite" else ".onnx"
    return cache / "models" / "files" / f"{manifest.source.sha256}{suffix}"


def _fetch(manifest: Manifest) -> bytes:
    match manifest.source:
        case WheelSource() as source:
            return wheel.fetch_member(source)
        case UrlSource() as source:
            return _download(source)
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


def _download(source: UrlSource) -> bytes:
    known_hash = f"sha256:{source.sha256}"
    try:
        return _read(Path(pooch.retrieve(source.url, known_hash=known_hash, progressbar=False)))
    except (OSError, ValueError) as error:
        raise DownloadFailed(f"{source.url} could not be downloaded: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DownloadFailed(f"{path} cannot be read: {error.strerror}") from error


def _checked(data: bytes, expected: str, name: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
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
    inputs, outputs = ({value.name for value in values} for values in (graph.input, graph.output))
    interface = manifest.interface
    if interface.input.name not in inputs or interface.output.name not in outputs:
        raise ModelInvalid(
            f"the file has inputs {sorted(inputs)} and outputs {sorted(outputs)}; the manifest of {manifest.id} "
            f"names {interface.input.name} and {interface.output.name}"
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
