"""Who serves a home is known by its lock, not by what a dead process left behind."""

from pathlib import Path

import pytest

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
