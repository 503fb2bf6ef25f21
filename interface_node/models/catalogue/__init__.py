"""The models that come with the product, and those in `$SEGFLEET_CACHE/models/*.toml` beside them."""

from pathlib import Path

from interface_node.errors import ModelInvalid, UnknownModel
from interface_node.models.manifest import Manifest, read

BUILT_IN = Path(__file__).parent


def known(cache: Path) -> dict[str, Manifest]:
    """Every manifest by its id, the machine's own winning over a built-in of the same id; `cache` is $SEGFLEET_CACHE.

    ModelInvalid when a manifest cannot be read or two models claim one name.
    """
    manifests = {manifest.id: manifest for manifest in map(read, sorted(BUILT_IN.glob("*.toml")))}
    manifests |= {manifest.id: manifest for manifest in map(read, sorted((cache / "models").glob("*.toml")))}
    owners: dict[str, str] = {}
    for manifest in manifests.values():
        for name in manifest.names:
            if owners.setdefault(name, manifest.id) != manifest.id:
                raise ModelInvalid(f"the models {owners[name]} and {manifest.id} both claim the name {name}")
    return dict(sorted(manifests.items()))


def find(cache: Path, name: str) -> Manifest:
    """The model of this id or alias; UnknownModel lists what there is."""
    manifests = known(cache)
    for manifest in manifests.values():
        if name in manifest.names:
            return manifest
    raise UnknownModel(f"there is no model {name!r}; known are {', '.join(sorted(manifests))}")
