"""A route out of events at hand: the same whether they come from the mirror or from proven documents."""

from collections.abc import Iterable

from indexer.read.route.custody import Custody
from indexer.read.route.facts import INPUTS, OUTPUTS, TRANSFORMATION, Fact, FactSource, key_of
from indexer.read.route.findings import clocks, endings, order, places, units
from indexer.read.route.nodes import nodes_of
from indexer.read.route.parts import Finding, Route, Rules, Voided
from indexer.read.route.spells import ALWAYS, JOINING, PACKING, Interval, Link, holds, merged
from indexer.read.route.walk import Limits, Source, Walk, walk
from indexer.read.route.words import moment


def derive(
    uri: str,
    item_id: str | None,
    facts: Iterable[Fact],
    rules: Rules | None = None,
    limits: Limits | None = None,
) -> Route:
    """The route of a thing as these events tell it.

    `facts` carry what makes them void; those that do not concern the thing play no part. The order in which
    they come plays none either.
    """
    rules = rules or Rules()
    limits = limits or Limits()
    known = list(facts)
    root = item_id or uri
    source = FactSource(known)
    found = walk(source, root, True, limits, PACKING)
    devices = devices_of(source, found)
    names = {key_of(thing): thing.uri for fact in known for thing in fact.things}
    names[root] = uri
    windows = {root: [ALWAYS], **found.windows}
    nodes = nodes_of(known, windows, devices, root, found.links, names)
    custody = Custody()
    nodes = custody.follow(nodes)
    custody.ended()
    findings: list[Finding] = [
        *places(nodes, found.links, names, rules),
        *clocks(nodes, rules),
        *order(nodes),
        *custody.findings,
        *units(root, found.links, names, nodes),
        *endings(nodes, uri, _consumed(known, root)),
        *(_cycle(link, names) for link in dict.fromkeys(found.cycles)),
    ]
    return Route(
        uri=uri,
        item_id=item_id,
        rules=rules,
        nodes=tuple(nodes),
        handovers=tuple(custody.handovers),
        findings=tuple(findings),
        links=tuple(sorted(found.links, key=_by_time)),
        names={key: names[key] for key in sorted(windows)},
        voided=tuple(
            Voided(fact.ref, fact.void.declaration, fact.void.source)
            for fact in sorted(known, key=lambda fact: fact.ref)
            if fact.void is not None
            and any(holds(windows.get(key_of(thing), ()), fact.event_time or 0) for thing in fact.things)
        ),
        truncated=tuple(found.truncated),
    )


def devices_of(source: Source, found: Walk) -> dict[str, list[Interval]]:
    """What was joined to the thing or its units by association, and when that counts for the thing."""
    windows: dict[str, list[Interval]] = {found.root: [ALWAYS], **found.windows}
    devices: dict[str, list[Interval]] = {}
    for link in source.below(windows, JOINING):
        if link.below in windows:
            continue
        during = [
            (max(start, link.since), min(end, link.until))
            for start, end in windows[link.above]
            if max(start, link.since) <= min(end, link.until)
        ]
        if during:
            devices[link.below] = merged([*devices.get(link.below, []), *during])
    return devices


def _consumed(facts: Iterable[Fact], root: str) -> dict[str, bool]:
    """By sealId of a transformation: whether the thing went into it (it may not have come out again)."""
    found: dict[str, bool] = {}
    for fact in facts:
        if fact.type == TRANSFORMATION and fact.counts:
            roles = {thing.role for thing in fact.things if key_of(thing) == root}
            if roles:
                found[fact.ref.seal_id] = not roles.isdisjoint(INPUTS) and roles.isdisjoint(OUTPUTS)
    return found


def _cycle(link: Link, names: dict[str, str]) -> Finding:
    text = (
        f"{names[link.above]} is said to hold {names[link.below]} since {moment(link.since)}, which holds it "
        f"itself"
    )
    return Finding("cycle", "contradiction", text, (link.opened,))


def _by_time(link: Link) -> tuple[int, int, str, str, str]:
    return link.since, link.until, link.above, link.below, link.opened.seal_id
