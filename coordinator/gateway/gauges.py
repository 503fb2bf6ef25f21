"""Prometheus text: request durations as they happen, everything else from the database when asked."""

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Gauges:
    """One registry a program."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._of_route: dict[tuple[str, str, int], Histogram] = {}
        self.requests = Histogram(
            "segfleet_request_seconds",
            "Duration of requests",
            ("method", "route", "status"),
            registry=self._registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.errors = Counter("segfleet_errors_total", "Answers of 500 and above", ("route",), registry=self._registry)
        self._tasks = Gauge("segfleet_tasks", "Tasks by state", ("state",), registry=self._registry)
        self._queue = Gauge("segfleet_queue_steps", "Steps that wait for a node", registry=self._registry)
        self._nodes = Gauge("segfleet_interfaces", "Nodes by admission", ("admission",), registry=self._registry)
        self._online = Gauge("segfleet_interfaces_online", "Nodes that are online", registry=self._registry)
        self._slots = Gauge("segfleet_slots", "Slots of nodes that are online", ("use",), registry=self._registry)
        self._attempts = Gauge(
            "segfleet_attempts_last_hour", "Attempts that ended in the last hour", ("state",), registry=self._registry
        )
        self._work = Gauge(
            "segfleet_task_seconds_last_hour", "Mean seconds of completed tasks", ("part",), registry=self._registry
        )
        self._webhooks = Histogram(
            "segfleet_webhook_seconds",
            "Duration of tries to deliver a webhook",
            ("outcome",),
            registry=self._registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self._outbox = Gauge("segfleet_webhooks", "Messages to be delivered", ("state",), registry=self._registry)
        self._rate = Gauge("segfleet_task_error_rate_last_hour", "Failed / ended tasks", registry=self._registry)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request; `route` is its template, never its path."""
        key = (method, route, status)
        found = self._of_route.get(key)
        if found is None:
            found = self._of_route[key] = self.requests.labels(method, route, str(status))
        found.observe(seconds)
        if status >= 500:
            self.errors.labels(route).inc()

    def webhook(self, outcome: str, seconds: float) -> None:
        """One try to deliver; `outcome` is "taken" or the fault."""
        self._webhooks.labels(outcome).observe(seconds)

    def text(self, overview: dict[str, Any]) -> bytes:
        """Everything, with `services.statistics.overview` as it is now."""
        for gauge, values in (
            (self._tasks, overview["tasks"]),
            (self._nodes, overview["interfaces"]["by_admission"]),
            (self._attempts, overview["last_hour"]["attempts"]),
            (self._outbox, overview["webhooks"]),
        ):
            gauge.clear()
            for label, value in values.items():
                gauge.labels(label).set(value)
        self._queue.set(overview["queue"]["waiting_steps"])
        self._online.set(overview["interfaces"]["online"])
        self._slots.labels("all").set(overview["interfaces"]["slots"])
        self._slots.labels("busy").set(overview["interfaces"]["busy_slots"])
        self._rate.set(overview["last_hour"]["error_rate"])
        for part in ("wait", "work"):
            self._work.labels(part).set(overview["last_hour"][f"mean_{part}_s"] or 0.0)
        return generate_latest(self._registry)
