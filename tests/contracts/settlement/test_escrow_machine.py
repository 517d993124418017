"""Rule 4 after any sequence of calls: escrow, token and ledger against a model without Solidity."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest
from eth_utils.crypto import keccak
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.contracts.evm import Contract, Receipt, Reverted, address_of
from tests.contracts.harness import DAY, YEAR
from tests.contracts.settlement.scene import (
    AMOUNT,
    CLOSED,
    CONSENTED,
    DELIVERED,
    DISPUTED,
    FUNDED,
    NONE,
    OPEN,
    OUTCOME_NONE,
    PROVEN,
    REFUNDED,
    REVOCATION_REFUNDED,
    RULED,
    UNRULED,
    WINDOW_ELAPSED,
    Scene,
    decoded_reason,
)

pytestmark = pytest.mark.slow

HONEST, RETURNS_FALSE, BURNS_GAS, REVERTS = 0, 2, 7, 9
SECOND, HOUR = 1, 3600


class Tracked:
    """One order as the model sees it."""

    def __init__(self, order: dict[str, Any], token: Contract) -> None:
        self.order = order
        self.token = token
        self.status, self.outcome = NONE, OUTCOME_NONE
        self.clock = 0
        self.proofs = 0

    @property
    def holds(self) -> bool:
        """Whether the escrow holds money for it."""
        return self.status in {FUNDED, PROVEN, DISPUTED}


class EscrowMachine(RuleBasedStateMachine):
    """Orders in a sound and in a fickle token; each step says what must happen and what must be refused."""

    scene: ClassVar[Scene]
    orders: Bundle[Tracked] = Bundle("orders")
    seen: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        scene = self.scene
        self.start = scene.evm.snapshot()
        self.fickle = scene.scripted_token()
        self.tokens = (scene.token, self.fickle)
        self.manner = HONEST
        self.denied: set[str] = set()
        self.licence_live = True
        self.count = 0
        self.tracked: list[Tracked] = []
        self.moved = False
        self.turn = 0
        self.payees = [scene.payee, address_of("second payee")]
        self.everybody = [scene.buyer_account.address, *self.payees]
        self.books: dict[str, dict[str, int]] = {
            token.address: {"received": 0, "paid": 0, "held": 0, "credited": 0} for token in self.tokens
        }
        self.owned: dict[tuple[str, str], int] = defaultdict(int)
        self.waiting: dict[tuple[str, str], int] = defaultdict(int)
        for token in self.tokens:
            buyer = scene.buyer_account.address
            self.owned[token.address, buyer] = scene.balance(buyer, token)

    def teardown(self) -> None:
        self.scene.evm.revert(self.start)

    # ---- what the model expects

    @property
    def now(self) -> int:
        return self.scene.world.now

    def refused_as(self, name: str, call: Any) -> None:
        """The call must be reverted with this error."""
        with pytest.raises(Reverted) as caught:
            call()
        assert caught.value.name == name, f"{caught.value}, expected {name}"

    def pays(self, token: Contract, account: str) -> bool:
        return token is not self.fickle or (self.manner == HONEST and account not in self.denied)

    def close(self, item: Tracked, outcome: int, seller: int, receipt: Receipt) -> None:
        """Move the model's money and compare with what was emitted."""
        self.moved = True
        self.seen[f"outcome {outcome}"] += 1
        amount, token = item.order["amount"], item.token
        closed = receipt.event("OrderClosed")
        found = (closed["outcome"], closed["sellerAmount"], closed["buyerAmount"])
        assert found == (outcome, seller, amount - seller)
        item.status, item.outcome = CLOSED, outcome
        books = self.books[token.address]
        books["held"] -= amount
        for account, share in ((item.order["payee"], seller), (item.order["buyerAccount"], amount - seller)):
            if share and self.pays(token, account):
                books["paid"] += share
                self.owned[token.address, account] += share
            elif share:
                self.seen["credited"] += 1
                books["credited"] += share
                self.waiting[token.address, account] += share

    # ---- what may happen

    @rule(
        target=orders,
        fickle=st.booleans(),
        second_payee=st.booleans(),
        amount=st.sampled_from([1, 3, 9_999, AMOUNT, 4 * AMOUNT]),
        window=st.sampled_from([0, 0, HOUR, DAY]),
        bps=st.sampled_from([0, 1, 5_000, 9_999, 10_000]),
        on_revocation=st.integers(0, 1),
        days=st.integers(1, 3),
    )
    def open(
        self,
        fickle: bool,
        second_payee: bool,
        amount: int,
        window: int,
        bps: int,
        on_revocation: int,
        days: int,
    ) -> Any:
        self.count += 1
        token = self.tokens[fickle]
        order = self.scene.order(
            token=token.address,
            payee=self.payees[second_payee],
            amount=amount,
            inspectionWindow=window,
            rulingPeriod=DAY,
            unruledSellerBps=bps,
            onRevocation=on_revocation,
            deliverBy=self.now + days * DAY,
            grace=HOUR,
            salt=keccak(text=f"order {self.count}"),
        )
        item = Tracked(order, token)
        if not self.licence_live:
            self.refused_as("LicenceIsRevoked", lambda: self.scene.open(order))
            return multiple()
        self.scene.open(order)
        item.status = OPEN
        self.tracked.append(item)
        return item

    @initialize(target=orders, manner=st.sampled_from([HONEST, REVERTS]))
    def begin(self, manner: int) -> Any:
        """Funded orders to begin with, or most runs would end before the first payment."""
        self.behave(manner)
        terms = [(token, window, cut) for token in (False, True) for window, cut in ((0, 0), (DAY, 5_000))]
        items = [
            self.open(token, bool(cut), AMOUNT, window, cut, int(token), 2) for token, window, cut in terms
        ]
        for item in self.tracked:
            self.fund(item)
        return multiple(*items)

    @rule(item=orders, which=st.integers(0, 9))
    def attempt(self, item: Tracked, which: int) -> None:
        """Any call on any order, whether its time has come or not."""
        calls: list[Callable[[], None]] = [
            lambda: self.confirm(item, True),
            lambda: self.settle(item),
            lambda: self.refund(item),
            lambda: self.dispute(item),
            lambda: self.rule_dispute(item, 4),
            lambda: self.rule_dispute(item, 2),
            lambda: self.prove(item, True, False),
            lambda: self.prove(item, False, True),
            lambda: self.confirm(item, False),
            lambda: self.fund(item),
        ]
        calls[which]()

    @rule(item=orders, way=st.sampled_from([3, 1, 0, 2]), late=st.sampled_from([True, False]))
    def advance(self, item: Tracked, way: int, late: bool) -> None:
        """One of the ways on from where the order stands, at the deciding second or one later."""
        if item.status == OPEN:
            self.fund(item)
        elif item.status == FUNDED and way == 0:
            self.wait_until(item.order["deliverBy"] + item.order["grace"] + late)
            self.refund(item)
        elif item.status == FUNDED:
            self.prove(item, True, True)
        elif item.status == PROVEN and way < 2:
            self.wait_until(item.clock + item.order["inspectionWindow"] + late)
            self.settle(item) if way else self.dispute(item)
        elif item.status == PROVEN:
            self.dispute(item)
        elif item.status == DISPUTED and way < 2:
            self.wait_until(item.clock + item.order["rulingPeriod"] + late)
            self.settle(item) if way else self.rule_dispute(item, 1)
        elif item.status == DISPUTED:
            self.rule_dispute(item, way)

    def wait_until(self, moment: int) -> None:
        """Let time pass up to a moment that may be over."""
        self.scene.evm.warp(max(0, moment - self.now))

    def fund(self, item: Tracked) -> None:
        order, buyer = item.order, self.scene.buyer_account.address
        expected = (
            "StatusInvalid"
            if item.status != OPEN
            else "TooLate"
            if self.now > order["deliverBy"]
            else "LicenceIsRevoked"
            if not self.licence_live
            else None
        )
        if expected:
            self.refused_as(expected, lambda: self.scene.fund(order))
        elif self.owned[item.token.address, buyer] < order["amount"]:
            name = "Panic" if item.token is self.fickle else "ERC20InsufficientBalance"
            self.refused_as(name, lambda: self.scene.fund(order))
        else:
            self.scene.fund(order)
            item.status, self.moved = FUNDED, True
            self.owned[item.token.address, buyer] -= order["amount"]
            self.books[item.token.address]["received"] += order["amount"]
            self.books[item.token.address]["held"] += order["amount"]

    def prove(self, item: Tracked, by_prover: bool, right_data: bool) -> None:
        scene, order = self.scene, item.order
        item.proofs += 1
        seal = keccak(text=f"proof {item.proofs} of {scene.order_hash(order).hex()}")
        by = scene.world.carrier.key if by_prover else scene.world.inspector.key
        data = scene.encoded(order if right_data else order | {"payee": address_of("thief")})
        receipt = scene.attest(scene.attestation(order, sealId=seal), data, by)
        receipt.event("Attested")
        if not (by_prover and right_data and item.status == FUNDED):
            assert decoded_reason(receipt)[0] in {"ProofMismatch", "StatusInvalid"}
            return
        receipt.event("EffectApplied")
        if order["onRevocation"] and not self.licence_live:
            self.close(item, REVOCATION_REFUNDED, 0, receipt)
        elif order["inspectionWindow"] == 0:
            self.close(item, DELIVERED, order["amount"], receipt)
        else:
            item.status, item.clock = PROVEN, self.now
            self.seen["proven"] += 1

    def confirm(self, item: Tracked, by_buyer: bool) -> None:
        by = self.scene.buyer_account if by_buyer else self.scene.world.maker.account
        if item.status not in {FUNDED, PROVEN, DISPUTED}:
            self.refused_as("StatusInvalid", lambda: self.scene.confirm(item.order, by))
        elif not by_buyer:
            self.refused_as("SignatureInvalid", lambda: self.scene.confirm(item.order, by))
        else:
            self.close(item, CONSENTED, item.order["amount"], self.scene.confirm(item.order, by))

    def dispute(self, item: Tracked) -> None:
        if item.status != PROVEN:
            self.refused_as("StatusInvalid", lambda: self.scene.dispute(item.order))
        elif self.now > item.clock + item.order["inspectionWindow"]:
            self.refused_as("TooLate", lambda: self.scene.dispute(item.order))
        else:
            self.scene.dispute(item.order)
            item.status, item.clock = DISPUTED, self.now

    def rule_dispute(self, item: Tracked, share: int) -> None:
        seller = item.order["amount"] * share // 3
        if item.status != DISPUTED:
            self.refused_as("StatusInvalid", lambda: self.scene.rule(item.order, seller))
        elif self.now > item.clock + item.order["rulingPeriod"]:
            self.refused_as("TooLate", lambda: self.scene.rule(item.order, seller))
        elif seller > item.order["amount"]:
            self.refused_as("SplitInvalid", lambda: self.scene.rule(item.order, seller))
        else:
            self.close(item, RULED, seller, self.scene.rule(item.order, seller))

    def settle(self, item: Tracked) -> None:
        order, amount = item.order, item.order["amount"]
        period = order["rulingPeriod"] if item.status == DISPUTED else order["inspectionWindow"]
        if item.status not in {PROVEN, DISPUTED}:
            self.refused_as("StatusInvalid", lambda: self.scene.settle(order))
        elif self.now <= item.clock + period:
            self.refused_as("TooEarly", lambda: self.scene.settle(order))
        elif item.status == DISPUTED:
            seller = amount * order["unruledSellerBps"] // 10_000
            self.close(item, UNRULED, seller, self.scene.settle(order))
        else:
            self.close(item, WINDOW_ELAPSED, amount, self.scene.settle(order))

    def refund(self, item: Tracked) -> None:
        if item.status != FUNDED:
            self.refused_as("StatusInvalid", lambda: self.scene.refund(item.order))
        elif self.now <= item.order["deliverBy"] + item.order["grace"]:
            self.refused_as("TooEarly", lambda: self.scene.refund(item.order))
        else:
            self.close(item, REFUNDED, 0, self.scene.refund(item.order))

    def withdraw(self, which: int, fickle: bool) -> None:
        token, account = self.tokens[fickle], self.everybody[which]
        waiting = self.waiting[token.address, account]
        escrow = self.scene.escrow
        if not waiting:
            self.refused_as("NoCredit", lambda: escrow.transact("withdraw", token, account))
        elif not self.pays(token, account):
            self.refused_as("WithdrawalFailed", lambda: escrow.transact("withdraw", token, account))
        else:
            escrow.transact("withdraw", token, account)
            self.take_credit(token, account, account)

    @precondition(lambda self: any(self.waiting.values()))
    @rule(which=st.integers(0, 2), fickle=st.booleans(), mended=st.booleans())
    def claim(self, which: int, fickle: bool, mended: bool) -> None:
        """Withdraw, perhaps after the token has come to its senses."""
        if mended:
            self.fickle_token_changes(HONEST, 0)
        self.withdraw(which, fickle)

    @precondition(lambda self: any(self.waiting.values()))
    @rule(which=st.integers(0, 2), other=st.integers(0, 2))
    def withdraw_to(self, which: int, other: int) -> None:
        account, to, token = self.everybody[which], self.everybody[other], self.fickle
        call: Any = lambda: self.scene.escrow.transact("withdrawTo", token, to, sender=account)  # noqa: E731
        if not self.waiting[token.address, account]:
            self.refused_as("NoCredit", call)
        elif not self.pays(token, to):
            self.refused_as("WithdrawalFailed", call)
        else:
            call()
            self.take_credit(token, account, to)

    def take_credit(self, token: Contract, account: str, to: str) -> None:
        """Credit left."""
        self.moved = True
        self.seen["withdrawn"] += 1
        waiting = self.waiting.pop((token.address, account))
        self.books[token.address]["credited"] -= waiting
        self.books[token.address]["paid"] += waiting
        self.owned[token.address, to] += waiting

    @rule(seconds=st.sampled_from([SECOND, HOUR, HOUR + 1, DAY]))
    def wait(self, seconds: int) -> None:
        # The licence and all keys outlive any run.
        if self.now + seconds < self.start.timestamp + YEAR:
            self.scene.evm.warp(seconds)

    @rule(
        manner=st.sampled_from([REVERTS, HONEST, HONEST, RETURNS_FALSE, BURNS_GAS]),
        denied=st.integers(0, 7),
    )
    def fickle_token_changes(self, manner: int, denied: int) -> None:
        """Another manner, another deny list."""
        self.behave(manner)
        for place, account in enumerate(self.everybody):
            wanted = bool(denied >> place & 1)
            if wanted != (account in self.denied):
                (self.denied.add if wanted else self.denied.discard)(account)
                self.fickle.transact("deny", account, wanted)

    def behave(self, manner: int) -> None:
        """Another manner."""
        self.manner = manner
        self.fickle.transact("behave", manner)

    @rule(sure=st.integers(0, 9).map(lambda number: number == 9))
    def revoke_licence(self, sure: bool) -> None:
        if sure and self.licence_live:
            self.scene.world.revoke_licence(self.scene.licence)
            self.licence_live = False

    # ---- what must always hold

    @invariant()
    def books_balance_rule_4(self) -> None:
        for token in self.tokens:
            books: Mapping[str, int] = self.scene.totals(token)
            assert books == self.books[token.address]
            assert books["received"] == books["paid"] + books["held"] + books["credited"]
            assert self.scene.balance(self.scene.escrow.address, token) == books["held"] + books["credited"]
            held = sum(item.order["amount"] for item in self.tracked if item.token is token and item.holds)
            assert books["held"] == held

    @invariant()
    def accounts_have_what_they_should(self) -> None:
        """Asked only when money moved: it is most of the work."""
        moved, self.moved = self.moved, False
        for token in self.tokens if moved else ():
            for account in self.everybody:
                assert self.scene.balance(account, token) == self.owned[token.address, account]
                assert self.scene.credit(account, token) == self.waiting[token.address, account]
            waiting = sum(self.waiting[token.address, account] for account in self.everybody)
            assert waiting == self.books[token.address]["credited"]

    @invariant()
    def orders_stand_where_they_should(self) -> None:
        """One order after each step, in turn."""
        self.turn += 1
        if self.tracked:
            item = self.tracked[self.turn % len(self.tracked)]
            assert self.scene.status(item.order) == (item.status, item.outcome)


def run(scene: Scene, examples: int, steps: int) -> Counter[str]:
    """Run the machine; returns how often money moved and how."""
    seen: Counter[str] = Counter()
    machine = type("Machine", (EscrowMachine,), {"scene": scene, "seen": seen})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None
        ),
    )
    return seen


def test_books_balance_after_any_sequence_rules_3_4_10(scene: Scene) -> None:
    seen = run(scene, examples=30, steps=16)
    assert {"proven", "credited", "withdrawn"} <= set(seen), seen
    assert len([name for name in seen if name.startswith("outcome")]) >= 4, seen


@pytest.mark.deep
def test_books_balance_after_many_sequences_rules_3_4_10(scene: Scene) -> None:
    seen = run(scene, examples=1_000, steps=60)
    assert len([name for name in seen if name.startswith("outcome")]) == 7, seen
