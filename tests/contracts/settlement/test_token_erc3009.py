"""ERC-3009 with split and with whole signatures, and ERC-2612 permits."""

from collections.abc import Sequence
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Receipt, address_of
from tests.contracts.harness import Signer, sign_typed, signer
from tests.contracts.settlement.scene import FOREVER, TOKEN_NAME, Scene, authorisation, refused

TO = signer("payee of an authorisation").address
NONCE = keccak(text="a random nonce")
_TRANSFER = "address,address,uint256,uint256,uint256,bytes32"


def split(signature: bytes) -> tuple[int, bytes, bytes]:
    """v, r, s."""
    return signature[64], signature[:32], signature[32:64]


def transfer(
    scene: Scene,
    whole: bool,
    receive: bool = False,
    by: Signer | None = None,
    sender: str = TO,
    signed: dict[str, Any] | None = None,
    **changes: Any,
) -> Receipt:
    """Sign and send; `signed` changes what is signed but not what is sent."""
    account = scene.buyer_account
    values = {
        "from": account.address,
        "to": TO,
        "value": 100,
        "validAfter": 0,
        "validBefore": FOREVER,
        "nonce": NONCE,
    } | changes
    kind, function = (
        ("ReceiveWithAuthorization", "receiveWithAuthorization")
        if receive
        else ("TransferWithAuthorization", "transferWithAuthorization")
    )
    signature = authorisation(scene.token, kind, values | (signed or {}), by or account)
    parts: Sequence[Any] = (signature,) if whole else split(signature)
    tail = "bytes" if whole else "uint8,bytes32,bytes32"
    name = function if whole else f"{function}({_TRANSFER},{tail})"
    return scene.token.transact(name, *values.values(), *parts, sender=sender)


@pytest.mark.parametrize("receive", [False, True], ids=["transfer", "receive"])
@pytest.mark.parametrize("whole", [False, True], ids=["split", "whole"])
class TestAuthorisation:
    def test_moves_money_once(self, scene: Scene, whole: bool, receive: bool) -> None:
        receipt = transfer(scene, whole, receive)
        authorizer = scene.buyer_account.address
        assert receipt.event("AuthorizationUsed") == {"authorizer": authorizer, "nonce": NONCE}
        assert scene.balance(TO) == 100
        assert scene.token.call("authorizationState", authorizer, NONCE) is True
        with refused("ERC3009UsedAuthorization", authorizer=authorizer, nonce=NONCE):
            transfer(scene, whole, receive, value=1)

    def test_nonces_are_independent(self, scene: Scene, whole: bool, receive: bool) -> None:
        for nonce in (bytes(32), b"\xff" * 32, NONCE):
            transfer(scene, whole, receive, nonce=nonce)
        assert scene.balance(TO) == 300

    @pytest.mark.parametrize(
        "signed",
        [
            {"value": 101},
            {"to": address_of("other")},
            {"nonce": bytes(32)},
            {"validAfter": 1},
            {"validBefore": FOREVER - 1},
        ],
    )
    def test_every_field_is_signed(
        self, scene: Scene, whole: bool, receive: bool, signed: dict[str, Any]
    ) -> None:
        with refused("SignatureInvalid" if whole else "ERC3009InvalidSignature"):
            transfer(scene, whole, receive, signed=signed)

    def test_of_another(self, scene: Scene, whole: bool, receive: bool) -> None:
        with refused("SignatureInvalid" if whole else "ERC3009InvalidSignature"):
            transfer(scene, whole, receive, by=signer("thief"))

    def test_time_is_unix_seconds_and_both_ends_are_outside(
        self, scene: Scene, whole: bool, receive: bool
    ) -> None:
        now = scene.world.now
        for after, before in ((now, FOREVER), (0, now), (FOREVER, FOREVER)):
            with refused("AuthorizationNotLive", validAfter=after, validBefore=before, timestamp=now):
                transfer(scene, whole, receive, validAfter=after, validBefore=before)
        transfer(scene, whole, receive, validAfter=now - 1, validBefore=now + 1)

    def test_no_block_numbers(self, scene: Scene, whole: bool, receive: bool) -> None:
        """Bit 47 in both would mean block numbers to OpenZeppelin's own check: here it is a far future."""
        flag = 1 << 47
        with refused("AuthorizationNotLive", validAfter=flag):
            transfer(scene, whole, receive, validAfter=flag, validBefore=flag | (flag - 1))


@pytest.mark.parametrize("whole", [False, True], ids=["split", "whole"])
def test_receive_is_for_the_payee_alone(scene: Scene, whole: bool) -> None:
    thief = address_of("thief")
    with refused("CallerNotPayee" if whole else "ERC20InvalidReceiver"):
        transfer(scene, whole, receive=True, sender=thief)
    transfer(scene, whole, receive=False, sender=thief)
    assert scene.balance(TO) == 100


@pytest.mark.parametrize("whole", [False, True], ids=["split", "whole"])
def test_cancel(scene: Scene, whole: bool) -> None:
    account = scene.buyer_account
    values = {"authorizer": account.address, "nonce": NONCE}

    def cancel(by: Signer) -> Receipt:
        signature = authorisation(scene.token, "CancelAuthorization", values, by)
        if whole:
            return scene.token.transact("cancelAuthorization", account.address, NONCE, signature)
        name = "cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)"
        return scene.token.transact(name, account.address, NONCE, *split(signature))

    with refused("SignatureInvalid" if whole else "ERC3009InvalidSignature"):
        cancel(signer("thief"))
    assert cancel(account).event("AuthorizationCanceled") == values
    with refused("ERC3009UsedAuthorization", nonce=NONCE):
        transfer(scene, whole)
    with refused("ERC3009UsedAuthorization", nonce=NONCE):
        cancel(account)


def test_contract_account_signs_whole_signatures(scene: Scene) -> None:
    owner = signer("wallet owner")
    wallet = scene.evm.deploy("ContractWallet", owner.address)
    scene.mint(wallet.address, 100, "wallet's payment")
    changes: dict[str, Any] = {"from": wallet.address}
    with refused("SignatureInvalid", signer=wallet.address):
        transfer(scene, whole=True, by=signer("thief"), **changes)
    transfer(scene, whole=True, by=owner, **changes)
    assert scene.balance(TO) == 100


def permit(scene: Scene, by: Signer, **changes: Any) -> Receipt:
    """ERC-2612."""
    values = {
        "owner": scene.buyer_account.address,
        "spender": TO,
        "value": 100,
        "nonce": 0,
        "deadline": scene.world.deadline,
    } | changes
    kinds = {"owner": "address", "spender": "address"}
    fields = [{"name": name, "type": kinds.get(name, "uint256")} for name in values]
    v, r, s = split(sign_typed(scene.token, "Permit", {"Permit": fields}, values, by, TOKEN_NAME))
    sent = [values[name] for name in ("owner", "spender", "value", "deadline")]
    return scene.token.transact("permit", *sent, v, r, s)


def test_permit(scene: Scene) -> None:
    owner = scene.buyer_account
    permit(scene, owner)
    assert scene.token.call("allowance", owner.address, TO) == 100
    scene.token.transact("transferFrom", owner.address, TO, 100, sender=TO)
    assert scene.balance(TO) == 100
    with refused("ERC2612InvalidSigner"):
        permit(scene, owner)
    permit(scene, owner, nonce=1)


def test_permit_of_another_or_too_late(scene: Scene) -> None:
    with refused("ERC2612InvalidSigner", owner=scene.buyer_account.address):
        permit(scene, signer("thief"))
    late = scene.world.now - 1
    with refused("ERC2612ExpiredSignature", deadline=late):
        permit(scene, scene.buyer_account, deadline=late)
