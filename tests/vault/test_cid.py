"""Text and binary forms of CIDs, and what is refused."""

import hashlib

import pytest

from vault.cid import DAG_PB, RAW, Cid, InvalidCid

EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


def test_both_forms_of_a_known_cid() -> None:
    cid = Cid.parse(EMPTY)
    assert cid == Cid(RAW, hashlib.sha256(b"").digest())
    assert bytes(cid) == bytes.fromhex("01551220") + hashlib.sha256(b"").digest()
    assert Cid.from_bytes(bytes(cid)) == cid
    assert str(cid) == EMPTY
    assert cid.verifies(b"")
    assert not cid.verifies(b"\0")


def test_a_dag_pb_cid_starts_with_bafy() -> None:
    cid = Cid.of_block(b"node", DAG_PB)
    assert str(cid).startswith("bafy")
    assert Cid.parse(str(cid)) == cid


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "59 characters"),
        ("QmRdPboiJQoZ5cdazR9a8vGqdJvWg6M5bfdtUSKNHpuscj", "59 characters"),
        (EMPTY.upper(), "59 characters"),
        ("b" + EMPTY[1:].upper(), "lower case"),
        (EMPTY + "a", "59 characters"),
        (EMPTY[:-1] + "1", "not base32"),
        (EMPTY[:-1] + "v", "canonical"),
        ("bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "codec"),
    ],
)
def test_refuses_texts_that_are_no_cid_of_ours(text: str, reason: str) -> None:
    with pytest.raises(InvalidCid, match=reason):
        Cid.parse(text)


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [("00551220", "version"), ("01551120", "sha2-256"), ("0155121f", "sha2-256"), ("01711220", "codec")],
)
def test_refuses_binary_forms_that_are_no_cid_of_ours(prefix: str, reason: str) -> None:
    with pytest.raises(InvalidCid, match=reason):
        Cid.from_bytes(bytes.fromhex(prefix) + bytes(32))
    with pytest.raises(InvalidCid, match="bytes instead of"):
        Cid.from_bytes(bytes.fromhex(prefix) + bytes(31))
