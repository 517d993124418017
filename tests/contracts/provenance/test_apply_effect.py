"""EventLedger.applyEffect: what failed or was starved at the recording, applied later by anybody."""

from collections.abc import Mapping
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Contract, Reverted, address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import World, sign
from tests.contracts.provenance.scene import abi_hash, attest, attestation, declare_error, delivery, record_of


@pytest.fixture
def consumer(world: World) -> Contract:
    closed = world.evm.deploy("RecordingConsumer")
    closed.transact("setClosed", True)
    return closed


@pytest.fixture
def fields(world: World, ledger: Contract, consumer: Contract) -> dict[str, Any]:
    """A recorded attestation whose consumer refused."""
    recorded = delivery(world, consumer)
    attest(world, ledger, recorded)
    return recorded


def apply(
    world: World,
    ledger: Contract,
    fields: Mapping[str, Any],
    recorded_at: int,
    data: bytes = b"",
    **more: Any,
) -> Any:
    return ledger.transact("applyEffect", fields, world.carrier.gln, recorded_at, data, **more)


def test_rule_11_anybody_applies_the_effect_once_it_can_be(
    world: World, ledger: Contract, consumer: Contract, fields: dict[str, Any]
) -> None:
    recorded_at = world.now
    world.evm.warp(30 * 86_400)  # later than the deadline, which bounds the recording only
    with pytest.raises(Reverted) as refused:
        apply(world, ledger, fields, recorded_at)
    assert refused.value.name == "Closed"
    consumer.transact("setClosed", False)
    receipt = apply(world, ledger, fields, recorded_at, b"order terms", sender=address_of("anybody"))
    assert receipt.event("EffectApplied") == {
        "member": world.carrier.gln,
        "sealId": fields["sealId"],
        "consumer": consumer.address,
    }
    assert consumer.call("lastRecordedAt") == recorded_at
    assert consumer.call("lastMember") == world.carrier.gln
    assert consumer.call("lastData") == b"order terms"
    assert consumer.call("lastFields") == abi_hash(ledger, "Attestation", fields)
    assert ledger.call("attested", world.carrier.gln, fields["sealId"]) == record_of(
        ledger, fields, world.carrier.gln, recorded_at, applied=True
    )
    with pytest.raises(Reverted) as twice:
        apply(world, ledger, fields, recorded_at)
    assert twice.value.name == "NoEffectPending"
    assert twice.value.values == {"member": world.carrier.gln, "sealId": fields["sealId"]}
    assert consumer.call("count") == 1


def test_a_starved_effect_is_applied_later(world: World, ledger: Contract) -> None:
    consumer = world.evm.deploy("RecordingConsumer", label="open")
    fields = delivery(world, consumer)
    signature = sign(ledger, "Attestation", fields, world.carrier.key)
    starved = ledger.transact("attest", fields, world.carrier.key.address, signature, b"", gas=150_000)
    assert starved.named("EffectFailed")
    assert consumer.call("count") == 0
    apply(world, ledger, fields, world.now)
    assert consumer.call("count") == 1


def test_an_effect_applied_at_once_is_not_pending(world: World, ledger: Contract) -> None:
    fields = delivery(world, world.evm.deploy("RecordingConsumer", label="open"))
    attest(world, ledger, fields)
    with pytest.raises(Reverted, match="NoEffectPending"):
        apply(world, ledger, fields, world.now)


def test_without_a_consumer_nothing_is_pending(world: World, ledger: Contract) -> None:
    fields = attestation(world)
    attest(world, ledger, fields)
    with pytest.raises(Reverted, match="NoEffectPending"):
        apply(world, ledger, fields, world.now)


@pytest.mark.parametrize(
    "change",
    [
        {"milestone": 2},
        {"cid": b"other"},
        {"consumer": address_of("other")},
        {"order": keccak(text="other")},
        {"deadline": 2**40},
        {"sealId": keccak(text="other")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_rule_6_other_fields_than_attested_have_no_effect(
    world: World, ledger: Contract, consumer: Contract, fields: dict[str, Any], change: dict[str, Any]
) -> None:
    consumer.transact("setClosed", False)
    changed = fields | change
    with pytest.raises(Reverted) as refused:
        apply(world, ledger, changed, world.now)
    assert refused.value.name == "NotAttested"
    assert refused.value.values == {"member": world.carrier.gln, "sealId": changed["sealId"]}


def test_rule_6_another_member_or_time_has_no_effect(
    world: World, ledger: Contract, consumer: Contract, fields: dict[str, Any]
) -> None:
    consumer.transact("setClosed", False)
    with pytest.raises(Reverted, match="NotAttested"):
        apply(world, ledger, fields, world.now + 1)
    with pytest.raises(Reverted, match="NotAttested"):
        ledger.transact("applyEffect", fields, world.maker.gln, world.now, b"")


def test_a_declared_error_stops_a_pending_effect(
    world: World, ledger: Contract, consumer: Contract, fields: dict[str, Any]
) -> None:
    consumer.transact("setClosed", False)
    declare_error(world, ledger, fields["sealId"])
    with pytest.raises(Reverted) as refused:
        apply(world, ledger, fields, world.now)
    assert refused.value.name == "DeclaredErroneous"
    assert refused.value.values == {
        "member": world.carrier.gln,
        "sealId": fields["sealId"],
        "declaration": keccak(text="declaration"),
    }
    assert consumer.call("count") == 0


def test_a_consumer_without_code_is_named(world: World, ledger: Contract) -> None:
    fields = delivery(world, address_of("nobody"))
    attest(world, ledger, fields)
    with pytest.raises(Reverted) as refused:
        apply(world, ledger, fields, world.now)
    assert refused.value.name == "ConsumerWithoutCode"
    assert refused.value.values == {"consumer": address_of("nobody")}


def test_a_failing_consumer_that_comes_back_in_stays_pending(world: World, ledger: Contract) -> None:
    fields = delivery(world, world.evm.deploy("ReenteringConsumer", True))
    attest(world, ledger, fields)
    with pytest.raises(Reverted) as refused:
        apply(world, ledger, fields, world.now)
    assert refused.value.name == "Failed"
    assert ledger.call("attested", world.carrier.gln, fields["sealId"]) == record_of(
        ledger, fields, world.carrier.gln, world.now, applied=False
    )


def test_gas_apply_effect(
    world: World, ledger: Contract, consumer: Contract, fields: dict[str, Any], gas_snapshot: GasSnapshot
) -> None:
    consumer.transact("setClosed", False)
    gas_snapshot.record(
        "EventLedger.applyEffect, a consumer that writes 7 slots", apply(world, ledger, fields, world.now).gas
    )
