"""Rule 4 after any sequence of calls: escrow, token and ledger against a model that knows nothing of Solidity."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from eth_utils.crypto import keccak
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
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


class EscrowMachine(RuleBasedStateMachine):
    """Orders in a sound and in a fickle token; each step says what must happen and what must be refused."""

    scene: ClassVar[Scene]
    orders: Bundle[Tracked] = Bundle("orders")
    accounts: Bundle[str] = Bundle("accounts")

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

    @rule(item=orders)
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
            item.status = FUNDED
            self.owned[item.token.address, buyer] -= order["amount"]
            self.books[item.token.address]["received"] += order["amount"]
            self.books[item.token.address]["held"] += order["amount"]

    @rule(item=orders, by_prover=st.booleans(), right_data=st.sampled_from([True, True, True, False]))
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

    @rule(item=orders, by_buyer=st.sampled_from([True, True, False]))
    def confirm(self, item: Tracked, by_buyer: bool) -> None:
        by = self.scene.buyer_account if by_buyer else self.scene.world.maker.account
        if item.status not in {FUNDED, PROVEN, DISPUTED}:
            self.refused_as("StatusInvalid", lambda: self.scene.confirm(item.order, by))
        elif not by_buyer:
            self.refused_as("SignatureInvalid", lambda: self.scene.confirm(item.order, by))
        else:
            self.close(item, CONSENTED, item.order["amount"], self.scene.confirm(item.order, by))

    @rule(item=orders)
    def dispute(self, item: Tracked) -> None:
        if item.status != PROVEN:
            self.refused_as("StatusInvalid", lambda: self.scene.dispute(item.order))
        elif self.now > item.clock + item.order["inspectionWindow"]:
            self.refused_as("TooLate", lambda: self.scene.dispute(item.order))
        else:
            self.scene.dispute(item.order)
            item.status, item.clock = DISPUTED, self.now

    @rule(item=orders, share=st.integers(0, 4))
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

    @rule(item=orders)
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

    @rule(item=orders)
    def refund(self, item: Tracked) -> None:
        if item.status != FUNDED:
            self.refused_as("StatusInvalid", lambda: self.scene.refund(item.order))
        elif self.now <= item.order["deliverBy"] + item.order["grace"]:
            self.refused_as("TooEarly", lambda: self.scene.refund(item.order))
        else:
            self.close(item, REFUNDED, 0, self.scene.refund(item.order))

    @rule(which=st.integers(0, 2), fickle=st.booleans())
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
        waiting = self.waiting.pop((token.address, account))
        self.books[token.address]["credited"] -= waiting
        self.books[token.address]["paid"] += waiting
        self.owned[token.address, to] += waiting

    @rule(seconds=st.sampled_from([SECOND, HOUR - 1, HOUR, HOUR + 1, DAY, DAY + 1, 4 * DAY]))
    def wait(self, seconds: int) -> None:
        # The licence and all keys outlive any run.
        if self.now + seconds < self.start.timestamp + YEAR:
            self.scene.evm.warp(seconds)

    @rule(manner=st.sampled_from([HONEST, HONEST, RETURNS_FALSE, BURNS_GAS, REVERTS]))
    def token_changes_its_manner(self, manner: int) -> None:
        self.manner = manner
        self.fickle.transact("behave", manner)

    @rule(which=st.integers(0, 2), denied=st.booleans())
    def token_denies(self, which: int, denied: bool) -> None:
        account = self.everybody[which]
        (self.denied.add if denied else self.denied.discard)(account)
        self.fickle.transact("deny", account, denied)

    @rule(item=consumes(orders))
    def forget(self, item: Tracked) -> None:
        """Nothing happens to this order for the rest of the run."""

    @rule(sure=st.sampled_from([False, False, False, True]))
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
            credits_ = 0
            for account in self.everybody:
                assert self.scene.balance(account, token) == self.owned[token.address, account]
                credit = self.scene.credit(account, token)
                assert credit == self.waiting[token.address, account]
                credits_ += credit
            assert credits_ == books["credited"]

    @invariant()
    def held_is_what_unfinished_orders_hold(self) -> None:
        held: dict[str, int] = defaultdict(int)
        for item in self.tracked:
            assert self.scene.status(item.order) == (item.status, item.outcome)
            if item.status in {FUNDED, PROVEN, DISPUTED}:
                held[item.token.address] += item.order["amount"]
        for token in self.tokens:
            assert self.scene.totals(token)["held"] == held[token.address]


def run(scene: Scene, examples: int, steps: int) -> None:
    machine = type("Machine", (EscrowMachine,), {"scene": scene})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None
        ),
    )


def test_books_balance_after_any_sequence_rules_3_4_10(scene: Scene) -> None:
    run(scene, examples=12, steps=25)


@pytest.mark.deep
def test_books_balance_after_many_sequences_rules_3_4_10(scene: Scene) -> None:
    run(scene, examples=1_000, steps=60)
