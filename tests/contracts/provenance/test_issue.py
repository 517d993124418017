"""ProductPassport.issue: many items by one root, under a licence and not beyond it."""

from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.contracts.evm import Contract, Reverted
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import MAKER, World, gtin_of, sign, signer
from tests.contracts.provenance.scene import EMPTY, IssuedItems, cid_of, issue


@pytest.fixture
def items() -> IssuedItems:
    return IssuedItems([f"A{number}" for number in range(10)])


def test_issue_is_recorded_and_uses_up_the_licence(
    world: World, passport: Contract, licence: bytes, items: IssuedItems
) -> None:
    terms = items.terms(world, licence)
    receipt = world.send(passport, "issue", "Issue", terms, world.maker.key)
    issue_id = passport.call("issueIdOf", world.maker.gln, items.tree.root)
    assert issue_id == keccak(world.maker.gln.to_bytes(32, "big") + items.tree.root)
    assert receipt.result == issue_id
    assert receipt.event("Issued") == {
        "issueId": issue_id,
        "maker": world.maker.gln,
        "gtin": items.gtin,
        "root": items.tree.root,
        "size": 10,
        "licence": licence,
        "cid": cid_of("issue manifest"),
        "signer": world.maker.key.address,
    }
    assert passport.call("issueRecord", issue_id) == {
        "maker": world.maker.gln,
        "gtin": items.gtin,
        "size": 10,
        "issuedAt": world.now,
        "licence": licence,
        "root": items.tree.root,
    }
    assert world.rights.call("licenceRecord", licence)["consumed"] == 10


def test_a_maker_issues_a_root_once(
    world: World, passport: Contract, licence: bytes, items: IssuedItems
) -> None:
    issue_id = issue(world, passport, items, licence)
    with pytest.raises(Reverted) as refused:
        issue(world, passport, items, licence, size=1, cid=b"other")
    assert (refused.value.name, refused.value.values) == ("AlreadyIssued", {"issueId": issue_id})
    assert world.rights.call("licenceRecord", licence)["consumed"] == 10


def test_rule_5_nothing_is_issued_beyond_the_licence(
    world: World, passport: Contract, licence: bytes, items: IssuedItems
) -> None:
    with pytest.raises(Reverted) as refused:
        issue(world, passport, items, licence, size=1001)
    assert refused.value.name == "QuantityExceeded"
    issue(world, passport, items, licence, size=1000)
    with pytest.raises(Reverted, match="QuantityExceeded"):
        issue(world, passport, IssuedItems(["more"]), licence)


def test_rule_5_no_issue_without_a_live_licence_for_it(
    world: World, passport: Contract, licence: bytes, items: IssuedItems
) -> None:
    with pytest.raises(Reverted, match="LicenceUnknown"):
        issue(world, passport, items, keccak(text="no licence"))
    with pytest.raises(Reverted, match="GtinNotLicensed"):
        issue(world, passport, items, licence, gtin=gtin_of(2))
    abroad = world.grant_licence(territories=[b"DE"], salt=keccak(text="abroad"))
    with pytest.raises(Reverted, match="TerritoryNotLicensed"):
        issue(world, passport, items, abroad)
    others = world.grant_licence(licensee=world.buyer.gln, salt=keccak(text="others"))
    with pytest.raises(Reverted, match="NotLicensee"):
        issue(world, passport, items, others)
    world.revoke_licence(licence)
    with pytest.raises(Reverted, match="LicenceIsRevoked"):
        issue(world, passport, items, licence)


def test_rule_6_only_a_live_maker_key_issues(
    world: World, passport: Contract, licence: bytes, items: IssuedItems
) -> None:
    with pytest.raises(Reverted) as refused:
        issue(world, passport, items, licence, by=world.carrier.key)
    assert refused.value.name == "RoleMissing"
    assert refused.value.values["required"] == MAKER
    with pytest.raises(Reverted, match="KeyNotLive"):
        issue(world, passport, items, licence, by=signer("stranger"))
    with pytest.raises(Reverted, match="DeadlineExpired"):
        issue(world, passport, items, licence, deadline=world.now - 1)


@pytest.mark.parametrize(
    "change", [{"root": b"\x01" * 32}, {"size": 1}, {"gtin": gtin_of(2)}, {"licence": EMPTY}, {"cid": b"x"}]
)
def test_rule_6_no_field_can_be_changed_after_signing(
    world: World, passport: Contract, licence: bytes, items: IssuedItems, change: dict[str, Any]
) -> None:
    terms = items.terms(world, licence)
    signature = sign(passport, "Issue", terms, world.maker.key)
    if change.get("licence") == EMPTY:
        change = {"licence": keccak(text="other")}
    with pytest.raises(Reverted, match="SignatureInvalid"):
        passport.transact("issue", terms | change, world.maker.key.address, signature)


@pytest.mark.parametrize(
    ("change", "error", "values"),
    [
        ({"root": EMPTY}, "FieldEmpty", {"field": "root"}),
        ({"cid": b""}, "FieldEmpty", {"field": "cid"}),
        ({"size": 0}, "SizeInvalid", {"size": 0}),
        ({"gtin": gtin_of(1) + 1}, "GtinInvalid", {"gtin": gtin_of(1) + 1}),
        ({"gtin": 0}, "GtinInvalid", {"gtin": 0}),
        ({"gtin": 2**63}, "GtinInvalid", {"gtin": 2**63}),
    ],
)
def test_fields_that_cannot_be(
    world: World,
    passport: Contract,
    licence: bytes,
    items: IssuedItems,
    change: dict[str, Any],
    error: str,
    values: dict[str, Any],
) -> None:
    with pytest.raises(Reverted) as refused:
        issue(world, passport, items, licence, **change)
    assert (refused.value.name, refused.value.values) == (error, values)


def test_unknown_issues(passport: Contract) -> None:
    with pytest.raises(Reverted, match="IssueUnknown"):
        passport.call("issueRecord", keccak(text="no issue"))
    assert passport.call("issueOf", 1) == EMPTY
    assert passport.call("recallOf", keccak(text="no issue"), EMPTY) == (0, EMPTY)


def test_gas_issue(
    world: World, passport: Contract, licence: bytes, items: IssuedItems, gas_snapshot: GasSnapshot
) -> None:
    first = world.send(
        passport, "issue", "Issue", IssuedItems(["first"]).terms(world, licence), world.maker.key
    )
    gas_snapshot.record("ProductPassport.issue, maker's first", first.gas)
    receipt = world.send(passport, "issue", "Issue", items.terms(world, licence), world.maker.key)
    gas_snapshot.record("ProductPassport.issue", receipt.gas)
