"""The route of a thing out of the mirror, with what quorums reported on its way."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from indexer.read.mirror_source import MirrorSource, events_during, facts_of, rows_of
from indexer.read.reports import CustomsDecision, SensorWindow, customs_decisions, sensor_windows
from indexer.read.route.derive import derive, devices_of
from indexer.read.route.facts import Fact, key_of, named
from indexer.read.route.parts import Node, Route, Rules
from indexer.read.route.spells import ALWAYS, PACKING, Interval, Ref, holds
from indexer.read.route.walk import Limits, walk
from indexer.read.values import unix_millis
from indexer.tables.content import PRESENT

_MAX_REPORTED: int = 50
"""things whose reports are looked up"""


@dataclass(frozen=True, slots=True)
class OnLeg:
    """A quorum's report on the thing or on a unit while the thing was in it; `node` begins the leg it fell
    on: the last node before it, else the first, else None."""

    subject: str
    """uri"""
    node: int | None
    report: CustomsDecision | SensorWindow


@dataclass(frozen=True, slots=True)
class Unread:
    """An event of the thing whose document cannot be read, so that it plays no part."""

    event: Ref
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class MirrorRoute:
    """A route as the mirror knows it. Where `truncated` is not empty, more is recorded than is told."""

    route: Route
    customs: tuple[OnLeg, ...]
    sensors: tuple[OnLeg, ...]
    unread: tuple[Unread, ...]
    facts: tuple[Fact, ...]
    """every event that the route rests on"""
    truncated: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether anything at all is recorded of the thing."""
        return bool(self.facts or self.unread or self.customs or self.sensors)


def route(
    session: Session, identifier: str, rules: Rules | None = None, limits: Limits | None = None
) -> MirrorRoute:
    """The route of what an EPC URN, Digital Link or other URN names; DigitalLinkError where it is none.

    Works on one consistent view: `session` is of `chain.database.reading`.
    """
    limits = limits or Limits()
    uri, item_id = named(identifier)
    root = item_id or uri
    source = MirrorSource(session, limits.rows, {root: uri})
    found = walk(source, root, True, limits, PACKING)
    own: dict[str, list[Interval]] = {root: [ALWAYS], **found.windows}
    windows = {**own, **devices_of(source, found)}
    refs, truncated = events_during(session, windows, root, limits)
    concerned = [*refs, *sorted(source.seen - refs.keys())]
    facts = facts_of(session, concerned, windows)
    made = derive(uri, item_id, facts, rules, limits)
    read = {fact.ref for fact in facts}
    told = {ref for node in made.nodes for ref in node.events} | source.seen
    facts = [fact for fact in facts if fact.ref in told or any(key_of(one) in own for one in fact.things)]
    unread = tuple(
        Unread(Ref(f"{row.member:013d}", row.seal_id), row.state, row.reason)
        for row in rows_of(session, [ref for ref in refs if ref not in read])
        if row.state != PRESENT
    )
    customs, sensors, left_out = _reports(session, own, source, made.nodes)
    return MirrorRoute(
        route=made,
        customs=customs,
        sensors=sensors,
        unread=unread,
        facts=tuple(facts),
        truncated=tuple(dict.fromkeys([*found.truncated, *source.truncated, *truncated, *left_out])),
    )


def _reports(
    session: Session, windows: dict[str, list[Interval]], source: MirrorSource, nodes: tuple[Node, ...]
) -> tuple[tuple[OnLeg, ...], tuple[OnLeg, ...], list[str]]:
    subjects = [key for key in windows if key.startswith("0x")]
    left_out: list[str] = []
    if not subjects:
        return (), (), left_out
    if len(subjects) > _MAX_REPORTED:
        left_out.append(f"reports: only those of {_MAX_REPORTED} of {len(subjects)} things were looked up")
        subjects = subjects[:_MAX_REPORTED]
    customs: list[tuple[int, OnLeg]] = []
    sensors: list[tuple[int, OnLeg]] = []
    for decision in customs_decisions(session, *subjects):
        time = unix_millis(decision.decided_at)
        _place(customs, decision, time, decision.subject, windows, source, nodes)
    for window in sensor_windows(session, *subjects):
        _place(sensors, window, unix_millis(window.end), window.subject, windows, source, nodes)
    return _in_order(customs), _in_order(sensors), left_out


def _place(
    found: list[tuple[int, OnLeg]],
    report: Any,
    time: int,
    key: str,
    windows: dict[str, list[Interval]],
    source: MirrorSource,
    nodes: tuple[Node, ...],
) -> None:
    if holds(windows[key], time):
        before = [number for number, node in enumerate(nodes) if node.time <= time]
        node = before[-1] if before else 0 if nodes else None
        found.append((time, OnLeg(source.name(key), node, report)))


def _in_order(found: list[tuple[int, OnLeg]]) -> tuple[OnLeg, ...]:
    return tuple(one for _, one in sorted(found, key=lambda pair: (pair[0], pair[1].report.report)))
