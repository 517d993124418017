"""dispute(): the buyer's account stops payment, inside the window and to its last second."""

import pytest
from eth_utils.crypto import keccak

from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import DAY, signer
from tests.contracts.settlement.scene import (
    AMOUNT,
    DISPUTED,
    FUNDED,
    OUTCOME_NONE,
    PROVEN,
    Scene,
    refused,
)


def test_dispute_stops_payment(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    order = scene.proven(inspectionWindow=DAY, rulingPeriod=2 * DAY)
    receipt = scene.dispute(order)
    assert scene.status(order) == (DISPUTED, OUTCOME_NONE)
    assert scene.state(order)["disputedAt"] == scene.world.now
    assert receipt.event("OrderDisputed") == {
        "order": scene.order_hash(order),
        "evidence": keccak(text="photographs"),
        "rulingDeadline": scene.world.now + 2 * DAY,
    }
    scene.evm.warp(DAY + 1)
    with refused("TooEarly"):
        scene.settle(order)
    assert scene.totals()["held"] == AMOUNT
    gas_snapshot.record("escrow.dispute", receipt.gas)


def test_in_the_windows_last_second(scene: Scene) -> None:
    order = scene.proven(inspectionWindow=DAY)
    scene.evm.warp(DAY)
    scene.dispute(order)
    assert scene.status(order) == (DISPUTED, OUTCOME_NONE)


def test_not_a_second_later(scene: Scene) -> None:
    order = scene.proven(inspectionWindow=DAY)
    end = scene.world.now + DAY
    scene.evm.warp_to(end + 1)
    with refused("TooLate", timestamp=end + 1, until=end):
        scene.dispute(order)


def test_not_before_the_proof_nor_twice(scene: Scene) -> None:
    order = scene.funded(inspectionWindow=DAY)
    with refused("StatusInvalid", actual=FUNDED, expected=PROVEN):
        scene.dispute(order)
    scene.prove(order)
    scene.dispute(order)
    with refused("StatusInvalid", actual=DISPUTED, expected=PROVEN):
        scene.dispute(order)


@pytest.mark.parametrize("who", ["buyer", "maker", "arbiter"])
def test_only_the_buyers_account(scene: Scene, who: str) -> None:
    order = scene.proven()
    with refused("SignatureInvalid", signer=scene.buyer_account.address):
        scene.dispute(order, by=getattr(scene.world, who).key)


def test_deadline(scene: Scene) -> None:
    order, now = scene.proven(), scene.world.now
    with refused("DeadlineExpired", deadline=now - 1, timestamp=now):
        scene.dispute(order, deadline=now - 1)
    scene.dispute(order, deadline=now)


def test_claim_about_another_order(scene: Scene) -> None:
    order = scene.proven()
    with refused("ProofMismatch", field="order", expected=scene.order_hash(order)):
        scene.dispute(order, order=keccak(text="other"))


def test_suspended_buyer_may_dispute_rule_3(scene: Scene) -> None:
    order = scene.proven()
    scene.world.as_council(scene.world.registry, "suspend", scene.world.buyer.gln, keccak(text="decision"))
    scene.dispute(order)
    assert scene.status(order) == (DISPUTED, OUTCOME_NONE)


def test_contract_account(scene: Scene) -> None:
    owner = signer("wallet owner")
    wallet = scene.evm.deploy("ContractWallet", owner.address)
    scene.mint(wallet.address, AMOUNT, "wallet's payment")
    order = scene.opened(buyerAccount=wallet.address, inspectionWindow=DAY)
    scene.fund(order, by=owner)
    scene.prove(order)
    with refused("SignatureInvalid", signer=wallet.address):
        scene.dispute(order)
    scene.dispute(order, by=owner)
    assert scene.status(order) == (DISPUTED, OUTCOME_NONE)
