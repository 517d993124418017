"""The JSON-RPC client: against a real Anvil, and against servers that answer nonsense or not at all."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chain.blocks import Receipt
from chain.errors import CallReverted, NodeNonsense, NodeUnreachable, RpcError
from chain.rpc import Rpc
from tests.chain.sending.anvil_node import ADDRESS, AnvilNode
from tests.chain.sending.bytecode import ECHO_LOG, ECHO_REVERT
from tests.processes import free_port

Answer = Callable[[Any], tuple[int, bytes]]


@contextmanager
def serving(answer: Answer) -> Iterator[Rpc]:
    """A client of a server that answers every request with what `answer` makes of its body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, content = answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Tests are silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with Rpc(f"http://user:secret@127.0.0.1:{server.server_port}/key/abc?token=t", timeout=5) as rpc:
            yield rpc
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def result(value: object) -> Answer:
    """A well-formed answer with this result."""
    return lambda body: (200, json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": value}).encode())


def send(node: AnvilNode, transaction: dict[str, str]) -> Receipt:
    """Send from the rich account and wait until it is mined."""
    node.rpc.request("anvil_impersonateAccount", [ADDRESS])
    sent = bytes.fromhex(node.rpc.request("eth_sendTransaction", [{"from": ADDRESS, **transaction}])[2:])
    deadline = time.monotonic() + 10
    while (receipt := node.rpc.get_receipt(sent)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return receipt


def deploy(node: AnvilNode, code: bytes) -> str:
    address = send(node, {"data": "0x" + code.hex(), "gas": hex(500_000)}).contract_address
    assert address is not None
    return address


def test_reads_a_real_chain(node: AnvilNode) -> None:
    rpc = node.rpc
    assert rpc.chain_id() == 31337
    node.mine(3)
    assert rpc.block_number() == 3
    third, first = rpc.get_block(3), rpc.get_block(0)
    assert third is not None
    assert first is not None
    assert rpc.get_block(third.hash) == third == rpc.get_block("latest")
    assert rpc.first_block_hash() == first.hash
    assert rpc.get_block(99) is None
    assert rpc.get_block(b"\1" * 32) is None
    assert rpc.get_blocks([2, 99, 3])[1:] == [None, third]
    assert rpc.get_receipt(b"\1" * 32) is None
    assert rpc.nonce(ADDRESS) == 0
    assert rpc.balance(ADDRESS) == 10**24
    assert rpc.gas_price() > 0


def test_reads_logs_in_order_by_range_and_by_block(node: AnvilNode) -> None:
    contract = deploy(node, ECHO_LOG)
    sent = [send(node, {"to": contract, "data": "0x" + data.hex()}) for data in (b"one", b"two")]
    hashes = [receipt.transaction_hash for receipt in sent]
    logs = node.rpc.get_logs(0, 3, [contract])
    assert [log.data for log in logs] == [b"one", b"two"]
    assert [log.transaction_hash for log in logs] == hashes
    assert logs[0].topics == ((42).to_bytes(32),)
    assert node.rpc.get_block_logs(logs[1].block_hash, [contract]) == [logs[1]]
    assert node.rpc.get_logs(0, 3, [contract], [(43).to_bytes(32)]) == []
    receipts = node.rpc.get_receipts([*hashes, b"\1" * 32])
    assert [receipt and receipt.logs for receipt in receipts] == [(logs[0],), (logs[1],), None]


def test_a_revert_brings_its_data(node: AnvilNode) -> None:
    contract = deploy(node, ECHO_REVERT)
    for data in (b"", b"\xde\xad\xbe\xef" + bytes(64)):
        with pytest.raises(CallReverted) as called:
            node.rpc.call(contract, data)
        with pytest.raises(CallReverted) as estimated:
            node.rpc.estimate_gas(contract, data, ADDRESS)
        assert called.value.data == estimated.value.data == data


def test_the_nodes_own_errors_keep_their_code(node: AnvilNode) -> None:
    with pytest.raises(RpcError, match=r"eth_nothing: .*code -32601") as caught:
        node.rpc.request("eth_nothing")
    assert caught.value.code == -32601
    results = node.rpc.batch([("eth_chainId", []), ("eth_nothing", []), ("eth_blockNumber", [])])
    assert (results[0], results[2]) == ("0x7a69", "0x0")
    assert isinstance(results[1], RpcError)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: (200, b"<html>busy</html>"), "not JSON"),
        (lambda _: (500, b""), "HTTP status 500, body is not JSON"),
        (lambda _: (200, b"[" * 100_000), "not JSON"),
        (lambda _: (200, b"[]"), "not a JSON-RPC"),
        (lambda _: (200, b'{"id": 1, "result": "0x1"}'), "not a JSON-RPC"),
        (lambda _: (200, b'{"jsonrpc": "2.0", "id": 77, "result": "0x1"}'), "id is 77"),
        (lambda body: (200, json.dumps({"jsonrpc": "2.0", "id": body["id"]}).encode()), "neither result nor"),
        (lambda _: (200, b'{"jsonrpc": "2.0", "id": 1, "error": "no"}'), "lacks code"),
        (result(None), "not a hexadecimal quantity"),
        (result(12), "not a hexadecimal quantity"),
        (result("0x"), "not a hexadecimal quantity"),
        (result("0x" + "f" * 65), "not a hexadecimal quantity"),
        (result("١"), "not a hexadecimal quantity"),
    ],
)
def test_nonsense_is_its_own_error_and_hides_the_urls_secrets(answer: Answer, reason: str) -> None:
    with serving(answer) as rpc:
        with pytest.raises(NodeNonsense, match=reason) as caught:
            rpc.chain_id()
        shown = f"{caught.value} {rpc!r}"
        assert "127.0.0.1" in shown
        assert not any(secret in shown for secret in ("secret", "abc", "token"))


LOG: dict[str, object] = {
    "address": "0x" + "aa" * 20,
    "topics": ["0x" + "01" * 32],
    "data": "0x",
    "blockNumber": "0x5",
    "blockHash": "0x" + "02" * 32,
    "transactionHash": "0x" + "03" * 32,
    "transactionIndex": "0x0",
    "logIndex": "0x0",
    "removed": False,
}


@pytest.mark.parametrize(
    "change",
    [
        {"blockHash": None},
        {"blockHash": "0x02"},
        {"topics": "0x01"},
        {"topics": ["0x01"]},
        {"address": "0x00"},
        {"data": "0x1"},
        {"removed": True},
        {"blockNumber": "0x9"},
        {"logIndex": 0},
    ],
)
def test_logs_of_the_wrong_form_are_refused(change: dict[str, object]) -> None:
    with serving(result([LOG])) as rpc:
        assert len(rpc.get_logs(5, 6)) == 1
    with serving(result([LOG | change])) as rpc, pytest.raises(NodeNonsense, match="eth_getLogs"):
        rpc.get_logs(5, 6)


def test_a_chain_that_starts_at_block_1_is_known_by_it() -> None:
    def block(number: int) -> dict[str, str]:
        hash_text = "0x" + f"{number:02x}" * 32
        return {
            "number": hex(number),
            "hash": hash_text,
            "parentHash": "0x" + "00" * 32,
            "timestamp": "0x1",
            "gasLimit": "0x1",
        }

    for at_zero in (None, block(9)):  # nothing there, or the latest block instead
        blocks = {"0x0": at_zero, "0x1": block(1)}

        def answer(body: Any, blocks: dict[str, Any] = blocks) -> tuple[int, bytes]:
            return result(blocks[body["params"][0]])(body)

        with serving(answer) as rpc:
            assert rpc.first_block_hash() == b"\1" * 32


@pytest.mark.parametrize("parent", ["00", "77"])
def test_a_node_that_fails_for_block_0_gives_its_chain_no_other_name(parent: str) -> None:
    """Block 1 stands for it only where nothing is below; else a mirror would be taken for another chain's."""
    first = {"number": "0x1", "hash": "0x" + "01" * 32, "parentHash": "0x" + parent * 32}
    first |= {"timestamp": "0x1", "gasLimit": "0x1"}

    def answer(body: Any) -> tuple[int, bytes]:
        if body["params"][0] == "0x1":
            return result(first)(body)
        refusal = {"code": -32005, "message": "limit exceeded"}
        return 200, json.dumps({"jsonrpc": "2.0", "id": body["id"], "error": refusal}).encode()

    with serving(answer) as rpc:
        if parent == "00":
            assert rpc.first_block_hash() == b"\1" * 32
        else:
            with pytest.raises(RpcError, match="limit exceeded"):
                rpc.first_block_hash()


@pytest.mark.parametrize("odd", [[1], {"a": 1}, None, "1"])
def test_batch_answers_with_odd_ids_are_nonsense(odd: object) -> None:
    def answer(body: Any) -> tuple[int, bytes]:
        return 200, json.dumps([{"jsonrpc": "2.0", "id": odd, "result": "0x1"} for _ in body]).encode()

    with serving(answer) as rpc, pytest.raises(NodeNonsense, match="has no answer"):
        rpc.batch([("eth_chainId", []), ("eth_blockNumber", [])])


def test_an_answer_without_end_is_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.jsonrpc.MAX_ANSWER", 100_000)
    with serving(lambda _: (200, b" " * 10_000_000)) as rpc:
        with pytest.raises(NodeNonsense, match="more than 100000 bytes"):
            rpc.chain_id()
        with pytest.raises(NodeNonsense, match="more than 100000 bytes"):
            rpc.chain_id()


def test_a_node_that_refuses_batches_is_asked_one_by_one() -> None:
    refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}}

    def answer(body: Any) -> tuple[int, bytes]:
        return (200, json.dumps(refusal).encode()) if isinstance(body, list) else result("0x1")(body)

    with serving(answer) as rpc:
        assert rpc.batch([("eth_chainId", []), ("eth_blockNumber", [])]) == ["0x1", "0x1"]


def test_a_batch_without_all_answers_is_nonsense() -> None:
    def answer(body: Any) -> tuple[int, bytes]:
        return 200, json.dumps([{"jsonrpc": "2.0", "id": body[0]["id"], "result": "0x1"}]).encode()

    with serving(answer) as rpc, pytest.raises(NodeNonsense, match="has no answer"):
        rpc.batch([("eth_chainId", []), ("eth_blockNumber", [])])


def test_a_node_that_is_not_there_or_never_answers_is_unreachable() -> None:
    with Rpc(f"http://127.0.0.1:{free_port()}") as rpc, pytest.raises(NodeUnreachable, match="ConnectError"):
        rpc.chain_id()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with (
            Rpc(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1) as rpc,
            pytest.raises(NodeUnreachable, match="ReadTimeout"),
        ):
            rpc.chain_id()
    with serving(lambda _: (503, b"later")) as rpc, pytest.raises(NodeUnreachable, match="503"):
        rpc.chain_id()


@pytest.mark.parametrize("url", ["", "ftp://node", "http://", "node:8545"])
def test_refuses_urls_that_are_no_http_url(url: str) -> None:
    with pytest.raises(ValueError, match="rpc url"):
        Rpc(url)
