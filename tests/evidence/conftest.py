"""One network a session: tests use events and serials of their own and find each other's on the chain."""

from collections.abc import Iterator

import pytest

from tests.evidence import documents as docs
from tests.evidence.auditing import run
from tests.evidence.world import World, running_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Anvil, contracts, members, sender, indexer and vault."""
    with running_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A network of its own: one issue, two batches, one order, one attestation whose effect is pending."""
    with running_world(tmp_path_factory.mktemp("audited")) as world:
        world.issue("a1", "a2")
        world.capture(docs.document(docs.commissioning("a1"), docs.commissioning("a2")), world.maker)
        world.capture(docs.document(docs.packing("a1")), world.carrier)
        order = world.open_order(docs.SSCC)
        world.attest(
            docs.bare(docs.delivery()),
            world.carrier,
            order=order.signing_hash(world.deployment.domain("Escrow")),
            milestone=1,
            consumer=world.deployment.address("Escrow"),
        )
        world.index()
        yield world
        assert run(world).findings == (), "some test left behind what it changed"
