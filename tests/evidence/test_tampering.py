"""Rule 8 at random: whatever is changed in vault or mirror, the audit names it, on both databases."""

import os
import random
from collections.abc import Iterator

import pytest

from evidence.audit import audit
from tests.evidence import documents as docs
from tests.evidence.tampering import tamper
from tests.evidence.world import World, running_world
from tests.postgresql import PostgresServer

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("TRADESEAL_TAMPER_SEED", "20261122"))
SAMPLE = 12
DEEP = int(os.environ.get("TRADESEAL_TAMPERINGS", "1000"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A network of its own with issues, batches, an order, an attestation and a recall."""
    url = None
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgresql")
        url = server.fresh_database()
    with running_world(tmp_path_factory.mktemp("tampered"), url, packed_from=2) as world:
        world.issue("t1", "t2", "t3")
        world.recall(world.issue("t4"))
        world.capture(docs.document(docs.commissioning("t1", "t2"), docs.commissioning("t3")), world.maker)
        world.capture(docs.document(docs.packing("t1")), world.carrier)
        order = world.open_order(docs.SSCC)
        world.attest(
            docs.bare(docs.delivery()),
            world.carrier,
            order=order.signing_hash(world.deployment.domain("Escrow")),
            milestone=1,
            consumer=world.deployment.address("Escrow"),
        )
        assert list((world.store.root / "packs").iterdir())
        lost = world.issue("t5", "t6")
        path = world.store.path_of(lost.manifest_cid)
        path.unlink()
        world.index()  # its content waits to be read, and is owed to the mirror
        (missing,) = audit(world.deployment, world.rpc, world.mirror, world.store).findings
        assert (missing.kind, missing.place) == ("vault", str(lost.manifest_cid))
        yield world


def run(world: World, count: int, seed: int) -> None:
    """Make, audit and undo changes one after the other; AssertionError for those that were not named."""
    rng = random.Random(seed)
    missed = []
    for number in range(count):
        change = tamper(rng, world.mirror, world.store)
        try:
            found = audit(world.deployment, world.rpc, world.mirror, world.store).findings
        finally:
            change.undo()
        missed += [
            (number, change.what, place, [str(one)[:200] for one in found[:5]])
            for place in change.named
            if not any(one.kind == change.kind and one.place.startswith(place) for one in found)
        ]
        if (number + 1) % 100 == 0:
            print(f"seed {seed}: {number + 1} of {count} tamperings, {len(missed)} not named", flush=True)
    print(f"{count} tamperings from seed {seed}: {len(missed)} not named")
    assert not missed, f"{len(missed)} of {count} (seed {seed}): {missed[:10]}"
    (missing,) = audit(world.deployment, world.rpc, world.mirror, world.store).findings
    assert missing.detail.startswith("content is missing"), missing


def test_rule_8_a_sample_of_random_tamperings_is_named(story: World) -> None:
    run(story, SAMPLE, SEED)


@pytest.mark.deep
def test_rule_8_a_thousand_random_tamperings_are_named(story: World) -> None:
    """A thousand on each database."""
    run(story, DEEP, SEED + 1)
