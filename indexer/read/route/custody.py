"""Who had the goods: from the parties that events name, and from who signed what.

`possessing_party` of sourceList and destinationList says it (CBV 2.0, section 7.4.1); where an event names
none, its signer acted. A dispatch (shipping, consigning) begins a hand-over, a receipt (receiving, accepting)
ends it; who signs transport steps in between carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from indexer.read.route.nodes import party
from indexer.read.route.parts import Carrier, Finding, Handover, Node
from indexer.read.route.places import bare
from indexer.read.route.words import moment, step_text

DISPATCH: Final = frozenset(("shipping", "consigning"))
RECEIPT: Final = frozenset(("receiving", "accepting"))
TRANSPORT: Final = frozenset(
    ("departing", "transporting", "arriving", "loading", "unloading", "staging_outbound")
)
MAKING: Final = frozenset(("commissioning", "creating_class_instance", "encoding"))
HANDLING: Final = frozenset(
    {"packing", "unpacking", "picking", "storing", "stocking", "repackaging", "removing", "retail_selling"}
    | {"dispensing", "assembling", "disassembling", "installing", "repairing", "replacing"}
    | {"destroying", "decommissioning"}
)
"""steps that only who has the goods can do; inspecting, holding, sensor_reporting and the like are not"""
Basis = Literal["received", "transport", "first seen"]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Goods that left somebody and were not received yet."""

    node: Node
    giver: str
    to: str | None
    carrier: str | None = None


class Custody:
    """Follows the goods from hand to hand over nodes in the order of event time."""

    def __init__(self) -> None:
        self.handovers: list[Handover] = []
        self.findings: list[Finding] = []
        self._holder: str | None = None
        self._since: Node | None = None
        """where the holder last showed that it has the goods"""
        self._open: Dispatch | None = None
        self._arrivals: dict[str | None, int] = {}
        """by party: the last node at which it received something"""

    def follow(self, nodes: Sequence[Node]) -> list[Node]:
        """The nodes with their carriers."""
        self._arrivals = {
            one: number
            for number, node in enumerate(nodes)
            if bare(node.biz_step) in RECEIPT
            for one in (party(node, "destination"), *node.signers)
        }
        return [self._follow(node, number) for number, node in enumerate(nodes)]

    def ended(self) -> None:
        """Say what is still under way at the end."""
        if self._open is not None:
            node, to = self._open.node, self._open.to
            text = f"shipped by {self._open.giver} at {moment(node.time)}" + (
                "" if to is None else f" to {to}"
            )
            self._note("missing_leg", f"{text}; nothing says that it was received, so far", node)

    def _follow(self, node: Node, number: int) -> Node:
        step = bare(node.biz_step)
        if node.through == "device" or step is None:
            return self._carried(node)
        if step in DISPATCH:
            self._dispatch(node)
        elif step in RECEIPT:
            node = self._carried(node)
            self._receive(node, number)
            return node
        elif step in TRANSPORT:
            self._transport(node)
        elif step in MAKING:
            if self._holder is None and self._open is None:
                self._take(None, self._actor(node), node, "first seen", None)
        elif step in HANDLING:
            self._handle(node)
        return self._carried(node)

    def _carried(self, node: Node) -> Node:
        if self._open is None or self._open.carrier is None:
            return node
        carrier = self._open.carrier
        return replace(
            node, carrier=Carrier(carrier, "destination" if carrier == self._open.to else "signer")
        )

    def _actor(self, node: Node) -> str:
        signers = node.signers
        return self._holder if self._holder is not None and self._holder in signers else signers[0]

    # -- kinds of steps ------------------------------------------------------------------------------------

    def _dispatch(self, node: Node) -> None:
        giver = party(node, "source") or self._actor(node)
        to = party(node, "destination")
        if self._open is not None:
            already = self._open
            if giver == already.giver and to == already.to:
                return  # the same hand-over once more: another unit's, or another member's word
            if giver == already.to and giver != already.carrier:
                self._unreceived(already, giver, node)
            elif giver not in (already.carrier, already.giver):
                self._without_handover(giver, node)
            if giver != self._holder:
                self._take(self._holder, giver, node, "transport", already)
        elif self._holder is None:
            self._take(None, giver, node, "first seen", None)
        elif giver != self._holder:
            self._without_handover(giver, node)
            self._holder = giver
        self._open, self._since = Dispatch(node, giver, to), node

    def _receive(self, node: Node, number: int) -> None:
        source = party(node, "source")
        taker = party(node, "destination") or self._actor(node)
        sent, self._open = self._open, None
        giver: str | None
        if sent is not None:
            self._compare(sent, source, taker, node, number)
            giver = sent.carrier or sent.giver
        else:
            giver = source or self._holder
            if giver is not None and giver != taker:
                self._note(
                    "missing_leg",
                    f"received by {taker} at {moment(node.time)} from {giver}; nothing says that it was "
                    f"shipped",
                    *self._last(node),
                )
        if taker != self._holder or self._since is None:
            self._take(giver if giver != taker else None, taker, node, "received", sent)
        self._since = node
        if sent is not None and sent.to not in (None, taker) and taker == sent.carrier:
            self._open = replace(sent, carrier=taker)  # a carrier's own receipt is no delivery

    def _transport(self, node: Node) -> None:
        actor = party(node, "source") or self._actor(node)
        sent = self._open
        if sent is None:
            if self._holder is None:
                self._take(None, actor, node, "first seen", None)
            elif actor != self._holder:
                self._without_handover(actor, node)
                self._holder = actor
        elif actor == sent.to and sent.carrier is not None:
            return  # the consignee unloads; its receipt may follow
        elif sent.carrier is None and actor != sent.giver:
            self._take(sent.giver, actor, node, "transport", sent)
            self._open = replace(sent, carrier=actor)
        elif actor not in (sent.carrier, sent.giver):
            self._without_handover(actor, node)
            self._holder, self._open = actor, replace(sent, carrier=actor)
        self._since = node

    def _handle(self, node: Node) -> None:
        actor = self._actor(node)
        if self._open is not None:
            if actor == self._open.to:
                self._unreceived(self._open, actor, node)
            elif actor not in (self._open.carrier, self._open.giver):
                self._without_handover(actor, node)
            else:
                self._since = node
                return
            self._open = None
        elif self._holder is not None and actor != self._holder:
            self._without_handover(actor, node)
        elif self._holder is None:
            self._take(None, actor, node, "first seen", None)
        self._holder, self._since = actor, node

    # -- what comes of it ------------------------------------------------------------------------------------

    def _take(
        self, giver: str | None, taker: str, node: Node, basis: Basis, dispatch: Dispatch | None
    ) -> None:
        sent = None if dispatch is None else dispatch.node.events[0]
        self.handovers.append(Handover(giver, taker, node.time, basis, sent, node.events[0]))
        self._holder, self._since = taker, node

    def _compare(self, sent: Dispatch, source: str | None, taker: str, node: Node, number: int) -> None:
        if source is not None and source not in (sent.giver, sent.carrier):
            self.findings.append(
                Finding(
                    "parties_differ",
                    "contradiction",
                    f"shipped by {sent.giver} at {moment(sent.node.time)}, but the receipt at "
                    f"{moment(node.time)} says that it came from {source}",
                    (sent.node.events[0], node.events[0]),
                )
            )
        if sent.to is None or taker in (sent.to, sent.carrier):
            return
        if self._arrivals.get(sent.to, number) <= number:
            self.findings.append(
                Finding(
                    "parties_differ",
                    "suspicion",
                    f"shipped to {sent.to} at {moment(sent.node.time)}, but received by {taker} at "
                    f"{moment(node.time)}, and never by {sent.to}",
                    (sent.node.events[0], node.events[0]),
                )
            )

    def _unreceived(self, sent: Dispatch, actor: str, node: Node) -> None:
        self._note(
            "missing_leg",
            f"shipped by {sent.giver} at {moment(sent.node.time)}; {actor} goes on with it at "
            f"{moment(node.time)} ({step_text(node)}), but nothing says that it received it",
            sent.node,
            node,
        )

    def _without_handover(self, actor: str, node: Node) -> None:
        self._note(
            "custody_without_handover",
            f"{actor} acts on the goods at {moment(node.time)} ({step_text(node)}); they were with "
            f"{self._holder or 'nobody known'}, and nothing says that they were handed over",
            *self._last(node),
        )

    def _last(self, node: Node) -> tuple[Node, ...]:
        return (node,) if self._since is None else (self._since, node)

    def _note(self, kind: str, text: str, *nodes: Node) -> None:
        """A record that is missing: nothing is said against anybody."""
        self.findings.append(Finding(kind, "unknown", text, tuple(node.events[0] for node in nodes)))
