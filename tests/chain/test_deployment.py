"""The record of where a network's contracts stand: whole or old, and only of its own network."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain import deployment
from chain.codec import checksum
from chain.deployment import CONTRACTS, Deployment, DeploymentError
from chain.operation import ChainIdentity

IDENTITY = ChainIdentity(520_731, bytes(range(32)))
MADE = Deployment(
    IDENTITY,
    {name: checksum(f"{place:040x}") for place, name in enumerate(CONTRACTS, 0xABC1)},
    {"EUR": checksum("e" * 40)},
    7,
)


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    path = deployment.save(tmp_path / "new" / "folder", MADE)
    assert deployment.read(path) == MADE
    assert deployment.load(path.parent, IDENTITY) == MADE
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert deployment.load(tmp_path / "elsewhere", IDENTITY) is None


def test_networks_with_one_chain_id_have_records_of_their_own(tmp_path: Path) -> None:
    wiped = replace(MADE, identity=ChainIdentity(IDENTITY.chain_id, b"\1" * 32))
    paths = {deployment.save(tmp_path, MADE), deployment.save(tmp_path, wiped)}
    assert len(paths) == 2
    assert deployment.load(tmp_path, wiped.identity) == wiped
    assert deployment.load(tmp_path, ChainIdentity(1, IDENTITY.first_block_hash)) is None


def test_a_record_in_another_networks_file_is_refused(tmp_path: Path) -> None:
    other = ChainIdentity(IDENTITY.chain_id, b"\1" * 32)
    path = deployment.save(tmp_path, MADE)
    path.rename(deployment.record_path(tmp_path, other))
    with pytest.raises(DeploymentError, match=f"is of network {IDENTITY}, not {other}"):
        deployment.load(tmp_path, other)


def test_a_write_that_fails_leaves_the_old_record_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deployment.save(tmp_path, MADE)

    def no_space(_descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="no space"):
        deployment.save(tmp_path, replace(MADE, first_block=8))
    assert deployment.read(path) == MADE
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"type": "TradeSealTrust"}, "not a version 1"),
        ({"version": 2}, "not a version 1"),
        ({"chainId": "520731"}, "field chainId: '520731' is not an integer"),
        ({"chainId": True}, "field chainId: True is not an integer"),
        ({"chainId": 1.5}, r"field chainId: 1\.5 is not an integer"),
        ({"firstBlock": -1}, "field firstBlock: -1 is outside uint64"),
        ({"firstBlock": None}, "field firstBlock"),
        ({"firstBlockHash": "0x00"}, "firstBlockHash '0x00' is no 32-byte hash"),
        ({"firstBlockHash": None}, "firstBlockHash"),
        ({"contracts": {}}, "lacks Authority, Council"),
        ({"contracts": {**MADE.contracts, "Escrow": "0x12"}}, r"field contracts\.Escrow: '0x12'"),
        ({"contracts": {**MADE.contracts, "Escrow": None}}, r"field contracts\.Escrow"),
        ({"contracts": list(MADE.contracts)}, "deployment: "),
        ({"tokens": {"EUR": "euro"}}, r"field tokens\.EUR: 'euro'"),
        ({"tokens": None}, "deployment: "),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    path = deployment.record_path(tmp_path, IDENTITY)
    path.write_text(json.dumps(MADE.to_json() | change), encoding="utf-8")
    with pytest.raises(DeploymentError, match=why) as caught:
        deployment.load(tmp_path, IDENTITY)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", sorted(MADE.to_json()))
def test_a_record_that_lacks_a_member_is_refused(name: str) -> None:
    record = {key: value for key, value in MADE.to_json().items() if key != name}
    with pytest.raises(DeploymentError):
        Deployment.from_json(record)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"null", b"[]", b"[" * 100_000, b'{"type":'])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(DeploymentError):
        deployment.read(path)
    with pytest.raises(DeploymentError, match="cannot be read"):
        deployment.read(tmp_path)


def test_addresses_are_found_by_contract_and_by_currency() -> None:
    assert MADE.address("Escrow") == MADE.contracts["Escrow"]
    assert MADE.address("EUR") == MADE.tokens["EUR"]
    assert MADE.all_addresses()["FiatToken:EUR"] == MADE.tokens["EUR"]
    with pytest.raises(DeploymentError, match="'CHF': not of this network"):
        MADE.address("CHF")
    domain = MADE.domain("EventLedger")
    assert (domain.name, domain.chain_id, domain.verifying_contract) == (
        "TradeSeal",
        520_731,
        MADE.contracts["EventLedger"],
    )
    assert MADE.trust_anchor() == {
        "type": "TradeSealTrust",
        "version": 1,
        "chainId": 520_731,
        "firstBlock": "0x" + bytes(range(32)).hex(),
        "registry": MADE.contracts["MemberRegistry"],
        "ledger": MADE.contracts["EventLedger"],
        "passport": MADE.contracts["ProductPassport"],
    }
