"""What `segfleet up` will run: its settings and ports found out before anything starts."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coordinator.gateway.networks import Networks
from coordinator.settings import Settings, SettingsError
from coordinator.settings import from_environment as coordinator_settings
from interface_node.settings import NodeSettings
from interface_node.settings import SettingsError as NodeSettingsError
from interface_node.settings import from_environment as node_settings
from scripts import ports
from scripts.refusal import Refusal
from scripts.supervise import Program

NODE_STOP_S: Final = 12.0
"""Beyond NODE_DRAIN_SECONDS: flushing an outbox, leaving."""


@dataclass(frozen=True)
class LocalNode:
    """One node of this machine: its own port, address and home."""

    name: str
    settings: NodeSettings

    @property
    def address(self) -> str:
        """Where it listens, as programs of this machine reach it."""
        return ports.on_this_machine(self.settings.node_host, self.settings.node_port)


@dataclass(frozen=True)
class Plan:
    """What shall run. `url` is where programs of this machine reach the coordinator."""

    settings: Settings
    url: str
    nodes: tuple[LocalNode, ...]
    push: bool


@dataclass(frozen=True)
class Wish:
    """The options of `segfleet up`; None means as the settings say, port 0 means any free one."""

    host: str | None = None
    port: int | None = None
    node_port: int | None = None
    nodes: int = 1


def plan(wish: Wish) -> Plan:
    """Read the settings and find the ports. Refusal: a setting is wrong, a port is taken."""
    given = {"API_HOST": wish.host, "API_PORT": None if wish.port is None else str(wish.port)}
    try:
        settings = coordinator_settings(given)
        port = ports.require_free(settings.api_host, settings.api_port, "--port", "API_PORT")
        given["API_PORT"] = str(port)
        url = ports.on_this_machine(settings.api_host, port)
        settings = coordinator_settings(given)
        nodes = tuple(_node(settings, url, wish.node_port, number) for number in range(wish.nodes))
    except (SettingsError, NodeSettingsError) as error:
        raise Refusal(str(error), 2) from error
    return Plan(settings, url, nodes, push=Networks(settings.interface_networks).permits("127.0.0.1"))


def _told(key: str) -> bool:
    return bool(os.environ.get(key))


def _node(settings: Settings, url: str, first_port: int | None, number: int) -> LocalNode:
    known = node_settings({"COORDINATOR_URL": url, "ALLOW_INSECURE_COORDINATOR": "true"})
    wished = known.node_port if first_port is None else first_port
    port = ports.require_free("127.0.0.1", wished + number if wished else 0, "--node-port", "NODE_PORT")
    name = f"{known.node_name[:90]}-{number}" if _told("NODE_NAME") else f"node-{number}"
    own = {
        "node_name": name,
        "node_host": "127.0.0.1",
        "node_port": port,
        "segfleet_home": settings.home / "nodes" / str(number),
        "interface_identification": settings.interface_identification,
    }
    return LocalNode(name, known.model_copy(update=own))


def coordinator_program(planned: Plan, expected: Mapping[str, str]) -> Program:
    """The coordinator as planned; it expects nodes (name -> node_id)."""
    settings = planned.settings
    environment = {
        **os.environ,
        "API_HOST": settings.api_host,
        "API_PORT": str(settings.api_port),
        "API_BASE_URL": settings.api_base_url,
        "SEGFLEET_HOME": str(settings.home),
    }
    words = ["-m", "scripts.local_coordinator", *(f"{name}={node_id}" for name, node_id in expected.items())]
    return _program("coordinator", words, environment, settings.home, 20.0)


def node_program(planned: Plan, node: LocalNode) -> Program:
    """`python -m interface_node` as planned."""
    settings = node.settings
    environment = {
        **os.environ,
        "COORDINATOR_URL": settings.coordinator_url,
        "ALLOW_INSECURE_COORDINATOR": "true",
        "INTERFACE_IDENTIFICATION": settings.interface_identification,
        "NODE_HOST": settings.node_host,
        "NODE_PORT": str(settings.node_port),
        "NODE_NAME": settings.node_name,
        "SEGFLEET_HOME": str(settings.segfleet_home),
    }
    if planned.push:
        environment["NODE_ADDRESS"] = node.address
    stop_s = settings.node_drain_seconds + NODE_STOP_S
    return _program(node.name, ["-m", "interface_node"], environment, planned.settings.home, stop_s)


def _program(name: str, words: list[str], environment: dict[str, str], home: Path, stop_s: float) -> Program:
    return Program(name, (sys.executable, *words), environment, home / "logs" / f"{name}.log", stop_s)
