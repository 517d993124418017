"""`/metrics`: how the service is, for Prometheus.

Names follow its naming practices: base units, and `_total` on what only grows.
"""

import time
from collections.abc import Iterable
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.health import MAX_LAG, look
from api.services import Services

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PARTS: Final = ("node", "sender", "mirror", "vault")


class _ServiceCollector(Collector):
    """Asks the service when it is scraped: nothing runs between scrapes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        state = look(self._services)
        up = GaugeMetricFamily("tradeseal_up", "1 where this part is in order", labels=["part"])
        for part in _PARTS:
            up.add_metric([part], float(state[part]["ok"]))
        yield up
        workers = GaugeMetricFamily("tradeseal_worker_up", "1 where this loop is alive", labels=["worker"])
        for name, alive in state["workers"]["alive"].items():
            workers.add_metric([name], float(alive))
        yield workers
        yield from _known(
            state["node"],
            {
                "block": ("tradeseal_node_block", "Number of the node's newest block"),
                "time": ("tradeseal_node_block_timestamp_seconds", "Unix time of that block"),
            },
        )
        yield from _known(
            state["sender"],
            {"unsettled": ("tradeseal_sender_unsettled", "Operations not settled yet, at most 100")},
        )
        yield from _known(
            state["mirror"],
            {
                "block": ("tradeseal_mirror_block", "Number of the mirror's newest block"),
                "lagBlocks": ("tradeseal_mirror_lag_blocks", "Blocks that the mirror lacks"),
                "lagSeconds": ("tradeseal_mirror_lag_seconds", "How long it has lacked the oldest of them"),
                "pendingContent": ("tradeseal_mirror_pending_contents", "Contents not read so far"),
                "undecodedLogs": ("tradeseal_mirror_undecoded_logs", "Logs kept without a derived row"),
                "contradictions": (
                    "tradeseal_mirror_contradictions",
                    "Contents that are not what the chain says of them",
                ),
            },
        )
        yield from self._indexer()

    def _indexer(self) -> Iterable[Metric]:
        health = self._services.indexer.health()
        quiet = time.time() - max(health.started, health.last_pass, health.last_progress)
        gauges = {
            "tradeseal_mirror_stalled": (
                f"1 where no pass of the indexer has succeeded for {MAX_LAG} s",
                health.stalled(MAX_LAG),
            ),
            "tradeseal_mirror_quiet_seconds": ("Since a pass of the indexer succeeded", max(0.0, quiet)),
        }
        for name, (text, value) in gauges.items():
            yield GaugeMetricFamily(name, text, value=float(value))
        counters = {
            "tradeseal_mirror_logs": ("Logs written to the mirror", health.logs),
            "tradeseal_mirror_contents": ("Contents asked for", health.contents),
            "tradeseal_mirror_rollbacks": ("Reorganisations undone", health.rollbacks),
            "tradeseal_mirror_rolled_back_blocks": ("Blocks undone", health.rolled_back),
            "tradeseal_mirror_errors": ("Passes of the indexer that failed", health.errors),
        }
        for name, (text, value) in counters.items():
            yield CounterMetricFamily(name, text, value=value)


def _known(part: dict[str, Any], gauges: dict[str, tuple[str, str]]) -> Iterable[Metric]:
    """What a part could say; nothing is made up where it could not."""
    for field, (name, text) in gauges.items():
        value = part.get(field)
        if isinstance(value, int | float):
            yield GaugeMetricFamily(name, text, value=float(value))


def exposition(services: Services) -> bytes:
    """All metrics in Prometheus' text format 0.0.4: the service's, then the process' own and the vault's."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ServiceCollector(services))
    return generate_latest(registry) + generate_latest(REGISTRY)
