"""Who serves a home is known by its lock, not by what a dead process left behind."""

from pathlib import Path

import pytest

from chain.signers import SignerError
from cli.home import Home, HomeError


def made(folder: Path) -> Home:
    """A home whose folders exist."""
    home = Home(folder)
    home.create()
    return home


def test_a_home_is_served_while_its_lock_is_held(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    assert not home.served
    with home.lock():
        assert home.served
        with pytest.raises(HomeError, match="serves it"), home.lock():
            pass
    assert not home.served
    with home.lock():
        pass


def test_a_node_that_a_dead_service_named_is_not_asked(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    home.write_service({"url": "http://127.0.0.1:1", "rpcUrl": "http://key@127.0.0.1:2"})
    assert home.service_rpc_url() is None
    with home.lock():
        assert home.service_rpc_url() == "http://key@127.0.0.1:2"
    assert home.service_file.stat().st_mode & 0o077 == 0  # it may hold a node's credentials


def test_a_broken_service_file_is_none(tmp_path: Path) -> None:
    home = made(tmp_path / "home")
    for text in ("", "[]", "{"):
        home.service_file.write_text(text)
        assert home.read_service() is None


def test_a_key_in_the_environment_stands_for_a_keystore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    home.create()
    assert not home.has_key("council-1")
    # the private key 1, whose address is the generator point's
    monkeypatch.setenv("TRADESEAL_KEY_COUNCIL_1", "0x" + "00" * 31 + "01")
    assert home.has_key("council-1")
    assert home.key_address("council-1") == "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
    assert home.signer("council-1").address == home.key_address("council-1")
    assert list(home.keys.iterdir()) == []
    monkeypatch.setenv("TRADESEAL_KEY_COUNCIL_1", "secret")
    with pytest.raises(SignerError, match="TRADESEAL_KEY_COUNCIL_1") as refused:
        home.signer("council-1")
    assert "secret" not in str(refused.value)
