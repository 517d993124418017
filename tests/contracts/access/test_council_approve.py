"""Council.approve: a seat's signature counts once, for one action, on one council."""

from dataclasses import replace

import pytest

from tests.contracts.evm import Contract, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import World, sign, sign_typed, signer, typed_fields


def test_first_approval_proposes_and_names_the_whole_action(world: World, gas_snapshot: GasSnapshot) -> None:
    action = world.action(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    action_id = world.council.call("actionId", action)
    first = world.approve(action, world.seats[0])
    assert [event.name for event in first.events] == ["ActionProposed", "ActionApproved"]
    assert first.event("ActionProposed") == {"action": action_id, "seat": world.seats[0].address, **action}
    second = world.approve(action, world.seats[1])
    assert second.named("ActionProposed") == []
    assert second.event("ActionApproved") == {"action": action_id, "seat": world.seats[1].address}
    assert world.council.call("status", action_id) == (2, False)
    gas_snapshot.record("Council.approve, first", first.gas)
    gas_snapshot.record("Council.approve", second.gas)


def test_no_seat_approves_twice(world: World) -> None:
    action = world.action(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    world.approve(action, world.seats[0])
    with reverts(
        "AlreadyApproved", action=world.council.call("actionId", action), seat=world.seats[0].address
    ):
        world.approve(action, world.seats[0])


def test_a_member_without_seat_approves_nothing(world: World) -> None:
    action = world.action(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    with reverts("NotSeat", seat=world.maker.key.address):
        world.approve(action, world.maker.key)


def test_a_seat_cannot_be_named_by_another_signature(world: World) -> None:
    action = world.action(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    signature = sign(world.council, "CouncilAction", action, world.seats[0])
    with reverts("SignatureInvalid"):
        world.council.transact("approve", action, world.seats[1].address, signature)


@pytest.mark.parametrize("field", ["target", "data", "salt", "deadline"])
def test_every_field_of_an_action_is_signed(world: World, field: str) -> None:
    action = world.action(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    signature = sign(world.council, "CouncilAction", action, world.seats[0])
    other = {
        "target": world.rights.address,
        "data": action["data"] + b"\x00",
        "salt": b"\x02" * 32,
        "deadline": action["deadline"] + 1,
    }
    with reverts("SignatureInvalid"):
        world.council.transact("approve", action | {field: other[field]}, world.seats[0].address, signature)


def test_a_signature_of_another_network_or_council_is_refused(world: World) -> None:
    action = world.action(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    seat = world.seats[0]
    types = typed_fields(world.council.struct("CouncilAction"))
    elsewhere: Contract = world.evm.at("Council", world.registry.address)
    with reverts("SignatureInvalid"):
        signature = sign(elsewhere, "CouncilAction", action, seat)
        world.council.transact("approve", action, seat.address, signature)
    with reverts("SignatureInvalid"):
        signature = sign_typed(world.council, "CouncilAction", types, action, seat, name="Other")
        world.council.transact("approve", action, seat.address, signature)


def test_an_action_is_approved_until_its_deadline_inclusive(world: World) -> None:
    action = world.action(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    world.evm.warp_to(action["deadline"])
    world.approve(action, world.seats[0])
    world.evm.warp(1)
    with reverts("DeadlineExpired", deadline=action["deadline"], timestamp=action["deadline"] + 1):
        world.approve(action, world.seats[1])


def test_an_executed_action_takes_no_more_approvals(world: World) -> None:
    action = world.action(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    for seat in world.seats[:2]:
        world.approve(action, seat)
    world.council.transact("execute", action)
    with reverts("AlreadyExecuted", action=world.council.call("actionId", action)):
        world.approve(action, world.seats[2])


def test_a_contract_account_may_hold_a_seat(world: World) -> None:
    owner = signer("wallet owner")
    wallet = world.evm.deploy("ContractWallet", owner.address)
    seats = [world.seats[0].address, world.seats[1].address, wallet.address]
    world.decide(world.council, "setSeats", seats, 2)
    action = world.action(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    world.approve(action, replace(owner, address=wallet.address))
    assert world.council.call("status", world.council.call("actionId", action)) == (1, False)
    with reverts("SignatureInvalid"):
        world.approve(action | {"salt": b"\x09" * 32}, replace(signer("thief"), address=wallet.address))
