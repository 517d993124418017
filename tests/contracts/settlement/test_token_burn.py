"""burn(): from the issuer's own registered account, once for each payout."""

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import ZERO_ADDRESS
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import Signer, signer
from tests.contracts.settlement.scene import AMOUNT, Scene, refused


@pytest.fixture(autouse=True)
def allowance(scene: Scene) -> None:
    """The issuer's account lets the issuer's key burn."""
    allow(scene, scene.world.issuer.account.address)


def allow(scene: Scene, account: str) -> None:
    """`account` lets the issuer's key burn up to 500."""
    scene.token.transact("approve", scene.world.issuer.key.address, 500, sender=account)


def move_account(scene: Scene, account: Signer) -> None:
    """The issuer registers another account as its own."""
    scene.world.change_account(scene.world.issuer, account)


def test_burn_takes_from_the_issuers_account(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    account = scene.world.issuer.account.address
    scene.mint(account, 500, "returned")
    supply = scene.token.call("totalSupply")
    receipt = scene.burn(200, "payout")
    assert receipt.event("Burnt") == {
        "from": account,
        "amount": 200,
        "paymentReference": keccak(text="payout"),
        "signer": scene.world.issuer.key.address,
    }
    assert receipt.event("Transfer") == {"from": account, "to": ZERO_ADDRESS, "value": 200}
    assert scene.balance(account) == 300
    assert scene.token.call("totalSupply") == supply - 200
    gas_snapshot.record("token.burn", receipt.gas)


def test_burn_reaches_no_other_account_rule_3(scene: Scene) -> None:
    before = scene.balance(scene.buyer_account.address)
    assert before > 0
    with refused("ERC20InsufficientBalance", sender=scene.world.issuer.account.address, balance=0, needed=1):
        scene.burn(1, "payout")
    assert scene.balance(scene.buyer_account.address) == before


def test_burn_follows_the_registered_account(scene: Scene) -> None:
    moved = signer("issuer's new account")
    scene.mint(moved.address, 500, "returned")
    move_account(scene, moved)
    allow(scene, moved.address)
    scene.burn(500, "payout")
    assert scene.balance(moved.address) == 0


def test_issuer_cannot_burn_what_an_escrow_holds_by_registering_it_rule_3(scene: Scene) -> None:
    order = scene.funded()
    with refused("SignatureInvalid", signer=scene.escrow.address):
        move_account(scene, Signer(b"", scene.escrow.address))
    scene.confirm(order)
    assert scene.balance(scene.payee) == AMOUNT


def test_issuer_cannot_burn_a_customers_money_by_registering_the_account_rule_3(scene: Scene) -> None:
    customer = signer("customer who was talked into signing")
    scene.mint(customer.address, 500, "payment")
    move_account(scene, customer)
    with refused("ERC20InsufficientAllowance", spender=scene.world.issuer.key.address):
        scene.burn(500, "theft")
    assert scene.balance(customer.address) == 500


def test_burn_uses_the_allowance_up(scene: Scene) -> None:
    scene.mint(scene.world.issuer.account.address, 501, "returned")
    scene.burn(500, "payout")
    with refused("ERC20InsufficientAllowance", allowance=0, needed=1):
        scene.burn(1, "another payout")


def test_key_that_is_the_account_needs_no_allowance(scene: Scene) -> None:
    key = scene.world.issuer.key
    scene.mint(key.address, 500, "returned")
    move_account(scene, key)
    scene.burn(500, "payout")
    assert scene.balance(key.address) == 0


def test_payment_reference_is_shared_with_mint(scene: Scene) -> None:
    scene.mint(scene.world.issuer.account.address, 500, "payment")
    with refused("PaymentReferenceUsed", paymentReference=keccak(text="payment")):
        scene.burn(500, "payment")
    scene.burn(500, "payout")
    with refused("PaymentReferenceUsed", paymentReference=keccak(text="payout")):
        scene.mint(scene.world.issuer.account.address, 500, "payout")


def test_reference_zero_and_amount_zero(scene: Scene) -> None:
    with refused("PaymentReferenceUsed", paymentReference=bytes(32)):
        scene.burn(1, "payout", paymentReference=bytes(32))
    with refused("AmountInvalid", amount=0):
        scene.burn(0, "payout")


def test_failed_burn_leaves_the_reference_free(scene: Scene) -> None:
    with refused("ERC20InsufficientBalance"):
        scene.burn(500, "payout")
    scene.mint(scene.world.issuer.account.address, 500, "returned")
    scene.burn(500, "payout")


def test_only_the_issuer(scene: Scene) -> None:
    scene.mint(scene.world.issuer.account.address, 500, "returned")
    with refused("WrongMember", expected=scene.world.issuer.gln):
        scene.burn(1, "payout", by=scene.world.buyer.key)


def test_deadline(scene: Scene) -> None:
    scene.mint(scene.world.issuer.account.address, 500, "returned")
    now = scene.world.now
    with refused("DeadlineExpired", deadline=now - 1, timestamp=now):
        scene.burn(1, "payout", deadline=now - 1)
    scene.burn(1, "payout", deadline=now)
