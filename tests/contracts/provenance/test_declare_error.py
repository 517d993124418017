"""EventLedger.declareError: a correction is added, nothing is erased."""

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Contract, Reverted
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import World, signer
from tests.contracts.provenance.scene import EMPTY, attest, attestation, declare_error


@pytest.fixture
def seal_id(world: World, ledger: Contract) -> bytes:
    """An event that the carrier attested."""
    fields = attestation(world)
    attest(world, ledger, fields)
    attested: bytes = fields["sealId"]
    return attested


def test_declaration_is_kept_and_the_attestation_stays(
    world: World, ledger: Contract, seal_id: bytes
) -> None:
    before = ledger.call("attested", world.carrier.gln, seal_id)
    assert ledger.call("errorOf", world.carrier.gln, seal_id) == EMPTY
    receipt = declare_error(world, ledger, seal_id)
    assert receipt.event("ErrorDeclared") == {
        "member": world.carrier.gln,
        "sealId": seal_id,
        "declaration": keccak(text="declaration"),
        "reason": keccak(text="reason"),
        "signer": world.carrier.key.address,
    }
    assert ledger.call("errorOf", world.carrier.gln, seal_id) == keccak(text="declaration")
    assert ledger.call("attested", world.carrier.gln, seal_id) == before
    with pytest.raises(Reverted, match="AlreadyAttested"):
        attest(world, ledger, attestation(world))


def test_any_key_of_the_member_declares(world: World, ledger: Contract, seal_id: bytes) -> None:
    second = signer("second key of the carrier")
    world.grant_key(world.carrier, second)
    declare_error(world, ledger, seal_id, by=second, reason=EMPTY)
    assert ledger.call("errorOf", world.carrier.gln, seal_id) == keccak(text="declaration")


def test_rule_6_another_member_declares_nothing(world: World, ledger: Contract, seal_id: bytes) -> None:
    with pytest.raises(Reverted) as refused:
        declare_error(world, ledger, seal_id, by=world.maker.key)
    assert (refused.value.name, refused.value.values) == (
        "NotAttested",
        {"member": world.maker.gln, "sealId": seal_id},
    )
    world.revoke_key(world.carrier, world.carrier.key)
    with pytest.raises(Reverted, match="KeyNotLive"):
        declare_error(world, ledger, seal_id)


def test_declared_once(world: World, ledger: Contract, seal_id: bytes) -> None:
    declare_error(world, ledger, seal_id)
    with pytest.raises(Reverted) as refused:
        declare_error(world, ledger, seal_id, declaration=keccak(text="another"))
    assert (refused.value.name, refused.value.values) == (
        "AlreadyDeclared",
        {"member": world.carrier.gln, "sealId": seal_id},
    )


def test_what_cannot_be_declared(world: World, ledger: Contract, seal_id: bytes) -> None:
    with pytest.raises(Reverted, match="NotAttested"):
        declare_error(world, ledger, keccak(text="never attested"))
    with pytest.raises(Reverted) as refused:
        declare_error(world, ledger, seal_id, declaration=EMPTY)
    assert (refused.value.name, refused.value.values) == ("FieldEmpty", {"field": "declaration"})
    with pytest.raises(Reverted, match="DeadlineExpired"):
        declare_error(world, ledger, seal_id, deadline=world.now - 1)


def test_gas_declare_error(world: World, ledger: Contract, seal_id: bytes, gas_snapshot: GasSnapshot) -> None:
    gas_snapshot.record("EventLedger.declareError", declare_error(world, ledger, seal_id).gas)
