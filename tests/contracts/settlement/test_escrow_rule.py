"""rule(): the agreed arbiter splits a disputed amount, until the ruling deadline and to its last second."""

import pytest
from eth_utils.crypto import keccak

from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import ARBITER, DAY, party, signer
from tests.contracts.settlement.scene import (
    AMOUNT,
    CLOSED,
    DISPUTED,
    PROVEN,
    RULED,
    UNRULED,
    Scene,
    refused,
)


@pytest.mark.parametrize("seller", [0, 1, 400_000, AMOUNT])
def test_ruling_splits(scene: Scene, seller: int) -> None:
    order = scene.disputed()
    before = scene.balance(scene.buyer_account.address)
    receipt = scene.rule(order, seller)
    assert receipt.event("OrderRuled") == {
        "order": scene.order_hash(order),
        "arbiter": scene.world.arbiter.gln,
        "sellerAmount": seller,
        "evidence": keccak(text="expert's report"),
    }
    closed = receipt.event("OrderClosed")
    assert (closed["outcome"], closed["sellerAmount"], closed["buyerAmount"]) == (
        RULED,
        seller,
        AMOUNT - seller,
    )
    assert scene.status(order) == (CLOSED, RULED)
    assert scene.balance(scene.payee) == seller
    assert scene.balance(scene.buyer_account.address) == before + AMOUNT - seller


def test_gas(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    gas_snapshot.record("escrow.rule, both paid", scene.rule(scene.disputed(), 400_000).gas)


def test_more_than_there_is(scene: Scene) -> None:
    order = scene.disputed()
    with refused("SplitInvalid", sellerAmount=AMOUNT + 1, amount=AMOUNT):
        scene.rule(order, AMOUNT + 1)


def test_until_the_last_second(scene: Scene) -> None:
    order = scene.disputed()
    scene.evm.warp(order["rulingPeriod"])
    scene.rule(order, 0)
    assert scene.status(order) == (CLOSED, RULED)


def test_not_a_second_later_rule_10(scene: Scene) -> None:
    order = scene.disputed()
    end = scene.world.now + order["rulingPeriod"]
    scene.evm.warp_to(end + 1)
    with refused("TooLate", timestamp=end + 1, until=end):
        scene.rule(order, 0)


def test_only_a_disputed_order_and_once(scene: Scene) -> None:
    order = scene.proven()
    with refused("StatusInvalid", actual=PROVEN, expected=DISPUTED):
        scene.rule(order, 0)
    scene.dispute(order)
    scene.rule(order, 0)
    with refused("StatusInvalid", actual=CLOSED, expected=DISPUTED):
        scene.rule(order, AMOUNT)


def test_only_the_agreed_arbiter_rule_3(scene: Scene) -> None:
    order = scene.disputed()
    another = party("another arbiter", 952_000_000_099, b"SG", ARBITER)
    scene.world.admit(another)
    for stranger in (another.key, scene.world.buyer.key, scene.world.maker.key):
        with refused("WrongMember", expected=scene.world.arbiter.gln):
            scene.rule(order, 0, by=stranger)
    with refused("KeyNotLive"):
        scene.rule(order, 0, by=signer("stranger"))


def test_signature_of_another(scene: Scene) -> None:
    order = scene.disputed()
    arbiter, thief = scene.world.arbiter.key, signer("thief")
    with refused("SignatureInvalid", signer=arbiter.address):
        scene.rule(order, 0, by=type(thief)(thief.secret, arbiter.address))


def test_revoked_key_rule_6(scene: Scene) -> None:
    order = scene.disputed()
    scene.world.revoke_key(scene.world.arbiter, scene.world.arbiter.key)
    with refused("KeyNotLive", key=scene.world.arbiter.key.address):
        scene.rule(order, 0)


def test_arbiter_without_its_role_rule_6(scene: Scene) -> None:
    order = scene.disputed()
    world = scene.world
    world.as_council(world.registry, "setRoles", world.arbiter.gln, 1)
    with refused("RoleMissing", gln=world.arbiter.gln, required=ARBITER):
        scene.rule(order, 0)


def test_suspended_arbiter_leaves_the_agreed_split_rule_10(scene: Scene) -> None:
    order = scene.disputed()
    world = scene.world
    world.as_council(world.registry, "suspend", world.arbiter.gln, keccak(text="decision"))
    with refused("MemberNotActive", gln=world.arbiter.gln):
        scene.rule(order, 0)
    scene.evm.warp(order["rulingPeriod"] + 1)
    scene.settle(order)
    assert scene.status(order) == (CLOSED, UNRULED)


def test_deadline(scene: Scene) -> None:
    order, now = scene.disputed(), scene.world.now
    with refused("DeadlineExpired", deadline=now - 1, timestamp=now):
        scene.rule(order, 0, deadline=now - 1)
    scene.rule(order, 0, deadline=now)


def test_ruling_about_another_order(scene: Scene) -> None:
    order = scene.disputed()
    with refused("ProofMismatch", field="order", expected=scene.order_hash(order)):
        scene.rule(order, 0, order=keccak(text="other"))


def test_ruling_of_one_dispute_is_none_of_another(scene: Scene) -> None:
    first, second = scene.disputed(), scene.disputed(salt=keccak(text="second"), inspectionWindow=2 * DAY)
    with refused("ProofMismatch", field="order", actual=scene.order_hash(first)):
        scene.rule(second, 0, order=scene.order_hash(first))
