"""Founding the council and Council.setSeats; then any sequence of both against a model."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contracts.evm import ZERO_ADDRESS, Contract, Evm, address_of, attempt, reverts
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import World, build_world, sign, signer

pytestmark = pytest.mark.slow

A, B, C, D = (address_of(f"seat {letter}") for letter in "ABCD")


def test_a_council_is_founded(world: World) -> None:
    council = world.evm.deploy("Council", [A, B, C, D], 3, label="founded")
    assert council.call("seats") == [A, B, C, D]
    assert council.call("threshold") == 3
    assert council.deployment is not None
    assert council.deployment.event("SeatsChanged") == {"seats": [A, B, C, D], "threshold": 3}


@pytest.mark.parametrize(
    ("seats", "threshold"),
    [([], 0), ([A], 1), ([A], 2), ([A, B], 1), ([A, B], 3), ([A, B, C], 1), ([A, B, C, D], 2), ([A, B], 0)],
)
def test_rule_6_no_threshold_lets_one_seat_or_a_half_decide(
    world: World, seats: list[str], threshold: int
) -> None:
    with reverts("ThresholdInvalid", threshold=threshold, seats=len(seats)):
        world.evm.deploy("Council", seats, threshold, label="refused")


def test_a_threshold_that_would_overflow_its_double_is_refused(world: World) -> None:
    with reverts("ThresholdInvalid", threshold=2**255, seats=2):
        world.evm.deploy("Council", [A, B], 2**255, label="refused")


@pytest.mark.parametrize(("seats", "bad"), [([A, B, A], A), ([A, ZERO_ADDRESS, B], ZERO_ADDRESS)])
def test_a_seat_named_twice_or_nobodys_is_refused(world: World, seats: list[str], bad: str) -> None:
    with reverts("SeatInvalid", seat=bad):
        world.evm.deploy("Council", seats, 2, label="refused")
    with reverts("SeatInvalid", seat=bad):
        world.decide(world.council, "setSeats", seats, 2)


def test_seats_are_replaced_as_a_whole(world: World, gas_snapshot: GasSnapshot) -> None:
    fresh = [world.seats[0].address, A, B, C, D]
    receipt = world.decide(world.council, "setSeats", fresh, 4)
    assert receipt.event("SeatsChanged") == {"seats": fresh, "threshold": 4}
    assert (world.council.call("seats"), world.council.call("threshold")) == (fresh, 4)
    action = world.action(world.registry, "reinstate", world.brand.gln)
    with reverts("NotSeat", seat=world.seats[1].address):
        world.approve(action, world.seats[1])
    world.approve(action, world.seats[0])
    gas_snapshot.record("Council.execute, setSeats of 5", receipt.gas)


def test_only_the_council_changes_its_seats(world: World) -> None:
    for sender in (world.seats[0].address, world.authority.address):
        with reverts("OnlyCouncil", caller=sender):
            world.council.transact("setSeats", [A, B], 2, sender=sender)


POOL = [signer(f"pool {number}") for number in range(5)]


class CouncilMachine(RuleBasedStateMachine):
    """Approvals, changes of seats and executions in any order, against a few lines of Python."""

    @initialize()
    def found(self) -> None:
        self.evm = Evm()
        self.world = build_world(self.evm)
        self.council: Contract = self.evm.deploy("Council", [key.address for key in POOL[:3]], 2, label="m")
        self.target = self.evm.deploy("Council", [A, B], 2, label="target")
        self.seats = {0, 1, 2}
        self.threshold = 2
        self.approved: dict[int, set[int]] = {number: set() for number in range(3)}
        self.executed: set[int] = set()
        self.salt = 0

    def action(self, number: int) -> dict[str, Any]:
        return {
            "target": self.target.address,
            "data": self.target.encode("threshold"),
            "salt": number.to_bytes(32, "big"),
            "deadline": 2**64 - 1,
        }

    def _approve(self, action: dict[str, Any], seat: int) -> None:
        key = POOL[seat]
        self.council.transact(
            "approve", action, key.address, sign(self.council, "CouncilAction", action, key)
        )

    @rule(number=st.integers(0, 2), seat=st.integers(0, 4))
    def approve(self, number: int, seat: int) -> None:
        allowed = seat in self.seats and number not in self.executed and seat not in self.approved[number]
        with attempt() as tried:
            self._approve(self.action(number), seat)
        assert tried.done == allowed, str(tried.error)
        if tried.done:
            self.approved[number].add(seat)

    @rule(number=st.integers(0, 2))
    def execute(self, number: int) -> None:
        allowed = number not in self.executed and len(self.approved[number] & self.seats) >= self.threshold
        with attempt() as tried:
            self.council.transact("execute", self.action(number))
        assert tried.done == allowed, str(tried.error)
        if tried.done:
            self.executed.add(number)

    @rule(seats=st.sets(st.integers(0, 4)), threshold=st.integers(0, 6))
    def set_seats(self, seats: set[int], threshold: int) -> None:
        addresses = [POOL[seat].address for seat in sorted(seats)]
        self.salt += 1
        action = {
            "target": self.council.address,
            "data": self.council.encode("setSeats", addresses, threshold),
            "salt": (1000 + self.salt).to_bytes(32, "big"),
            "deadline": 2**64 - 1,
        }
        for seat in sorted(self.seats):
            self._approve(action, seat)
        allowed = max(2, len(seats) // 2 + 1) <= threshold <= len(seats)
        with attempt() as tried:
            self.council.transact("execute", action)
        assert tried.done == allowed, str(tried.error)
        if tried.error is None:
            self.seats, self.threshold = seats, threshold
        else:
            assert tried.error.name == "ThresholdInvalid"

    @invariant()
    def says_what_the_model_says(self) -> None:
        if not hasattr(self, "council"):
            return
        assert self.council.call("seats") == [POOL[seat].address for seat in sorted(self.seats)]
        assert 2 <= self.threshold == self.council.call("threshold")
        for number in range(3):
            action_id = self.council.call("actionId", self.action(number))
            expected = (len(self.approved[number] & self.seats), number in self.executed)
            assert self.council.call("status", action_id) == expected


class LongCouncilMachine(CouncilMachine):
    """The same for longer."""


TestCouncilMachine = CouncilMachine.TestCase
TestCouncilMachine.settings = settings(
    max_examples=4, stateful_step_count=12, deadline=None, derandomize=True
)
TestLongCouncilMachine = pytest.mark.slow(LongCouncilMachine.TestCase)
TestLongCouncilMachine.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, derandomize=True
)
