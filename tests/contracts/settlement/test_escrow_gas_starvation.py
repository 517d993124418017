"""A relayer chooses the gas: whatever it chooses, money goes where the order says, or nothing happens yet."""

from dataclasses import replace
from typing import Any

import pytest

from tests.contracts.evm import Receipt, Reverted
from tests.contracts.settlement.scene import (
    AMOUNT,
    CLOSED,
    DELIVERED,
    FOREVER,
    FUNDED,
    OUTCOME_NONE,
    REVOCATION_REFUNDED,
    Scene,
    decoded_reason,
)

pytestmark = pytest.mark.slow


def with_gas(scene: Scene, order: dict[str, Any], gas: int) -> Receipt | None:
    """Attest with this much gas; None where the transaction failed as a whole."""
    try:
        return scene.attest(scene.attestation(order), scene.encoded(order), gas=gas)
    except (Reverted, AssertionError):
        return None


def sweep(scene: Scene, order: dict[str, Any], step: int) -> dict[str, int]:
    """Try every gas limit in steps up to what is enough; checks each end and counts them."""
    enough = scene_gas(scene, order)
    ends = {"failed": 0, "pending": 0, "paid": 0}
    for gas in range(60_000, enough, step):
        with scene.evm.sandbox():
            recorded = scene.world.now
            receipt = with_gas(scene, order, gas)
            if receipt is None:
                ends["failed"] += 1
                assert scene.status(order) == (FUNDED, OUTCOME_NONE)
            elif receipt.named("EffectFailed"):
                ends["pending"] += 1
                assert scene.status(order) == (FUNDED, OUTCOME_NONE)
                assert scene.totals()["held"] == AMOUNT
                scene.apply_effect(order, scene.attestation(order), recorded)
            else:
                ends["paid"] += 1
            if receipt is not None:
                assert scene.status(order) == (CLOSED, DELIVERED)
                assert scene.balance(scene.payee) == AMOUNT
                assert scene.totals() == {"received": AMOUNT, "paid": AMOUNT, "held": 0, "credited": 0}
    return ends


def scene_gas(scene: Scene, order: dict[str, Any]) -> int:
    """Gas that is more than enough: what is used, what is given back, what the ledger reserves."""
    with scene.evm.sandbox():
        return scene.prove(order).gas * 5 // 4 + 25_000


@pytest.mark.parametrize("terms", [0, 1])
def test_starving_relayer_pays_refunds_and_credits_nothing_rules_3_11(scene: Scene, terms: int) -> None:
    order = scene.funded(onRevocation=terms)
    ends = sweep(scene, order, 4_001)
    assert ends["failed"] > 2
    assert ends["pending"] > 2
    assert ends["paid"] > 2


@pytest.mark.slow
@pytest.mark.parametrize("terms", [0, 1])
def test_starving_relayer_finely(scene: Scene, terms: int) -> None:
    assert min(sweep(scene, scene.funded(onRevocation=terms), 1_009).values()) > 10


def test_live_licence_among_many_never_looks_ended(scene: Scene) -> None:
    """Fifty licences to ask: wherever the gas ends, nobody is refunded."""
    order = scene.funded(onRevocation=1, lines=[scene.line(quantity=n + 1) for n in range(50)])
    enough = scene_gas(scene, order)
    outcomes = set()
    for gas in range(enough // 4, enough, enough // 15):
        with scene.evm.sandbox():
            with_gas(scene, order, gas)
            outcomes.add(scene.status(order))
    assert outcomes <= {(FUNDED, OUTCOME_NONE), (CLOSED, DELIVERED)}


def test_ended_licence_refunds_or_waits(scene: Scene) -> None:
    order = scene.funded(onRevocation=1)
    scene.world.revoke_licence(scene.licence)
    enough = scene_gas(scene, order)
    outcomes = set()
    for gas in range(80_000, enough, 3_001):
        with scene.evm.sandbox():
            with_gas(scene, order, gas)
            outcomes.add(scene.status(order))
    assert outcomes == {(FUNDED, OUTCOME_NONE), (CLOSED, REVOCATION_REFUNDED)}


def test_registry_that_gives_no_reason_refunds_nobody_rule_3(scene: Scene) -> None:
    silent = scene.evm.deploy("SilentRights")
    escrow = scene.evm.deploy("Escrow", scene.world.registry, silent, scene.ledger, label="silent")
    scene = replace(scene, escrow=escrow)
    order = scene.funded(onRevocation=1)
    name, values = decoded_reason(scene.prove(order))
    assert (name, values) == ("RightsUnanswered", {"licence": scene.licence})
    assert scene.status(order) == (FUNDED, OUTCOME_NONE)


def test_gas_burning_token_needs_no_giant_transaction_rule_10(scene: Scene) -> None:
    """The payout's allowance is bounded, so the exits work with an ordinary gas limit."""
    token = scene.scripted_token()
    order = scene.opened(token=token.address)
    scene.escrow.transact("fund", order, 0, FOREVER, b"")
    token.transact("behave", 7)
    scene.evm.warp_to(order["deliverBy"] + order["grace"] + 1)
    scene.escrow.transact("refund", order, gas=400_000)
    assert scene.credit(scene.buyer_account.address, token) == AMOUNT


def test_credit_by_starving_is_withdrawable(scene: Scene) -> None:
    """A token whose transfer wants more than a payout's allowance: credit, then all the gas it wants."""
    token = scene.scripted_token()
    order = scene.opened(token=token.address)
    scene.escrow.transact("fund", order, 0, FOREVER, b"")
    lines = [scene.line(quantity=n + 1) for n in range(50)]
    # Hashing an order of fifty lines ten times over: a harmless call that wants several 100,000 gas.
    heavy = scene.escrow.encode("hashOrder", scene.order(lines=lines * 4))
    token.transact("setHook", scene.escrow, heavy)
    receipt = scene.prove(order)
    if receipt.named("Credited"):
        scene.escrow.transact("withdraw", token, scene.payee)
    assert receipt.named("Credited"), "the call was meant to want more than the allowance"
    assert scene.balance(scene.payee, token) == AMOUNT
    assert scene.credit(scene.payee, token) == 0
