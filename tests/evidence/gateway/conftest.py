"""The service of this room's network over HTTP."""

from collections.abc import Iterator

import pytest

from api.services import Services
from tests.api.world import serving
from tests.evidence.world import World


@pytest.fixture(scope="session")
def service_url(world: World) -> Iterator[str]:
    """Where it listens; its mirror is brought up to date by whoever needs it."""
    services = Services(
        deployment=world.deployment,
        rpc=world.rpc,
        sender=world.sender,
        mirror=world.mirror,
        store=world.store,
        capture=world.service,
        indexer=world.indexer,
        public_url="https://seal.example",
        max_body=1024 * 1024,
    )
    with serving(services) as url:
        yield url
