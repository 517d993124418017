"""The gas snapshot itself: nothing stale, and a change shows as a table."""

import json
import re
from pathlib import Path

import pytest

from tests.contracts.gas import SNAPSHOT, GasSnapshot, differences, read_snapshot, write_snapshot


def test_every_committed_number_is_still_measured() -> None:
    recorded: set[str] = set()
    for path in Path(__file__).parent.rglob("test_*.py"):
        recorded |= set(re.findall(r'gas_snapshot\.record\(\s*"([^"]+)"', path.read_text(encoding="utf-8")))
    assert set(read_snapshot()) - recorded == set()


def test_the_table_shows_old_new_and_change() -> None:
    table = differences(
        {"a": 90, "operation b": 110, "c": 5, "same": 7}, {"a": 100, "operation b": 100, "same": 7}
    )
    assert [line.split() for line in table.splitlines()] == [
        ["operation", "old", "new", "change"],
        ["a", "100", "90", "-10"],
        ["c", "-", "5", "new"],
        ["operation", "b", "100", "110", "+10"],
    ]
    assert differences({"same": 7}, {"same": 7, "not measured here": 1}) == ""


def test_a_change_of_one_gas_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRADESEAL_UPDATE_GAS", raising=False)
    name, gas = next(iter(read_snapshot().items()))
    same = GasSnapshot()
    same.record(name, gas)
    same.settle()
    other = GasSnapshot()
    other.record(name, gas + 1)
    with pytest.raises(AssertionError, match=r"\+1"):
        other.settle()


def test_updates_are_merged_and_sorted(tmp_path: Path) -> None:
    target = tmp_path / "gas.json"
    write_snapshot({"b": 2}, target)
    write_snapshot({"a": 1}, target)
    write_snapshot({"b": 3}, target)
    assert list(json.loads(target.read_text(encoding="utf-8")).items()) == [("a", 1), ("b", 3)]


def test_the_committed_file_is_in_its_normal_form() -> None:
    text = SNAPSHOT.read_text(encoding="utf-8")
    assert text == json.dumps(dict(sorted(json.loads(text).items())), indent=1) + "\n"
