"""open(): who may agree on what."""

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import ZERO_ADDRESS, address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import DAY, YEAR, gln_of, gtin_of, sign, signer
from tests.contracts.settlement.scene import NONE, OPEN, Scene, refused

WINDOW = {"inspectionWindow": DAY}


def test_open_records_and_tells(scene: Scene, gas_snapshot: GasSnapshot) -> None:
    order = scene.order()
    receipt = scene.open(order)
    assert receipt.result == scene.order_hash(order)
    event = receipt.event("OrderOpened")
    assert event == {
        "order": scene.order_hash(order),
        "buyer": order["buyer"],
        "seller": order["seller"],
        "terms": order,
    }
    assert scene.state(order) == {
        "status": OPEN,
        "outcome": 0,
        "fundedAt": 0,
        "provenAt": 0,
        "disputedAt": 0,
        "closedAt": 0,
    }
    gas_snapshot.record("escrow.open", receipt.gas)


def test_open_once(scene: Scene) -> None:
    order = scene.opened()
    with refused("StatusInvalid", actual=OPEN, expected=NONE):
        scene.open(order)


def test_contract_may_sign_for_a_member(scene: Scene) -> None:
    owner = signer("wallet owner")
    wallet = scene.evm.deploy("ContractWallet", owner.address)
    key = type(owner)(owner.secret, wallet.address)
    scene.world.grant_key(scene.world.buyer, key)
    order = scene.order()
    scene.open(order, buyer=key)
    assert scene.state(order)["status"] == OPEN


@pytest.mark.parametrize("side", ["buyer", "seller"])
class TestSignatures:
    """Both sides' keys must be live TRADER keys of the members that the order names."""

    def test_not_the_signers(self, scene: Scene, side: str) -> None:
        order, other = scene.order(), scene.order(salt=keccak(text="other"))
        keys = {"buyer": scene.world.buyer.key, "seller": scene.world.maker.key}
        signatures = {name: sign(scene.escrow, "Order", order, key) for name, key in keys.items()}
        signatures[side] = sign(scene.escrow, "Order", other, keys[side])
        with refused("SignatureInvalid", signer=keys[side].address, digest=scene.order_hash(order)):
            scene.escrow.transact(
                "open",
                order,
                keys["buyer"].address,
                signatures["buyer"],
                keys["seller"].address,
                signatures["seller"],
            )

    def test_of_another_member(self, scene: Scene, side: str) -> None:
        with refused("WrongMember", signer=scene.world.brand.key.address):
            scene.open(scene.order(), **{side: scene.world.brand.key})

    def test_unknown_key(self, scene: Scene, side: str) -> None:
        with refused("KeyNotLive"):
            scene.open(scene.order(), **{side: signer("stranger")})

    def test_revoked_key_rule_6(self, scene: Scene, side: str) -> None:
        party = scene.world.buyer if side == "buyer" else scene.world.maker
        scene.world.revoke_key(party, party.key)
        with refused("KeyNotLive", key=party.key.address):
            scene.open(scene.order())

    def test_suspended(self, scene: Scene, side: str) -> None:
        party = scene.world.buyer if side == "buyer" else scene.world.maker
        scene.world.as_council(scene.world.registry, "suspend", party.gln, keccak(text="decision"))
        with refused("MemberNotActive", gln=party.gln):
            scene.open(scene.order())


def test_side_without_trader_role(scene: Scene) -> None:
    with refused("RoleMissing", gln=scene.world.carrier.gln):
        scene.open(scene.order(buyer=scene.world.carrier.gln), buyer=scene.world.carrier.key)


def test_same_party_on_both_sides(scene: Scene) -> None:
    order = scene.order(seller=scene.world.buyer.gln)
    with refused("OrderInvalid", field="seller"):
        scene.open(order, seller=scene.world.buyer.key)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": 2**128}, "amount"),
        ({"grace": YEAR + 1}, "grace"),
        ({"inspectionWindow": YEAR + 1}, "inspectionWindow"),
        ({"rulingPeriod": YEAR + 1}, "rulingPeriod"),
        ({"rulingPeriod": 0} | WINDOW, "rulingPeriod"),
        ({"unruledSellerBps": 10_001}, "unruledSellerBps"),
        ({"onRevocation": 2}, "onRevocation"),
        ({"lines": []}, "lines"),
        ({"token": address_of("no code")}, "token"),
        ({"payee": ZERO_ADDRESS}, "payee"),
        ({"buyerAccount": ZERO_ADDRESS}, "buyerAccount"),
        ({"arbiter": 0} | WINDOW, "arbiter"),
    ],
)
def test_bounds_name_the_field_and_the_value(scene: Scene, changes: dict[str, Any], field: str) -> None:
    order = scene.order(**changes)
    value = order[field]
    number = len(value) if field == "lines" else int(value, 16) if isinstance(value, str) else value
    with refused("OrderInvalid", field=field, value=number):
        scene.open(order)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 1},
        {"amount": 2**128 - 1},
        {"grace": 0},
        {"grace": YEAR},
        {"inspectionWindow": YEAR, "rulingPeriod": YEAR},
        {"inspectionWindow": 1, "rulingPeriod": 1},
        {"unruledSellerBps": 0},
        {"unruledSellerBps": 10_000},
        {"onRevocation": 1},
        {"arbiter": 0, "rulingPeriod": 0},
    ],
)
def test_bounds_are_inclusive(scene: Scene, changes: dict[str, Any]) -> None:
    assert scene.state(scene.opened(**changes))["status"] == OPEN


def test_deliver_by_lies_ahead_but_not_further_than_five_years_rule_10(scene: Scene) -> None:
    now = scene.world.now
    for wrong in (0, now, now + 5 * YEAR + 1):
        with refused("OrderInvalid", field="deliverBy", value=wrong):
            scene.open(scene.order(deliverBy=wrong))
    for right in (now + 1, now + 5 * YEAR):
        scene.open(scene.order(deliverBy=right))


@pytest.mark.parametrize("field", ["payee", "buyerAccount"])
def test_money_may_not_end_in_escrow_or_token(scene: Scene, field: str) -> None:
    for contract in (scene.escrow, scene.token):
        with refused("OrderInvalid", field=field, value=int(contract.address, 16)):
            scene.open(scene.order(**{field: contract.address}))


def test_prover_is_an_active_member_and_not_the_seller(scene: Scene) -> None:
    with refused("OrderInvalid", field="prover", value=scene.world.maker.gln):
        scene.open(scene.order(prover=scene.world.maker.gln))
    with refused("MemberUnknown", gln=gln_of(1)):
        scene.open(scene.order(prover=gln_of(1)))
    scene.world.as_council(scene.world.registry, "suspend", scene.world.carrier.gln, keccak(text="decision"))
    with refused("MemberNotActive", gln=scene.world.carrier.gln):
        scene.open(scene.order())


def test_arbiter_is_an_active_arbiter_and_neither_side(scene: Scene) -> None:
    world = scene.world
    for side in (world.buyer, world.maker):
        with refused("OrderInvalid", field="arbiter", value=side.gln):
            scene.open(scene.order(arbiter=side.gln, **WINDOW))
    with refused("MemberUnknown", gln=gln_of(1)):
        scene.open(scene.order(arbiter=gln_of(1), **WINDOW))
    with refused("RoleMissing", gln=world.carrier.gln):
        scene.open(scene.order(arbiter=world.carrier.gln, **WINDOW))
    world.as_council(world.registry, "suspend", world.arbiter.gln, keccak(text="decision"))
    with refused("MemberNotActive", gln=world.arbiter.gln):
        scene.open(scene.order(**WINDOW))


def test_number_of_lines(scene: Scene) -> None:
    scene.open(scene.order(lines=[scene.line(quantity=n + 1) for n in range(50)]))
    with refused("OrderInvalid", field="lines", value=51):
        scene.open(scene.order(lines=[scene.line(quantity=n + 1) for n in range(51)]))


def test_line_without_quantity(scene: Scene) -> None:
    with refused("OrderInvalid", field="quantity", value=0):
        scene.open(scene.order(lines=[scene.line(), scene.line(quantity=0)]))


class TestRightsRule5:
    """Goods without a live licence for the destination open no escrow."""

    def test_destination_not_licensed(self, scene: Scene) -> None:
        lines = [scene.line(), scene.line(destination=b"FR")]
        with refused("TerritoryNotLicensed", licence=scene.licence, territory=b"FR"):
            scene.open(scene.order(lines=lines))

    def test_gtin_not_licensed(self, scene: Scene) -> None:
        with refused("GtinNotLicensed", gtin=gtin_of(2)):
            scene.open(scene.order(lines=[scene.line(gtin=gtin_of(2))]))

    def test_licence_unknown(self, scene: Scene) -> None:
        with refused("LicenceUnknown"):
            scene.open(scene.order(lines=[scene.line(licence=keccak(text="invented"))]))

    def test_licence_of_another(self, scene: Scene) -> None:
        licence = scene.world.grant_licence(licensee=scene.world.buyer.gln)
        with refused("NotLicensee", member=scene.world.maker.gln):
            scene.open(scene.order(lines=[scene.line(licence=licence)]))

    def test_licence_revoked(self, scene: Scene) -> None:
        scene.world.revoke_licence(scene.licence)
        with refused("LicenceIsRevoked", licence=scene.licence):
            scene.open(scene.order())

    def test_mark_cancelled(self, scene: Scene) -> None:
        scene.world.as_council(scene.world.rights, "cancelMark", scene.world.mark, keccak(text="decision"))
        with refused("MarkNotLive", mark=scene.world.mark):
            scene.open(scene.order())
