"""One network a session: tests use events and serials of their own and find each other's on the chain."""

from collections.abc import Iterator

import pytest

from tests.evidence.world import World, running_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Anvil, contracts, members, sender, indexer and vault."""
    with running_world(tmp_path_factory.mktemp("world")) as made:
        yield made
