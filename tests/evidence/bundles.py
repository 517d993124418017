"""A bundle without a chain: inclusion proofs are right, and no chain knows of them."""

from typing import Any

from epcis import canonical
from epcis.tree import Tree, item_leaf
from evidence.batch import attestation, build_batch
from evidence.bundle import (
    AttestationProof,
    BatchProof,
    Bundle,
    ChainName,
    ContractNames,
    EventProof,
    PassportProof,
)
from evidence.chain_records import issue_id_of
from tests.evidence import documents as docs

MEMBER = "9506000134369"


def made_bundle(event: dict[str, Any] | None = None) -> dict[str, Any]:
    """One event in a batch of three, one attestation, one passport in an issue of two."""
    first = event or docs.commissioning("h1")
    document = docs.document(first, docs.commissioning("h2"), docs.commissioning("h3"))
    batch = build_batch(document, MEMBER, bytes(32))
    leaf = batch.leaves[0]
    single = attestation(docs.bare(docs.packing("h1")), deadline=9)
    issue = Tree([item_leaf(serial) for serial in ("h1", "h2")])
    bundle = Bundle(
        type="TradeSealProof",
        version=1,
        item=docs.item("h1"),
        chain=ChainName(chain_id=5, first_block=b"\xab" * 32),
        contracts=ContractNames(
            registry="0x" + "11" * 20, ledger="0x" + "22" * 20, passport="0x" + "33" * 20
        ),
        passport=PassportProof(
            issue_id=issue_id_of(int(MEMBER), issue.root),
            maker=int(MEMBER),
            gtin=docs.GTIN,
            root=issue.root,
            size=2,
            index=0,
            serial="h1",
            path=issue.proof(0),
            transaction=bytes(32),
        ),
        events=[
            EventProof(
                document=canonical.loads(leaf.document),
                disclosure=None,
                seal_id=leaf.seal_id,
                event_hash=leaf.event_hash,
                member=int(MEMBER),
                proof=BatchProof(
                    kind="batch",
                    root=batch.root,
                    size=batch.size,
                    index=0,
                    salt=leaf.salt,
                    path=batch.tree.proof(0),
                    transaction=bytes(32),
                ),
            ),
            EventProof(
                document=canonical.loads(single.sealed.document),
                disclosure=None,
                seal_id=single.sealed.seal_id,
                event_hash=single.sealed.event_hash,
                member=int(MEMBER),
                proof=AttestationProof(
                    kind="attestation", attestation=single.message, recorded_at=1, transaction=bytes(32)
                ),
            ),
        ],
    )
    return bundle.to_json()
