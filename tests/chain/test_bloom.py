"""Bloom filters of real headers, and of logs that are left out."""

from random import Random

from eth_utils.crypto import keccak

from chain.bloom import bits_of, unexplained

# Yellow Paper, section 4.4.1, as go-ethereum's core/types/bloom9_test.go states it
POSITIVE = ("testtest", "test", "hallo", "other")


def by_hand(values: list[bytes]) -> bytes:
    """M3:2048 of the Yellow Paper, bit by bit."""
    filled = bytearray(256)
    for value in values:
        digest = keccak(value)
        for place in (0, 2, 4):
            bit = (digest[place] << 8 | digest[place + 1]) & 2047
            filled[255 - bit // 8] |= 1 << bit % 8
    return bytes(filled)


def text(value: bytes) -> str:
    return "0x" + value.hex()


def test_bits_are_those_of_the_yellow_paper() -> None:
    values = [one.encode() for one in POSITIVE]
    told = 0
    for value in values:
        told |= bits_of(text(value))
    assert told == int.from_bytes(by_hand(values), "big")


def test_every_log_that_is_left_out_is_missed() -> None:
    seed = Random().randrange(1 << 32)
    print(f"seed {seed}")
    dice = Random(seed)
    kinds = [dice.randbytes(32) for _ in range(3)]
    address = dice.randbytes(20)
    for count in (1, 2, 5):  # of more, one may be hidden by the others
        logs = [(address, [dice.choice(kinds), dice.randbytes(32)]) for _ in range(count)]
        bloom = by_hand([value for one, topics in logs for value in (one, *topics)])
        told = [(text(one), [text(topic) for topic in topics]) for one, topics in logs]
        assert not unexplained(bloom, told)
        assert all(unexplained(bloom, told[:place] + told[place + 1 :]) for place in range(count))


def test_a_header_without_a_filter_tells_nothing() -> None:
    assert not unexplained(None, [])
