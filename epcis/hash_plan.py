"""Pre-hash strings of usual events, found quickly.

What an object's members become is worked out once for every set of names, and kept, so that only values are
left to do. What a pre-hash is, `epcis.cbv_hash` says: here it is found the same for events of usual shapes,
and all others are left to it.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import orjson

from epcis import hash_writers
from epcis.contexts import Context, memory_key
from epcis.hash_order import COMMITMENT, EPCS, EVENT, IGNORED_IN_EVENT, PAIRS, Order, Slot
from epcis.hash_terms import (
    CALLED_OTHERWISE,
    IGNORED_KIND,
    LIST_KIND,
    PAIRS_KIND,
    RENAMED_KIND,
    Budget,
    Terms,
)
from epcis.hash_writers import Plan, UnusualError, Write
from epcis.vocabulary import FIELDS

_MOST_MEMBERS: Final = 64
_LONGEST_NAME: Final = 256
_MOST_REMEMBERED: Final = 2048
"""members of shapes that are kept for one context"""

_Values = Callable[[dict[str, Any]], Iterable[Any]]


class _Sorted:
    """What becomes of an object's members where nothing has a place: their texts, sorted."""

    __slots__ = ("_cost", "_values", "_writes")

    def __init__(self, names: tuple[str, ...], others: list[tuple[str, Write]], cost: int) -> None:
        members = [member for member, _ in others]
        self._values = dict.values if members == list(names) else _getter(members)
        self._writes = [write for _, write in others]
        self._cost = cost

    def text(self, node: dict[str, Any], budget: Budget) -> str:
        budget.spend(self._cost)
        out: list[str] = []
        for write, value in zip(self._writes, self._values(node), strict=False):
            write(value, out, budget)
        if len(out) > 1:
            out.sort()
        return "".join(out)


class _Placed:
    """What becomes of an object's members: texts in their order, then texts that are sorted."""

    __slots__ = ("_cost", "_counts", "_other_values", "_others", "_values", "_writes")

    def __init__(
        self, placed: list[tuple[int, str, Write]], others: list[tuple[str, Write]], cost: int, counts: bool
    ) -> None:
        """`cost`: characters of the names of the others; `counts`: whether these would land elsewhere if the
        other members held nothing."""
        placed.sort(key=itemgetter(0))
        self._values = _getter([member for _, member, _ in placed])
        self._writes = [write for _, _, write in placed]
        self._other_values = _getter([member for member, _ in others])
        self._others = [write for _, write in others]
        self._cost = cost
        self._counts = counts

    def text(self, node: dict[str, Any], budget: Budget) -> str:
        out: list[str] = []
        for write, value in zip(self._writes, self._values(node), strict=False):
            write(value, out, budget)
        if self._others:
            if self._counts and [] in node.values():
                raise UnusualError
            budget.spend(self._cost)
            rest: list[str] = []
            for write, value in zip(self._others, self._other_values(node), strict=False):
                write(value, rest, budget)
            rest.sort()
            out += rest
        return "".join(out)


class _Shapes(dict[tuple[str, ...], Plan]):
    """Plans of the objects in one place, by their members' names; a new one is made when asked for."""

    __slots__ = ("_holder", "_order", "_plans", "kept")

    def __init__(self, plans: "Plans", order: Order | None, holder: str) -> None:
        super().__init__()
        self._plans, self._order, self._holder = plans, order, holder
        self.kept = True
        """whether this is still what `plans` has for the place"""

    def __missing__(self, names: tuple[str, ...]) -> Plan:
        if len(names) > _MOST_MEMBERS or any(len(name) > _LONGEST_NAME for name in names):
            return _UNUSUAL
        try:
            plan = _Maker(self._plans, self._order, self._holder).plan(names)
        except UnusualError:
            plan = _UNUSUAL
        if self.kept and self._plans.has_room(len(names) + 1):
            self[names] = plan
        return plan


class Plans:
    """Plans of the events under one context.

    Strangers choose names, so that there is an end to what is kept: then all is forgotten and begun again.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._places: dict[tuple[int, str], _Shapes] = {}
        self._kept = 0

    @staticmethod
    def of(context: Context) -> "Plans":
        """One for the context, perhaps used before."""
        key = memory_key(context)
        return Plans(Terms(context)) if key is None else _remembered(key)

    def prehash(self, event: dict[str, Any]) -> str | None:
        """Pre-hash of an event, None where it has to be found the other way.

        Raises JsonError where it would be longer than `hash_terms.MAX_PREHASH`.
        """
        if not self.terms.plain:
            return None
        plan = self.shapes(EVENT, "")[tuple(event)]
        try:
            return f"eventType={event.get('type', '')}{plan.text(event, Budget())}"
        except UnusualError:
            return None

    def shapes(self, order: Order | None, holder: str) -> _Shapes:
        """Shapes of the objects in a member `holder`, with the `order` of its fields if it has one."""
        place = id(order), holder  # orders are never let go
        found = self._places.get(place)
        if found is None:
            found = self._places[place] = _Shapes(self, order, holder)
        return found

    def has_room(self, members: int) -> bool:
        """Whether so much more may be kept; where not, all is forgotten."""
        self._kept += members
        if self._kept <= _MOST_REMEMBERED:
            return True
        places, self._places = self._places, {}
        self._kept = 0
        for shapes in list(places.values()):
            shapes.kept = False
            shapes.clear()
        return False


@lru_cache(maxsize=64)
def _remembered(key: bytes) -> Plans:
    return Plans(Terms(orjson.loads(key)))


class _Maker:
    """Makes the plan of one shape; raises UnusualError for a shape that is not usual."""

    def __init__(self, plans: Plans, order: Order | None, holder: str) -> None:
        self._plans = plans
        self._terms = plans.terms
        self._order = order
        self._holder = holder
        self._lists: set[str] = set()
        """names of lists so far: two members of one name, by two prefixes, are one list"""

    def plan(self, names: tuple[str, ...]) -> Plan:
        if names == (COMMITMENT,):
            return _COMMITTED
        if self._order is None:
            return self._unordered(names)
        return self._event(names) if self._order is EVENT else self._ordered(names, self._order)

    def _event(self, names: tuple[str, ...]) -> Plan:
        if "eventTime" not in names:
            raise UnusualError  # extensions belong to the event because it has one
        placed, others, cost = [], [], 0
        for member in names:
            slot = EVENT.slots.get(member)
            if slot is not None and member not in PAIRS:
                placed.append((slot.index, member, self._slot(slot)))
            elif member not in IGNORED_IN_EVENT:
                name, kind = self._terms.name(member)
                if kind is not IGNORED_KIND:
                    others.append((member, self._other(member, name, kind)))
                    cost += len(name)
        return _Placed(placed, others, cost, False)

    def _ordered(self, names: tuple[str, ...], order: Order) -> Plan:
        placed, others, cost = [], [], 0
        for member in names:
            slot = order.slots.get(member)
            if slot is not None:
                placed.append((slot.index, member, self._slot(slot)))
                continue
            name, kind = self._terms.name(member)
            if kind is IGNORED_KIND:
                continue
            if kind is PAIRS_KIND or not ("{" in name and "/}" in name):
                raise UnusualError
            others.append((member, self._other(member, name, kind)))
            cost += len(name)
        if others:
            ours = [member for _, member, _ in placed] + [self._terms.name(member)[0] for member, _ in others]
            if len(ours) < 2 or any("eventTime" in name or "action" in name for name in ours):
                raise UnusualError
        return _Placed(placed, others, cost, bool(others))

    def _unordered(self, names: tuple[str, ...]) -> Plan:
        others, cost = [], 0
        for member in names:
            name, kind = self._terms.name(member)
            if kind is not IGNORED_KIND:
                others.append((member, self._other(member, name, kind)))
                cost += len(name)
        return _Sorted(names, others, cost)

    def _slot(self, slot: Slot) -> Write:
        if slot.inside is None:
            return hash_writers.of_time(slot) if slot.is_time else hash_writers.of_value(slot, self._terms)
        if not slot.is_list:
            return hash_writers.of_object(slot, self._plans.shapes(slot.inside, slot.name))
        if slot.inside is EPCS:
            return hash_writers.of_epcs(slot, self._terms)
        ((_, entry),) = slot.inside.slots.items()
        if entry.inside is None:
            raise UnusualError
        return hash_writers.of_objects(slot, entry, self._plans.shapes(entry.inside, slot.name))

    def _other(self, member: str, name: str, kind: str | None) -> Write:
        if kind is RENAMED_KIND or (kind is LIST_KIND and name in self._lists):
            raise UnusualError
        if kind is PAIRS_KIND:
            return hash_writers.of_pairs(member, self._terms)
        shapes = self._plans.shapes(None, member)
        vocabulary = FIELDS.get((self._holder, member))
        if kind is LIST_KIND:
            self._lists.add(name)
            single = name.removesuffix("List")
            if single == name or single in CALLED_OTHERWISE:
                raise UnusualError
            one = hash_writers.of_element(single, shapes, self._terms, vocabulary)
            return hash_writers.of_list(name, one)
        return hash_writers.of_element(name, shapes, self._terms, vocabulary)


def _getter(members: list[str]) -> _Values:
    return itemgetter(*members) if len(members) > 1 else lambda node: [node[member] for member in members]


class _Unusual(_Sorted):
    """A shape that is left to the general way."""

    __slots__ = ()

    def text(self, node: dict[str, Any], budget: Budget) -> str:
        raise UnusualError


_UNUSUAL: Final = _Unusual((), [], 0)
_COMMITTED: Final = _Sorted((COMMITMENT,), [(COMMITMENT, hash_writers.of_commitment)], 0)
