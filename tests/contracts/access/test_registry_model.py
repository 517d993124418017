"""Any sequence of what council and members may do to the member registry, against a model (rule 6)."""

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contracts.evm import Evm, Reverted, attempt
from tests.contracts.harness import ACTIVITIES, DAY, KEY_ADMIN, Party, build_world, signer

pytestmark = pytest.mark.slow

KEYS = [signer(f"model key {number}") for number in range(6)]
ACCOUNTS = [signer(f"model account {number}") for number in range(3)]
ROLE_SETS = st.sampled_from([1, 2, 3, 1 << 5, 1 << 10, 0])
KEY_ROLES = st.sampled_from([1, 2, 3, KEY_ADMIN, KEY_ADMIN | 1, KEY_ADMIN | ACTIVITIES, 0])


@dataclass
class ModelKey:
    member: int
    start: int
    end: int
    roles: int


class RegistryMachine(RuleBasedStateMachine):
    """Two members, eight keys, three accounts; whatever the model forbids must revert and change nothing."""

    @initialize()
    def deploy(self) -> None:
        self.evm = Evm()
        self.world = build_world(self.evm)
        self.registry = self.world.registry
        self.members: list[Party] = [self.world.brand, self.world.maker]
        self.roles = [member.roles for member in self.members]
        self.active = [True, True]
        self.accounts = [member.account.address for member in self.members]
        self.signers = [member.key for member in self.members] + KEYS
        self.keys = {
            index: ModelKey(index, self.evm.now, self.evm.now + 730 * DAY, KEY_ADMIN | ACTIVITIES)
            for index in range(2)
        }

    def live(self, key: int) -> bool:
        known = self.keys.get(key)
        return known is not None and known.start <= self.evm.now < known.end

    def may(self, key: int, member: int, role: int, active: bool = True) -> bool:
        if not self.live(key) or self.keys[key].member != member:
            return False
        if active and not self.active[member]:
            return False
        return (self.roles[member] | KEY_ADMIN) & self.keys[key].roles & (role or ACTIVITIES) != 0

    def council(self, function: str, *arguments: object) -> bool:
        try:
            self.world.as_council(self.registry, function, *arguments)
        except Reverted:
            return False
        return True

    @rule(
        member=st.integers(0, 1),
        key=st.integers(0, 7),
        by=st.integers(0, 7),
        roles=KEY_ROLES,
        start=st.sampled_from([0, 0, 0, DAY, 40 * DAY]),
        length=st.sampled_from([DAY, 100 * DAY, 1096 * DAY, 1097 * DAY, 0]),
    )
    def grant(self, member: int, key: int, by: int, roles: int, start: int, length: int) -> None:
        begin, end = self.evm.now + start, self.evm.now + start + length
        allowed = (
            self.may(by, member, KEY_ADMIN)
            and key not in self.keys
            and 0 < length <= 1096 * DAY
            and roles != 0
            and roles & ~self.keys[by].roles == 0
        )
        with attempt() as tried:
            self.world.grant_key(
                self.members[member],
                self.signers[key],
                by=self.signers[by],
                validFrom=begin,
                validUntil=end,
                roles=roles,
            )
        assert tried.done == allowed, str(tried.error)
        if tried.done:
            self.keys[key] = ModelKey(member, begin, end, roles)

    @rule(member=st.integers(0, 1), key=st.integers(0, 7), by=st.integers(0, 7))
    def revoke(self, member: int, key: int, by: int) -> None:
        known = self.keys.get(key)
        allowed = (
            known is not None
            and known.member == member
            and known.end > self.evm.now
            and (by == key or self.may(by, member, KEY_ADMIN, active=False))
        )
        with attempt() as tried:
            self.world.revoke_key(self.members[member], self.signers[key], by=self.signers[by])
        assert tried.done == allowed, str(tried.error)
        if tried.done:
            assert known is not None
            known.end = self.evm.now

    @rule(member=st.integers(0, 1), key=st.integers(0, 7))
    def recover(self, member: int, key: int) -> None:
        held = [known for known in self.keys.values() if known.member == member]
        allowed = key not in self.keys and all(known.end <= self.evm.now for known in held)
        end = self.evm.now + 100 * DAY
        done = self.council("recoverKey", self.members[member].gln, self.signers[key].address, end)
        assert done == allowed
        if done:
            self.keys[key] = ModelKey(member, self.evm.now, end, KEY_ADMIN | ACTIVITIES)

    @rule(member=st.integers(0, 1), roles=ROLE_SETS)
    def set_roles(self, member: int, roles: int) -> None:
        done = self.council("setRoles", self.members[member].gln, roles)
        assert done == (0 < roles <= ACTIVITIES)
        if done:
            self.roles[member] = roles

    @rule(member=st.integers(0, 1), active=st.booleans())
    def set_active(self, member: int, active: bool) -> None:
        gln = self.members[member].gln
        done = self.council("reinstate", gln) if active else self.council("suspend", gln, b"\x01" * 32)
        assert done == (self.active[member] != active)
        self.active[member] = active

    @rule(member=st.integers(0, 1), account=st.integers(0, 2), by=st.integers(0, 7))
    def change_account(self, member: int, account: int, by: int) -> None:
        address = ACCOUNTS[account].address
        allowed = self.may(by, member, KEY_ADMIN) and self.accounts[1 - member] != address
        gln = self.members[member].gln
        nonce = self.registry.call("accountNonce", gln)
        with attempt() as tried:
            self.world.change_account(
                self.members[member], ACCOUNTS[account], self.signers[by], gln=gln, nonce=nonce
            )
        assert tried.done == allowed, str(tried.error)
        if tried.done:
            self.accounts[member] = address

    @rule(seconds=st.sampled_from([1, DAY - 1, DAY, 40 * DAY, 400 * DAY]))
    def wait(self, seconds: int) -> None:
        self.evm.warp(seconds)

    @invariant()
    def rule_6_keys_act_exactly_while_live_with_a_granted_role(self) -> None:
        if not hasattr(self, "keys"):
            return
        for index, key in enumerate(self.signers):
            known = self.keys.get(index)
            for role in (0, 2, KEY_ADMIN):
                expected = known is not None and self.may(index, known.member, role)
                with attempt() as tried:
                    gln = self.registry.call("requireRole", key.address, role)
                assert tried.done == expected, str(tried.error)
                if tried.done:
                    assert known is not None
                    assert gln == self.members[known.member].gln

    @invariant()
    def accounts_lead_back_to_their_members(self) -> None:
        if not hasattr(self, "accounts"):
            return
        every = {key.address for key in ACCOUNTS} | {member.account.address for member in self.members}
        for address in every:
            owner = self.accounts.index(address) if address in self.accounts else None
            expected = 0 if owner is None else self.members[owner].gln
            assert self.registry.call("memberOfAccount", address) == expected
        for member, address in zip(self.members, self.accounts, strict=True):
            assert self.registry.call("member", member.gln)["account"] == address


class LongRegistryMachine(RegistryMachine):
    """The same for longer."""


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(
    max_examples=3, stateful_step_count=15, deadline=None, derandomize=True
)
TestLongRegistryMachine = pytest.mark.slow(LongRegistryMachine.TestCase)
TestLongRegistryMachine.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, derandomize=True
)
