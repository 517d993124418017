"""Blocks, logs and receipts as typed records, read from JSON-RPC answers that nobody is trusted to form well.

Hashes and data are bytes; addresses are lower-case text `0x…` of 20 bytes; amounts are integers in wei.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
T = TypeVar("T")


class Malformed(ValueError):
    """A value of an answer that has the wrong type or form; the message names the field."""


def quantity(value: object, field: str) -> int:
    """A QUANTITY of the execution API: hexadecimal text of at most 256 bits."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise Malformed(f"{field} is {_shown(value)}, not a hexadecimal quantity")
    return int(value, 16)


def data_bytes(value: object, field: str, size: int | None = None) -> bytes:
    """DATA of the execution API; `size` in bytes where it is fixed."""
    if not isinstance(value, str) or value[:2] != "0x":
        raise Malformed(f"{field} is {_shown(value)}, not hexadecimal data")
    try:
        data = bytes.fromhex(value[2:])
    except ValueError:
        raise Malformed(f"{field} is {_shown(value)}, not hexadecimal data") from None
    if 2 * len(data) + 2 != len(value):  # spaces between bytes, which Python lets pass
        raise Malformed(f"{field} is {_shown(value)}, not hexadecimal data")
    if size is not None and len(data) != size:
        raise Malformed(f"{field} has {len(data)} bytes instead of {size}")
    return data


def address_text(value: object, field: str) -> str:
    """An address in lower case."""
    return "0x" + data_bytes(value, field, 20).hex()


def mapping(value: object, field: str) -> dict[str, object]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Malformed(f"{field} is {_shown(value)}, not an object")
    return value


def sequence(value: object, field: str) -> list[object]:
    """A JSON array."""
    if not isinstance(value, list):
        raise Malformed(f"{field} is {_shown(value)}, not an array")
    return value


def optional(value: object, field: str, read: Callable[[object, str], T]) -> T | None:
    """None where the node gave null or nothing."""
    return None if value is None else read(value, field)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header. `timestamp` is Unix seconds; `base_fee` is None before EIP-1559.

    `logs_bloom`: 256 bytes, None where the node gives none.
    """

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    gas_limit: int
    base_fee: int | None
    logs_bloom: bytes | None = field(default=None, repr=False)

    def may_hold(self, address: str) -> bool:
        """Whether the bloom filter tells of logs of a contract: sometimes wrongly, but where there are some,
        always (Ethereum Yellow Paper, section 4.4.1). False where there is no filter."""
        if self.logs_bloom is None:
            return False
        from eth_utils.crypto import keccak

        filled = int.from_bytes(self.logs_bloom, "big")
        digest = keccak(hexstr=address)
        bits = (int.from_bytes(digest[place : place + 2], "big") & 2047 for place in (0, 2, 4))
        return all(filled >> bit & 1 for bit in bits)

    @classmethod
    def read(cls, value: object) -> "Block":
        """From `eth_getBlockBy…`. Raises Malformed."""
        block = mapping(value, "block")
        return cls(
            number=quantity(block.get("number"), "block.number"),
            hash=data_bytes(block.get("hash"), "block.hash", 32),
            parent_hash=data_bytes(block.get("parentHash"), "block.parentHash", 32),
            timestamp=quantity(block.get("timestamp"), "block.timestamp"),
            gas_limit=quantity(block.get("gasLimit"), "block.gasLimit"),
            base_fee=optional(block.get("baseFeePerGas"), "block.baseFeePerGas", quantity),
            logs_bloom=optional(
                block.get("logsBloom"), "block.logsBloom", lambda value, field: data_bytes(value, field, 256)
            ),
        )


@dataclass(frozen=True, slots=True)
class Log:
    """A log of a mined transaction; (block_hash, log_index) names it on every fork."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    transaction_index: int
    log_index: int

    @classmethod
    def read(cls, value: object) -> "Log":
        """From `eth_getLogs` or a receipt. Raises Malformed, for logs of no block or removed ones too."""
        log = mapping(value, "log")
        if log.get("removed") not in (None, False):
            raise Malformed("log.removed is set in an answer about the chain as it is")
        topics = sequence(log.get("topics"), "log.topics")
        if len(topics) > 4:
            raise Malformed(f"log.topics has {len(topics)} entries")
        return cls(
            address=address_text(log.get("address"), "log.address"),
            topics=tuple([data_bytes(topic, "log.topics", 32) for topic in topics]),
            data=data_bytes(log.get("data"), "log.data"),
            block_number=quantity(log.get("blockNumber"), "log.blockNumber"),
            block_hash=data_bytes(log.get("blockHash"), "log.blockHash", 32),
            transaction_hash=data_bytes(log.get("transactionHash"), "log.transactionHash", 32),
            transaction_index=quantity(log.get("transactionIndex"), "log.transactionIndex"),
            log_index=quantity(log.get("logIndex"), "log.logIndex"),
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of a mined transaction; `succeeded` is its status 1."""

    transaction_hash: bytes
    transaction_index: int
    block_number: int
    block_hash: bytes
    sender: str
    to: str | None
    contract_address: str | None
    succeeded: bool
    gas_used: int
    effective_gas_price: int | None
    logs: tuple[Log, ...]

    @classmethod
    def read(cls, value: object) -> "Receipt":
        """From `eth_getTransactionReceipt`. Raises Malformed."""
        receipt = mapping(value, "receipt")
        status = quantity(receipt.get("status"), "receipt.status")
        if status not in (0, 1):
            raise Malformed(f"receipt.status is {status}")
        return cls(
            transaction_hash=data_bytes(receipt.get("transactionHash"), "receipt.transactionHash", 32),
            transaction_index=quantity(receipt.get("transactionIndex"), "receipt.transactionIndex"),
            block_number=quantity(receipt.get("blockNumber"), "receipt.blockNumber"),
            block_hash=data_bytes(receipt.get("blockHash"), "receipt.blockHash", 32),
            sender=address_text(receipt.get("from"), "receipt.from"),
            to=optional(receipt.get("to"), "receipt.to", address_text),
            contract_address=optional(
                receipt.get("contractAddress"), "receipt.contractAddress", address_text
            ),
            succeeded=status == 1,
            gas_used=quantity(receipt.get("gasUsed"), "receipt.gasUsed"),
            effective_gas_price=optional(
                receipt.get("effectiveGasPrice"), "receipt.effectiveGasPrice", quantity
            ),
            logs=tuple(Log.read(log) for log in sequence(receipt.get("logs"), "receipt.logs")),
        )
