"""refund(): an unproven order gives the money back after deliverBy plus grace, by anybody."""

import pytest

from tests.contracts.evm import address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import DAY
from tests.contracts.settlement.scene import (
    AMOUNT,
    CLOSED,
    DISPUTED,
    FUNDED,
    NONE,
    OPEN,
    PROVEN,
    REFUNDED,
    Scene,
    refused,
)


def test_not_before_grace_is_over(scene: Scene) -> None:
    order = scene.funded()
    end = order["deliverBy"] + order["grace"]
    for moment in (scene.world.now, order["deliverBy"] + 1, end):
        scene.evm.warp_to(moment)
        with refused("TooEarly", timestamp=moment, **{"from": end + 1}):
            scene.refund(order)


@pytest.mark.parametrize("grace", [0, 3 * DAY])
def test_one_second_after_by_anybody_rule_10(scene: Scene, grace: int) -> None:
    order = scene.funded(grace=grace)
    before = scene.balance(scene.buyer_account.address)
    scene.evm.warp_to(order["deliverBy"] + grace + 1)
    receipt = scene.escrow.transact("refund", order, sender=address_of("anybody"))
    assert scene.status(order) == (CLOSED, REFUNDED)
    assert scene.balance(scene.buyer_account.address) == before + AMOUNT
    closed = receipt.event("OrderClosed")
    assert (closed["sellerAmount"], closed["buyerAmount"]) == (0, AMOUNT)
    assert scene.totals() == {"received": AMOUNT, "paid": AMOUNT, "held": 0, "credited": 0}


def test_gas(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    order = scene.funded()
    scene.evm.warp_to(order["deliverBy"] + order["grace"] + 1)
    gas_snapshot.record("escrow.refund", scene.refund(order).gas)


@pytest.mark.parametrize(
    ("state", "status"), [("order", NONE), ("opened", OPEN), ("proven", PROVEN), ("disputed", DISPUTED)]
)
def test_other_states_rule_3(scene: Scene, state: str, status: int) -> None:
    order = getattr(scene, state)(deliverBy=scene.world.now + DAY, grace=0)
    scene.evm.warp(2 * DAY)
    with refused("StatusInvalid", actual=status, expected=FUNDED):
        scene.refund(order)


def test_once(scene: Scene) -> None:
    order = scene.funded()
    scene.evm.warp_to(order["deliverBy"] + order["grace"] + 1)
    scene.refund(order)
    with refused("StatusInvalid", actual=CLOSED, expected=FUNDED):
        scene.refund(order)
