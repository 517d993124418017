"""`tradeseal vault`: what it says of the stores that TRADESEAL_VAULT names, and its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from vault.store import LocalStore


class Scene:
    """A home, and two folders that are one vault."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.one, self.two = (LocalStore(folder / name) for name in ("one", "two"))
        for store in (self.one, self.two):
            self.cids = store.put_many([b"sealed", b"another"])
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, Any]:
        """Exit code and JSON of a command."""
        code = main(["vault", *arguments, "--json"])
        return code, json.loads(self._capsys.readouterr().out)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Scene:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("TRADESEAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRADESEAL_VAULT", f"file://{tmp_path}/one file://{tmp_path}/two")
    return Scene(tmp_path, capsys)


def test_status_of_each_store(scene: Scene) -> None:
    code, said = scene.run("status")
    assert (code, said["store"], said["owed"], said["acknowledge"]) == (0, "replicated", 0, 2)
    assert [(store["place"], store["contents"]) for store in said["stores"]] == [
        (scene.one.place, 2),
        (scene.two.place, 2),
    ]


def test_a_bad_copy_is_named_and_repaired(scene: Scene) -> None:
    assert scene.run("check") == (0, {"clean": True, "problems": []})
    scene.one.path_of(scene.cids[0]).unlink()
    scene.two.path_of(scene.cids[1]).write_bytes(b"forged")
    code, said = scene.run("check")
    assert code == 1
    assert {problem["cid"] for problem in said["problems"]} == {str(cid) for cid in scene.cids}
    code, said = scene.run("repair")
    assert (code, said["clean"], said["problems"]) == (0, True, [])
    assert [one["healed"] for one in said["repairs"]] == [True, True]
    assert scene.one.get(scene.cids[0]) == b"sealed"
    assert scene.two.get(scene.cids[1]) == b"another"


def test_what_no_copy_puts_right_stays_wrong(scene: Scene) -> None:
    for store in (scene.one, scene.two):
        store.path_of(scene.cids[0]).write_bytes(b"forged")
    code, said = scene.run("repair")
    assert (code, said["clean"]) == (1, False)
    assert {problem["cid"] for problem in said["problems"]} == {str(scene.cids[0])}


def test_a_store_that_is_away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADESEAL_VAULT", f"file://{scene.one.place} ipfs+http://127.0.0.1:9")
    code, said = scene.run("status")
    assert code == 3
    assert "refused" in said["stores"][1]["unreachable"]
    code, said = scene.run("check")  # nothing is damaged as far as it can be seen
    assert (code, said["clean"], [one["checked"] for one in said["problems"]]) == (2, False, [False])
    assert scene.run("repair")[0] == 2
    scene.one.path_of(scene.cids[0]).write_bytes(b"forged")
    code, said = scene.run("check")
    assert (code, sorted(one["checked"] for one in said["problems"])) == (1, [False, True])
    monkeypatch.setenv("TRADESEAL_VAULT", "ipfs+http://127.0.0.1:9")
    assert scene.run("check")[0] == 3


def test_a_setting_that_cannot_be_used_is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADESEAL_VAULT", "s3+https://member:hush-hush@host/bucket")
    assert main(["vault", "status"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tradeseal: TRADESEAL_VAULT: ")
    assert "hush-hush" not in said
    monkeypatch.setenv("TRADESEAL_VAULT", "file:///srv/vault")
    monkeypatch.setenv("TRADESEAL_VAULT_ACKNOWLEDGE", "0")
    assert main(["vault", "status"]) == 2
    assert "TRADESEAL_VAULT_ACKNOWLEDGE" in capsys.readouterr().err


def test_without_an_installation_nothing_is_made(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADESEAL_HOME", str(tmp_path / "nowhere"))
    assert main(["vault", "status"]) == 2
    assert not (tmp_path / "nowhere").exists()
