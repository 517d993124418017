"""One network a session: every test has orders of its own, and the chain's time only moves on."""

from collections.abc import Iterator

import pytest

from tests.oracle.world import KeeperWorld


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeeperWorld]:
    """Anvil, contracts, members, a token, sender and mirror."""
    made = KeeperWorld(tmp_path_factory.mktemp("keeper"))
    try:
        yield made
    finally:
        made.close()
