"""What of a route does not fit: places, times, units, and what happens after the end.

A finding needs records that say so. Where nothing is recorded, nothing is found, or it is called unknown.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from epcis import digital_link
from epcis.digital_link import DigitalLinkError
from indexer.read.route.custody import DISPATCH, RECEIPT
from indexer.read.route.nodes import documents_shared, party, units_at
from indexer.read.route.parts import Finding, Node, Rules, Severity
from indexer.read.route.places import bare, distance_m
from indexer.read.route.spells import FOREVER, Link
from indexer.read.route.words import moment, place_text, step_text

_MOST: Final = 100
"""findings of one kind that are told where each of many things fits with none of the others"""
_DEPARTURE: Final = frozenset(("departing",))
_ARRIVAL: Final = frozenset(("arriving",))
_ENDED: Final = frozenset(("destroying", "decommissioning", "killing"))
_ENDED_AS: Final = frozenset(("destroyed", "disposed", "inactive"))
_SOLD: Final = frozenset(("retail_selling", "dispensing"))
_SOLD_AS: Final = frozenset(("retail_sold", "dispensed"))


def clocks(nodes: Iterable[Node], rules: Rules) -> Iterator[Finding]:
    """Events that were recorded before they happened."""
    for node in nodes:
        ahead = node.time // 1000 - node.record_time
        if ahead > rules.clock_skew_s:
            yield Finding(
                "recorded_before_event",
                "contradiction",
                f"{step_text(node)} is said to have happened at {moment(node.time)}, {ahead} s after it was "
                f"recorded on the chain at {moment(node.record_time * 1000)}",
                node.events[:1],
                {"seconds": ahead},
            )


def places(
    nodes: Sequence[Node], links: Sequence[Link], names: Mapping[str, str], rules: Rules
) -> Iterator[Finding]:
    """Two places at once, or two places that nobody gets between so fast."""
    positioned = [node for node in nodes if node.position is not None]
    for one, other in pairwise(positioned):
        if one.position is None or other.position is None:
            continue
        metres = distance_m(one.position, other.position)
        seconds = (other.time - one.time) / 1000
        if metres <= rules.place_tolerance_m or metres * 3.6 <= rules.max_speed_kmh * seconds:
            continue
        kilometres = round(metres / 1000)
        values: dict[str, int | str] = {"metres": round(metres), "seconds": round(seconds)}
        if seconds == 0:
            kind, how = "two_places", f"at {moment(one.time)} it was in two places {kilometres} km apart"
        else:
            speed = round(metres * 3.6 / seconds)
            kind, values["kmh"] = "too_fast", speed
            how = (
                f"{kilometres} km in {round(seconds)} s is {speed} km/h, more than {rules.max_speed_kmh}: "
                f"{moment(one.time)} to {moment(other.time)}"
            )
        certain = _certain(one, other, links, names)
        text = f"{how}: {place_text(one)} ({step_text(one)}) and {place_text(other)} ({step_text(other)})"
        if not certain:
            text += "; one of them counts only because nobody recorded that it was taken out of a unit"
        yield Finding(
            kind, "contradiction" if certain else "suspicion", text, (one.events[0], other.events[0]), values
        )
    for one, other in pairwise(nodes):
        if one.position is not None and other.position is not None:
            continue
        glns = [node.place.gln for node in (one, other) if node.place is not None and node.place.gln]
        if one.time == other.time and len(set(glns)) == 2 and one.signers != other.signers:
            yield Finding(
                "two_places",
                "suspicion",
                f"at {moment(one.time)} it was at {glns[0]} ({step_text(one)}) and at {glns[1]} "
                f"({step_text(other)}); how far apart these are is not known",
                (one.events[0], other.events[0]),
            )


def _certain(one: Node, other: Node, links: Sequence[Link], names: Mapping[str, str]) -> bool:
    """Whether both events count by records on both sides of them, rather than by a spell nobody ended."""
    if not {*one.about}.isdisjoint(other.about):
        return True
    for node in (one, other):
        if node.through == "item":
            continue
        about = set(node.about)
        reaching = [link for link in links if link.since <= node.time <= link.until]
        if any(names[link.above] in about and link.last < node.time for link in reaching):
            return False
    return True


def order(nodes: Sequence[Node]) -> Iterator[Finding]:
    """Steps in the wrong order: a receipt before its dispatch, an arrival before its departure."""
    yield from _reversed(nodes, DISPATCH, RECEIPT, _handover)
    yield from _reversed(nodes, _DEPARTURE, _ARRIVAL, _journey)
    births = [node for node in nodes if node.through == "item" and _is_birth(node)]
    if births:
        first = births[0]
        for node in nodes:
            if node.time >= first.time:
                break
            if node.through == "item":
                yield Finding(
                    "out_of_order",
                    "contradiction",
                    f"{step_text(node)} at {moment(node.time)} is before {step_text(first)}, which brought "
                    f"it into being at {moment(first.time)}",
                    (node.events[0], first.events[0]),
                )
                break


def _is_birth(node: Node) -> bool:
    return node.type == "ObjectEvent" and node.action == "ADD" and bare(node.biz_step) == "commissioning"


def _reversed(
    nodes: Sequence[Node],
    begins: frozenset[str],
    ends: frozenset[str],
    ties: Callable[[Node], set[tuple[str, ...]]],
) -> Iterator[Finding]:
    """Ends that are tied to a beginning after them and to none before."""
    first: dict[tuple[str, ...], tuple[int, Node]] = {}
    for number, node in enumerate(nodes):
        if bare(node.biz_step) in begins:
            for tie in ties(node):
                first.setdefault(tie, (number, node))
    for end in (node for node in nodes if bare(node.biz_step) in ends):
        tied = [first[tie] for tie in ties(end) if tie in first]
        if not tied:
            continue
        _, start = min(tied, key=lambda one: one[0])
        if start.time > end.time:
            yield Finding(
                "out_of_order",
                "contradiction",
                f"{step_text(end)} at {moment(end.time)} is before {step_text(start)} at "
                f"{moment(start.time)}, and both are of the same "
                + ("document" if documents_shared(start, end) else "hand-over"),
                (end.events[0], start.events[0]),
            )


def _journey(node: Node) -> set[tuple[str, ...]]:
    """What ties a departure to an arrival: the business transactions that both name."""
    return {("document", one.id) for one in node.documents}


def _handover(node: Node) -> set[tuple[str, ...]]:
    """What ties a dispatch to a receipt: business transactions, or both parties."""
    source, destination = party(node, "source"), party(node, "destination")
    if source is None or destination is None:
        return _journey(node)
    return _journey(node) | {("parties", source, destination)}


def units(
    root: str, links: Sequence[Link], names: Mapping[str, str], nodes: Sequence[Node]
) -> Iterator[Finding]:
    """One thing in two units at once, neither of which holds the other; a unit inside itself."""
    held: defaultdict[str, list[Link]] = defaultdict(list)
    for link in links:
        if link.kind == "aggregation" and _one_thing(names[link.below]):
            held[link.below].append(link)
    found = 0
    for thing, inside in sorted(held.items()):
        ordered = sorted(inside, key=lambda link: (link.since, link.above))
        for position, one in enumerate(ordered):
            for other in ordered[position + 1 :]:
                start, end = max(one.since, other.since), min(one.until, other.until)
                if start > one.until or found >= _MOST:
                    break
                if one.above == other.above or start >= end:
                    continue
                if _nested(one.above, other.above, start, links, names):
                    continue
                found += 1
                yield _two_units(names[thing], one, other, names)
    yield from _elsewhere(root, links, names, nodes)


def _two_units(thing: str, one: Link, other: Link, names: Mapping[str, str]) -> Finding:
    proven = other.since < one.last or one.since == other.since
    text = (
        f"{thing} was put into {names[other.above]} at {moment(other.since)} while it was in "
        f"{names[one.above]} since {moment(one.since)}"
    )
    if proven and one.until < FOREVER:
        text += f", which it left at {moment(one.until)}"
    elif not proven:
        text += ", and nobody recorded that it had left"
    return Finding("two_units", "contradiction" if proven else "unknown", text, (one.opened, other.opened))


def _one_thing(uri: str) -> bool:
    try:
        return digital_link.parse(uri).is_instance()
    except DigitalLinkError:
        return True  # a freight container, a vessel


def _nested(one: str, other: str, time: int, links: Sequence[Link], names: Mapping[str, str]) -> bool:
    return other in units_at(one, time, links, names) or one in units_at(other, time, links, names)


def _elsewhere(
    root: str, links: Sequence[Link], names: Mapping[str, str], nodes: Sequence[Node]
) -> Iterator[Finding]:
    """The thing seen by itself at a place where the unit that holds it was neither before nor after."""
    seen: defaultdict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        if node.place is not None and node.place.gln is not None:
            for uri in node.about:
                seen[uri].append(node)
    into = [link for link in links if link.below == root]
    for node in seen[names[root]]:
        if node.type not in ("ObjectEvent", "TransactionEvent") or len(node.about) > 1:
            continue
        for spell in (link for link in into if link.since < node.time < link.last):
            about = seen[names[spell.above]]
            before = about[: bisect_left(about, node.time, key=_time)][-1:]
            after = about[bisect_right(about, node.time, key=_time) :][:1]
            around = {one.place.gln for one in (*before, *after) if one.place is not None}
            if not before or not after or before[0].time < spell.since or after[0].time > spell.until:
                continue
            if node.place is not None and node.place.gln not in around:
                yield Finding(
                    "packed_elsewhere",
                    "suspicion",
                    f"seen at {node.place.gln} at {moment(node.time)} ({step_text(node)}) while packed in "
                    f"{names[spell.above]}, which was at {place_text(before[0])} before and at "
                    f"{place_text(after[0])} after",
                    (node.events[0], before[0].events[0]),
                )


def _time(node: Node) -> int:
    return node.time


def endings(nodes: Sequence[Node], uri: str, consumed: Mapping[str, bool]) -> Iterator[Finding]:
    """What happens to a thing after it was destroyed, used up, sold or stolen.

    `consumed`: by sealId of a TransformationEvent, whether the thing went into it rather than came out.
    """
    if not _one_thing(uri):
        return  # of a lot a part may be gone and the rest go on
    ended: Node | None = None
    sold: Node | None = None
    stolen: Node | None = None
    for node in nodes:
        step, disposition = bare(node.biz_step), bare(node.disposition)
        direct = node.through == "item"
        gone = direct and (
            consumed.get(node.events[0].seal_id, False)
            or step in _ENDED
            or (step is None and disposition in _ENDED_AS)
            or (node.type == "ObjectEvent" and node.action == "DELETE")
        )
        born = direct and (_is_birth(node) or consumed.get(node.events[0].seal_id) is False)
        back = disposition == "returned" or any(bare(one.type) == "rma" for one in node.documents)
        if born or back:
            sold = None
        if born:
            ended = None
        if ended is not None and direct and not gone and node.time > ended.time:
            yield _after("after_end", "contradiction", ended, node)
            ended = None
        if sold is not None and direct and not _is_sale(node) and node.time > sold.time and not gone:
            yield _after("after_sale", "suspicion", sold, node)
            sold = None
        if stolen is not None and disposition not in ("stolen", "returned") and node.through != "device":
            yield _after("after_theft", "suspicion", stolen, node)
            stolen = None
        ended = (ended or node) if gone else ended
        sold = (sold or node) if direct and _is_sale(node) else sold
        if disposition == "stolen":
            stolen = node


def _is_sale(node: Node) -> bool:
    return bare(node.biz_step) in _SOLD or bare(node.disposition) in _SOLD_AS


def _after(kind: str, severity: Severity, first: Node, second: Node) -> Finding:
    what = {
        "after_end": "ceased to be",
        "after_sale": "was sold",
        "after_theft": "was reported stolen",
    }[kind]
    text = (
        f"it {what} at {moment(first.time)} ({step_text(first)}), yet {step_text(second)} is recorded at "
        f"{moment(second.time)}"
    )
    return Finding(kind, severity, text, (first.events[0], second.events[0]))
