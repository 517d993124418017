"""What an audit finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Progress = Callable[[str, int, int], None]
"""called with the stage, and how much of how much is done"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be, or that could not be looked at. `kind`: network, chain, mirror,
    vault, manifest, event, fields or issue; `place` says where, `detail` what; `events` and `items` are those
    that it touches."""

    kind: str
    place: str
    detail: str
    events: tuple[str, ...] = ()
    """sealIds"""
    items: tuple[str, ...] = ()
    """Digital Links"""
    unchecked: bool = False
    """whether this is no fault found but something that could not be checked"""

    def __str__(self) -> str:
        about = f" (items: {', '.join(self.items)})" if self.items else ""
        return f"{'not checked: ' if self.unchecked else ''}{self.kind} {self.place}: {self.detail}{about}"

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.kind,
            "place": self.place,
            "detail": self.detail,
            "unchecked": self.unchecked,
            "events": list(self.events),
            "items": list(self.items),
        }
