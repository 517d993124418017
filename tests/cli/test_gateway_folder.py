"""What a gateway keeps beside its spool survives a power cut, and is its owner's alone."""

import json
import stat
from pathlib import Path

import pytest

from cli.failure import Exit, Failure
from cli.gatewaying import _own, _remember, network_of
from cli.session import Session


class _Away(Session):
    """A session whose service does not answer."""

    @property
    def network(self):  # type: ignore[no-untyped-def]  # it never returns
        raise Failure("service: connection refused", Exit.UNREACHABLE)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"network": {}, "member": "1", "service": "x"}'])
def test_a_broken_memory_of_the_network_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "network.json").write_text(content)
    with pytest.raises(Failure, match=r"network\.json: cannot be read .* connection refused"):
        network_of(_Away(), "maker", tmp_path)


def test_what_is_remembered_already_is_not_written_again(tmp_path: Path) -> None:
    """A full disk is no reason not to start."""
    path = tmp_path / "network.json"
    _remember(path, json.dumps({"a": 1}))
    path.chmod(0o400)
    before = path.stat().st_ino
    _remember(path, json.dumps({"a": 1}))
    assert path.stat().st_ino == before
    _remember(path, json.dumps({"a": 2}))
    assert json.loads(path.read_text()) == {"a": 2}


def test_only_its_owner_reads_a_spool(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.touch(0o644)
    for _ in range(2):
        _own(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
