"""EventLedger.attest: what is recorded, who may, and what a consumer cannot do to it."""

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import RELAYER, ZERO_ADDRESS, Contract, Reverted, address_of, decode_revert
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import CARRIER, INSPECTOR, World, sign, signer
from tests.contracts.provenance.scene import EMPTY, abi_hash, attest, attestation, delivery, record_of


def record(ledger: Contract, member: int, fields: Any) -> bytes:
    kept: bytes = ledger.call("attested", member, fields["sealId"])
    return kept


def test_attest_records_and_emits_what_was_signed(world: World, ledger: Contract) -> None:
    fields = attestation(world, quantity=2_500_000, unit=b"KGM", extension=keccak(text="extension"))
    receipt = attest(world, ledger, fields)
    assert receipt.event("Attested") == {
        "member": world.carrier.gln,
        "sealId": fields["sealId"],
        "subject": fields["subject"],
        "signer": world.carrier.key.address,
        "attestation": fields,
    }
    assert len(receipt.events) == 1
    assert record(ledger, world.carrier.gln, fields) == record_of(
        ledger, fields, world.carrier.gln, world.now, applied=True
    )
    assert record(ledger, world.maker.gln, fields) == EMPTY


def test_attested_once_by_a_member_and_once_by_another(world: World, ledger: Contract) -> None:
    fields = attestation(world)
    attest(world, ledger, fields)
    with pytest.raises(Reverted) as refused:
        attest(world, ledger, fields)
    assert refused.value.name == "AlreadyAttested"
    assert refused.value.values == {"member": world.carrier.gln, "sealId": fields["sealId"]}
    with pytest.raises(Reverted, match="AlreadyAttested"):
        attest(world, ledger, fields | {"place": 0})
    attest(world, ledger, fields, by=world.inspector.key)
    assert record(ledger, world.inspector.gln, fields) != record(ledger, world.carrier.gln, fields)


@pytest.mark.parametrize(
    ("field", "empty"), [("sealId", EMPTY), ("eventHash", EMPTY), ("subject", EMPTY), ("cid", b"")]
)
def test_fields_that_must_not_be_empty(world: World, ledger: Contract, field: str, empty: bytes) -> None:
    with pytest.raises(Reverted) as refused:
        attest(world, ledger, attestation(world) | {field: empty})
    assert (refused.value.name, refused.value.values) == ("FieldEmpty", {"field": field})


def test_optional_fields_may_be_zero(world: World, ledger: Contract) -> None:
    bare = {"bizStep": EMPTY, "disposition": EMPTY, "place": 0, "eventTime": 0}
    fields = attestation(world) | bare
    attest(world, ledger, fields)
    assert record(ledger, world.carrier.gln, fields) != EMPTY


def test_values_beyond_their_type_are_refused_though_signed(world: World, ledger: Contract) -> None:
    """The bits above a type are nobody's: neither hashed away nor emitted."""
    fields = attestation(world)
    signature = sign(ledger, "Attestation", fields, world.carrier.key)
    data = bytearray(ledger.encode("attest", fields, world.carrier.key.address, signature, b""))
    start = 4 + int.from_bytes(data[4:36], "big")
    for name, place in {"place": 5, "eventTime": 6, "quantity": 7, "milestone": 10, "consumer": 12}.items():
        bent = bytearray(data)
        assert bent[start + 32 * place] == 0
        bent[start + 32 * place] = 1
        with pytest.raises(Reverted) as refused:
            world.evm.execute(ledger.address, bytes(bent), RELAYER)
        assert refused.value.data == b"", name


def test_deadline_is_the_last_second(world: World, ledger: Contract) -> None:
    with pytest.raises(Reverted) as refused:
        attest(world, ledger, attestation(world, deadline=world.now - 1))
    assert refused.value.name == "DeadlineExpired"
    assert refused.value.values == {"deadline": world.now - 1, "timestamp": world.now}
    attest(world, ledger, attestation(world, deadline=world.now))


CHANGES: dict[str, Any] = {
    "sealId": keccak(text="other"),
    "eventHash": keccak(text="other"),
    "subject": keccak(text="other"),
    "bizStep": keccak(text="other"),
    "disposition": keccak(text="other"),
    "place": 1,
    "eventTime": 1,
    "quantity": 1,
    "unit": b"KGM",
    "order": keccak(text="other"),
    "milestone": 1,
    "cid": b"other",
    "consumer": address_of("other"),
    "extension": keccak(text="other"),
    "deadline": 2**63,
}


@pytest.mark.parametrize("field", CHANGES)
def test_rule_6_no_field_can_be_changed_after_signing(world: World, ledger: Contract, field: str) -> None:
    fields = attestation(world)
    assert set(CHANGES) == set(fields)
    signature = sign(ledger, "Attestation", fields, world.carrier.key)
    with pytest.raises(Reverted, match="SignatureInvalid"):
        ledger.transact("attest", fields | {field: CHANGES[field]}, world.carrier.key.address, signature, b"")


def test_rule_6_a_signature_counts_for_its_signer_ledger_and_chain_only(
    world: World, ledger: Contract
) -> None:
    fields = attestation(world)
    other = world.evm.deploy("EventLedger", world.registry, label="other")
    for signature, by in (
        (sign(other, "Attestation", fields, world.carrier.key), world.carrier),
        (sign(ledger, "Attestation", fields, world.carrier.key), world.maker),
        (b"", world.carrier),
        (bytes(65), world.carrier),
    ):
        with pytest.raises(Reverted, match="SignatureInvalid"):
            ledger.transact("attest", fields, by.key.address, signature, b"")
    with pytest.raises(Reverted, match="SignatureInvalid"):
        ledger.transact("attest", fields, ZERO_ADDRESS, bytes(65), b"")


def test_rule_6_the_key_must_be_live_at_the_block(world: World, ledger: Contract) -> None:
    stranger = signer("stranger")
    with pytest.raises(Reverted, match="KeyNotLive"):
        attest(world, ledger, attestation(world), by=stranger)
    later = signer("later")
    world.grant_key(world.carrier, later, validFrom=world.now + 100, validUntil=world.now + 200)
    with pytest.raises(Reverted, match="KeyNotLive"):
        attest(world, ledger, attestation(world), by=later)
    world.evm.warp(100)
    attest(world, ledger, attestation(world), by=later)
    world.evm.warp(100)
    with pytest.raises(Reverted, match="KeyNotLive"):
        attest(world, ledger, attestation(world, "second"), by=later)
    world.revoke_key(world.carrier, world.carrier.key)
    with pytest.raises(Reverted, match="KeyNotLive"):
        attest(world, ledger, attestation(world, "third"))


def test_rule_6_a_suspended_member_attests_nothing(world: World, ledger: Contract) -> None:
    world.as_council(world.registry, "suspend", world.carrier.gln, keccak(text="why"))
    with pytest.raises(Reverted, match="MemberNotActive"):
        attest(world, ledger, attestation(world))
    world.as_council(world.registry, "reinstate", world.carrier.gln)
    attest(world, ledger, attestation(world))


def test_rule_6_a_key_without_any_role_of_its_member_attests_nothing(world: World, ledger: Contract) -> None:
    limited = signer("limited")
    world.grant_key(world.carrier, limited, roles=CARRIER)
    attest(world, ledger, attestation(world), by=limited)
    world.as_council(world.registry, "setRoles", world.carrier.gln, INSPECTOR)
    with pytest.raises(Reverted, match="RoleMissing"):
        attest(world, ledger, attestation(world, "second"), by=limited)


def test_erc_1271_account_attests(world: World, ledger: Contract) -> None:
    owner = signer("owner of a wallet")
    wallet = world.evm.deploy("ContractWallet", owner.address)
    values = {
        "gln": world.carrier.gln,
        "key": wallet.address,
        "validFrom": world.now,
        "validUntil": world.now + 1000,
        "roles": CARRIER,
        "deadline": world.deadline,
    }
    grant, consent = (sign(world.registry, "KeyGrant", values, by) for by in (world.carrier.key, owner))
    world.registry.transact("grantKey", values, world.carrier.key.address, grant, consent)
    fields = attestation(world)
    signature = sign(ledger, "Attestation", fields, owner)
    assert ledger.transact("attest", fields, wallet.address, signature, b"").event("Attested")["signer"] == (
        wallet.address
    )
    wrong = sign(ledger, "Attestation", attestation(world, "second"), signer("thief"))
    with pytest.raises(Reverted, match="SignatureInvalid"):
        ledger.transact("attest", attestation(world, "second"), wallet.address, wrong, b"")


# ---- consumers


def test_consumer_is_given_the_signed_fields_and_acts_once(world: World, ledger: Contract) -> None:
    consumer = world.evm.deploy("RecordingConsumer")
    fields = delivery(world, consumer)
    receipt = attest(world, ledger, fields, consumer_data=b"order terms")
    assert receipt.event("EffectApplied") == {
        "member": world.carrier.gln,
        "sealId": fields["sealId"],
        "consumer": consumer.address,
    }
    assert not receipt.named("EffectFailed")
    assert consumer.call("count") == 1
    assert consumer.call("lastMember") == world.carrier.gln
    assert consumer.call("lastRecordedAt") == world.now
    assert consumer.call("lastData") == b"order terms"
    assert consumer.call("lastFields") == abi_hash(ledger, "Attestation", fields)
    assert record(ledger, world.carrier.gln, fields) == record_of(
        ledger, fields, world.carrier.gln, world.now, applied=True
    )


def pending(world: World, ledger: Contract, fields: Any) -> bool:
    kept = record(ledger, world.carrier.gln, fields)
    at = world.now
    if kept == record_of(ledger, fields, world.carrier.gln, at, applied=False):
        return True
    assert kept == record_of(ledger, fields, world.carrier.gln, at, applied=True)
    return False


def test_rule_11_a_reverting_consumer_leaves_the_record_and_its_reason(
    world: World, ledger: Contract
) -> None:
    consumer = world.evm.deploy("RecordingConsumer")
    consumer.transact("setClosed", True)
    fields = delivery(world, consumer)
    receipt = attest(world, ledger, fields)
    assert receipt.named("Attested")
    assert not receipt.named("EffectApplied")
    failed = receipt.event("EffectFailed")
    assert failed["consumer"] == consumer.address
    reason = decode_revert(failed["reason"])
    assert (reason.name, reason.values) == ("Closed", {"sealId": fields["sealId"]})
    assert pending(world, ledger, fields)


@pytest.mark.parametrize("gas", [250_000, 400_000, 1_000_000, 30_000_000])
def test_rule_11_a_gas_burning_consumer_cannot_undo_the_record(
    world: World, ledger: Contract, gas: int
) -> None:
    fields = delivery(world, world.evm.deploy("GasBurningConsumer"))
    signature = sign(ledger, "Attestation", fields, world.carrier.key)
    receipt = ledger.transact("attest", fields, world.carrier.key.address, signature, b"", gas=gas)
    assert receipt.event("EffectFailed")["reason"] == b""
    assert pending(world, ledger, fields)


@pytest.mark.parametrize("size", [256, 257, 1_000_000])
def test_rule_11_a_return_bomb_is_cut(world: World, ledger: Contract, size: int) -> None:
    fields = delivery(world, world.evm.deploy("ReturnBombConsumer", True, size))
    signature = sign(ledger, "Attestation", fields, world.carrier.key)
    receipt = ledger.transact("attest", fields, world.carrier.key.address, signature, b"", gas=5_000_000)
    reason = receipt.event("EffectFailed")["reason"]
    assert len(reason) == 256
    assert reason[:32] == b"\xff" * 32
    assert pending(world, ledger, fields)


def test_a_success_that_returns_much_is_a_success(world: World, ledger: Contract) -> None:
    fields = delivery(world, world.evm.deploy("ReturnBombConsumer", False, 1_000_000))
    assert attest(world, ledger, fields).named("EffectApplied")
    assert not pending(world, ledger, fields)


def test_rule_11_a_consumer_without_code_is_no_success(world: World, ledger: Contract) -> None:
    for place in (address_of("nobody"), world.carrier.key.address):
        fields = delivery(world, place, document=place)
        reason = decode_revert(attest(world, ledger, fields).event("EffectFailed")["reason"])
        assert (reason.name, reason.values) == ("ConsumerWithoutCode", {"consumer": place})
        assert pending(world, ledger, fields)


def test_rule_11_a_consumer_that_is_no_consumer(world: World, ledger: Contract) -> None:
    for target in (ledger, world.registry):
        fields = delivery(world, target, document=target.address)
        assert attest(world, ledger, fields).event("EffectFailed")["reason"] == b""
        assert pending(world, ledger, fields)


def test_rule_11_a_consumer_that_destroys_itself(world: World, ledger: Contract) -> None:
    factory = world.evm.deploy("VanishingConsumerFactory")
    place = factory.call("place")
    first, second = (delivery(world, place, document=name) for name in ("first", "second"))
    signature = sign(ledger, "Attestation", first, world.carrier.key)
    data = ledger.encode("attest", first, world.carrier.key.address, signature, b"")
    assert factory.transact("relay", ledger.address, data).named("EffectApplied")
    assert not pending(world, ledger, first)
    reason = decode_revert(attest(world, ledger, second).event("EffectFailed")["reason"])
    assert reason.name == "ConsumerWithoutCode"
    assert pending(world, ledger, second)


def test_a_consumer_that_comes_back_in_finds_nothing_pending(world: World, ledger: Contract) -> None:
    consumer = world.evm.deploy("ReenteringConsumer", False)
    fields = delivery(world, consumer)
    receipt = attest(world, ledger, fields)
    assert len(receipt.named("EffectApplied")) == 1
    assert consumer.call("count") == 1
    assert decode_revert(consumer.call("answer")).name == "NoEffectPending"
    assert not pending(world, ledger, fields)


def test_a_consumer_that_comes_back_in_and_fails_is_pending(world: World, ledger: Contract) -> None:
    fields = delivery(world, world.evm.deploy("ReenteringConsumer", True))
    receipt = attest(world, ledger, fields)
    reason = decode_revert(receipt.event("EffectFailed")["reason"])
    assert decode_revert(reason.values["answer"]).name == "NoEffectPending"
    assert not receipt.named("EffectApplied")
    assert pending(world, ledger, fields)


def test_rule_11_whatever_gas_a_relayer_gives_the_record_is_whole(world: World, ledger: Contract) -> None:
    """Either nothing happened, or the record stands and is applied exactly where the consumer acted."""
    consumer = world.evm.deploy("RecordingConsumer")
    fields = delivery(world, consumer)
    signature = sign(ledger, "Attestation", fields, world.carrier.key)
    seen = set()
    for gas in range(70_000, 330_000, 6_000):
        with world.evm.sandbox():
            try:
                ledger.transact("attest", fields, world.carrier.key.address, signature, b"", gas=gas)
            except (AssertionError, Reverted):
                assert record(ledger, world.carrier.gln, fields) == EMPTY
                seen.add("nothing")
                continue
            acted = consumer.call("count") == 1
            assert pending(world, ledger, fields) is not acted
            seen.add("applied" if acted else "starved")
    assert seen == {"nothing", "starved", "applied"}


def test_gas_attest(world: World, ledger: Contract, gas_snapshot: GasSnapshot) -> None:
    plain = attest(world, ledger, attestation(world)).gas
    consumer = world.evm.deploy("RecordingConsumer")
    gas_snapshot.record("EventLedger.attest", plain)
    gas_snapshot.record(
        "EventLedger.attest, a consumer that writes 7 slots",
        attest(world, ledger, delivery(world, consumer)).gas,
    )
    assert plain <= 70_000
