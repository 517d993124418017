"""`/metrics` in Prometheus' format: what is so, and nothing where it cannot be known."""

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import metrics
from api.services import Services
from chain.database import open_engine
from chain.rpc import Rpc
from indexer.run import Indexer
from tests.api.world import ApiWorld, Client

pytestmark = pytest.mark.slow


def samples(text: str) -> dict[str, float]:
    """Name, or name and label value, to value."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[" ".join([sample.name, *sample.labels.values()])] = sample.value
    return found


def of(services: Services) -> dict[str, float]:
    return samples(metrics.exposition(services).decode())


def test_metrics_are_served_as_prometheus_reads_them(api: Client) -> None:
    answer = api.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    parts = ("node", "sender", "mirror", "vault")
    assert [found[f"tradeseal_up {part}"] for part in parts] == [1, 1, 1, 1]
    assert found["process_resident_memory_bytes"] > 0
    assert "# TYPE tradeseal_vault_repaired_copies_total counter" in answer.text


def test_the_mirrors_lag_and_work_are_counted(world: ApiWorld, tmp_path: Path) -> None:
    mirror = open_engine(f"sqlite:///{tmp_path / 'mirror.db'}")
    until = world.deployment.first_block + 3
    indexer = Indexer(
        mirror,
        world.rpc,
        world.deployment.all_addresses(),
        world.store,
        start_block=world.deployment.first_block,
    )
    progress = indexer.run_once(until)
    found = of(replace(world.services(), mirror=mirror, indexer=indexer))
    mirror.dispose()
    assert found["tradeseal_mirror_block"] == until
    assert found["tradeseal_mirror_lag_blocks"] == found["tradeseal_node_block"] - until
    assert found["tradeseal_mirror_logs_total"] == progress.logs
    assert found["tradeseal_mirror_stalled"] == 0


def test_what_an_absent_node_would_say_is_left_out(world: ApiWorld) -> None:
    with Rpc("http://127.0.0.1:9", timeout=5) as rpc:
        found = of(world.services(rpc))
    assert found["tradeseal_up node"] == 0
    assert "tradeseal_node_block" not in found
    assert "tradeseal_mirror_lag_blocks" not in found
    assert "tradeseal_mirror_block" in found
