"""A local chain full of our contracts' logs, made fast: what indexers are timed on.

The code at the contracts' addresses is replaced by loops that emit their events: only logs count here.
"""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from chain.anvil import find_binary
from chain.artifact import load
from chain.bindings.events import Anchored, FiatTokenApproval, FiatTokenTransfer
from chain.errors import NodeUnreachable
from chain.rpc import Rpc
from tests.indexer import samples
from tests.indexer.devchain import SENDER, emitter_code
from tests.processes import end_with_parent, free_port
from vault.store import LocalStore

TOKEN: Final = "0x7000000000000000000000000000000000000001"
LEDGER: Final = "0x7000000000000000000000000000000000000002"
PER_BLOCK: Final = 200
_ANCHORS_EVERY: Final = 50
"""of so many logs one is an anchor, and one in ten of the others an approval"""
_GAS: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Chain:
    """A running node with `logs` logs of our contracts in blocks `first_block` to `last_block`."""

    url: str
    chain_id: int
    addresses: Mapping[str, str]
    """instance name -> address, as the indexer takes them"""
    abi: Mapping[str, Sequence[Mapping[str, Any]]]
    """instance name -> JSON ABI of its contract"""
    first_block: int
    last_block: int
    logs: int
    counts: Mapping[tuple[str, str], int]
    """(instance name, event name) -> its logs"""


@contextmanager
def running(logs: int) -> Iterator[Chain]:
    """An Anvil with that many logs: token transfers and approvals, anchors whose content nobody has."""
    with node() as (url, rpc):
        for address, code in ((TOKEN, _token_code()), (LEDGER, _ledger_code())):
            rpc.request("anvil_setCode", [address, "0x" + code.hex()])
        first = rpc.block_number() + 1
        anchors = logs // _ANCHORS_EVERY
        transfers = logs - anchors
        done = {TOKEN: 0, LEDGER: 0}
        while done[TOKEN] + done[LEDGER] < logs:
            share = min(PER_BLOCK // _ANCHORS_EVERY, anchors - done[LEDGER])
            _emit(rpc, LEDGER, share, done)
            _emit(rpc, TOKEN, min(PER_BLOCK - share, transfers - done[TOKEN]), done)
            rpc.request("evm_mine")
        yield Chain(
            url=url,
            chain_id=rpc.chain_id(),
            addresses={"FiatToken:EUR": TOKEN, "EventLedger": LEDGER},
            abi={"FiatToken:EUR": load("FiatToken").abi, "EventLedger": load("EventLedger").abi},
            first_block=first,
            last_block=rpc.block_number(),
            logs=logs,
            counts={
                ("FiatToken:EUR", "Transfer"): transfers - -(-transfers // 10),
                ("FiatToken:EUR", "Approval"): -(-transfers // 10),
                ("EventLedger", "Anchored"): anchors,
            },
        )


@contextmanager
def node() -> Iterator[tuple[str, Rpc]]:
    """An Anvil that mines when it is told to and keeps nothing; `SENDER` may send without a signature."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            *(str(find_binary()), "--host", "127.0.0.1", "--port", str(port), "--silent", "--no-mining"),
            *("--gas-limit", str(3 * _GAS)),
        ],
        stdout=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )
    try:
        with Rpc(url, timeout=120) as rpc:
            deadline = time.monotonic() + 20
            while True:
                try:
                    rpc.chain_id()
                except NodeUnreachable:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)
                else:
                    break
            rpc.request("anvil_setBalance", [SENDER, hex(10**27)])
            rpc.request("anvil_impersonateAccount", [SENDER])
            yield url, rpc
    finally:
        process.kill()
        process.wait()


def _emit(rpc: Rpc, address: str, count: int, done: dict[str, int]) -> None:
    if count:
        data = "0x" + count.to_bytes(32, "big").hex() + done[address].to_bytes(32, "big").hex()
        rpc.request("eth_sendTransaction", [{"from": SENDER, "to": address, "data": data, "gas": hex(_GAS)}])
        done[address] += count


def _word(value: int) -> str:
    return f"7f {value % (1 << 256):064x} "


def _loop(before: str, body: str) -> bytes:
    """Calldata: number of rounds, first number. `body` has the round's number on top of the stack."""
    start = bytes.fromhex(before + "60 20 35 80 5f 35 01 90")  # the end below the number
    check = len(start)
    rounds = bytes.fromhex(body + f"60 01 01 61 {check:04x} 56")
    end = check + 9 + len(rounds)
    return start + bytes.fromhex(f"5b 81 81 10 15 61 {end:04x} 57") + rounds + bytes.fromhex("5b 00")


def _token_code() -> bytes:
    transfer, approval = (
        int.from_bytes(event.TOPIC0, "big") for event in (FiatTokenTransfer, FiatTokenApproval)
    )
    accounts = f"73 {'a1' * 18}0000 01 "
    to = "61 03df 81 60 07 02 06 " + accounts  # 991 accounts
    sender = "61 03e5 82 06 " + accounts  # 997 accounts
    topic = _word(approval - transfer) + "60 0a 84 06 15 02 " + _word(transfer) + "01 "
    return _loop("", "80 5f 52 " + to + sender + topic + "60 20 5f a3 ")


def _ledger_code() -> bytes:
    # size, offset of the CID, signer, length of the CID, first bytes of the CID
    words = [(0, 1000), (32, 96), (64, int("a1" * 20, 16)), (96, 36), (128, 0x01551220 << 224)]
    before = "".join(f"{_word(value)} 60 {place:02x} 52 " for place, value in words)
    root = "80 61 0100 52 60 20 61 0100 20 80 60 84 52 "
    topics = _word(9506000134376) + _word(int.from_bytes(Anchored.TOPIC0, "big"))
    return _loop(before, root + topics + "60 c0 5f a3 ")


@contextmanager
def with_bodies(events: int, items: int, store: LocalStore, batch_size: int = 1_000) -> Iterator[Chain]:
    """An Anvil with anchors of that many events in all, and one issue of that many items, if any; what they
    name lies in the store."""
    with node() as (url, rpc):
        rpc.request("evm_setAutomine", [True])
        ledger, passport = (_deploy(rpc, emitter_code()) for _ in range(2))
        first = rpc.block_number() + 1
        batches = 0
        for start in range(0, events, batch_size):
            names = range(start, min(start + batch_size, events))
            seals = [samples.seal(samples.event(f"S{name}")) for name in names]
            made = samples.batch_of(store, seals, store.put_many([one.document for one in seals]))
            _log(rpc, ledger, *made.log())
            batches += 1
        if items:
            _log(rpc, passport, *samples.issue(store, [f"I{i}" for i in range(items)])[1])
        yield Chain(
            url=url,
            chain_id=rpc.chain_id(),
            addresses={"EventLedger": ledger, "ProductPassport": passport},
            abi={"EventLedger": load("EventLedger").abi, "ProductPassport": load("ProductPassport").abi},
            first_block=first,
            last_block=rpc.block_number(),
            logs=batches + bool(items),
            counts={("EventLedger", "Anchored"): batches, ("ProductPassport", "Issued"): int(bool(items))},
        )


def _deploy(rpc: Rpc, code: bytes) -> str:
    receipt = rpc.get_receipt(_sent(rpc, {"data": "0x" + code.hex()}))
    assert receipt is not None and receipt.contract_address is not None
    return receipt.contract_address


def _log(rpc: Rpc, contract: str, topics: Sequence[bytes], data: bytes) -> None:
    calldata = bytes([len(topics)]) + b"".join(topics) + data
    _sent(rpc, {"to": contract, "data": "0x" + calldata.hex()})


def _sent(rpc: Rpc, fields: dict[str, str]) -> bytes:
    answer = rpc.request("eth_sendTransaction", [{"from": SENDER, "gas": hex(_GAS), **fields}])
    sent = bytes.fromhex(answer[2:])
    deadline = time.monotonic() + 20
    while rpc.get_receipt(sent) is None:
        assert time.monotonic() < deadline, f"{answer} was not mined"
        time.sleep(0.005)
    return sent
