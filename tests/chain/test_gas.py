"""What no transaction may be given less than, held against figures that nodes were seen to ask for."""

from chain.gas import another_limit, bounded, least_gas

FRIEND = "0x" + "11" * 20


def test_the_least_is_what_a_chain_asks_for_before_anything_runs() -> None:
    assert least_gas(FRIEND, b"") == 21_000
    assert least_gas(FRIEND, b"\1" * 1000) == 61_000  # EIP-7623: Anvil mines it with this, not with one less
    assert least_gas(FRIEND, b"\0" * 1000) == 31_000
    assert least_gas(FRIEND, b"\0\1") == 21_000 + 10 + 40
    assert least_gas(None, b"") == 53_000
    # EIP-2, EIP-2028, EIP-3860: a contract's code is dearer by these than by its floor
    assert least_gas(None, b"\1" * 33) == 53_000 + 16 * 33 + 2 * 2


def test_a_limit_stays_between_the_least_and_a_block() -> None:
    assert bounded(50_000, 21_000, 30_000_000) == 50_000
    assert bounded(5_000, 21_000, 30_000_000) == 21_000
    assert bounded(10**12, 21_000, 30_000_000) == 30_000_000
    assert bounded(10**12, 21_000, 0) == 10**12  # a chain whose headers tell no limit


def test_a_refused_limit_is_left_in_the_direction_that_is_open() -> None:
    assert another_limit(80_000_000, 21_000, 300_000_000) == 40_000_000
    assert another_limit(30_000, 21_000, 300_000_000) == 60_000
    assert another_limit(50_000, 30_000, 300_000_000) == 100_000
