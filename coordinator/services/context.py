"""What the edges (api, loops) hand to services: one frozen bundle, made by `coordinator.app` and by nobody else."""

from dataclasses import dataclass

from coordinator.clock import Clock
from coordinator.gateway.attempt_tokens import AttemptTokens
from coordinator.gateway.feed import Feed
from coordinator.gateway.files import Files
from coordinator.gateway.gauges import Gauges
from coordinator.gateway.interface_client import InterfaceClient
from coordinator.gateway.links import Links
from coordinator.gateway.node_secrets import NodeSecrets
from coordinator.gateway.passwords import Passwords
from coordinator.gateway.probe.pool import ProbePool
from coordinator.gateway.tokens import Tokens
from coordinator.gateway.webhook_sender import WebhookSender
from coordinator.services.node_keys import NodeKeys
from coordinator.services.polling import PollDesk
from coordinator.services.progress import ProgressBook
from coordinator.services.registry import Door
from coordinator.services.rules import Rules
from coordinator.services.uploads import Desk
from coordinator.services.watching import TaskWatch
from coordinator.services.webhook_testing import TrialDesk
from coordinator.settings import Settings
from coordinator.store.database import Database


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that lives as long as the program."""

    settings: Settings
    rules: Rules
    clock: Clock
    database: Database
    feed: Feed
    passwords: Passwords
    tokens: Tokens
    files: Files
    probes: ProbePool
    links: Links
    uploads: Desk
    interface_client: InterfaceClient
    node_keys: NodeKeys
    door: Door
    attempt_tokens: AttemptTokens
    polls: PollDesk
    book: ProgressBook
    watch: TaskWatch
    webhook_secrets: NodeSecrets
    webhook_sender: WebhookSender
    webhook_trials: TrialDesk
    gauges: Gauges
