"""What an audit finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Progress = Callable[[str, int, int], None]
"""called with the stage, and how much of how much is done"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. `kind`: network, chain, mirror, vault, manifest, event, fields
    or issue; `place` says where, `detail` what; `events` and `items` are those that it touches."""

    kind: str
    place: str
    detail: str
    events: tuple[str, ...] = ()
    """sealIds"""
    items: tuple[str, ...] = ()
    """Digital Links"""

    def __str__(self) -> str:
        about = f" (items: {', '.join(self.items)})" if self.items else ""
        return f"{self.kind} {self.place}: {self.detail}{about}"

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.kind,
            "place": self.place,
            "detail": self.detail,
            "events": list(self.events),
            "items": list(self.items),
        }
