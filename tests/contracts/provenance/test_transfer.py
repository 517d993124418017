"""Transfers of passports: each passes the same rules as a sale."""

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.evm import ZERO_ADDRESS, Contract, Receipt, Reverted, address_of
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import YEAR, Party, World, party
from tests.contracts.provenance.scene import IssuedItems, issue, materialise, recall

pytestmark = pytest.mark.slow

ITEMS = IssuedItems([f"S{number}" for number in range(6)])


@pytest.fixture
def issued(world: World, passport: Contract, licence: bytes) -> bytes:
    """An issue whose first item has a token."""
    issue_id = issue(world, passport, ITEMS, licence)
    materialise(passport, issue_id, ITEMS, 0)
    return issue_id


def transfer(passport: Contract, giver: Party, taker: Party | str, index: int = 0) -> Receipt:
    to = taker if isinstance(taker, str) else taker.account.address
    sender = giver.account.address
    return passport.transact("transferFrom", sender, to, ITEMS.token(index), sender=sender)


def test_a_sale_to_a_member_in_a_licensed_country(world: World, passport: Contract, issued: bytes) -> None:
    token = ITEMS.token(0)
    receipt = transfer(passport, world.maker, world.buyer)
    assert receipt.event("Transfer") == {
        "from": world.maker.account.address,
        "to": world.buyer.account.address,
        "tokenId": token,
    }
    assert passport.call("ownerOf", token) == world.buyer.account.address
    assert passport.call("balanceOf", world.maker.account.address) == 0
    assert passport.call("balanceOf", world.buyer.account.address) == 1
    assert passport.call("issueOf", token) == issued
    transfer(passport, world.buyer, world.maker)


def test_rule_5_nobody_outside_the_licensed_territories(
    world: World, passport: Contract, issued: bytes
) -> None:
    with pytest.raises(Reverted) as refused:
        transfer(passport, world.maker, world.carrier)
    assert refused.value.name == "TerritoryNotLicensed"
    assert refused.value.values["territory"] == world.carrier.country


def test_rule_5_nothing_moves_without_a_live_licence(
    world: World, passport: Contract, licence: bytes, issued: bytes
) -> None:
    with world.evm.sandbox():
        world.evm.warp(YEAR)
        with pytest.raises(Reverted, match="LicenceNotLive"):
            transfer(passport, world.maker, world.buyer)
    world.revoke_licence(licence)
    with pytest.raises(Reverted, match="LicenceIsRevoked"):
        transfer(passport, world.maker, world.buyer)


def test_rule_5_recall_and_seizure_stop_a_token_at_once(
    world: World, passport: Contract, issued: bytes
) -> None:
    for by, item in ((world.maker, ITEMS.token(0)), (world.customs_b, ITEMS.token(0)), (world.brand, 0)):
        with world.evm.sandbox():
            recall(world, passport, issued, item, by.key)
            with pytest.raises(Reverted) as refused:
                transfer(passport, world.maker, world.buyer)
            assert refused.value.name == "ItemRecalled"
            assert refused.value.values == {"tokenId": ITEMS.token(0), "issueId": issued}


def test_holders_are_accounts_of_active_members(world: World, passport: Contract, issued: bytes) -> None:
    for stranger in (address_of("stranger"), world.buyer.key.address, passport.address):
        with pytest.raises(Reverted) as refused:
            transfer(passport, world.maker, stranger)
        assert (refused.value.name, refused.value.values) == ("HolderNotMember", {"holder": stranger})
    with pytest.raises(Reverted, match="ERC721InvalidReceiver"):
        transfer(passport, world.maker, ZERO_ADDRESS)
    world.as_council(world.registry, "suspend", world.buyer.gln, keccak(text="why"))
    with pytest.raises(Reverted, match="HolderNotMember"):
        transfer(passport, world.maker, world.buyer)


def test_only_the_owner_or_whom_it_approved_moves_a_token(
    world: World, passport: Contract, issued: bytes
) -> None:
    owner, to, token = world.maker.account.address, world.buyer.account.address, ITEMS.token(0)
    broker = address_of("broker")
    with pytest.raises(Reverted, match="ERC721InsufficientApproval"):
        passport.transact("transferFrom", owner, to, token, sender=broker)
    passport.transact("approve", broker, token, sender=owner)
    with pytest.raises(Reverted, match="ERC721IncorrectOwner"):
        passport.transact("transferFrom", broker, to, token, sender=broker)
    passport.transact("transferFrom", owner, to, token, sender=broker)
    assert passport.call("getApproved", token) == ZERO_ADDRESS
    with pytest.raises(Reverted, match="ERC721InsufficientApproval"):
        passport.transact("transferFrom", to, owner, token, sender=broker)
    passport.transact("setApprovalForAll", broker, True, sender=to)
    passport.transact("safeTransferFrom", to, owner, token, sender=broker)
    assert passport.call("ownerOf", token) == owner


def test_tokens_that_do_not_exist(world: World, passport: Contract, issued: bytes) -> None:
    with pytest.raises(Reverted, match="ERC721NonexistentToken"):
        passport.call("ownerOf", ITEMS.token(1))
    with pytest.raises(Reverted, match="ERC721InvalidOwner"):
        passport.call("balanceOf", ZERO_ADDRESS)
    with pytest.raises(Reverted, match="ERC721NonexistentToken"):
        passport.transact(
            # ERC721 takes a caller of zero for itself; no transaction has one, a chain's own calls may.
            "transferFrom",
            ZERO_ADDRESS,
            address_of("anybody"),
            ITEMS.token(1),
            sender=ZERO_ADDRESS,
        )
    with pytest.raises(Reverted, match="ERC721NonexistentToken"):
        transfer(passport, world.maker, world.buyer, index=1)


def test_interfaces_and_names(passport: Contract) -> None:
    for interface in ("01ffc9a7", "80ac58cd", "5b5e139f", "49064906"):
        assert passport.call("supportsInterface", bytes.fromhex(interface))
    assert not passport.call("supportsInterface", bytes.fromhex("ffffffff"))
    assert passport.call("name") == "TradeSeal Product Passport"
    assert passport.call("symbol") == "TSPP"


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["materialise", "transfer", "recall"]),
            st.integers(0, 5),
            st.sampled_from(["maker", "buyer", "brand", "carrier", "trader"]),
        ),
        max_size=12,
    )
)
def test_rule_5_any_sequence_keeps_owners_and_balances(
    world: World, passport: Contract, steps: list[tuple[str, int, str]]
) -> None:
    """Against a model in Python: who owns what, what is stopped, where the licence reaches."""
    with world.evm.sandbox():
        trader = party("trader", 952_000_000_099, b"US", 1 << 5)
        world.admit(trader)
        people = {name: trader if name == "trader" else getattr(world, name) for _, _, name in steps}
        issue_id = issue(world, passport, ITEMS, world.grant_licence())
        owner: dict[int, Party] = {}
        stopped: set[int] = set()
        for action, index, name in steps:
            try:
                if action == "materialise":
                    allowed = index not in owner and index not in stopped
                    materialise(passport, issue_id, ITEMS, index)
                    owner[index] = world.maker
                elif action == "recall":
                    allowed = index not in stopped
                    recall(world, passport, issue_id, ITEMS.token(index), world.regulator.key)
                    stopped.add(index)
                else:
                    allowed = index in owner and index not in stopped and name != "carrier"
                    transfer(passport, owner.get(index, world.maker), people[name], index)
                    owner[index] = people[name]
            except Reverted:
                assert not allowed, (action, index, name)
            else:
                assert allowed, (action, index, name)
        for index, holder in owner.items():
            assert passport.call("ownerOf", ITEMS.token(index)) == holder.account.address
        for person in [world.maker, *people.values()]:
            held = sum(holder.gln == person.gln for holder in owner.values())
            assert passport.call("balanceOf", person.account.address) == held


def test_gas_transfer(world: World, passport: Contract, issued: bytes, gas_snapshot: GasSnapshot) -> None:
    materialise(passport, issued, ITEMS, 1)
    transfer(passport, world.maker, world.buyer, 0)
    gas_snapshot.record("ProductPassport.transferFrom", transfer(passport, world.maker, world.buyer, 1).gas)
