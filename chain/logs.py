"""Logs by the thousand: a column for each field, checked and kept as the node wrote it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter, lt
from typing import Any, Final, Self

from chain.blocks import Log, quantity, sequence

_WORD: Final = re.compile(r"0x[0-9a-f]{64}").fullmatch
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}").fullmatch
_DATA: Final = re.compile(r"0x[0-9a-f]*").fullmatch


class _Unusual(ValueError):
    """An answer that must be read log by log: hexadecimal in upper case, or wrong."""


@dataclass(frozen=True, slots=True)
class LogColumns:
    """Logs in chain order, field by field; the fields are those of `chain.blocks.Log`, but hashes, topics and
    data are 0x-hexadecimal text in lower case."""

    address: list[str]
    topics: list[list[str]]
    data: list[str]
    block_number: list[int]
    block_hash: list[str]
    transaction_hash: list[str]
    transaction_index: list[int]
    log_index: list[int]

    def __len__(self) -> int:
        return len(self.address)

    def __getitem__(self, place: int) -> Log:
        """One log. Raises IndexError."""
        return Log(
            address=self.address[place],
            topics=tuple([_raw(topic) for topic in self.topics[place]]),
            data=_raw(self.data[place]),
            block_number=self.block_number[place],
            block_hash=_raw(self.block_hash[place]),
            transaction_hash=_raw(self.transaction_hash[place]),
            transaction_index=self.transaction_index[place],
            log_index=self.log_index[place],
        )

    @classmethod
    def read(cls, value: object) -> Self:
        """From `eth_getLogs`. Takes and refuses what `Log.read` does: raises Malformed."""
        logs = sequence(value, "result")
        try:
            return cls._as_written(logs)
        except (_Unusual, TypeError, KeyError):
            return cls.of([Log.read(log) for log in logs])

    @classmethod
    def of(cls, logs: Iterable[Log]) -> Self:
        """The columns of single logs."""
        ordered = sorted(logs, key=lambda log: (log.block_number, log.log_index))
        return cls(
            address=[log.address for log in ordered],
            topics=[["0x" + topic.hex() for topic in log.topics] for log in ordered],
            data=["0x" + log.data.hex() for log in ordered],
            block_number=[log.block_number for log in ordered],
            block_hash=["0x" + log.block_hash.hex() for log in ordered],
            transaction_hash=["0x" + log.transaction_hash.hex() for log in ordered],
            transaction_index=[log.transaction_index for log in ordered],
            log_index=[log.log_index for log in ordered],
        )

    @classmethod
    def _as_written(cls, logs: Sequence[Any]) -> Self:
        numbers = _quantities(logs, "blockNumber")
        indexes = _quantities(logs, "logIndex")
        places = [number << 256 | index for number, index in zip(numbers, indexes, strict=True)]
        if not all(map(lt, places, places[1:])):
            raise _Unusual
        if not {log.get("removed") for log in logs} <= {None, False}:
            raise _Unusual
        topics = list(map(itemgetter("topics"), logs))
        if any(type(one) is not list or len(one) > 4 for one in topics):
            raise _Unusual
        _check(_WORD, {topic for one in topics for topic in one})
        data = _texts(logs, "data", _DATA)
        if any(len(one) % 2 for one in data):
            raise _Unusual
        return cls(
            address=_texts(logs, "address", _ADDRESS),
            topics=topics,
            data=data,
            block_number=numbers,
            block_hash=_texts(logs, "blockHash", _WORD),
            transaction_hash=_texts(logs, "transactionHash", _WORD),
            transaction_index=_quantities(logs, "transactionIndex"),
            log_index=indexes,
        )


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _texts(logs: Sequence[Any], name: str, form: Callable[[str], object]) -> list[str]:
    texts = list(map(itemgetter(name), logs))
    _check(form, set(texts))
    return texts


def _check(form: Callable[[str], object], texts: Iterable[str]) -> None:
    if not all(map(form, texts)):
        raise _Unusual


def _quantities(logs: Sequence[Any], name: str) -> list[int]:
    texts = list(map(itemgetter(name), logs))
    values = {text: quantity(text, f"log.{name}") for text in set(texts)}
    return [values[text] for text in texts]
