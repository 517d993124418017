"""One network and one service a session: tests use orders, events and serials of their own."""

import threading
from collections.abc import Iterator

import pytest

from tests.api.world import ApiWorld, Client, serving


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    """Chain, contracts, members, sender and a mirror that follows."""
    made = ApiWorld(tmp_path_factory.mktemp("api"))
    stop = threading.Event()
    follower = threading.Thread(target=made.indexer.run, args=(stop,), daemon=True)
    follower.start()
    try:
        yield made
    finally:
        stop.set()
        follower.join(10)
        made.close()


@pytest.fixture(scope="session")
def url(world: ApiWorld) -> Iterator[str]:
    """Where the service listens."""
    with serving(world.services()) as address:
        yield address


@pytest.fixture(scope="session")
def api(url: str) -> Iterator[Client]:
    """A client of the service."""
    client = Client(url)
    yield client
    client.http.close()
