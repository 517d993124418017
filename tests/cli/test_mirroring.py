"""A mirror beside a PostgreSQL: its own process, started again where it ends, gone with its service."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.cli.program import tradeseal
from tests.e2e.service import Service, processes_of, until
from tests.postgresql import PostgresServer

GLN = "9506000000015"


@dataclass
class ServiceOnPostgresql(Service):
    """`tradeseal up` with a database server."""

    database: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "TRADESEAL_DATABASE": self.database}

    def mirrors(self) -> list[psutil.Process]:
        """Its mirror's processes."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "cli.mirroring" in child.cmdline()]

    def healthy(self) -> bool:
        try:
            return httpx.get(f"{self.record()['url']}/health", timeout=10, trust_env=False).is_success
        except (OSError, httpx.HTTPError):
            return False

    def logs_mirrored(self) -> int:
        """As its metrics say what the mirror's process did."""
        told = httpx.get(f"{self.record()['url']}/metrics", timeout=10, trust_env=False).text
        found = re.search(r"^tradeseal_mirror_logs_total (\S+)", told, re.MULTILINE)
        assert found is not None, told
        return int(float(found[1]))


@pytest.fixture
def service(postgresql: PostgresServer, tmp_path: Path) -> Iterator[ServiceOnPostgresql]:
    made = ServiceOnPostgresql(tmp_path / "home", database=postgresql.fresh_database())
    made.start()
    try:
        until(made.healthy, "the service to be healthy")
        yield made
    finally:
        made.stop()


def ok(service: Service, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in service.environment.items():
            patch.setenv(name, value)
        outcome = tradeseal(*arguments, "--json")
    assert outcome.code == 0, outcome.err


@pytest.mark.slow
def test_a_mirror_that_was_killed_is_started_again_and_ends_with_the_service(
    service: ServiceOnPostgresql,
) -> None:
    (first,) = service.mirrors()
    os.kill(first.pid, 9)
    until(lambda: [one.pid for one in service.mirrors()] not in ([], [first.pid]), "another mirror")
    # answered once it is mirrored, by the other process
    ok(service, "key", "new", "maker")
    ok(
        *(service, "council", "propose", "admit", GLN, "--name", "The maker", "--country", "DE"),
        *("--role", "MAKER", "--key", "maker", "--as", "council-1", "--as", "council-2", "--execute"),
    )
    until(lambda: service.logs_mirrored() > 0, "the service to hear of it")
    assert service.healthy()
    service.kill_parent()
    until(lambda: not processes_of(service.home), "the mirror's process to end with the service")
    service.start()
    until(lambda: service.healthy() and len(service.mirrors()) == 1, "the service to go on")
    (last,) = service.mirrors()
    service.stop()
    assert not last.is_running() or last.status() == psutil.STATUS_ZOMBIE
