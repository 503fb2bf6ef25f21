"""The models that come with the product, and those in `$SEGFLEET_CACHE/models/*.toml` beside them."""

import functools
from pathlib import Path

from interface_node.errors import ModelInvalid, UnknownModel
from interface_node.models.manifest import Manifest, read

BUILT_IN = Path(__file__).parent


def known(cache: Path) -> dict[str, Manifest]:
    """Every manifest by its id, the machine's own winning over a built-in of the same id; `cache` is $SEGFLEET_CACHE.

    ModelInvalid when a manifest cannot be read or two models claim one name.
    """
    manifests = {manifest.id: manifest for manifest in _built_in()}
    manifests |= {manifest.id: manifest for manifest in map(read, sorted((cache / "models").glob("*.toml")))}
    owners: dict[str, str] = {}
    for manifest in manifests.values():
        for name in manifest.names:
            if owners.setdefault(name, manifest.id) != manifest.id:
                raise ModelInvalid(f"the models {owners[name]} and {manifest.id} both claim the name {name}")
    return dict(sorted(manifests.items()))


@functools.cache
def _built_in() -> tuple[Manifest, ...]:
    """Read once: a node asks with every heartbeat."""
    return tuple(map(read, sorted(BUILT_IN.glob("*.toml"))))


def find(cache: Path, name: str) -> Manifest:
    """The model of this id or alias; UnknownModel lists what there is."""
    manifests = known(cache)
    for manifest in manifests.values():
        if name in manifest.names:
            return manifest
    raise UnknownModel(f"there is no model {name!r}; known are {', '.join(sorted(manifests))}")


def named(cache: Path, name: str) -> Manifest:
    """The model of this id or alias, or of the manifest file `name`, which ends in .toml."""
    return read(Path(name)) if name.endswith(".toml") else find(cache, name)
