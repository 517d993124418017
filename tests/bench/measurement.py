"""What a bench prints: one JSON line for each peer."""

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """Ours and a peer's figure for the same work in the same run; `unit` names what is counted.

    `peer` None: nothing comparable exists, and `theirs` is the goal. `case`: which input, where a bench has
    several.
    """

    bench: str
    ours: float
    theirs: float
    unit: str
    peer: str | None
    peer_version: str | None
    case: str | None = None
    less_is_better: bool = False

    @property
    def ratio(self) -> float:
        """Above 1 where ours is ahead."""
        return self.theirs / self.ours if self.less_is_better else self.ours / self.theirs

    def to_json(self) -> dict[str, Any]:
        """For one line of output."""
        return {
            "bench": self.bench,
            "case": self.case,
            "ours": round(self.ours, 2),
            "peer": self.peer,
            "peer_version": self.peer_version,
            "theirs": round(self.theirs, 2),
            "ratio": round(self.ratio, 3),
            "unit": self.unit,
            "machine": machine(),
        }


def machine() -> str:
    """Processor, cores and interpreter."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def show(measurement: Measurement) -> None:
    """Print a line at once: a bench may run long."""
    print(json.dumps(measurement.to_json(), ensure_ascii=False), flush=True)
