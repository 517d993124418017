"""A node as of one block: everything that a verification asks, in as few requests as can be.

Whatever may change is read at each verification, at a head that was read with it. Facts of blocks that are
known by their hash are taken from `Facts` once the head's chain was found to have those blocks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chain.bindings import event_ledger, product_passport
from chain.blocks import Block, Receipt
from chain.errors import NodeNonsense
from chain.fields import hex_text
from chain.rpc import Rpc
from evidence.bundle import Trust
from evidence.facts import Facts

_ATTEMPTS: Final = 4
_CONTRACTS: Final = ("registry", "ledger", "passport")
Question = tuple[str, Sequence[object]]
Take = Callable[[Any], None]
Told = tuple[bytes, list[Question], list[Any]]
"""hash of a head, what was asked there, and what was answered"""


@dataclass(slots=True)
class Wanted:
    """What is going to be asked: calls as (contract, data), transactions and blocks by hash."""

    calls: dict[tuple[str, bytes], None] = field(default_factory=dict)
    lasting: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    """calls whose answer never changes after the block of this transaction"""
    transactions: dict[bytes, None] = field(default_factory=dict)
    blocks: dict[bytes, None] = field(default_factory=dict)


@dataclass(slots=True)
class Network:
    """What a node serves under a trust anchor's addresses."""

    chain_id: int = 0
    first_block: bytes = b""
    code: dict[str, bool] = field(default_factory=dict)
    """by contract: whether there is any"""
    answers: dict[tuple[str, bytes], Any] = field(default_factory=dict)


class Snapshot:
    """One head and what was asked there; what was not asked beforehand is asked when it is needed.

    Every method raises ChainError where the node fails.
    """

    head: Block

    def __init__(self, rpc: Rpc, trust: Trust, facts: Facts) -> None:
        self._rpc = rpc
        self._trust = trust
        self._facts = facts
        self._network = Network()
        self._answers: dict[tuple[str, bytes], Any] = {}
        self._receipts: dict[bytes, Receipt | None] = {}
        self.told: Told | None = None
        """what the node was asked together with the head, and what it said"""
        self.asked_more = False
        """whether it was asked anything besides"""

    def ask(self, wanted: Wanted) -> None:
        """Read the head and everything that is wanted there."""
        guess, fresh = self._facts.head, False
        for _ in range(_ATTEMPTS):
            if guess is None:
                guess, fresh = self._header("latest"), True
            tag = hex(guess.number) if fresh else "latest"
            plan = _Plan(self._rpc, self._trust, self._facts, guess)
            plan.want(wanted)
            values = self._rpc.batch([("eth_getBlockByNumber", [tag, False]), *plan.questions])
            seen = self._rpc.block_of(values[0])
            if seen is not None and seen.hash == guess.hash:
                plan.take(values[1:])
                self.head = self._facts.head = guess
                self._network, self._answers, self._receipts = plan.network, plan.answers, plan.receipts
                plan.keep(wanted)
                self.told = guess.hash, plan.questions, values[1:]
                return
            # the head has moved on, or what was the head belongs to the chain no more
            guess, fresh = (None, False) if fresh else (seen, True)
        raise NodeNonsense(self._rpc.node, "eth_getBlockByNumber", "the head is another each time")

    def _header(self, tag: str) -> Block:
        found = self._rpc.get_block(tag)
        if found is None:
            raise NodeNonsense(self._rpc.node, "eth_getBlockByNumber", f"there is no {tag} block")
        return found

    @property
    def network(self) -> Network:
        """Which chain and contracts the node serves."""
        return self._network

    def call(self, to: str, data: bytes, block: str | int = "latest") -> bytes:
        """`eth_call` for the bindings; `block` must be the head's number. Raises CallReverted."""
        if block != self.head.number:
            raise ValueError(f"block: {block} is not the head {self.head.number}")
        for answers in (self._answers, self._network.answers):
            if (to, data) in answers:
                found = answers[to, data]
                return found if isinstance(found, bytes) else self._rpc.returned_of(found)
        self.asked_more = True
        return self._rpc.call(to, data, self.head.number)

    def receipt(self, transaction: bytes) -> Receipt | None:
        """The receipt of a transaction that the head's chain holds."""
        if transaction not in self._receipts:
            self.asked_more = True
            self._receipts[transaction] = self._rpc.get_receipt(transaction)
        return self._receipts[transaction]

    def block(self, block_hash: bytes) -> Block | None:
        """A header by hash."""
        found = self._facts.blocks.get(block_hash)
        if found is None:
            self.asked_more = True
            found = self._rpc.get_block(block_hash)
            if found is not None and found.hash == block_hash:
                self._facts.blocks.put(block_hash, found)
        return found


class _Plan:
    """The questions of one attempt at one head, and what becomes of their answers."""

    def __init__(self, rpc: Rpc, trust: Trust, facts: Facts, head: Block) -> None:
        self._rpc = rpc
        self._trust = trust
        self._facts = facts
        self._head = head
        self._takes: list[Take] = []
        self._ancestors: dict[bytes, int] = {}
        self._kept: list[tuple[bytes, Take, Any]] = []
        self.questions: list[Question] = []
        self.answers: dict[tuple[str, bytes], Any] = {}
        self.receipts: dict[bytes, Receipt | None] = {}
        self.network = Network()

    def want(self, wanted: Wanted) -> None:
        """Turn what is wanted into questions, leaving out what is known."""
        self._want_network()
        for key in wanted.calls:
            self._want_call(key)
        for key, transaction in wanted.lasting.items():
            receipt = self._facts.receipts.get(transaction)
            known = None if receipt is None else self._facts.answers.get((receipt.block_hash, *key))
            if receipt is None or known is None:
                self._want_call(key)
            else:
                self._want_ancestor(receipt.block_number, receipt.block_hash, self._answer_of(key), known)
        for transaction in wanted.transactions:
            self._want_receipt(transaction)
        for block_hash in wanted.blocks:
            if self._facts.blocks.get(block_hash) is None:
                self._ask("eth_getBlockByHash", [hex_text(block_hash), False], self._take_block)

    def take(self, values: Sequence[Any]) -> None:
        """Read the answers, in the order of the questions."""
        for take, value in zip(self._takes, values, strict=True):
            take(value)
        for block_hash, accept, value in self._kept:
            if self._facts.descends.get((self._head.hash, block_hash)):
                accept(value)
        self._facts.networks.put((self._key, self._head.hash), self.network)

    def keep(self, wanted: Wanted) -> None:
        """Remember what will not change as long as the chain has the blocks it came from."""
        for transaction, receipt in self.receipts.items():
            if receipt is not None and receipt.block_number <= self._head.number:
                self._facts.receipts.put(transaction, receipt)
                self._facts.descends.put((self._head.hash, receipt.block_hash), True)
        for key, transaction in wanted.lasting.items():
            receipt, found = self.receipts.get(transaction), self.answers.get(key)
            if receipt is not None and isinstance(found, str) and found.strip("0x"):
                self._facts.answers.put((receipt.block_hash, *key), self._rpc.returned_of(found))

    @property
    def _key(self) -> tuple[str, str, str]:
        return self._trust.registry, self._trust.ledger, self._trust.passport

    def _ask(self, method: str, params: Sequence[object], take: Take) -> None:
        self.questions.append((method, params))
        self._takes.append(take)

    def _answer_of(self, key: tuple[str, bytes]) -> Take:
        def take(value: Any) -> None:
            self.answers[key] = value

        return take

    def _want_call(self, key: tuple[str, bytes]) -> None:
        self._ask("eth_call", _call(key, self._head), self._answer_of(key))

    def _want_ancestor(self, number: int, block_hash: bytes, accept: Take, value: Any) -> None:
        """Let `accept` have a value once the head's chain is known to have a block."""
        self._kept.append((block_hash, accept, value))
        if block_hash in self._ancestors or self._facts.descends.get((self._head.hash, block_hash)):
            return
        self._ancestors[block_hash] = number

        def take(found: Any) -> None:
            block = self._rpc.block_of(found)
            if block is not None and (block.number, block.hash) == (number, block_hash):
                self._facts.blocks.put(block_hash, block)
                self._facts.descends.put((self._head.hash, block_hash), True)

        self._ask("eth_getBlockByNumber", [hex(number), False], take)

    def _want_receipt(self, transaction: bytes) -> None:
        def accept(receipt: Any) -> None:
            self.receipts[transaction] = receipt

        known = self._facts.receipts.get(transaction)
        if known is not None:
            self._want_ancestor(known.block_number, known.block_hash, accept, known)
            return
        self._ask(
            "eth_getTransactionReceipt",
            [hex_text(transaction)],
            lambda value: accept(self._rpc.receipt_of(transaction, value)),
        )

    def _take_block(self, value: Any) -> None:
        block = self._rpc.block_of(value)
        if block is not None:
            self._facts.blocks.put(block.hash, block)

    def _want_network(self) -> None:
        known = self._facts.networks.get((self._key, self._head.hash))
        if known is not None:
            self.network = known
            return
        network = self.network

        def chain(value: Any) -> None:
            network.chain_id = self._rpc.quantity_of("eth_chainId", value)

        def first(_: Any) -> None:
            network.first_block = self._rpc.first_block_hash()

        self._ask("eth_chainId", [], chain)
        for name in _CONTRACTS:

            def code(value: Any, name: str = name) -> None:
                network.code[name] = bool(self._rpc.returned_of(value))

            self._ask("eth_getCode", [getattr(self._trust, name), hex(self._head.number)], code)
        for key in (
            (self._trust.ledger, event_ledger.encode_registry()),
            (self._trust.passport, product_passport.encode_registry()),
            (self._trust.passport, product_passport.encode_rights()),
        ):

            def answer(value: Any, key: tuple[str, bytes] = key) -> None:
                network.answers[key] = value

            self._ask("eth_call", _call(key, self._head), answer)
        # asked as the client knows how to: not every chain has a block 0
        self._ask("eth_chainId", [], first)


def _call(key: tuple[str, bytes], head: Block) -> list[object]:
    return [{"data": hex_text(key[1]), "to": key[0]}, hex(head.number)]
