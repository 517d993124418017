"""A lean client of an Ethereum node.

Speaks the execution API that Anvil, Besu, Cosmos EVM and FISCO BCOS share. One client may be used by many
threads. Nothing a node says is trusted to have the right form: every answer is read into a typed record.
"""

from collections.abc import Sequence
from typing import Any, Final

from chain.blocks import Block, Log, Malformed, Receipt, data_bytes, optional, quantity, sequence
from chain.errors import CallReverted, ChainError, NodeNonsense, RpcError
from chain.jsonrpc import JsonRpc
from chain.logs import LogColumns

BlockTag = int | bytes | str
"""A block by number, by hash (32 bytes) or by tag: `latest`, `pending`, `finalized`, `safe`, `earliest`."""

_TAGS: Final = frozenset({"latest", "pending", "finalized", "safe", "earliest"})
_REVERT_CODE: Final = 3


class Rpc(JsonRpc):
    """A node at an http(s) URL, by the methods of the execution API."""

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

    def get_log_columns(self, from_block: int, to_block: int, addresses: Sequence[str] = ()) -> LogColumns:
        """As `get_logs`, for many: column by column."""
        asked = self._asked({"fromBlock": hex(from_block), "toBlock": hex(to_block)}, addresses, ())
        logs = self._read("eth_getLogs", self.request("eth_getLogs", [asked]), LogColumns.read)
        if len(logs) and not from_block <= logs.block_number[0] <= logs.block_number[-1] <= to_block:
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
        value = self.request("eth_getLogs", [self._asked(span, addresses, topics)])
        logs = self._read("eth_getLogs", value, lambda v: [Log.read(log) for log in sequence(v, "result")])
        return sorted(logs, key=lambda log: (log.block_number, log.log_index))

    @staticmethod
    def _asked(
        span: dict[str, str],
        addresses: Sequence[str],
        topics: Sequence[bytes | Sequence[bytes] | None],
    ) -> dict[str, object]:
        query: dict[str, object] = dict(span)
        if addresses:
            query["address"] = list(addresses)
        if topics:
            query["topics"] = [_topic(topic) for topic in topics]
        return query

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

    def _quantity(self, method: str, params: Sequence[object] = ()) -> int:
        return self._read(method, self.request(method, params), lambda value: quantity(value, "result"))

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
