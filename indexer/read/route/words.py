"""How findings speak of times, steps and places."""

from datetime import UTC, datetime

from indexer.read.route.parts import Node
from indexer.read.route.places import bare


def moment(millis: int) -> str:
    """A time in UTC to the second; as a number where no calendar has it."""
    try:
        return datetime.fromtimestamp(millis / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"Unix time {millis} ms"


def step_text(node: Node) -> str:
    """What a node did."""
    return bare(node.biz_step) or node.type or "event"


def place_text(node: Node) -> str:
    """Where a node was."""
    if node.position is not None:
        return f"{node.position.latitude:.5f}, {node.position.longitude:.5f}"
    return "a place nobody named" if node.place is None else node.place.gln or node.place.id
