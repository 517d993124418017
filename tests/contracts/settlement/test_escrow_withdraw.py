"""Payouts that fail become credit, which leaves by withdraw and withdrawTo and stops nobody else."""

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import ZERO_ADDRESS, Contract, Receipt, address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import DAY, sign, signer
from tests.contracts.settlement.scene import AMOUNT, CLOSED, DELIVERED, FOREVER, RULED, Scene, refused

HONEST = 0
MANNERS = {
    "ReturnsFalse": 2,
    "RevertBomb": 6,
    "BurnsGas": 7,
    "Reverts": 9,
}
PAYS_ALL_THE_SAME = {"NoReturn": 1, "ReturnBomb": 5}
# These move the money and deny it, or the other way round: who agreed to them is cheated, nobody else.
CHEATS = {"ReturnsTwo": 3, "ReturnsShort": 4, "LiesAboutTransfer": 8}


def funded(scene: Scene, token: Contract, **changes: Any) -> dict[str, Any]:
    """An order in a token that asks for no signature."""
    order = scene.opened(token=token.address, **changes)
    scene.escrow.transact("fund", order, 0, FOREVER, b"")
    return order


def credited(scene: Scene, manner: str = "Reverts") -> tuple[dict[str, Any], Contract, Receipt]:
    """A proven order whose seller could not be paid."""
    token = scene.scripted_token()
    order = funded(scene, token)
    token.transact("behave", MANNERS[manner])
    return order, token, scene.prove(order)


@pytest.mark.parametrize("manner", MANNERS)
def test_failed_payout_is_credit_and_the_evidence_stands_rule_11(scene: Scene, manner: str) -> None:
    order, token, receipt = credited(scene, manner)
    assert receipt.event("EffectApplied")["sealId"] == scene.attestation(order)["sealId"]
    assert receipt.event("Credited") == {
        "order": scene.order_hash(order),
        "token": token.address,
        "account": scene.payee,
        "amount": AMOUNT,
    }
    assert scene.status(order) == (CLOSED, DELIVERED)
    assert scene.credit(scene.payee, token) == AMOUNT
    assert scene.totals(token) == {"received": AMOUNT, "paid": 0, "held": 0, "credited": AMOUNT}
    assert receipt.gas < 600_000


@pytest.mark.parametrize("manner", PAYS_ALL_THE_SAME)
def test_odd_but_sound_tokens_pay(scene: Scene, manner: str) -> None:
    token = scene.scripted_token()
    order = funded(scene, token)
    token.transact("behave", PAYS_ALL_THE_SAME[manner])
    scene.prove(order).event("OrderClosed")
    assert scene.balance(scene.payee, token) == AMOUNT
    assert scene.totals(token) == {"received": AMOUNT, "paid": AMOUNT, "held": 0, "credited": 0}


@pytest.mark.parametrize("manner", CHEATS)
def test_cheating_token_leaves_other_tokens_alone_rule_4(scene: Scene, manner: str) -> None:
    token = scene.scripted_token()
    honest, order = scene.funded(), funded(scene, token)
    token.transact("behave", CHEATS[manner])
    scene.prove(order)
    books = scene.totals(token)
    assert books["received"] == AMOUNT == books["paid"] + books["held"] + books["credited"]
    scene.confirm(honest)
    assert scene.balance(scene.payee) == AMOUNT
    assert scene.totals() == {"received": AMOUNT, "paid": AMOUNT, "held": 0, "credited": 0}


def test_one_failing_payout_does_not_stop_the_other(scene: Scene) -> None:
    token = scene.scripted_token()
    order = funded(scene, token, inspectionWindow=DAY)
    scene.prove(order)
    scene.dispute(order)
    token.transact("deny", scene.payee, True)
    receipt = scene.rule(order, 1_000_000)
    assert scene.status(order) == (CLOSED, RULED)
    assert receipt.event("Credited")["account"] == scene.payee
    assert scene.balance(scene.buyer_account.address, token) == 10 * AMOUNT - 1_000_000
    assert scene.totals(token) == {
        "received": AMOUNT,
        "paid": AMOUNT - 1_000_000,
        "held": 0,
        "credited": 1_000_000,
    }


def test_both_payouts_may_fail(scene: Scene) -> None:
    token = scene.scripted_token()
    order = funded(scene, token, inspectionWindow=DAY)
    scene.prove(order)
    scene.dispute(order)
    token.transact("behave", MANNERS["BurnsGas"])
    assert len(scene.rule(order, 1_000_000).named("Credited")) == 2
    assert scene.credit(scene.payee, token) == 1_000_000
    assert scene.credit(scene.buyer_account.address, token) == AMOUNT - 1_000_000


def test_credit_adds_up_over_orders(scene: Scene) -> None:
    token = scene.scripted_token()
    orders = [funded(scene, token, salt=keccak(text=str(n)), amount=n) for n in (1, 2, 3)]
    token.transact("deny", scene.payee, True)
    for order in orders:
        scene.confirm(order)
    assert scene.credit(scene.payee, token) == 6
    token.transact("deny", scene.payee, False)
    assert scene.escrow.transact("withdraw", token, scene.payee).event("Withdrawn")["amount"] == 6
    assert scene.totals(token) == {"received": 6, "paid": 6, "held": 0, "credited": 0}


def test_withdraw_by_anybody_goes_to_the_account_rule_10(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    _, token, _ = credited(scene)
    token.transact("behave", HONEST)
    receipt = scene.escrow.transact("withdraw", token, scene.payee, sender=address_of("anybody"))
    assert receipt.event("Withdrawn") == {
        "token": token.address,
        "account": scene.payee,
        "to": scene.payee,
        "amount": AMOUNT,
    }
    assert scene.balance(scene.payee, token) == AMOUNT
    assert scene.totals(token) == {"received": AMOUNT, "paid": AMOUNT, "held": 0, "credited": 0}
    with refused("NoCredit", token=token.address, account=scene.payee):
        scene.escrow.transact("withdraw", token, scene.payee)
    gas_snapshot.record("escrow.withdraw", receipt.gas)


def test_withdrawal_that_fails_keeps_the_credit(scene: Scene) -> None:
    _, token, _ = credited(scene)
    with refused("WithdrawalFailed", token=token.address, to=scene.payee, amount=AMOUNT):
        scene.escrow.transact("withdraw", token, scene.payee)
    assert scene.credit(scene.payee, token) == AMOUNT
    assert scene.totals(token) == {"received": AMOUNT, "paid": 0, "held": 0, "credited": AMOUNT}


def test_account_on_a_deny_list_names_another(scene: Scene) -> None:
    token = scene.scripted_token()
    order = funded(scene, token)
    token.transact("deny", scene.payee, True)
    scene.prove(order)
    other = address_of("another account of the seller")
    receipt = scene.escrow.transact("withdrawTo", token, other, sender=scene.payee)
    assert (receipt.event("Withdrawn")["account"], receipt.event("Withdrawn")["to"]) == (scene.payee, other)
    assert scene.balance(other, token) == AMOUNT


def test_only_the_account_names_another_rule_3(scene: Scene) -> None:
    _, token, _ = credited(scene)
    token.transact("behave", HONEST)
    for sender in (address_of("thief"), scene.world.council.address, scene.buyer_account.address):
        with refused("NoCredit", account=sender):
            scene.escrow.transact("withdrawTo", token, sender, sender=sender)


def test_money_may_not_be_withdrawn_into_the_escrow(scene: Scene) -> None:
    _, token, _ = credited(scene)
    token.transact("behave", HONEST)
    with refused("WithdrawalFailed", to=scene.escrow.address):
        scene.escrow.transact("withdrawTo", token, scene.escrow, sender=scene.payee)
    assert scene.credit(scene.payee, token) == AMOUNT


def test_nowhere_is_refused_by_the_token(scene: Scene) -> None:
    """OpenZeppelin's ERC-20 refuses the zero address; a contract payee makes the first payout fail."""
    owner = signer("wallet owner")
    wallet = scene.evm.deploy("ContractWallet", owner.address)
    token = scene.scripted_token()
    order = funded(scene, token, payee=wallet.address)
    token.transact("deny", wallet.address, True)
    token.transact("deny", ZERO_ADDRESS, True)
    scene.confirm(order)
    call = scene.escrow.encode("withdrawTo", token, ZERO_ADDRESS)
    with refused("WithdrawalFailed", to=ZERO_ADDRESS):
        wallet.transact("execute", scene.escrow, call, sender=owner.address)
    elsewhere = address_of("elsewhere")
    call = scene.escrow.encode("withdrawTo", token, elsewhere)
    wallet.transact("execute", scene.escrow, call, sender=owner.address)
    assert scene.balance(elsewhere, token) == AMOUNT


@pytest.mark.parametrize("entry", ["withdraw", "withdrawTo", "settle", "refund", "confirm"])
def test_token_that_calls_back_from_a_payout_rule_4(scene: Scene, entry: str) -> None:
    token = scene.scripted_token()
    order = funded(scene, token)
    arguments: dict[str, tuple[Any, ...]] = {
        "withdraw": (token, scene.payee),
        "withdrawTo": (token, scene.payee),
        "settle": (order,),
        "refund": (order,),
        "confirm": (order, {"order": scene.order_hash(order), "deadline": 2**64 - 1}, b""),
    }
    token.transact("setHook", scene.escrow, scene.escrow.encode(entry, *arguments[entry]))
    scene.prove(order)
    assert (token.call("hookSuccesses"), token.call("hookFailures")) == (0, 1)
    assert token.call("hookReason") == keccak(text="ReentrancyGuardReentrantCall()")[:4]
    assert scene.balance(scene.payee, token) == AMOUNT
    assert scene.totals(token) == {"received": AMOUNT, "paid": AMOUNT, "held": 0, "credited": 0}


def test_token_that_calls_back_from_a_withdrawal(scene: Scene) -> None:
    order, token, _ = credited(scene)
    token.transact("behave", HONEST)
    token.transact("setHook", scene.escrow, scene.escrow.encode("withdraw", token, scene.payee))
    scene.escrow.transact("withdraw", token, scene.payee)
    assert token.call("hookSuccesses") == 0
    assert scene.balance(scene.payee, token) == AMOUNT
    assert scene.balance(scene.escrow.address, token) == 0
    assert scene.state(order)["status"] == CLOSED


def test_token_that_brings_another_proof_from_a_payout_rule_11(scene: Scene) -> None:
    """A payout that attests for another order: the guard stops the effect, which is applied afterwards."""
    token = scene.scripted_token()
    first, second = funded(scene, token), funded(scene, token, salt=keccak(text="second"))
    attestation = scene.attestation(second)
    key = scene.world.carrier.key
    signature = sign(scene.ledger, "Attestation", attestation, key)
    call = scene.ledger.encode("attest", attestation, key.address, signature, scene.encoded(second))
    token.transact("setHook", scene.ledger, call)
    receipt = scene.prove(first)
    assert receipt.event("EffectApplied")["sealId"] == scene.attestation(first)["sealId"]
    assert scene.status(first) == (CLOSED, DELIVERED)
    token.transact("setHook", ZERO_ADDRESS, b"")
    if not receipt.named("EffectFailed"):
        # Inside the payout's allowance there was not gas enough even to record it.
        scene.prove(second)
    else:
        scene.apply_effect(second, attestation, scene.world.now)
    assert scene.status(second) == (CLOSED, DELIVERED)
    books, credit = scene.totals(token), scene.credit(scene.payee, token)
    assert scene.balance(scene.payee, token) + credit == 2 * AMOUNT
    assert books == {"received": 2 * AMOUNT, "paid": 2 * AMOUNT - credit, "held": 0, "credited": credit}
