"""Quorum reports with quorums of two, deployed once a session."""

import pytest

from tests.contracts.evm import Contract
from tests.contracts.harness import World


@pytest.fixture(scope="session")
def reports(world: World) -> Contract:
    """The reports contract."""
    return world.evm.deploy("QuorumReports", world.registry, 2, 2)
