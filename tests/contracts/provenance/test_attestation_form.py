"""AttestationForm against plain Solidity and eth_account: sound input, too wide fields, odd offsets."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.contracts.evm import RELAYER, Contract, Reverted, address_of
from tests.contracts.harness import World
from tests.contracts.provenance.scene import attestation, struct_hash

WORDS = 15
FIRST = 4 + 4 * 32
"""offset of the struct in the call data: selector and four parameters stand before it"""
CID = 11


@pytest.fixture(scope="session")
def forms(world: World) -> Contract:
    """The library, and the same in plain Solidity."""
    return world.evm.deploy("AttestationForms")


words = st.binary(min_size=32, max_size=32)
attestations = st.fixed_dictionaries(
    {
        "sealId": words,
        "eventHash": words,
        "subject": words,
        "bizStep": words,
        "disposition": words,
        "place": st.integers(0, 2**64 - 1),
        "eventTime": st.integers(0, 2**64 - 1),
        "quantity": st.integers(0, 2**128 - 1),
        "unit": st.binary(min_size=3, max_size=3),
        "order": words,
        "milestone": st.integers(0, 2**16 - 1),
        "cid": st.binary(min_size=0, max_size=100),
        "consumer": st.text(max_size=5).map(address_of),
        "extension": words,
        "deadline": st.integers(0, 2**64 - 1),
    }
)


def outcome(forms: Contract, function: str, data: bytes) -> bytes | str:
    """What a call answers, or how it reverts."""
    try:
        return forms.evm.simulate(forms.address, forms.selector(function) + data[4:], RELAYER)
    except Reverted as refused:
        return f"{refused.name} {refused.values}"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(fields=attestations, member=st.integers(0, 2**64 - 1), recorded_at=st.integers(0, 2**64 - 1))
def test_both_forms_are_those_of_plain_solidity(
    forms: Contract, fields: dict[str, Any], member: int, recorded_at: int
) -> None:
    arguments = (fields, address_of("signer"), member, recorded_at)
    data = forms.encode("formed", *arguments)
    answer = outcome(forms, "formed", data)
    assert answer == outcome(forms, "plain", data)
    if not fields["cid"]:
        assert answer == "FieldEmpty {'field': 'cid'}"
        return
    hashed, _, _, whole = forms.call("formed", *arguments)
    assert whole
    assert hashed == struct_hash(forms, "Attestation", fields)
    assert forms.call("acted", fields) == (fields["milestone"], fields["consumer"], fields["deadline"])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(fields=attestations, word=st.integers(0, WORDS - 1), bit=st.integers(0, 255))
@example(fields=None, word=5, bit=64)
@example(fields=None, word=6, bit=64)
@example(fields=None, word=7, bit=128)
@example(fields=None, word=8, bit=231)
@example(fields=None, word=10, bit=16)
@example(fields=None, word=12, bit=160)
@example(fields=None, word=14, bit=64)
def test_a_field_wider_than_its_type_is_refused_as_by_the_abi(
    world: World, forms: Contract, fields: dict[str, Any] | None, word: int, bit: int
) -> None:
    data = bytearray(forms.encode("formed", fields or attestation(world), RELAYER, 1, 2))
    place = FIRST + 32 * word + 31 - bit // 8
    data[place] ^= 1 << bit % 8
    answer = outcome(forms, "formed", bytes(data))
    assert answer == outcome(forms, "plain", bytes(data))
    if fields is None:
        assert isinstance(answer, str), f"bit {bit} of word {word} was taken"


@pytest.mark.parametrize("offset", [0, 1, 0x1DF, 0x1E0, 0x1E1, 0x200, 0x240, 2**64, 2**256 - 32])
@pytest.mark.parametrize("length", [None, 0, 1, 35, 37, 65, 2**64, 2**256 - 1])
def test_wherever_the_cid_stands_the_event_has_it_where_it_belongs(
    world: World, forms: Contract, offset: int, length: int | None
) -> None:
    data = bytearray(forms.encode("formed", attestation(world), RELAYER, 1, 2) + bytes(range(64)))
    at = FIRST + 32 * CID
    data[at : at + 32] = offset.to_bytes(32, "big")
    if length is not None:
        at = FIRST + 32 * WORDS
        data[at : at + 32] = length.to_bytes(32, "big")
    assert outcome(forms, "formed", bytes(data)) == outcome(forms, "plain", bytes(data))
