"""Council.execute (rule 6: one member alone grants nothing)."""

import pytest

from tests.contracts.evm import RELAYER, Reverted, address_of, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import BRAND_OWNER, MAKER, World, admission, party


def test_rule_6_one_seat_alone_grants_nothing(world: World) -> None:
    newcomer = party("newcomer", 952_000_000_099, b"IT", MAKER)
    arguments = admission(newcomer, world.now + 1000)
    action = world.action(world.registry, "admit", *arguments)
    world.approve(action, world.seats[0])
    action_id = world.council.call("actionId", action)
    with reverts("ApprovalsMissing", action=action_id, approvals=1, threshold=2):
        world.council.transact("execute", action)
    with reverts("AccessManagedUnauthorized", caller=world.seats[0].address):
        world.registry.transact("admit", *arguments, sender=world.seats[0].address)
    world.approve(action, world.seats[2])
    world.council.transact("execute", action)
    assert world.registry.call("member", newcomer.gln)["roles"] == MAKER


def test_anybody_executes_and_the_council_is_the_caller(world: World, gas_snapshot: GasSnapshot) -> None:
    receipt = world.decide(world.registry, "setRoles", world.brand.gln, BRAND_OWNER)
    assert [event.name for event in receipt.events] == ["ActionExecuted", "RolesChanged"]
    gas_snapshot.record("Council.execute, setRoles", receipt.gas)


def test_an_action_is_executed_once(world: World) -> None:
    action = world.action(world.registry, "setRoles", world.brand.gln, BRAND_OWNER)
    for seat in world.seats:
        world.approve(action, seat)
    world.council.transact("execute", action)
    action_id = world.council.call("actionId", action)
    assert world.council.call("status", action_id) == (3, True)
    with reverts("AlreadyExecuted", action=action_id):
        world.council.transact("execute", action)


def test_the_same_call_is_possible_again_with_another_salt(world: World) -> None:
    for salt in ("first", "second"):
        world.decide(world.registry, "setRoles", world.brand.gln, BRAND_OWNER, salt=salt)


def test_nothing_is_executed_after_the_deadline(world: World) -> None:
    action = world.action(world.registry, "setRoles", world.brand.gln, BRAND_OWNER)
    for seat in world.seats:
        world.approve(action, seat)
    world.evm.warp_to(action["deadline"] + 1)
    with reverts("DeadlineExpired", deadline=action["deadline"], timestamp=action["deadline"] + 1):
        world.council.transact("execute", action)


def test_a_reverting_target_is_passed_on_and_can_be_tried_again(world: World) -> None:
    action = world.action(world.registry, "reinstate", world.brand.gln)
    for seat in world.seats[:2]:
        world.approve(action, seat)
    with reverts("MemberActive", gln=world.brand.gln):
        world.council.transact("execute", action)
    assert world.council.call("status", world.council.call("actionId", action)) == (2, False)
    world.as_council(world.registry, "suspend", world.brand.gln, b"\x01" * 32)
    world.council.transact("execute", action)
    assert world.registry.call("member", world.brand.gln)["active"]


def test_a_target_without_code_is_no_success(world: World) -> None:
    nobody = address_of("nobody")
    action = world.action(world.registry, "reinstate", world.brand.gln) | {"target": nobody}
    for seat in world.seats[:2]:
        world.approve(action, seat)
    with reverts("TargetWithoutCode", target=nobody):
        world.council.transact("execute", action)


def test_approvals_of_a_seat_that_left_do_not_count(world: World) -> None:
    action = world.action(world.registry, "setRoles", world.brand.gln, BRAND_OWNER)
    world.approve(action, world.seats[0])
    world.approve(action, world.seats[1])
    remaining = [world.seats[0].address, world.seats[2].address, address_of("new seat")]
    world.decide(world.council, "setSeats", remaining, 2)
    action_id = world.council.call("actionId", action)
    with reverts("ApprovalsMissing", action=action_id, approvals=1, threshold=2):
        world.council.transact("execute", action)
    world.approve(action, world.seats[2])
    world.council.transact("execute", action)


def test_a_raised_threshold_holds_for_open_actions(world: World) -> None:
    action = world.action(world.registry, "setRoles", world.brand.gln, BRAND_OWNER)
    world.approve(action, world.seats[0])
    world.approve(action, world.seats[1])
    world.decide(world.council, "setSeats", [seat.address for seat in world.seats], 3)
    with reverts("ApprovalsMissing", action=world.council.call("actionId", action), approvals=2, threshold=3):
        world.council.transact("execute", action)


def test_execution_does_not_nest(world: World) -> None:
    inner = world.action(world.registry, "setRoles", world.brand.gln, BRAND_OWNER)
    outer = world.action(world.council, "execute", inner)
    for seat in world.seats[:2]:
        world.approve(inner, seat)
        world.approve(outer, seat)
    with reverts("ReentrancyGuardReentrantCall"):
        world.council.transact("execute", outer)
    world.council.transact("execute", inner)


def test_an_action_never_approved_is_not_executed(world: World) -> None:
    action = world.action(world.registry, "setRoles", world.brand.gln, BRAND_OWNER)
    with pytest.raises(Reverted, match="ApprovalsMissing"):
        world.council.transact("execute", action)


def test_after_deployment_the_council_alone_administers(world: World) -> None:
    authority = world.authority
    assert authority.call("hasRole", 0, world.council)[0]
    for other in ("deployer", "seat 0", "brand key"):
        assert not authority.call("hasRole", 0, address_of(other))[0]
    with reverts("AccessManagerUnauthorizedAccount", msgsender=RELAYER, roleId=0):
        authority.transact("grantRole", 0, RELAYER, 0)
