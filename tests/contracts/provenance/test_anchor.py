"""EventLedger.anchor: one root for a batch of any size."""

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Contract, Receipt, Reverted, address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import Signer, World, sign, signer
from tests.contracts.provenance.scene import EMPTY, cid_of


def batch(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "root": keccak(text="root"),
        "size": 5_000,
        "cid": cid_of("batch manifest"),
        "deadline": world.deadline,
    } | changes


def anchor(world: World, ledger: Contract, by: Signer | None = None, **changes: Any) -> Receipt:
    return world.send(ledger, "anchor", "Anchor", batch(world, **changes), by or world.maker.key)


def test_anchor_keeps_size_and_time(world: World, ledger: Contract) -> None:
    terms = batch(world)
    assert ledger.call("anchored", world.maker.gln, terms["root"]) == (0, 0)
    receipt = anchor(world, ledger)
    assert receipt.event("Anchored") == {
        "member": world.maker.gln,
        "root": terms["root"],
        "size": 5_000,
        "cid": terms["cid"],
        "signer": world.maker.key.address,
    }
    assert ledger.call("anchored", world.maker.gln, terms["root"]) == (5_000, world.now)
    assert ledger.call("anchored", world.brand.gln, terms["root"]) == (0, 0)


def test_anchored_once_by_a_member_and_once_by_another(world: World, ledger: Contract) -> None:
    anchor(world, ledger)
    recorded_at = world.now
    world.evm.warp(60)
    with pytest.raises(Reverted) as refused:
        anchor(world, ledger, size=1, cid=b"other")
    assert refused.value.name == "AlreadyAnchored"
    assert refused.value.values == {"member": world.maker.gln, "root": keccak(text="root")}
    assert ledger.call("anchored", world.maker.gln, keccak(text="root")) == (5_000, recorded_at)
    anchor(world, ledger, by=world.carrier.key)
    assert ledger.call("anchored", world.carrier.gln, keccak(text="root")) == (5_000, world.now)


@pytest.mark.parametrize(("field", "empty"), [("root", EMPTY), ("size", 0), ("cid", b"")])
def test_fields_that_must_not_be_empty(world: World, ledger: Contract, field: str, empty: object) -> None:
    with pytest.raises(Reverted) as refused:
        world.send(ledger, "anchor", "Anchor", batch(world) | {field: empty}, world.maker.key)
    assert (refused.value.name, refused.value.values) == ("FieldEmpty", {"field": field})


@pytest.mark.parametrize(
    "change", [{"root": b"\x01" * 32}, {"size": 1}, {"cid": b"other"}, {"deadline": 2**40}]
)
def test_rule_6_no_field_can_be_changed_after_signing(
    world: World, ledger: Contract, change: dict[str, Any]
) -> None:
    terms = batch(world)
    signature = sign(ledger, "Anchor", terms, world.maker.key)
    with pytest.raises(Reverted, match="SignatureInvalid"):
        ledger.transact("anchor", terms | change, world.maker.key.address, signature)


def test_rule_6_only_live_keys_of_active_members_anchor(world: World, ledger: Contract) -> None:
    with pytest.raises(Reverted, match="KeyNotLive"):
        anchor(world, ledger, by=signer("stranger"))
    with pytest.raises(Reverted, match="DeadlineExpired"):
        anchor(world, ledger, deadline=world.now - 1)
    world.as_council(world.registry, "suspend", world.maker.gln, keccak(text="why"))
    with pytest.raises(Reverted, match="MemberNotActive"):
        anchor(world, ledger)


def test_rule_6_a_registry_that_is_not_there_lets_nobody_act(world: World) -> None:
    """An address without code answers any call with success and with nothing."""
    ledger = world.evm.deploy("EventLedger", address_of("no registry"), label="without registry")
    with pytest.raises(Reverted) as refused:
        anchor(world, ledger)
    assert refused.value.data == b""


def test_gas_anchor(world: World, ledger: Contract, gas_snapshot: GasSnapshot) -> None:
    small = anchor(world, ledger).gas
    huge = anchor(world, ledger, root=keccak(text="huge"), size=2**64 - 1).gas
    gas_snapshot.record("EventLedger.anchor", small)
    assert huge - small < 200  # the bytes of the number itself
    assert small <= 65_000
