"""Money is exact: what people write and minor units are each other's inverse, and nothing is rounded."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.failure import Exit, Failure
from cli.money import format_amount, format_money, parse_amount


@pytest.mark.parametrize(
    ("text", "decimals", "minor"),
    [
        ("1250.00", 2, 125000),
        ("1250", 2, 125000),
        ("0.1", 2, 10),
        ("0.01", 2, 1),
        ("007.50", 2, 750),
        ("1250", 0, 1250),
        ("0.001", 3, 1),
        ("90071992547409.93", 2, 9007199254740993),  # a double would make it …92
        ("0", 2, 0),
    ],
)
def test_an_amount_becomes_its_minor_units(text: str, decimals: int, minor: int) -> None:
    assert parse_amount(text, decimals) == minor


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1.", ".5", "-1", "+1", "1,250.00", "1e3", "0x10", "١٢", "NaN", "1.2.3", "1_000", "1\n"],
)
def test_what_is_no_plain_decimal_is_refused_with_its_value(text: str) -> None:
    with pytest.raises(Failure, match="amount") as caught:
        parse_amount(text, 2)
    assert repr(text[:80]) in str(caught.value)
    assert caught.value.code is Exit.UNCHECKED


def test_more_decimals_than_the_currency_has_are_never_rounded() -> None:
    with pytest.raises(Failure, match="has 2 decimals, 3 are given"):
        parse_amount("10.005", 2)
    with pytest.raises(Failure, match="has 0 decimals"):
        parse_amount("10.0", 0)


def test_beyond_the_tokens_type_is_refused() -> None:
    largest = (1 << 256) - 1
    assert parse_amount(str(largest), 0) == largest
    with pytest.raises(Failure, match="beyond"):
        parse_amount(str(largest + 1), 0)


def test_the_field_is_named() -> None:
    with pytest.raises(Failure, match=r"^seller-amount 'x'"):
        parse_amount("x", 2, "seller-amount")


@given(minor=st.integers(0, (1 << 190) - 1), decimals=st.integers(0, 18))
@settings(derandomize=True, max_examples=200)
def test_formatting_and_parsing_are_inverse(minor: int, decimals: int) -> None:
    assert parse_amount(format_amount(minor, decimals), decimals) == minor


def test_money_says_its_currency() -> None:
    assert format_money(5, 2, "EUR") == "0.05 EUR"
    assert format_money(-1250, 2, "EUR") == "-12.50 EUR"
    assert format_money(1250, 0, "JPY") == "1250 JPY"
