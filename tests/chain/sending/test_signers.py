"""Signers: signatures that recover, keystores others cannot read, keys that never show."""

import json
import logging
import os
import pickle
import stat
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from chain.signers import (
    EnvironmentSigner,
    KeystoreSigner,
    SignerError,
    WrongPassword,
    create_keystore,
    read_password,
)
from tests.chain.sending.anvil_node import ADDRESS, KEY

LIGHT = 2  # scrypt's N: a test needs no year of guessing
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

# EIP-712's own example, signed with the key keccak("cow").
MAIL = {
    "types": {
        "EIP712Domain": [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ],
        "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
        "Mail": [
            {"name": "from", "type": "Person"},
            {"name": "to", "type": "Person"},
            {"name": "contents", "type": "string"},
        ],
    },
    "primaryType": "Mail",
    "domain": {
        "name": "Ether Mail",
        "version": "1",
        "chainId": 1,
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    },
    "message": {
        "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
        "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
        "contents": "Hello, Bob!",
    },
}
COW_KEY = "c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4"
COW_SIGNATURE = (
    "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
    "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
)


def test_signs_the_example_of_eip_712(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COW", COW_KEY)
    signer = EnvironmentSigner("COW")
    assert signer.address == "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
    assert signer.sign_typed(MAIL).hex() == COW_SIGNATURE


def test_signatures_are_65_bytes_low_s_and_recover_to_the_signer(signer: EnvironmentSigner) -> None:
    for number in range(30):
        typed = {**MAIL, "message": {**MAIL["message"], "contents": f"{number}"}}  # type: ignore[dict-item]  # a literal of mixed values
        signature = signer.sign_typed(typed)
        assert len(signature) == 65
        assert int.from_bytes(signature[32:64]) <= HALF_ORDER
        assert signature[64] in (27, 28)
        assert Account.recover_message(encode_typed_data(full_message=typed), signature=signature) == ADDRESS


def test_a_keystore_opens_with_its_password_only(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    address = create_keystore(path, "correct horse", iterations=LIGHT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["version"] == 3
    assert os.listdir(tmp_path) == ["key.json"]
    signer = KeystoreSigner(path, "correct horse")
    assert signer.address == address
    transaction = {
        "chainId": 5,
        "nonce": 0,
        "to": ADDRESS,
        "value": 1,
        "gas": 21000,
        "gasPrice": 1,
        "data": b"",
    }
    assert Account.recover_transaction(signer.sign_transaction(transaction)) == address
    with pytest.raises(WrongPassword, match=r"key\.json: the password is wrong") as caught:
        KeystoreSigner(path, "battery staple")
    assert "battery" not in str(caught.value)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    create_keystore(path, "one", private_key=bytes.fromhex(KEY[2:]), iterations=LIGHT)
    with pytest.raises(SignerError, match="exists already"):
        create_keystore(path, "two", iterations=LIGHT)
    assert KeystoreSigner(path, "one").address == ADDRESS
    with pytest.raises(SignerError, match="password is empty"):
        create_keystore(tmp_path / "other.json", "", iterations=LIGHT)
    with pytest.raises(SignerError, match="not a secp256k1 key"):
        create_keystore(tmp_path / "other.json", "one", private_key=bytes(32), iterations=LIGHT)
    assert os.listdir(tmp_path) == ["key.json"]


def test_a_keystore_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    create_keystore(path, "one", iterations=LIGHT)
    path.chmod(0o640)
    with pytest.raises(SignerError, match="mode is 0640"):
        KeystoreSigner(path, "one")


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", '{"version": 1}', '{"version": 3}', '{"version": 3, "crypto": {}}']
)
def test_a_damaged_keystore_is_its_own_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(SignerError, match=r"keystore .*key\.json: (is|version)"):
        KeystoreSigner(path, "one")
    with pytest.raises(SignerError, match="No such file"):
        KeystoreSigner(tmp_path / "absent.json", "one")


def test_no_output_holds_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TEST_KEY", KEY)
    path = tmp_path / "key.json"
    create_keystore(path, "one", private_key=bytes.fromhex(KEY[2:]), iterations=LIGHT)
    shown = []
    for signer in (EnvironmentSigner("TEST_KEY"), KeystoreSigner(path, "one")):
        shown += [repr(signer), str(signer), f"{signer.address}"]
        with pytest.raises(SignerError, match="not copied") as caught:
            pickle.dumps(signer)
        shown.append(repr(caught.value))
        assert not hasattr(signer, "__dict__") or KEY[2:] not in repr(vars(signer))
    assert "for development only" in caplog.text
    assert KEY[2:].lower() not in ("".join(shown) + caplog.text + path.read_text()).lower()


@pytest.mark.parametrize("value", ["", "0x", "12", KEY + "00", "zz" * 32, "00" * 32, "ff" * 32])
def test_a_bad_key_in_the_environment_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TEST_KEY", value)
    with pytest.raises(SignerError, match="environment variable TEST_KEY") as caught:
        EnvironmentSigner("TEST_KEY")
    assert len(value) < 10 or value not in str(caught.value)
    assert caught.value.__cause__ is None


def test_passwords_come_from_file_environment_or_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "password"
    path.write_text("from file\n")
    path.chmod(0o600)
    monkeypatch.setenv("PASSWORD", "from environment")
    assert read_password("key", path=path, variable="PASSWORD", prompt=False) == "from file"
    assert read_password("key", variable="PASSWORD", prompt=False) == "from environment"
    with pytest.raises(SignerError, match="no password for key"):
        read_password("key", variable="ABSENT", prompt=False)
    path.chmod(0o644)
    with pytest.raises(SignerError, match="mode is 0644"):
        read_password("key", path=path)
