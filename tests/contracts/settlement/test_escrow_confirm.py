"""confirm(): the buyer's account lets the money go early, and nobody else can."""

import pytest
from eth_utils.crypto import keccak

from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import sign, signer
from tests.contracts.settlement.scene import (
    AMOUNT,
    CLOSED,
    CONSENTED,
    FUNDED,
    OPEN,
    Scene,
    refused,
)


@pytest.mark.parametrize("state", ["funded", "proven", "disputed"])
def test_consent_pays_the_seller(scene: Scene, state: str) -> None:
    order = getattr(scene, state)()
    receipt = scene.confirm(order)
    assert scene.status(order) == (CLOSED, CONSENTED)
    assert scene.balance(scene.payee) == AMOUNT
    assert receipt.event("OrderClosed")["sellerAmount"] == AMOUNT


def test_gas(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    gas_snapshot.record("escrow.confirm", scene.confirm(scene.funded()).gas)


def test_nothing_to_confirm(scene: Scene) -> None:
    order = scene.opened()
    with refused("StatusInvalid", actual=OPEN, expected=FUNDED):
        scene.confirm(order)
    scene.fund(order)
    scene.confirm(order)
    with refused("StatusInvalid", actual=CLOSED, expected=FUNDED):
        scene.confirm(order)


@pytest.mark.parametrize("who", ["buyer", "maker", "arbiter"])
def test_only_the_buyers_account_rule_3(scene: Scene, who: str) -> None:
    order = scene.funded()
    with refused("SignatureInvalid", signer=scene.buyer_account.address):
        scene.confirm(order, by=getattr(scene.world, who).key)


def test_deadline(scene: Scene) -> None:
    order, now = scene.funded(), scene.world.now
    with refused("DeadlineExpired", deadline=now - 1, timestamp=now):
        scene.confirm(order, deadline=now - 1)
    scene.confirm(order, deadline=now)


def test_consent_to_another_order(scene: Scene) -> None:
    order = scene.funded()
    with refused("ProofMismatch", field="order", expected=scene.order_hash(order)):
        scene.confirm(order, order=keccak(text="other"))


def test_dispute_is_no_consent(scene: Scene) -> None:
    order = scene.funded()
    values = {"order": scene.order_hash(order), "evidence": bytes(32), "deadline": scene.world.deadline}
    signature = sign(scene.escrow, "Dispute", values, scene.buyer_account)
    consent = {"order": values["order"], "deadline": values["deadline"]}
    with refused("SignatureInvalid"):
        scene.escrow.transact("confirm", order, consent, signature)


def test_suspension_freezes_nothing_rule_3(scene: Scene) -> None:
    order = scene.funded()
    world = scene.world
    for party in world.parties.values():
        world.as_council(world.registry, "suspend", party.gln, keccak(text="decision"))
    scene.confirm(order)
    assert scene.balance(scene.payee) == AMOUNT


def test_contract_account(scene: Scene) -> None:
    owner, heir = signer("wallet owner"), signer("wallet heir")
    wallet = scene.evm.deploy("ContractWallet", owner.address)
    scene.mint(wallet.address, AMOUNT, "wallet's payment")
    order = scene.opened(buyerAccount=wallet.address)
    scene.fund(order, by=owner)
    wallet.transact("transferOwnership", heir.address, sender=owner.address)
    with refused("SignatureInvalid", signer=wallet.address):
        scene.confirm(order, by=owner)
    scene.confirm(order, by=heir)
    assert scene.status(order) == (CLOSED, CONSENTED)
