"""fund(): the buyer's money comes in once, exactly, and only into the order that was signed."""

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import signer
from tests.contracts.settlement.scene import (
    AMOUNT,
    FOREVER,
    FUNDED,
    NONE,
    OPEN,
    Scene,
    authorisation,
    refused,
)

GOAL = 155_657


def test_fund_locks_the_money(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    order = scene.opened()
    before = scene.balance(scene.buyer_account.address)
    receipt = scene.fund(order)
    assert receipt.event("OrderFunded") == {
        "order": scene.order_hash(order),
        "token": scene.token.address,
        "buyerAccount": scene.buyer_account.address,
        "amount": AMOUNT,
    }
    assert scene.state(order)["status"] == FUNDED
    assert scene.state(order)["fundedAt"] == scene.world.now
    assert scene.balance(scene.buyer_account.address) == before - AMOUNT
    assert scene.balance(scene.escrow.address) == AMOUNT
    assert scene.totals() == {"received": AMOUNT, "paid": 0, "held": AMOUNT, "credited": 0}
    gas_snapshot.record("escrow.fund, first of its token", receipt.gas)
    assert receipt.gas <= GOAL


def test_fund_gas_of_a_later_order(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    scene.funded(salt=keccak(text="earlier"))
    receipt = scene.fund(scene.opened())
    gas_snapshot.record("escrow.fund", receipt.gas)
    assert receipt.gas <= GOAL


def test_fund_needs_an_open_order(scene: Scene) -> None:
    with refused("StatusInvalid", actual=NONE, expected=OPEN):
        scene.fund(scene.order())
    order = scene.funded()
    with refused("StatusInvalid", actual=FUNDED, expected=OPEN):
        scene.fund(order)


def test_changed_order_is_another_order(scene: Scene) -> None:
    order = scene.opened()
    with refused("StatusInvalid", actual=NONE):
        scene.fund(order | {"payee": address_of("thief")})


def test_fund_until_deliver_by(scene: Scene) -> None:
    order = scene.opened()
    scene.evm.warp_to(order["deliverBy"] + 1)
    with refused("TooLate", timestamp=order["deliverBy"] + 1, until=order["deliverBy"]):
        scene.fund(order)


def test_fund_at_deliver_by(scene: Scene) -> None:
    order = scene.opened()
    scene.evm.warp_to(order["deliverBy"])
    scene.fund(order)
    assert scene.state(order)["status"] == FUNDED


def test_rights_are_asked_again_rule_5(scene: Scene) -> None:
    order = scene.opened()
    scene.world.revoke_licence(scene.licence)
    with refused("LicenceIsRevoked", licence=scene.licence):
        scene.fund(order)


class TestSignatureRule3:
    """The signature is bound to this order, this escrow and this amount."""

    def test_of_another_account(self, scene: Scene) -> None:
        order = scene.opened()
        with refused("SignatureInvalid", signer=scene.buyer_account.address):
            scene.fund(order, by=signer("thief"))

    @pytest.mark.parametrize("change", ["nonce", "to", "value", "validBefore"])
    def test_over_something_else(self, scene: Scene, change: str) -> None:
        order = scene.opened()
        other = {"nonce": keccak(text="other"), "to": address_of("other"), "value": 1, "validBefore": 1}[
            change
        ]
        changes: dict[str, Any] = {change: other}
        signature = scene.funding_signature(order, **changes)
        with refused("SignatureInvalid", signer=scene.buyer_account.address):
            scene.escrow.transact("fund", order, 0, FOREVER, signature)

    def test_for_another_order_of_the_same_buyer(self, scene: Scene) -> None:
        cheap, dear = scene.opened(), scene.opened(salt=keccak(text="dear"))
        signature = scene.funding_signature(cheap)
        with refused("SignatureInvalid"):
            scene.escrow.transact("fund", dear, 0, FOREVER, signature)

    def test_cannot_be_taken_past_the_escrow(self, scene: Scene) -> None:
        order = scene.opened()
        signature = scene.funding_signature(order)
        arguments = [
            scene.buyer_account.address,
            scene.escrow.address,
            AMOUNT,
            0,
            FOREVER,
            scene.order_hash(order),
            signature,
        ]
        with refused("CallerNotPayee", payee=scene.escrow.address):
            scene.token.transact("receiveWithAuthorization", *arguments)
        with refused("SignatureInvalid"):
            scene.token.transact("transferWithAuthorization", *arguments)
        scene.fund(order)

    def test_cancelled(self, scene: Scene) -> None:
        order = scene.opened()
        nonce = scene.order_hash(order)
        account = scene.buyer_account
        cancel = authorisation(
            scene.token, "CancelAuthorization", {"authorizer": account.address, "nonce": nonce}, account
        )
        scene.token.transact("cancelAuthorization", account.address, nonce, cancel)
        with refused("ERC3009UsedAuthorization", authorizer=account.address, nonce=nonce):
            scene.fund(order)

    def test_out_of_its_time(self, scene: Scene) -> None:
        order, now = scene.opened(), scene.world.now
        for after, before in ((now, FOREVER), (0, now)):
            signature = scene.funding_signature(order, validAfter=after, validBefore=before)
            with refused("AuthorizationNotLive", validAfter=after, validBefore=before, timestamp=now):
                scene.escrow.transact("fund", order, after, before, signature)


def test_buyer_without_money(scene: Scene) -> None:
    order = scene.opened(amount=10 * AMOUNT + 1)
    with refused("ERC20InsufficientBalance", balance=10 * AMOUNT, needed=10 * AMOUNT + 1):
        scene.fund(order)


def test_contract_account_funds(scene: Scene) -> None:
    owner = signer("wallet owner")
    wallet = scene.evm.deploy("ContractWallet", owner.address)
    scene.mint(wallet.address, AMOUNT, "wallet's payment")
    order = scene.opened(buyerAccount=wallet.address)
    with refused("SignatureInvalid", signer=wallet.address):
        scene.fund(order, by=signer("thief"))
    scene.fund(order, by=owner)
    assert scene.balance(wallet.address) == 0
    assert scene.state(order)["status"] == FUNDED


class TestHostileTokenRule4:
    """What arrives must be exactly the amount, by the balance before and after."""

    def test_fee_on_transfer(self, scene: Scene) -> None:
        token = scene.scripted_token()
        order = scene.opened(token=token.address)
        token.transact("setFee", 1)
        with refused("AmountReceived", received=AMOUNT - AMOUNT // 10_000, expected=AMOUNT):
            scene.fund(order)
        assert scene.totals(token) == {"received": 0, "paid": 0, "held": 0, "credited": 0}

    def test_money_that_vanishes(self, scene: Scene) -> None:
        token = scene.scripted_token()
        order = scene.opened(token=token.address)
        token.transact("setFee", 10_000)
        with refused("AmountReceived", received=0, expected=AMOUNT):
            scene.fund(order)

    def test_token_that_shrinks_what_was_there(self, scene: Scene) -> None:
        token = scene.scripted_token()
        token.transact("give", scene.escrow.address, AMOUNT)
        take = token.encode("take", scene.escrow.address, AMOUNT)
        order = scene.opened(token=token.address)
        token.transact("setHook", token.address, take)
        with refused("AmountReceived", received=0, expected=AMOUNT):
            scene.fund(order)

    def test_reentry_from_funding(self, scene: Scene) -> None:
        token = scene.scripted_token()
        order = scene.opened(token=token.address)
        token.transact("setHook", scene.escrow.address, scene.escrow.encode("fund", order, 0, FOREVER, b""))
        scene.escrow.transact("fund", order, 0, FOREVER, b"")
        assert token.call("hookSuccesses") == 0
        assert token.call("hookReason") == keccak(text="ReentrancyGuardReentrantCall()")[:4]
        assert scene.totals(token) == {"received": AMOUNT, "paid": 0, "held": AMOUNT, "credited": 0}

    def test_more_than_the_books_hold(self, scene: Scene) -> None:
        token = scene.scripted_token()
        token.transact("give", scene.buyer_account.address, 2**129)
        whole = scene.opened(token=token.address, amount=2**128 - 1)
        scene.escrow.transact("fund", whole, 0, FOREVER, b"")
        one_more = scene.opened(token=token.address, amount=1)
        with refused("OrderInvalid", field="amount", value=1):
            scene.escrow.transact("fund", one_more, 0, FOREVER, b"")
        scene.confirm(whole)
        assert scene.balance(scene.payee, token) == 2**128 - 1
        assert scene.totals(token)["paid"] == 2**128 - 1

    def test_one_tokens_lies_leave_another_alone(self, scene: Scene) -> None:
        token = scene.scripted_token()
        honest = scene.funded()
        order = scene.opened(token=token.address)
        token.transact("exaggerate", 2**200)
        scene.escrow.transact("fund", order, 0, FOREVER, b"")
        scene.confirm(order)
        scene.confirm(honest)
        assert scene.balance(scene.payee) == AMOUNT
        assert scene.totals() == {"received": AMOUNT, "paid": AMOUNT, "held": 0, "credited": 0}
