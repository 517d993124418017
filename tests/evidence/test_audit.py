"""The audit of a whole installation: clean where nothing was changed, contradictions named."""

from dataclasses import replace
from pathlib import Path

import pytest

from chain.bindings import event_ledger
from chain.bindings.types import Anchor
from chain.database import reading
from epcis.digital_link import item_id
from evidence.audit import audit
from evidence.audit_shadow import shadow
from evidence.batch import attestation, build_batch
from evidence.chain_records import issue_id_of
from evidence.jobs import Job
from indexer import ledger
from tests.evidence import documents as docs
from tests.evidence.auditing import run
from tests.evidence.world import World, running_world

pytestmark = pytest.mark.slow

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))]


def test_an_untouched_installation_is_clean(story: World) -> None:
    stages: set[str] = set()
    report = audit(
        story.deployment, story.rpc, story.mirror, story.store, lambda stage, _done, _total: stages.add(stage)
    )
    assert report.findings == ()
    assert report.exit_code == 0
    assert stages == {"chain", "mirror", "contracts", "vault"}


def test_a_mirror_that_moves_on_while_it_is_audited_is_clean(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        world.issue("m1")
        world.index()
        grown: list[Job] = []

        def tell(stage: str, done: int, _total: int) -> None:
            if (stage, done) == ("chain", 1) and not grown:
                grown.append(world.capture(docs.document(docs.commissioning("m1")), world.maker))
                world.index()

        report = audit(world.deployment, world.rpc, world.mirror, world.store, tell)
        assert grown
        assert report.findings == ()
        # a chain that was shortened meanwhile is built again from its start
        head = world.rpc.block_number()
        with shadow(world.deployment, world.rpc, world.store) as built:
            for block in (head, head - 3, head):
                built.reach(block)
                with reading(built.engine) as session:
                    assert ledger.load(session).head_number == block


def test_contradicting_content_and_items_issued_twice_are_named(tmp_path: Path) -> None:
    """What a dishonest member can put on the chain by itself."""
    with running_world(tmp_path) as world:
        world.issue("twice", "once")
        second = world.issue("twice", "other")
        ledger, deadline = world.deployment.address("EventLedger"), world.now() + 3600
        # signed fields that the document does not say, and an extension
        made = attestation(docs.bare(docs.delivery()), deadline=deadline)
        world.store.put(made.sealed.document)
        lie = replace(made.message, place=0, extension=b"\1" * 32)
        signature = world.sign("EventLedger", lie, world.carrier)
        world.send(ledger, event_ledger.encode_attest(lie, world.carrier.key.address, signature, b""))
        # a root that is not its manifest's
        batch = build_batch(docs.document(docs.commissioning("once")), world.maker.gln, bytes(32))
        world.store.put(batch.manifest)
        anchor = Anchor(b"\5" * 32, 1, bytes(batch.manifest_cid), deadline)
        signature = world.sign("EventLedger", anchor, world.maker)
        world.send(ledger, event_ledger.encode_anchor(anchor, world.maker.key.address, signature))
        world.index()
        report = run(world)
    assert report.exit_code == 1
    by_kind = {
        kind: [one for one in report.findings if one.kind == kind] for kind in ("fields", "manifest", "issue")
    }
    assert {finding.detail.split(":")[0] for finding in by_kind["fields"]} == {"place", "extension"}
    assert by_kind["manifest"][0].place == f"batch/{world.maker.gln}/0x{'05' * 32}"
    (issue,) = by_kind["issue"]
    assert issue.place == "0x" + item_id(docs.item("twice")).hex()
    assert issue.items == (docs.item("twice"),)
    assert issue.detail.endswith("0x" + issue_id(world, second.root))
    assert {finding.kind for finding in report.findings} == {"fields", "manifest", "issue"}, report.findings


def issue_id(world: World, root: bytes) -> str:
    return issue_id_of(int(world.maker.gln), root).hex()
