"""History the slow and obvious way: replay everything up to each moment, and follow one step at a time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from epcis import digital_link
from indexer.read.route.facts import Fact
from indexer.read.route.spells import Ref

KINDS = {"AggregationEvent": "aggregation", "AssociationEvent": "association"}


class SlowHistory:
    """Who was in whom at a moment (Unix milliseconds), things by their canonical names."""

    def __init__(self, facts: Iterable[Fact], declared: Iterable[Ref] = ()) -> None:
        everything = list(facts)
        taken_back = {(one.ref.member, one.event_hash) for one in everything if one.declares_error}
        void = set(declared)
        self.bodies: list[tuple[str, int, dict[str, Any]]] = []
        told = set()
        for one in sorted(everything, key=lambda one: one.ref):
            erroneous = one.ref in void or (one.ref.member, one.event_hash) in taken_back
            if erroneous or one.declares_error or one.event_hash in told or one.event_time is None:
                continue
            told.add(one.event_hash)  # the same happening told twice is one happening
            self.bodies.append((one.event_hash, one.event_time, one.body))
        self.things = {root(text) for _, _, body in self.bodies for text in _names(body)}
        self.points = sorted({moment for _, time, _ in self.bodies for moment in (time - 1, time, time + 1)})

    def reached(self, start: str, up: bool) -> set[tuple[str, int]]:
        """Every (thing, moment) that counts for `start`, the thing itself left out."""
        found = {(start, point) for point in self.points}
        grown = True
        while grown:
            new = set()
            for near, point in found:
                new |= {(far, point) for far in self.things if self._joined(near, far, point, up)}
                new |= self._through_making(near, point, up)
            grown = not new <= found
            found |= new
        return {(thing, point) for thing, point in found if thing != start}

    def _joined(self, near: str, far: str, point: int, up: bool) -> bool:
        holder, held = (far, near) if up else (near, far)
        return holder != held and any(self.inside(holder, held, point, kind) for kind in KINDS.values())

    def inside(self, holder: str, held: str, moment: int, kind: str) -> bool:
        """Whether what was told puts one thing into another at a moment."""
        events = [
            (time, _rank(body, held), event_hash, body)
            for event_hash, time, body in self.bodies
            if KINDS.get(body["type"]) == kind
            and "parentID" in body
            and root(body["parentID"]) == holder
            and time <= moment
        ]
        present = False
        counted = True
        amounts: dict[Any, Decimal] = {}
        for time, _, _, body in sorted(events, key=lambda one: one[:3]):
            if body["action"] != "DELETE":
                for quantity, unit in _entries(body, held):
                    if not present:
                        present, counted, amounts = True, True, {}
                    if quantity is None:
                        counted = False
                    elif body["action"] == "ADD":
                        amounts[unit] = amounts.get(unit, Decimal(0)) + quantity
                    else:
                        amounts[unit] = max(amounts.get(unit, Decimal(0)), quantity)
            elif time == moment:
                continue  # what is taken out now is still in it now
            elif not body.get("childEPCs") and not body.get("childQuantityList"):
                present = False
            else:
                for quantity, unit in _entries(body, held):
                    if quantity is None:
                        present = False
                    elif unit in amounts:
                        amounts[unit] = max(Decimal(0), amounts[unit] - quantity)
                    if counted and not any(amounts.values()):
                        present = False
        return present

    def _through_making(self, near: str, point: int, up: bool) -> set[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        groups: defaultdict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        for event_hash, time, body in self.bodies:
            if body["type"] == "TransformationEvent":
                groups[body.get("transformationID", event_hash)].append((time, body))
        for group in groups.values():
            into = [(thing, time) for time, body in group for thing in _side(body, "input")]
            out = [(thing, time) for time, body in group for thing in _side(body, "output")]
            for ingredient, taken in into:
                for product, given in out:
                    if ingredient == product:
                        continue
                    if up and (near, point) == (product, given):
                        found |= {(ingredient, moment) for moment in self.points if moment <= taken}
                    if not up and (near, point) == (ingredient, taken):
                        found |= {(product, moment) for moment in self.points if moment >= given}
        return found


def root(text: str) -> str:
    """Canonical name of a thing."""
    return digital_link.normalise(text)


def _entries(body: dict[str, Any], held: str) -> Sequence[tuple[Decimal | None, str | None]]:
    found: list[tuple[Decimal | None, str | None]] = [
        (None, None) for text in body.get("childEPCs", ()) if root(text) == held
    ]
    for element in body.get("childQuantityList", ()):
        if root(element["epcClass"]) == held:
            quantity = element.get("quantity")
            found.append((None if quantity is None else Decimal(str(quantity)), element.get("uom")))
    return found


def _rank(body: dict[str, Any], held: str) -> int:
    if body["action"] != "DELETE":
        return 0 if body["action"] == "ADD" else 1
    return 2 if any(quantity is not None for quantity, _ in _entries(body, held)) else 3


def _side(body: dict[str, Any], side: str) -> set[str]:
    names = [*body.get(f"{side}EPCList", ())]
    names += [element["epcClass"] for element in body.get(f"{side}QuantityList", ())]
    return {root(text) for text in names}


def _names(body: dict[str, Any]) -> set[str]:
    names = {body["parentID"]} if "parentID" in body else set()
    for member in ("epcList", "childEPCs", "inputEPCList", "outputEPCList"):
        names |= set(body.get(member, ()))
    for member in ("childQuantityList", "inputQuantityList", "outputQuantityList"):
        names |= {element["epcClass"] for element in body.get(member, ())}
    return names
