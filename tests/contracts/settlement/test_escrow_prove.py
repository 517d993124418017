"""onAttestation(): the named prover's attestation pays, or starts the inspection window."""

from collections.abc import Mapping
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import ZERO_ADDRESS, address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import DAY, gln_of
from tests.contracts.settlement.scene import (
    AMOUNT,
    CLOSED,
    DELIVERED,
    FUNDED,
    OPEN,
    OUTCOME_NONE,
    PROVEN,
    REVOCATION_REFUNDED,
    Scene,
    decoded_reason,
    refused,
)

GOAL = 69_915


def test_proof_pays_in_the_same_transaction_where_there_is_no_window(scene: Scene) -> None:
    order = scene.funded()
    receipt = scene.prove(order)
    assert scene.balance(scene.payee) == AMOUNT
    assert scene.state(order) == {
        "status": CLOSED,
        "outcome": DELIVERED,
        "fundedAt": scene.world.now,
        "provenAt": scene.world.now,
        "disputedAt": 0,
        "closedAt": scene.world.now,
    }
    assert receipt.event("DeliveryProven") == {
        "order": scene.order_hash(order),
        "prover": scene.world.carrier.gln,
        "sealId": scene.attestation(order)["sealId"],
        "windowEnd": scene.world.now,
    }
    assert receipt.event("OrderClosed") == {
        "order": scene.order_hash(order),
        "outcome": DELIVERED,
        "sellerAmount": AMOUNT,
        "buyerAmount": 0,
    }
    assert receipt.event("EffectApplied")["consumer"] == scene.escrow.address
    assert scene.totals() == {"received": AMOUNT, "paid": AMOUNT, "held": 0, "credited": 0}


def test_what_payment_adds_to_an_attestation(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    order = scene.funded()
    plain = {"consumer": ZERO_ADDRESS, "order": bytes(32), "milestone": 0}
    with scene.evm.sandbox():
        bare = scene.attest(scene.attestation(order, **plain), b"").gas
    added = scene.prove(order).gas - bare
    gas_snapshot.record("escrow.onAttestation, payment added", added)
    assert added <= GOAL


def test_proof_starts_the_window(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    order = scene.funded(inspectionWindow=DAY)
    receipt = scene.prove(order)
    assert scene.status(order) == (PROVEN, OUTCOME_NONE)
    assert receipt.event("DeliveryProven")["windowEnd"] == scene.world.now + DAY
    assert scene.balance(scene.payee) == 0
    assert scene.totals() == {"received": AMOUNT, "paid": 0, "held": AMOUNT, "credited": 0}
    gas_snapshot.record("ledger.attest, starting an inspection window", receipt.gas)


def test_only_the_ledger_proves_rule_3(scene: Scene) -> None:
    order = scene.funded()
    for sender in (scene.world.carrier.account.address, scene.world.council.address):
        with refused("NotLedger", caller=sender):
            scene.escrow.transact(
                "onAttestation",
                scene.attestation(order),
                scene.world.carrier.gln,
                scene.world.now,
                scene.encoded(order),
                sender=sender,
            )


def failure(scene: Scene, order: dict[str, Any], /, **changes: Any) -> tuple[str, Mapping[str, Any]]:
    """Attest with changed fields: recorded, and the order untouched. Gives the error's name and values."""
    attestation = scene.attestation(order, **changes)
    before = scene.state(order)
    receipt = scene.attest(attestation, scene.encoded(order))
    assert receipt.event("Attested")["sealId"] == attestation["sealId"]
    assert scene.ledger.call("attested", scene.world.carrier.gln, attestation["sealId"]) != bytes(32)
    assert scene.state(order) == before
    return decoded_reason(receipt)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"subject": keccak(text="another shipment")}, "subject"),
        ({"milestone": 0}, "milestone"),
        ({"milestone": 2}, "milestone"),
        ({"order": keccak(text="another order")}, "order"),
        ({"order": bytes(32)}, "order"),
    ],
)
def test_attestation_of_something_else_is_recorded_and_pays_nothing_rule_11(
    scene: Scene, changes: dict[str, Any], field: str
) -> None:
    name, values = failure(scene, scene.funded(), **changes)
    assert (name, values["field"]) == ("ProofMismatch", field)


def test_another_member_proves_nothing_rule_3(scene: Scene) -> None:
    order = scene.funded()
    receipt = scene.prove(order, by=scene.world.inspector.key)
    name, values = decoded_reason(receipt)
    assert (name, values["field"]) == ("ProofMismatch", "member")
    assert int.from_bytes(values["actual"], "big") == scene.world.inspector.gln
    assert int.from_bytes(values["expected"], "big") == order["prover"]
    assert scene.status(order) == (FUNDED, OUTCOME_NONE)


def test_proof_before_funding_waits_rule_11(scene: Scene) -> None:
    order = scene.opened()
    attestation, recorded = scene.attestation(order), scene.world.now
    name, values = decoded_reason(scene.attest(attestation, scene.encoded(order)))
    assert (name, values["actual"], values["expected"]) == ("StatusInvalid", OPEN, FUNDED)
    scene.evm.warp(DAY)
    scene.fund(order)
    scene.apply_effect(order, attestation, recorded)
    assert scene.status(order) == (CLOSED, DELIVERED)


def test_window_starts_when_the_effect_is_applied(scene: Scene) -> None:
    order = scene.funded(inspectionWindow=DAY)
    attestation, recorded = scene.attestation(order), scene.world.now
    scene.attest(attestation, b"")
    scene.evm.warp(2 * DAY)
    receipt = scene.apply_effect(order, attestation, recorded)
    assert receipt.event("DeliveryProven")["windowEnd"] == scene.world.now + DAY
    assert scene.state(order)["provenAt"] == scene.world.now


def test_proof_counts_until_somebody_refunds(scene: Scene) -> None:
    order = scene.funded()
    scene.evm.warp_to(order["deliverBy"] + order["grace"] + DAY)
    scene.prove(order)
    assert scene.status(order) == (CLOSED, DELIVERED)


def test_proof_after_the_refund_pays_nothing_rule_11(scene: Scene) -> None:
    order = scene.funded()
    scene.evm.warp_to(order["deliverBy"] + order["grace"] + 1)
    scene.refund(order)
    name, values = failure(scene, order)
    assert (name, values["actual"]) == ("StatusInvalid", CLOSED)
    assert scene.balance(scene.payee) == 0


def test_second_proof_pays_nothing(scene: Scene) -> None:
    order = scene.proven()
    name, values = failure(scene, order, sealId=keccak(text="again"))
    assert (name, values["actual"]) == ("StatusInvalid", PROVEN)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00" * 31, b"\xff" * 32, b"\xff" * 64, bytes(31) + b"\x20", bytes(31) + b"\x20" + b"\xff" * 800],
)
def test_garbage_from_the_relayer_is_harmless_rule_11(scene: Scene, data: bytes) -> None:
    order = scene.funded()
    attestation, recorded = scene.attestation(order), scene.world.now
    scene.attest(attestation, data).event("EffectFailed")
    assert scene.status(order) == (FUNDED, OUTCOME_NONE)
    scene.apply_effect(order, attestation, recorded)
    assert scene.status(order) == (CLOSED, DELIVERED)


def test_order_may_lie_anywhere_in_the_relayers_data(scene: Scene) -> None:
    order = scene.funded()
    encoded = scene.encoded(order)
    shifted = (32 + 96).to_bytes(32, "big") + b"\xee" * 96 + encoded[32:]
    scene.attest(scene.attestation(order), shifted)
    assert scene.status(order) == (CLOSED, DELIVERED)


def test_relayer_cannot_exchange_the_order_rule_3(scene: Scene) -> None:
    order = scene.funded()
    forged = order | {"payee": address_of("thief")}
    attestation = scene.attestation(order)
    name, values = decoded_reason(scene.attest(attestation, scene.encoded(forged)))
    assert (name, values["field"], values["actual"]) == ("ProofMismatch", "order", scene.order_hash(order))
    other = scene.funded(salt=keccak(text="other"))
    with refused("ProofMismatch", field="order"):
        scene.apply_effect(other, attestation, scene.world.now)


class TestRevocationRule5:
    """After funding, revocation changes the payment only if the funded terms say so."""

    def test_refunds_where_the_order_says_so(self, scene: Scene, gas_snapshot: GasSnapshot) -> None:
        order = scene.funded(onRevocation=1)
        before = scene.balance(scene.buyer_account.address)
        scene.world.revoke_licence(scene.licence)
        receipt = scene.prove(order)
        assert scene.status(order) == (CLOSED, REVOCATION_REFUNDED)
        assert scene.state(order)["provenAt"] == scene.world.now
        assert receipt.event("OrderClosed")["buyerAmount"] == AMOUNT
        assert scene.balance(scene.buyer_account.address) == before + AMOUNT
        assert scene.balance(scene.payee) == 0
        gas_snapshot.record("ledger.attest, refund for revocation", receipt.gas)

    def test_one_ended_licence_of_several_is_enough(self, scene: Scene) -> None:
        second = scene.world.grant_licence(salt=keccak(text="second"))
        lines = [scene.line(), scene.line(licence=second)]
        order = scene.funded(onRevocation=1, lines=lines)
        scene.world.revoke_licence(second)
        scene.prove(order)
        assert scene.status(order) == (CLOSED, REVOCATION_REFUNDED)

    def test_no_window_where_it_refunds(self, scene: Scene) -> None:
        order = scene.funded(onRevocation=1, inspectionWindow=DAY)
        scene.world.revoke_licence(scene.licence)
        assert scene.prove(order).event("DeliveryProven")["windowEnd"] == scene.world.now
        assert scene.status(order) == (CLOSED, REVOCATION_REFUNDED)

    @pytest.mark.parametrize("ending", ["revoked", "expired", "mark cancelled"])
    @pytest.mark.parametrize("terms", [0, 1])
    def test_whatever_ended_the_licence(self, scene: Scene, ending: str, terms: int) -> None:
        world = scene.world
        licence = world.grant_licence(salt=keccak(text="short"), validUntil=world.now + DAY)
        order = scene.funded(onRevocation=terms, lines=[scene.line(licence=licence)])
        if ending == "revoked":
            world.revoke_licence(licence)
        elif ending == "expired":
            scene.evm.warp(DAY)
        else:
            world.as_council(world.rights, "cancelMark", world.mark, keccak(text="decision"))
        scene.prove(order)
        assert scene.status(order) == (CLOSED, REVOCATION_REFUNDED if terms else DELIVERED)

    def test_pays_where_the_licence_lives(self, scene: Scene) -> None:
        order = scene.funded(onRevocation=1)
        scene.prove(order)
        assert scene.status(order) == (CLOSED, DELIVERED)

    def test_revocation_after_the_proof_changes_nothing(self, scene: Scene) -> None:
        order = scene.proven(onRevocation=1)
        scene.world.revoke_licence(scene.licence)
        scene.evm.warp(5 * DAY + 1)
        scene.settle(order)
        assert scene.balance(scene.payee) == AMOUNT


def test_suspended_prover_proves_nothing_and_the_refund_stays(scene: Scene) -> None:
    order = scene.funded()
    world = scene.world
    world.as_council(world.registry, "suspend", world.carrier.gln, keccak(text="decision"))
    with refused("MemberNotActive", gln=world.carrier.gln):
        scene.prove(order)
    scene.evm.warp_to(order["deliverBy"] + order["grace"] + 1)
    scene.refund(order)
    assert scene.totals()["held"] == 0


def test_suspended_seller_is_paid_rule_3(scene: Scene) -> None:
    order = scene.funded()
    world = scene.world
    for gln in (world.maker.gln, world.buyer.gln):
        world.as_council(world.registry, "suspend", gln, keccak(text="decision"))
    scene.prove(order)
    assert scene.balance(scene.payee) == AMOUNT


def test_unknown_prover_never_proves(scene: Scene) -> None:
    assert gln_of(1) not in {party.gln for party in scene.world.parties.values()}
    order = scene.funded()
    with refused("NotAttested"):
        scene.ledger.transact(
            "applyEffect", scene.attestation(order), gln_of(1), scene.world.now, scene.encoded(order)
        )
