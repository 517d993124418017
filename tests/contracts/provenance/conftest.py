"""Ledger, passports and the libraries below them, deployed once a session."""

import pytest

from tests.contracts.evm import Contract
from tests.contracts.harness import World


@pytest.fixture(scope="session")
def ledger(world: World) -> Contract:
    """The event ledger."""
    return world.evm.deploy("EventLedger", world.registry)


@pytest.fixture(scope="session")
def passport(world: World) -> Contract:
    """Product passports that may use up licences."""
    deployed = world.evm.deploy("ProductPassport", world.registry, world.rights)
    world.allow_consume(deployed)
    return deployed


@pytest.fixture
def licence(world: World) -> bytes:
    """The brand's licence to the maker: made in CN, sold in DE and US, 1,000 items."""
    return world.grant_licence()


@pytest.fixture(scope="session")
def libraries(world: World) -> Contract:
    """The libraries, made callable."""
    return world.evm.deploy("ProvenanceLibraries")
