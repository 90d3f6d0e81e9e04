"""The counters of the service, for Prometheus; they hold nothing of a picture or a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from renzheng import __version__

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30.0)


class Metrics:
    """The numbers of one service, with a registry of its own.

    Parameters
    ----------
    gauges
        By name, the description of each gauge and the function that returns its value.
    """

    def __init__(self, gauges: dict[str, tuple[str, Callable[[], float]]]):
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "renzheng_requests", "Replies.", ("route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "renzheng_request_seconds",
            "From the request's headers to the reply.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._decisions = Counter(
            "renzheng_decisions", "Comparisons.", ("decision",), registry=self._registry
        )
        self._findings = Counter(
            "renzheng_findings", "What spoke against them.", ("code",), registry=self._registry
        )
        self._work = Histogram(
            "renzheng_comparison_seconds",
            "Time that a worker took.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        for name, (description, value) in gauges.items():
            Gauge(f"renzheng_{name}", description, registry=self._registry).set_function(value)
        Gauge("renzheng_info", "The version.", ("version",), registry=self._registry).labels(
            __version__
        ).set(1)

    def compared(self, facts: dict[str, Any]) -> None:
        """Count a verification."""
        self._decisions.labels(facts["decision"]).inc()
        self._work.observe(facts["timings_ms"].get("total", 0.0) / 1e3)
        for finding in facts["warnings"]:
            self._findings.labels(finding["code"]).inc()

    def text(self) -> bytes:
        """Return all numbers in Prometheus' text format."""
        return generate_latest(self._registry)
