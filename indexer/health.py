"""How a mirror is doing, for monitoring: read from memory, so that asking costs the database nothing."""

import threading
import time
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class MirrorHealth:
    """What one indexer of this process did since it was made. Times are Unix seconds, 0.0 for never."""

    latest: int = -1
    """number of the newest block that the node was seen to have"""
    mirrored: int = -1
    """number of the newest block that was written or found in the mirror"""
    started: float = 0.0
    last_pass: float = 0.0
    """when the mirror was last brought up to the newest block without an error"""
    last_progress: float = 0.0
    """when something was last written"""
    logs: int = 0
    """logs written"""
    undecoded: int = 0
    """logs in the mirror without a derived row"""
    contents: int = 0
    """pieces of content asked for"""
    waiting: int = 0
    """pieces of content that could not be read so far"""
    rollbacks: int = 0
    """reorganisations undone"""
    rolled_back: int = 0
    """blocks undone"""
    errors: int = 0
    """passes that failed"""
    last_error: str | None = None
    """what the last pass failed with; None where it succeeded"""

    @property
    def lag(self) -> int:
        """Blocks that the mirror is behind the newest one seen."""
        return max(0, self.latest - self.mirrored)

    def stalled(self, after: float, now: float | None = None) -> bool:
        """Whether for more than `after` seconds no pass succeeded and nothing was written.

        A chain that stands still is no stall: passes succeed. A node or database that does not answer is.
        """
        moment = time.time() if now is None else now
        return moment - max(self.started, self.last_pass, self.last_progress) > after


class Pulse:
    """The one place where an indexer notes how it is doing; any thread may read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._health = MirrorHealth(started=time.time())

    def read(self) -> MirrorHealth:
        """The present state."""
        return self._health

    def note(self, *, progress: bool = False, passed: bool = False, **values: Any) -> None:
        """Set values; `progress` and `passed` set their times."""
        now = time.time()
        if progress:
            values["last_progress"] = now
        if passed:
            values["last_pass"] = now
        with self._lock:
            self._health = replace(self._health, **values)

    def add(self, **counts: int) -> None:
        """Add to counters."""
        with self._lock:
            sums = {name: getattr(self._health, name) + count for name, count in counts.items()}
            self._health = replace(self._health, **sums)
