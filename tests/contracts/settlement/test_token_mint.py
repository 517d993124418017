"""mint(): only by a live TOKEN_ISSUER key of the one issuer, once for each payment."""

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import ZERO_ADDRESS, address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import ARBITER, TOKEN_ISSUER, party, sign, signer
from tests.contracts.settlement.scene import AMOUNT, TOKEN_NAME, Scene, refused

HOLDER = address_of("holder")


def test_describes_itself(scene: Scene) -> None:
    token = scene.token
    described = [
        token.call(name) for name in ("name", "symbol", "currency", "decimals", "issuer", "registry")
    ]
    assert described == [
        TOKEN_NAME,
        "EXEUR",
        "EUR",
        2,
        scene.world.issuer.gln,
        scene.world.registry.address,
    ]


def test_mint(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    supply = scene.token.call("totalSupply")
    receipt = scene.mint(HOLDER, 500, "payment")
    assert receipt.event("Minted") == {
        "to": HOLDER,
        "amount": 500,
        "paymentReference": keccak(text="payment"),
        "signer": scene.world.issuer.key.address,
    }
    assert receipt.event("Transfer") == {"from": ZERO_ADDRESS, "to": HOLDER, "value": 500}
    assert scene.balance(HOLDER) == 500
    assert scene.token.call("totalSupply") == supply + 500
    gas_snapshot.record("token.mint", receipt.gas)


def test_payment_reference_counts_once(scene: Scene) -> None:
    scene.mint(HOLDER, 500, "payment")
    for amount in (500, 501):
        with refused("PaymentReferenceUsed", paymentReference=keccak(text="payment")):
            scene.mint(HOLDER, amount, "payment")


def test_payment_reference_is_not_zero(scene: Scene) -> None:
    with refused("PaymentReferenceUsed", paymentReference=bytes(32)):
        scene.mint(HOLDER, 500, "payment", paymentReference=bytes(32))


def test_amount_of_zero(scene: Scene) -> None:
    with refused("AmountInvalid", amount=0):
        scene.mint(HOLDER, 0, "payment")


def test_more_than_the_type_holds(scene: Scene) -> None:
    with refused("Panic", code=0x11):
        scene.mint(HOLDER, 2**256 - 1, "payment")


def test_deadline(scene: Scene) -> None:
    now = scene.world.now
    with refused("DeadlineExpired", deadline=now - 1, timestamp=now):
        scene.mint(HOLDER, 500, "payment", deadline=now - 1)
    scene.mint(HOLDER, 500, "payment", deadline=now)


def test_another_issuer_mints_nothing(scene: Scene) -> None:
    other = party("another issuer", 952_000_000_098, b"FR", TOKEN_ISSUER)
    scene.world.admit(other)
    values = {
        "to": HOLDER,
        "amount": 1,
        "paymentReference": keccak(text="payment"),
        "deadline": scene.world.deadline,
    }
    for by, error in ((other.key, "WrongMember"), (signer("stranger"), "KeyNotLive")):
        with refused(error):
            scene.token.transact(
                "mint", values, by.address, sign(scene.token, "Mint", values, by, TOKEN_NAME)
            )


def test_signature_over_something_else(scene: Scene) -> None:
    values = {
        "to": HOLDER,
        "amount": 1,
        "paymentReference": keccak(text="payment"),
        "deadline": scene.world.deadline,
    }
    key = scene.world.issuer.key
    signature = sign(scene.token, "Mint", values, key, TOKEN_NAME)
    for changed in ({"to": address_of("thief")}, {"amount": 2}, {"paymentReference": keccak(text="other")}):
        with refused("SignatureInvalid", signer=key.address):
            scene.token.transact("mint", values | changed, key.address, signature)
    with refused("SignatureInvalid"):
        scene.token.transact("mint", values, key.address, sign(scene.token, "Mint", values, key, "TradeSeal"))


def test_signature_for_another_token(scene: Scene) -> None:
    arguments = (TOKEN_NAME, "EXEUR", "EUR", 2, scene.world.issuer.gln, scene.world.registry)
    twin = scene.evm.deploy("FiatToken", *arguments, label="twin")
    values = {
        "to": HOLDER,
        "amount": 1,
        "paymentReference": keccak(text="payment"),
        "deadline": scene.world.deadline,
    }
    key = scene.world.issuer.key
    signature = sign(twin, "Mint", values, key, TOKEN_NAME)
    with refused("SignatureInvalid"):
        scene.token.transact("mint", values, key.address, signature)


@pytest.mark.parametrize("how", ["suspended", "role taken", "key revoked"])
def test_issuer_without_standing_mints_nothing_rule_6(scene: Scene, how: str) -> None:
    world = scene.world
    if how == "suspended":
        world.as_council(world.registry, "suspend", world.issuer.gln, keccak(text="decision"))
        error = "MemberNotActive"
    elif how == "role taken":
        world.as_council(world.registry, "setRoles", world.issuer.gln, ARBITER)
        error = "RoleMissing"
    else:
        world.revoke_key(world.issuer, world.issuer.key)
        error = "KeyNotLive"
    with refused(error):
        scene.mint(HOLDER, 500, "payment")


def test_nobody_can_freeze_or_take_what_is_held_rule_3(scene: Scene) -> None:
    world = scene.world
    for member in world.parties.values():
        world.as_council(world.registry, "suspend", member.gln, keccak(text="decision"))
    account = scene.buyer_account.address
    scene.token.transact("transfer", HOLDER, AMOUNT, sender=account)
    assert scene.balance(HOLDER) == AMOUNT


def test_no_function_that_an_administrator_could_use_rule_3(scene: Scene) -> None:
    names = {item["name"] for item in [*scene.token.abi, *scene.escrow.abi] if item["type"] == "function"}
    assert names == {
        *("name", "symbol", "decimals", "totalSupply", "balanceOf", "transfer", "allowance", "approve"),
        *("transferFrom", "permit", "nonces", "DOMAIN_SEPARATOR", "eip712Domain"),
        *(
            "transferWithAuthorization",
            "receiveWithAuthorization",
            "cancelAuthorization",
            "authorizationState",
        ),
        *("mint", "burn", "currency", "issuer", "registry"),
        *("open", "fund", "onAttestation", "confirm", "settle", "dispute", "rule", "refund"),
        *("withdraw", "withdrawTo", "hashOrder", "state", "credit", "totals", "rights", "ledger"),
    }
