"""settle(): after the window to the seller, after the ruling deadline as the order says; by anybody."""

import pytest

from tests.contracts.evm import address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import DAY
from tests.contracts.settlement.scene import (
    AMOUNT,
    CLOSED,
    FUNDED,
    NONE,
    OPEN,
    PROVEN,
    UNRULED,
    WINDOW_ELAPSED,
    Scene,
    refused,
)


def test_not_before_the_window_is_over(scene: Scene) -> None:
    order = scene.proven(inspectionWindow=DAY)
    end = scene.world.now + DAY
    with refused("TooEarly", timestamp=scene.world.now, **{"from": end + 1}):
        scene.settle(order)
    scene.evm.warp_to(end)
    with refused("TooEarly", timestamp=end, **{"from": end + 1}):
        scene.settle(order)


def test_one_second_after_the_window_by_anybody_rule_10(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    order = scene.proven(inspectionWindow=DAY)
    scene.evm.warp(DAY + 1)
    receipt = scene.escrow.transact("settle", order, sender=address_of("anybody"))
    assert scene.status(order) == (CLOSED, WINDOW_ELAPSED)
    assert scene.state(order)["closedAt"] == scene.world.now
    assert scene.balance(scene.payee) == AMOUNT
    assert receipt.event("OrderClosed")["sellerAmount"] == AMOUNT
    gas_snapshot.record("escrow.settle after the window", receipt.gas)


def test_disputed_order_waits_for_the_ruling_deadline(scene: Scene) -> None:
    order = scene.disputed(inspectionWindow=DAY, rulingPeriod=3 * DAY)
    end = scene.world.now + 3 * DAY
    scene.evm.warp_to(end)
    with refused("TooEarly", timestamp=end, **{"from": end + 1}):
        scene.settle(order)


@pytest.mark.parametrize(
    ("amount", "bps", "seller"),
    [
        (AMOUNT, 6_000, 750_000),
        (AMOUNT, 0, 0),
        (AMOUNT, 10_000, AMOUNT),
        (1, 9_999, 0),
        (3, 5_000, 1),
        (9_999, 1, 0),
    ],
)
def test_unruled_dispute_is_split_rule_10(scene: Scene, amount: int, bps: int, seller: int) -> None:
    order = scene.disputed(amount=amount, unruledSellerBps=bps)
    before = scene.balance(scene.buyer_account.address)
    scene.evm.warp(order["rulingPeriod"] + 1)
    receipt = scene.escrow.transact("settle", order, sender=address_of("anybody"))
    assert scene.status(order) == (CLOSED, UNRULED)
    assert scene.balance(scene.payee) == seller
    assert scene.balance(scene.buyer_account.address) == before + amount - seller
    closed = receipt.event("OrderClosed")
    assert (closed["sellerAmount"], closed["buyerAmount"]) == (seller, amount - seller)


def test_split_of_the_greatest_amount(scene: Scene) -> None:
    amount = 2**128 - 1
    scene.mint(scene.buyer_account.address, amount, "a great deal")
    order = scene.disputed(amount=amount, unruledSellerBps=9_999)
    scene.evm.warp(order["rulingPeriod"] + 1)
    scene.settle(order)
    assert scene.balance(scene.payee) == amount * 9_999 // 10_000
    assert scene.totals() == {"received": amount, "paid": amount, "held": 0, "credited": 0}


def test_other_states(scene: Scene) -> None:
    order = scene.order()
    for status, advance in ((NONE, scene.open), (OPEN, scene.fund), (FUNDED, scene.prove)):
        with refused("StatusInvalid", actual=status, expected=PROVEN):
            scene.settle(order)
        advance(order)
    with refused("StatusInvalid", actual=CLOSED, expected=PROVEN):
        scene.settle(order)
