import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epcis.gs1 import (
    Gs1KeyError,
    check_digit,
    parse_gln,
    parse_gtin,
    parse_serial,
    parse_sscc,
    parse_value,
)

DIGITS = st.text("0123456789", min_size=1, max_size=17)


@pytest.mark.parametrize(
    ("body", "digit"),
    [("629104150021", 3), ("37610425002123456", 9), ("0401234511111", 8), ("9638507", 4), ("0", 0), ("1", 7)],
)
def test_check_digits_of_the_general_specifications(body: str, digit: int) -> None:
    assert check_digit(body) == digit


@settings(derandomize=True)
@given(DIGITS, st.data())
def test_any_single_wrong_digit_is_noticed(body: str, data: st.DataObject) -> None:
    whole = body + str(check_digit(body))
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != whole[at]]))
    changed = whole[:at] + other + whole[at + 1 :]
    assert check_digit(changed[:-1]) != int(changed[-1])


@pytest.mark.parametrize(
    ("given_text", "gtin"),
    [
        ("96385074", "00000096385074"),
        ("614141000036", "00614141000036"),
        ("4012345111118", "04012345111118"),
        ("04012345111118", "04012345111118"),
    ],
)
def test_every_gtin_length_has_one_form(given_text: str, gtin: str) -> None:
    assert parse_gtin(given_text) == gtin


@pytest.mark.parametrize(
    "text", ["", "401234511111", "4012345111117", "40123451111180", "401234511111８", "-4012345111118"]
)
def test_wrong_gtins_are_refused_with_field_and_value(text: str) -> None:
    with pytest.raises(Gs1KeyError, match="GTIN") as caught:
        parse_gtin(text)
    assert caught.value.field == "GTIN"
    assert caught.value.value == text


def test_check_digit_error_names_the_right_digit() -> None:
    with pytest.raises(Gs1KeyError, match="check digit is 7, should be 8"):
        parse_gtin("4012345111117")


def test_gln_and_sscc() -> None:
    assert parse_gln("4012345000054") == "4012345000054"
    assert parse_sscc("040123450000011111") == "040123450000011111"
    with pytest.raises(Gs1KeyError, match="GLN"):
        parse_gln("4012345000055")
    with pytest.raises(Gs1KeyError, match="SSCC"):
        parse_sscc("40123450000011116")


@pytest.mark.parametrize("serial", ["", "x" * 21, "a b", "é", "a~b", "a#b", "a\nb", "^"])
def test_serials_outside_the_charset_are_refused(serial: str) -> None:
    with pytest.raises(Gs1KeyError, match="serial number"):
        parse_serial(serial)


def test_serials_are_kept_to_the_letter() -> None:
    assert parse_serial("0012/aB%+") == "0012/aB%+"


@pytest.mark.parametrize(
    ("ai", "good", "bad"),
    [
        ("8003", "04012345666663387", "14012345666663387"),
        ("8003", "04012345666663", "04012345666664"),
        ("253", "40123455555541234", "40123455555551234"),
        ("255", "4012345999990123", "4012345999990a"),
        ("402", "40123459999876541", "40123459999876542"),
        ("8006", "040123451234560102", "04012345123456010"),
        ("8010", "4012345ABC-/#", "4012345abc"),
        ("8004", "4012345AAbb", "4012345AA bb"),
        ("8017", "401234500000987658", "401234500000987659"),
        ("8011", "123456789012", "1234567890123"),
    ],
)
def test_other_keys(ai: str, good: str, bad: str) -> None:
    assert parse_value(ai, good) == good
    with pytest.raises(Gs1KeyError) as caught:
        parse_value(ai, bad)
    assert ai in caught.value.field
    assert caught.value.value == bad
