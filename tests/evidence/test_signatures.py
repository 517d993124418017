"""Signatures of accounts and of contracts, judged as the contracts judge them."""

import pytest

from evidence.signatures import is_signed_by
from tests.evidence.world import Key, World

pytestmark = pytest.mark.slow


def test_signatures_are_judged_as_the_contracts_judge_them(world: World) -> None:
    digest, key = b"\7" * 32, Key("signs")
    signature = key.sign(digest)
    assert is_signed_by(world.rpc, key.address, digest, signature)
    assert not is_signed_by(world.rpc, key.address, b"\6" * 32, signature)
    # the same signature with s in the upper half: valid mathematics, refused everywhere
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    upper = (order - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    mirrored = signature[:32] + upper + bytes([55 - signature[64]])
    assert not is_signed_by(world.rpc, key.address, digest, mirrored)
    for wrong in (b"", signature[:64], signature + b"\0", bytes(65), b"\xff" * 65):
        assert not is_signed_by(world.rpc, key.address, digest, wrong)


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        (bytes.fromhex("1626ba7e"), True),
        (b"\xff" * 4, False),
        (bytes.fromhex("1626ba7e01"), False),  # no bytes4: contracts compare the whole word
    ],
)
def test_contracts_are_asked_whether_they_signed(world: World, answer: bytes, valid: bool) -> None:
    """ERC-1271; the code answers every call with 32 bytes that begin with `answer`."""
    address = Key(f"contract {answer.hex()}").address
    code = b"\x7f" + answer.ljust(32, b"\0") + bytes.fromhex("60005260206000f3")
    world.rpc.request("anvil_setCode", [address, "0x" + code.hex()])
    assert is_signed_by(world.rpc, address, b"\7" * 32, b"anything") is valid
