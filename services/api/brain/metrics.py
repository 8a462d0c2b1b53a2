"""What the service tells of itself, for Prometheus, in a registry of its own.

brain_requests_total{route,method,status}   answered requests
brain_request_seconds{route}                how long they took; of what is streamed, all of it
brain_service_verdict{service,verdict}      1 for the verdict that a service has, 0 for the others
brain_service_age_seconds{service}          since it was looked at
brain_listeners                             who listens for changes
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from brain.verdict import Verdict

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """All of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.requests = Counter(
            "brain_requests", "Answered requests.", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "brain_request_seconds", "How long requests took.", ["route"], buckets=BUCKETS, registry=self.registry
        )
        self.verdict = Gauge(
            "brain_service_verdict", "1 for the verdict that it has.", ["service", "verdict"], registry=self.registry
        )
        self.age = Gauge("brain_service_age_seconds", "Since it was looked at.", ["service"], registry=self.registry)
        self.listeners = Gauge("brain_listeners", "Who listens for changes.", registry=self.registry)
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        # Finding them anew by their labels would take longer than counting.
        found = self._answered.get((route, method, status))
        if found is None:
            found = self.requests.labels(route, method, str(status)), self.seconds.labels(route)
            self._answered[route, method, status] = found
        requests, took = found
        requests.inc()
        took.observe(seconds)

    def looked(self, service: str, verdict: Verdict | None, age: float) -> None:
        """What a service is like; None when nobody knows yet."""
        for one in Verdict:
            self.verdict.labels(service, one.value).set(1 if one is verdict else 0)
        self.age.labels(service).set(age)
