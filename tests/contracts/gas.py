"""Gas as a reviewed number: what operations cost is committed, and a change fails with a table."""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chain.toolchain import ROOT

SNAPSHOT = Path(__file__).with_name("gas_snapshot.json")
LOCK = ROOT / ".cache" / "gas_snapshot.lock"
UPDATE = "TRADESEAL_UPDATE_GAS"


def read_snapshot(path: Path = SNAPSHOT) -> dict[str, int]:
    """Committed gas by operation."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def write_snapshot(measured: Mapping[str, int], path: Path = SNAPSHOT) -> None:
    """Merge `measured` into the committed numbers; workers of one run may do so at the same time."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        merged = dict(sorted((read_snapshot(path) | dict(measured)).items()))
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(merged, indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)


def differences(measured: Mapping[str, int], committed: Mapping[str, int]) -> str:
    """A table of operations whose gas is another than committed; "" where none is."""
    changed = {name: gas for name, gas in sorted(measured.items()) if committed.get(name) != gas}
    if not changed:
        return ""
    width = max(len(name) for name in changed)
    lines = [f"{'operation':<{width}} {'old':>9} {'new':>9} {'change':>9}"]
    for name, gas in changed.items():
        old = committed.get(name)
        change = "new" if old is None else f"{gas - old:+d}"
        lines.append(f"{name:<{width}} {'-' if old is None else old:>9} {gas:>9} {change:>9}")
    return "\n".join(lines)


@dataclass
class GasSnapshot:
    """What one test measured."""

    measured: dict[str, int] = field(default_factory=dict)

    def record(self, operation: str, gas: int) -> None:
        """Note that `operation` used `gas`; compared when the test is over."""
        assert self.measured.setdefault(operation, gas) == gas, f"{operation} recorded twice"

    def settle(self) -> None:
        """Compare with the committed numbers, or commit these under TRADESEAL_UPDATE_GAS=1."""
        if os.environ.get(UPDATE) == "1":
            write_snapshot(self.measured)
            return
        table = differences(self.measured, read_snapshot())
        assert not table, f"gas changed (accept with {UPDATE}=1):\n{table}"
