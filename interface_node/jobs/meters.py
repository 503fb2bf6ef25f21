"""What a node counts for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Meters:
    """One set of meters with a registry of its own, so that a process may hold several nodes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.attempts = Counter(
            "segfleet_node_attempts", "Attempts by how they ended", ["outcome"], registry=self.registry
        )
        self.running = Gauge("segfleet_node_running_attempts", "Attempts that hold a slot", registry=self.registry)
        self.outbox = Gauge("segfleet_node_outbox", "Outcomes not acknowledged yet", registry=self.registry)
        self.frames = Counter("segfleet_node_frames", "Frames of completed attempts", registry=self.registry)
        self.seconds = Histogram(
            "segfleet_node_attempt_seconds",
            "Seconds from accepting an attempt to its outcome",
            buckets=(0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600),
            registry=self.registry,
        )
        self.fetched = Counter("segfleet_node_fetched_bytes", "Bytes fetched", registry=self.registry)
        self.uploaded = Counter("segfleet_node_uploaded_bytes", "Bytes uploaded", registry=self.registry)
        self.unreachable = Counter(
            "segfleet_node_coordinator_unreachable", "Messages that got no answer", registry=self.registry
        )
