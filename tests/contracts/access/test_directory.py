"""Directory: a list for clients, kept by the council."""

import pytest

from tests.contracts.evm import RELAYER, ZERO_ADDRESS, address_of, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import World


def test_entries_are_set_listed_and_found(world: World, gas_snapshot: GasSnapshot) -> None:
    receipt = world.as_council(world.directory, "set", "MemberRegistry", world.registry)
    expected = {"name": "MemberRegistry", "contractAddress": world.registry.address}
    assert receipt.event("EntrySet") == expected
    world.as_council(world.directory, "set", "Rights Ω", world.rights)
    assert world.directory.call("get", "MemberRegistry") == world.registry.address
    assert world.directory.call("entries") == [
        expected,
        {"name": "Rights Ω", "contractAddress": world.rights.address},
    ]
    gas_snapshot.record("Directory.set", receipt.gas)


def test_an_entry_is_replaced_and_removed_in_place(world: World) -> None:
    for address in (world.registry.address, world.rights.address, ZERO_ADDRESS, world.council.address):
        world.as_council(world.directory, "set", "Name", address)
        assert world.directory.call("get", "Name") == address
        assert world.directory.call("entries") == [{"name": "Name", "contractAddress": address}]


def test_an_unknown_name_stands_for_nothing(world: World) -> None:
    assert world.directory.call("get", "Nobody") == ZERO_ADDRESS
    assert world.directory.call("entries") == []


@pytest.mark.parametrize("name", ["", "x" * 33])
def test_a_name_has_1_to_32_bytes(world: World, name: str) -> None:
    with reverts("NameInvalid", name=name):
        world.as_council(world.directory, "set", name, world.registry)


def test_an_address_without_code_is_no_contract(world: World) -> None:
    nobody = address_of("nobody")
    with reverts("EntryWithoutCode", name="Name", contractAddress=nobody):
        world.as_council(world.directory, "set", "Name", nobody)


def test_only_the_council_sets(world: World) -> None:
    with reverts("AccessManagedUnauthorized", caller=RELAYER):
        world.directory.transact("set", "Name", world.registry)
