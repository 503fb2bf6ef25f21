"""Who this node is: a UUID made once, and what registration gave, in `identity.json` (0600) in the node's home."""

import uuid
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interface_node.coordinator_client.client import Credentials
from interface_node.jobs import durable
from protocol.base import InterfaceId, NodeId


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)

    node_id: NodeId
    coordinator_url: str = ""
    interface_id: InterfaceId | None = None
    secrets: tuple[str, ...] = Field(default=(), repr=False)


class IdentityFile:
    """The file behind a node's identity. Credentials belong to one coordinator and are not shown to another."""

    def __init__(self, path: Path, coordinator_url: str) -> None:
        self._path = path
        self._coordinator_url = coordinator_url
        self._stored = _Stored(node_id=NodeId(str(uuid.uuid4())))

    @property
    def node_id(self) -> NodeId:
        """The UUID that lasts as long as the file."""
        return self._stored.node_id

    def load(self) -> Credentials | None:
        """Read the file, or make it. ValueError when it is damaged: a node never forgets itself silently."""
        if not self._path.exists():
            self._save()
            return None
        try:
            self._stored = _Stored.model_validate_json(self._path.read_bytes())
        except ValidationError:
            raise ValueError(f"{self._path} is damaged; restore it, or remove it to join as a new node") from None
        if self._stored.interface_id is None or self._stored.coordinator_url != self._coordinator_url:
            return None
        return Credentials(self._stored.interface_id, self._stored.secrets)

    def keep(self, credentials: Credentials) -> None:
        """Store what registration gave, before it is used for the first time."""
        self._stored = _Stored(
            node_id=self._stored.node_id,
            coordinator_url=self._coordinator_url,
            interface_id=credentials.interface_id,
            secrets=credentials.secrets,
        )
        self._save()

    def _save(self) -> None:
        durable.write(self._path, self._stored.model_dump_json(indent=1).encode())
