"""The TradeSeal-Capture header: what is read is what was written, and errors name the parameter."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.signature_header import HeaderError, SignatureHeader, parse

SIGNER = "0x" + "Ab" * 20
SEED = base64.b64encode(bytes(range(32))).decode()
SIGNATURE = base64.b64encode(bytes(65)).decode()
GOOD = f'v=1, signer="{SIGNER}", seed=:{SEED}:, deadline=1790000000, signature=:{SIGNATURE}:'


def test_reads_the_form_the_protocol_prints() -> None:
    assert parse(GOOD) == SignatureHeader(SIGNER, bytes(range(32)), 1790000000, bytes(65))
    assert parse(GOOD).serialise() == GOOD


@given(
    signer=st.binary(min_size=20, max_size=20),
    seed=st.binary(min_size=32, max_size=32),
    deadline=st.integers(1, 10**15 - 1),
    signature=st.binary(min_size=1, max_size=300),
)
@settings(derandomize=True, max_examples=50)
def test_reads_back_what_it_writes(signer: bytes, seed: bytes, deadline: int, signature: bytes) -> None:
    header = SignatureHeader("0x" + signer.hex(), seed, deadline, signature)
    assert parse(header.serialise()) == header


@pytest.mark.parametrize(
    ("value", "parameter"),
    [
        ("", "v"),
        ("v=2", "v"),
        ("v=1.0", "v"),
        (GOOD.replace("v=1", "v"), "v"),
        (GOOD.replace(f', signer="{SIGNER}"', ""), "signer"),
        (GOOD.replace(f'"{SIGNER}"', "token"), "signer"),
        (GOOD.replace(SIGNER, SIGNER[:-1]), "signer"),
        (GOOD.replace(f"seed=:{SEED}:", "seed=:AAAA:"), "seed"),
        (GOOD.replace(f"seed=:{SEED}:", f'seed="{SEED}"'), "seed"),
        (GOOD.replace("1790000000", "0"), "deadline"),
        (GOOD.replace("1790000000", "-5"), "deadline"),
        (GOOD.replace("1790000000", "1790000000.5"), "deadline"),
        (GOOD.replace("1790000000", "1790000000;x=1"), "deadline"),
        (GOOD.replace("1790000000", "(1 2)"), "deadline"),
        (GOOD.replace(SIGNATURE, ""), "signature"),
        (GOOD + ", extra=1", "extra"),
        (GOOD + ", v=1", "v"),
        (GOOD.replace("1790000000", "9" * 16), None),
        (GOOD + ",", None),
        ("{}", None),
        ("ü", None),
        ("v=1, " * 4000, None),
    ],
)
def test_errors_name_the_parameter(value: str, parameter: str | None) -> None:
    with pytest.raises(HeaderError) as caught:
        parse(value)
    assert caught.value.parameter == parameter
    assert "TradeSeal-Capture" in str(caught.value)


@given(st.text(max_size=60))
@settings(derandomize=True, max_examples=200)
def test_any_text_is_read_or_refused(value: str) -> None:
    with pytest.raises(HeaderError):
        parse(value)
