"""From one thing to all that it was in or made of, or that was in it or made of it, level by level."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from indexer.read.route.spells import ALWAYS, FOREVER, KINDS, Interval, Kind, Link, merged, without


@dataclass(frozen=True, slots=True)
class Limits:
    """How far one answer goes; one that reached a limit says which."""

    depth: int = 16
    """levels of units in units, or of ingredients of ingredients"""
    things: int = 2_000
    """things found in one direction"""
    rows: int = 50_000
    """rows of the mirror read for the links of one level"""
    events: int = 5_000
    """events told"""


class Source(Protocol):
    """Where links are found: the mirror, or documents at hand."""

    def above(self, keys: Collection[str], kinds: Collection[Kind]) -> list[Link]:
        """Every link whose lower end is one of these keys."""

    def below(self, keys: Collection[str], kinds: Collection[Kind]) -> list[Link]:
        """Every link whose upper end is one of these keys."""


@dataclass(slots=True)
class Walk:
    """What was found. `windows`: when what happened to a thing counts for the one the walk began at."""

    root: str
    depths: dict[str, int] = field(default_factory=dict)
    """of each thing found, the root left out: on how many links it was first reached"""
    windows: dict[str, list[Interval]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    """every link that led somewhere, each once"""
    cycles: list[Link] = field(default_factory=list)
    """links that lead back to the root while it counts"""
    truncated: list[str] = field(default_factory=list)
    """limits that were reached"""


def walk(
    source: Source,
    root: str,
    up: bool,
    limits: Limits,
    kinds: Collection[Kind] = KINDS,
) -> Walk:
    """Walk up to units and ingredients, or down to contents and products.

    A thing counts only while every link between it and the root holds. An ingredient counts until it was put
    in, a product from when it came out.
    """
    found = Walk(root)
    covered: dict[str, list[Interval]] = {root: [ALWAYS]}
    used: dict[Link, None] = {}
    level: dict[str, list[Interval]] = {root: [ALWAYS]}
    for depth in range(1, limits.depth + 2):
        links = source.above(level, kinds) if up else source.below(level, kinds)
        reached: defaultdict[str, list[Interval]] = defaultdict(list)
        for link in links:
            near, far = (link.below, link.above) if up else (link.above, link.below)
            through = [one for window in level[near] for one in _through(link, window, up)]
            if not through:
                continue
            if far == root:
                found.cycles.append(link)
                continue
            if depth > limits.depth:
                if without(through, covered.get(far, [])):
                    found.truncated.append(f"depth: what is more than {limits.depth} levels away is left out")
                    return _ended(found, covered, used)
                continue
            if far not in covered and len(covered) > limits.things:
                text = f"things: only {limits.things} of those found are followed"
                if text not in found.truncated:
                    found.truncated.append(text)
                continue
            used[link] = None
            fresh = without(through, covered.get(far, []))
            if not fresh:
                continue
            found.depths.setdefault(far, depth)
            covered[far] = merged([*covered.get(far, []), *fresh])
            reached[far] += fresh
        if not reached:
            break
        level = {key: merged(windows) for key, windows in reached.items()}
    return _ended(found, covered, used)


def _ended(found: Walk, covered: dict[str, list[Interval]], used: dict[Link, None]) -> Walk:
    found.windows = {key: windows for key, windows in covered.items() if key != found.root}
    found.links = list(used)
    return found


def _through(link: Link, window: Interval, up: bool) -> list[Interval]:
    """The part of a window that lasts beyond a link."""
    start, end = window
    if link.kind != "transformation":
        since, until = max(start, link.since), min(end, link.until)
        return [(since, until)] if since <= until else []
    if up:
        return [(-FOREVER, link.since)] if start <= link.until <= end else []
    return [(link.until, FOREVER)] if start <= link.since <= end else []
