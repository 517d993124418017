"""Rules 3–6, 10 and 11 once more in real blocks: web3.py on eth-tester, with transactions that accounts sign.

The other contract tests run on the same EVM without blocks, which is faster; this file shows that blocks,
receipts and gas limits of a chain change nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from web3 import EthereumTesterProvider, Web3

from chain.bindings import escrow, event_ledger, fiat_token, member_registry, product_passport, types
from epcis import digital_link, tree
from tests.indexer.network import GTIN, Network

pytestmark = pytest.mark.slow

SHIPMENT = digital_link.item_id("https://id.gs1.org/00/095213000000000176")


class Node:
    """What `Network` asks of a node, by web3.py."""

    def __init__(self, web3: Web3) -> None:
        self.web3 = web3

    def chain_id(self) -> int:
        return self.web3.eth.chain_id

    def get_block(self, block: Any) -> "AtBlock":
        return AtBlock(self.web3.eth.get_block(block)["timestamp"])

    def get_receipt(self, transaction_hash: bytes) -> Any:
        receipt = self.web3.eth.get_transaction_receipt(transaction_hash)  # type: ignore[arg-type]  # 32 bytes
        return Mined(receipt["status"] == 1, receipt["contractAddress"], receipt["gasUsed"])

    def call(self, to: str, data: bytes, block: Any = "latest", sender: str | None = None) -> bytes:
        asked: Any = {"to": to, "data": "0x" + data.hex(), **({"from": sender} if sender else {})}
        return bytes(self.web3.eth.call(asked, block))


@dataclass(frozen=True)
class AtBlock:
    """A block in the words of `chain.blocks`."""

    timestamp: int


@dataclass(frozen=True)
class Mined:
    """A receipt in the words of `chain.blocks`."""

    succeeded: bool
    contract_address: str | None
    gas_used: int


class BlockChain:
    """A chain of eth-tester's; each transaction is a block."""

    def __init__(self, tester: EthereumTester) -> None:
        self.tester = tester
        self.web3 = Web3(EthereumTesterProvider(tester))
        self.sender = str(self.web3.eth.accounts[0])
        self.rpc = Node(self.web3)

    @property
    def height(self) -> int:
        return self.web3.eth.block_number

    def deploy(self, code: bytes | None = None) -> str:
        assert code is not None
        address = self.rpc.get_receipt(self.send(None, code)).contract_address
        assert address is not None
        return str(address)

    def send(self, to: str | None, data: bytes) -> bytes:
        fields: Any = {
            "from": self.sender,
            "data": "0x" + data.hex(),
            "gas": 8_000_000,
            **({"to": to} if to else {}),
        }
        return bytes(self.web3.eth.send_transaction(fields))


@pytest.fixture(scope="module")
def deployed() -> Network:
    """All contracts and members; the deployer administers, as before it hands over to the council."""
    chain = BlockChain(EthereumTester(PyEVMBackend()))
    return Network(chain, chain.sender)


@pytest.fixture
def network(deployed: Network) -> Iterator[Network]:
    """The network, undone after each test."""
    tester = deployed.chain.tester  # type: ignore[attr-defined]  # it is a BlockChain
    before = tester.take_snapshot()
    yield deployed
    tester.revert_to_snapshot(before)


def totals(network: Network) -> tuple[int, ...]:
    """Rule 4's books of the escrow."""
    found = escrow.Escrow(network.at["Escrow"], network.chain.rpc).totals(network.at["FiatToken:EUR"])
    return tuple(found)


def balance(network: Network, account: str) -> int:
    """Minor units of an account."""
    token = fiat_token.FiatToken(network.at["FiatToken:EUR"], network.chain.rpc)
    return token.balance_of(account)


def deliver(network: Network, terms: types.Order, order: bytes, data: bytes | None = None) -> None:
    """The carrier's proof of delivery."""
    network.attest(
        network.carrier,
        network.order_data(terms) if data is None else data,
        seal_id=b"\x11" * 32,
        event_hash=b"\x12" * 32,
        cid=b"\x01\x55\x12\x20" + b"\x13" * 32,
        subject=SHIPMENT,
        event_time=1,
        order=order,
        milestone=1,
        consumer=network.at["Escrow"],
    )


def test_rules_3_and_4_the_proof_of_delivery_pays_and_the_books_balance(network: Network) -> None:
    terms, order = network.order(network.licence(10), SHIPMENT, 12_345)
    assert totals(network) == (12_345, 0, 12_345, 0)
    deliver(network, terms, order)
    assert balance(network, terms.payee) == 12_345
    assert totals(network) == (12_345, 12_345, 0, 0)


def test_rule_11_a_proof_without_its_order_is_recorded_and_applied_later_by_anybody(network: Network) -> None:
    terms, order = network.order(network.licence(10), SHIPMENT, 12_345)
    deliver(network, terms, order, data=b"")
    ledger = event_ledger.EventLedger(network.at["EventLedger"], network.chain.rpc)
    record = ledger.attested(network.carrier.number, b"\x11" * 32)
    assert record != bytes(32)
    assert record[31] & 1 == 0, "the effect is pending"
    assert balance(network, terms.payee) == 0


def test_rule_10_anybody_refunds_after_the_deadline_and_not_before(network: Network) -> None:
    terms, _ = network.order(network.licence(10), SHIPMENT, 12_345)
    with pytest.raises(TransactionFailed):
        network.call("Escrow", escrow.encode_refund(terms))
    tester = network.chain.tester  # type: ignore[attr-defined]  # it is a BlockChain
    tester.time_travel(terms.deliver_by + terms.grace + 1)
    tester.mine_block()  # calls run at the time of the newest block
    network.call("Escrow", escrow.encode_refund(terms))
    assert balance(network, terms.buyer_account) == 12_345
    assert totals(network) == (12_345, 12_345, 0, 0)


def test_rule_5_goods_without_a_licence_get_no_passport(network: Network) -> None:
    licence = network.licence(1)
    for size, licensed in ((2, licence), (1, b"\x77" * 32)):
        batch = types.Issue(
            root=tree.root([tree.item_leaf("A1")]),
            size=size,
            gtin=GTIN,
            licence=licensed,
            cid=b"\x01",
            deadline=network.deadline,
        )
        signature = network.maker.key.sign(batch, network.domain("ProductPassport"))
        with pytest.raises(TransactionFailed):
            network.call(
                "ProductPassport",
                product_passport.encode_issue(batch, network.maker.key.address, signature),
            )


def test_rule_6_a_suspended_member_attests_nothing(network: Network) -> None:
    terms, order = network.order(network.licence(10), SHIPMENT, 12_345)
    network.call("MemberRegistry", member_registry.encode_suspend(network.carrier.number, b"\x08" * 32))
    with pytest.raises(TransactionFailed):
        deliver(network, terms, order)
    assert totals(network) == (12_345, 0, 12_345, 0)
