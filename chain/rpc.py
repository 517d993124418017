"""A lean JSON-RPC client of an Ethereum node over one kept HTTP connection.

Speaks the execution API that Anvil, Besu, Cosmos EVM and FISCO BCOS share. One client may be used by many
threads. Nothing a node says is trusted to have the right form: every answer is read into a typed record.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
from pydantic_core import from_json

from chain.blocks import Block, Log, Malformed, Receipt, data_bytes, mapping, optional, quantity, sequence
from chain.errors import CallReverted, ChainError, NodeNonsense, NodeUnreachable, RpcError

T = TypeVar("T")
BlockTag = int | bytes | str
"""A block by number, by hash (32 bytes) or by tag: `latest`, `pending`, `finalized`, `safe`, `earliest`."""

BATCH_SIZE: Final = 100
MAX_ANSWER: Final = 256 * 1024 * 1024
"""bytes of one HTTP answer"""
_MAX_MESSAGE: Final = 2000
_TAGS: Final = frozenset({"latest", "pending", "finalized", "safe", "earliest"})
_REVERT_CODE: Final = 3
_AWAY: Final = frozenset({408, 429, 502, 503, 504})


class Rpc:
    """A node at an http(s) URL; `timeout` in seconds bounds connecting, and each wait for bytes."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError("rpc url: cannot be read as a URL") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError(
                f"rpc url: scheme {parsed.scheme!r} with host {parsed.host!r}, http(s) is needed"
            )
        self.node = f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"
        """The node as errors name it: without path, query and credentials, which often are secrets."""
        self._url = parsed
        self._refuses_batches = False
        self._ids = itertools.count(1)
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
            trust_env=False,  # a proxy of the environment must not come between a member and its node
            headers={"Content-Type": "application/json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Rpc({self.node})"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # -- transport ---------------------------------------------------------------------------------------

    def request(self, method: str, params: Sequence[object] = ()) -> Any:
        """One call; gives `result` as JSON. Raises NodeUnreachable, NodeNonsense, RpcError."""
        number = next(self._ids)
        answer = self._post(method, _body(number, method, params))
        result = self._result(method, answer, number)
        if isinstance(result, RpcError):
            raise result
        return result

    def batch(self, requests: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Many calls in few HTTP requests; results in the order asked, an RpcError standing for its call.

        Raises NodeUnreachable, NodeNonsense.
        """
        results: list[Any] = []
        for start in range(0, len(requests), BATCH_SIZE):
            results += self._batch(requests[start : start + BATCH_SIZE])
        return results

    def _batch(self, requests: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        if len(requests) == 1 or self._refuses_batches:
            return [self._one(method, params) for method, params in requests]
        numbers = [next(self._ids) for _ in requests]
        bodies = [_body(n, method, params) for n, (method, params) in zip(numbers, requests, strict=True)]
        answers = self._post("batch", bodies)
        if isinstance(answers, dict) and isinstance(self._result("batch", answers, None), RpcError):
            self._refuses_batches = True
            return self._batch(requests)
        by_id: dict[int, object] = {}
        for answer in self._read("batch", answers, lambda value: sequence(value, "batch")):
            number = self._read("batch", answer, lambda value: mapping(value, "answer")).get("id")
            if isinstance(number, int):  # what has another was not asked for
                by_id[number] = answer
        for number, (method, _) in zip(numbers, requests, strict=True):
            if number not in by_id:
                raise self._nonsense(method, f"id {number} has no answer")
        return [
            self._result(method, by_id[number], number)
            for number, (method, _) in zip(numbers, requests, strict=True)
        ]

    def _one(self, method: str, params: Sequence[object]) -> Any:
        try:
            return self.request(method, params)
        except RpcError as error:
            return error

    def _post(self, method: str, body: object) -> object:
        content = bytearray()
        try:
            with self._client.stream("POST", self._url, content=json.dumps(body)) as response:
                if response.status_code in _AWAY:
                    raise NodeUnreachable(self.node, f"{method}: HTTP status {response.status_code}")
                for part in response.iter_bytes():
                    content += part
                    if len(content) > MAX_ANSWER:  # counted unpacked: a small one may be packed
                        raise self._nonsense(method, f"the answer has more than {MAX_ANSWER} bytes")
        except httpx.HTTPError as error:
            raise NodeUnreachable(self.node, f"{method}: {type(error).__name__}: {error}") from error
        try:
            # Not the standard library's: its depth is bounded by Python's recursion limit alone, which
            # cryptography packages raise so far that deeply nested JSON ends the process.
            return from_json(bytes(content), allow_inf_nan=False)
        except ValueError as error:
            reason = f"HTTP status {response.status_code}, body is not JSON"
            raise self._nonsense(method, reason) from error

    def _result(self, method: str, answer: object, number: int | None) -> Any:
        """The `result` of one answer, or its error as RpcError (not raised)."""
        if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
            raise self._nonsense(method, "not a JSON-RPC 2.0 answer")
        error = answer.get("error")
        if error is not None:
            code, message = (
                (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
            )
            if not isinstance(code, int) or not isinstance(message, str):
                raise self._nonsense(method, "error lacks code or message")
            return RpcError(method, code, message[:_MAX_MESSAGE], error.get("data"))
        if number is not None and answer.get("id") != number:
            raise self._nonsense(method, f"id is {answer.get('id')!r} instead of {number}")
        if "result" not in answer:
            raise self._nonsense(method, "neither result nor error")
        return answer["result"]

    def _nonsense(self, method: str, reason: str) -> NodeNonsense:
        return NodeNonsense(self.node, method, reason)

    def _read(self, method: str, value: object, read: Callable[[object], T]) -> T:
        try:
            return read(value)
        except Malformed as error:
            raise self._nonsense(method, str(error)) from error

    def _quantity(self, method: str, params: Sequence[object] = ()) -> int:
        return self._read(method, self.request(method, params), lambda value: quantity(value, "result"))

    # -- the chain ---------------------------------------------------------------------------------------

    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._quantity("eth_chainId")

    def block_number(self) -> int:
        """Number of the latest block."""
        return self._quantity("eth_blockNumber")

    def get_block(self, block: BlockTag) -> Block | None:
        """A block's header by number, hash or tag; None where the node has none."""
        method = "eth_getBlockByHash" if isinstance(block, bytes) else "eth_getBlockByNumber"
        value = self.request(method, [_block(block), False])
        return self._read(method, value, lambda found: optional(found, "block", lambda v, _: Block.read(v)))

    def get_blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        """Headers of many blocks in few requests. Raises RpcError for the first that fails."""
        method = "eth_getBlockByNumber"
        results = self.batch([(method, [hex(number), False]) for number in numbers])
        return [
            self._read(method, _or_raise(value), lambda v: optional(v, "block", lambda w, _: Block.read(w)))
            for value in results
        ]

    def first_block_hash(self) -> bytes:
        """Hash of the chain's first block: of block 0 where there is one, else of block 1.

        With the chain id it names a chain for good; a wiped development chain has another one.
        """
        refused: RpcError | NodeNonsense | None = None
        try:
            block = self.get_block(0)
        except (RpcError, NodeNonsense) as error:
            block, refused = None, error
        # Nodes that start at 1 may answer 0 with any block they like.
        if block is not None and block.number == 0:
            return block.hash
        block = self.get_block(1)
        if block is not None and block.number == 1:
            # A node that fails for a moment must not give its chain another name: below block 1 is nothing
            # only where it names no parent.
            if refused is not None and any(block.parent_hash):
                raise refused
            return block.hash
        if refused is not None:
            raise refused
        raise self._nonsense("eth_getBlockByNumber", "there is neither a block 0 nor a block 1")

    def get_logs(
        self,
        from_block: int,
        to_block: int,
        addresses: Sequence[str] = (),
        topics: Sequence[bytes | Sequence[bytes] | None] = (),
    ) -> list[Log]:
        """Logs of blocks `from_block` to `to_block`, both included, in chain order."""
        span = {"fromBlock": hex(from_block), "toBlock": hex(to_block)}
        logs = self._logs(span, addresses, topics)
        if any(not from_block <= log.block_number <= to_block for log in logs):
            raise self._nonsense("eth_getLogs", f"a log outside of blocks {from_block} to {to_block}")
        return logs

    def get_block_logs(
        self,
        block_hash: bytes,
        addresses: Sequence[str] = (),
        topics: Sequence[bytes | Sequence[bytes] | None] = (),
    ) -> list[Log]:
        """Logs of the one block with that hash, in order (EIP-234)."""
        logs = self._logs({"blockHash": "0x" + block_hash.hex()}, addresses, topics)
        if any(log.block_hash != block_hash for log in logs):
            raise self._nonsense("eth_getLogs", f"a log of another block than 0x{block_hash.hex()}")
        return logs

    def _logs(
        self,
        span: dict[str, str],
        addresses: Sequence[str],
        topics: Sequence[bytes | Sequence[bytes] | None],
    ) -> list[Log]:
        query: dict[str, object] = dict(span)
        if addresses:
            query["address"] = list(addresses)
        if topics:
            query["topics"] = [_topic(topic) for topic in topics]
        value = self.request("eth_getLogs", [query])
        logs = self._read("eth_getLogs", value, lambda v: [Log.read(log) for log in sequence(v, "result")])
        return sorted(logs, key=lambda log: (log.block_number, log.log_index))

    def get_receipt(self, transaction_hash: bytes) -> Receipt | None:
        """The receipt of a mined transaction; None while there is none."""
        return self.get_receipts([transaction_hash])[0]

    def get_receipts(self, transaction_hashes: Sequence[bytes]) -> list[Receipt | None]:
        """Receipts of many transactions in few requests."""
        method = "eth_getTransactionReceipt"
        results = self.batch([(method, ["0x" + one.hex()]) for one in transaction_hashes])
        return [
            self.receipt_of(asked, value) for asked, value in zip(transaction_hashes, results, strict=True)
        ]

    # -- answers within a batch: `value` is what `batch` gave for one request ------------------------------

    def receipt_of(self, asked: bytes, value: Any) -> Receipt | None:
        """What `eth_getTransactionReceipt` answered; as `get_receipt` otherwise."""
        method = "eth_getTransactionReceipt"
        if isinstance(value, RpcError) and "not found" in value.message.lower():
            return None  # some nodes have an error for it instead of null
        found = _or_raise(value)
        pending = isinstance(found, dict) and found.get("blockHash") is None
        receipt = None if found is None or pending else self._read(method, found, Receipt.read)
        if receipt is not None and receipt.transaction_hash != asked:
            raise self._nonsense(method, "the receipt of another transaction")
        return receipt

    def block_of(self, value: Any) -> Block | None:
        """What `eth_getBlockBy…` answered; as `get_block` otherwise."""
        return self._read(
            "eth_getBlockByNumber",
            _or_raise(value),
            lambda found: optional(found, "block", lambda v, _: Block.read(v)),
        )

    def returned_of(self, value: Any) -> bytes:
        """What `eth_call` or `eth_getCode` answered; as `call` otherwise."""
        if isinstance(value, RpcError):
            raise _reverted(value)
        return self._read("eth_call", value, lambda v: data_bytes(v, "result"))

    def quantity_of(self, method: str, value: Any) -> int:
        """What a method that answers with a number did."""
        return self._read(method, _or_raise(value), lambda found: quantity(found, "result"))

    def get_code(self, address: str, block: BlockTag = "latest") -> bytes:
        """Code at an address; empty where there is no contract."""
        value = self.request("eth_getCode", [address, _block(block)])
        return self._read("eth_getCode", value, lambda v: data_bytes(v, "result"))

    def balance(self, address: str, block: BlockTag = "latest") -> int:
        """Balance in wei."""
        return self._quantity("eth_getBalance", [address, _block(block)])

    def nonce(self, address: str, block: BlockTag = "latest") -> int:
        """Number of transactions sent from an address; with `pending`, those waiting in the pool too."""
        return self._quantity("eth_getTransactionCount", [address, _block(block)])

    # -- calls and transactions --------------------------------------------------------------------------

    def call(
        self,
        to: str | None,
        data: bytes,
        block: BlockTag = "latest",
        sender: str | None = None,
        value: int = 0,
        gas: int | None = None,
    ) -> bytes:
        """`eth_call`; gives the returned data. Raises CallReverted where the contract reverts."""
        params = [_transaction(to, data, sender, value, gas), _block(block)]
        result = self._executed("eth_call", params)
        return self._read("eth_call", result, lambda v: data_bytes(v, "result"))

    def estimate_gas(
        self,
        to: str | None,
        data: bytes,
        sender: str,
        value: int = 0,
        block: BlockTag | None = "pending",
    ) -> int:
        """Gas a transaction needs, on the pending state by default. Raises CallReverted."""
        params: list[object] = [_transaction(to, data, sender, value, None)]
        if block is not None:
            params.append(_block(block))
        result = self._executed("eth_estimateGas", params)
        return self._read("eth_estimateGas", result, lambda v: quantity(v, "result"))

    def estimate_gases(self, calls: Sequence[tuple[str | None, bytes, str, int]]) -> list[int | ChainError]:
        """Gas of transactions (to, data, sender, value) on the pending state, each as if it were the next.

        A CallReverted or RpcError stands for the call that it is of.
        """
        method = "eth_estimateGas"
        asked = [(method, [_transaction(*call, None), _block("pending")]) for call in calls]
        return [
            _reverted(one)
            if isinstance(one, RpcError)
            else self._read(method, one, lambda value: quantity(value, "result"))
            for one in self.batch(asked)
        ]

    def _executed(self, method: str, params: Sequence[object]) -> Any:
        try:
            return self.request(method, params)
        except RpcError as error:
            failure = _reverted(error)
            if failure is error:
                raise
            raise failure from error

    def gas_price(self) -> int:
        """The node's suggestion for a legacy gas price, in wei."""
        return self._quantity("eth_gasPrice")

    def priority_fee(self) -> int:
        """The node's suggestion for a tip per gas, in wei; 0 where it knows no such call."""
        try:
            return self._quantity("eth_maxPriorityFeePerGas")
        except RpcError:
            return 0

    def send_raw_transaction(self, raw: bytes) -> bytes:
        """Hand a signed transaction to the node; gives its hash. Raises RpcError where it is refused."""
        method = "eth_sendRawTransaction"
        value = self.request(method, ["0x" + raw.hex()])
        return self._read(method, value, lambda v: data_bytes(v, "result", 32))


def _body(number: int, method: str, params: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def _block(block: BlockTag) -> str:
    if isinstance(block, bytes):
        if len(block) != 32:
            raise ValueError(f"block hash has {len(block)} bytes instead of 32")
        return "0x" + block.hex()
    if isinstance(block, int):
        return hex(block)
    if block not in _TAGS:
        raise ValueError(f"block {block!r} is neither a number, a hash nor a tag")
    return block


def _topic(topic: bytes | Sequence[bytes] | None) -> object:
    if topic is None:
        return None
    if isinstance(topic, bytes):
        return "0x" + topic.hex()
    return ["0x" + one.hex() for one in topic]


def _transaction(
    to: str | None, data: bytes, sender: str | None, value: int, gas: int | None
) -> dict[str, str]:
    fields = {"data": "0x" + data.hex()}
    if to is not None:
        fields["to"] = to
    if sender is not None:
        fields["from"] = sender
    if value:
        fields["value"] = hex(value)
    if gas is not None:
        fields["gas"] = hex(gas)
    return fields


def _reverted(error: RpcError) -> ChainError:
    """CallReverted where that is what the node's error means, else the error itself."""
    if error.code != _REVERT_CODE and "revert" not in error.message.lower():
        return error
    data = error.data
    if isinstance(data, dict):  # some nodes wrap it
        data = data.get("data")
    try:
        return CallReverted(data_bytes(data, "error.data"))
    except Malformed:
        return CallReverted(b"")


def _or_raise(value: Any) -> Any:
    if isinstance(value, RpcError):
        raise value
    return value
