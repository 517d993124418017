"""The event hash of CBV 2.0, section 8.9, for events in JSON (`epcis.xml` has it for XML).

An event is brought into the shape its XML form would have, its fields are strung together in a fixed order
with extensions sorted behind them, and the string's SHA-256 is the hash. recordTime, eventID and
errorDeclaration take no part. Nothing is ever fetched: contexts count as far as they stand in the document.

One rule of ours: a committed value (see `epcis.sealed`) stands in the pre-hash as its commitment, verbatim.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from epcis.contexts import Context
from epcis.hash_identifier import usual_forms
from epcis.hash_order import (
    COMMITMENT,
    EPCS,
    EVENT,
    IGNORED_ANYWHERE,
    IGNORED_IN_EVENT,
    PAIRS,
    QUANTITY_NAMES,
    Order,
    Slot,
)
from epcis.hash_plan import Plans
from epcis.hash_terms import IGNORED_KIND, LIST_KIND, MAX_PREHASH, PAIRS_KIND, RENAMED_KIND, Budget, Terms
from epcis.hash_values import canonical_value, number_value, time_value
from epcis.vocabulary import FIELDS, Vocabulary

__all__ = ["COMMITMENT", "MAX_PREHASH", "event_hash", "ni", "prehash"]

_IN_VOCABULARIES: Final = frozenset(member for _, member in FIELDS)
_EVENT_LEVEL: Final = frozenset({"eventTime", "eventTimeZoneOffset", "action"})


def ni(event_hash: bytes) -> str:
    """Named information URI of an event hash: `ni:///sha-256;<64 hex digits>?ver=CBV2.0`."""
    return f"ni:///sha-256;{event_hash.hex()}?ver=CBV2.0"


def event_hash(event: dict[str, Any], context: Context) -> bytes:
    """CBV event hash, 32 bytes: SHA-256 of the pre-hash string in UTF-8."""
    return sha256(prehash(event, context).encode("utf-8")).digest()


def prehash(event: dict[str, Any], context: Context) -> str:
    """Pre-hash string of an event under its effective context (CBV 2.0, section 8.9.2).

    `event`: a valid EPCIS event as read from JSON. Works offline on any nesting `canonical.loads` allows.
    Raises JsonError where the string would be longer than `MAX_PREHASH`.
    """
    plans = Plans.of(context)
    quickly = plans.prehash(event)
    return general_prehash(event, plans.terms) if quickly is None else quickly


def general_prehash(event: dict[str, Any], terms: Terms) -> str:
    """`prehash` of any event, found without a plan of its shape."""
    ordered, rest = _Event(terms).ordered(event, "", EVENT, IGNORED_IN_EVENT)
    rest.sort()
    return f"eventType={event.get('type', '')}{ordered}{''.join(rest)}"


def _flat(value: list[Any]) -> Iterator[Any]:
    """Single values of a list, lists in it included."""
    for item in value:
        if item.__class__ is list:
            yield from _flat(item)
        elif item is not None:
            yield item


def _singles(value: Any) -> Any:
    if value.__class__ is list:
        return _flat(value)
    return () if value is None else (value,)


def _is_commitment(value: dict[str, Any]) -> bool:
    return len(value) == 1 and COMMITMENT in value


class _Event:
    """Texts of one event's fields.

    An element of the XML form has a name, a text and elements of its own. Where the standard gives it a
    place, it is written there, and what of it has no place is written once more, behind the event, sorted:
    both are the reference implementation's doing, and hashes must agree.
    """

    __slots__ = ("_budget", "_plain", "_terms")

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._plain = terms.plain
        self._budget = Budget()

    def ordered(
        self, node: dict[str, Any], holder: str, order: Order, ignored: frozenset[str] = frozenset()
    ) -> tuple[str, list[str]]:
        """Text of an object's ordered fields, and the unordered texts of what has no place among them.

        Extensions of an inner element follow its own fields, not the event's. Event level (told by eventTime
        or action) and elements with one member keep theirs, and so do namespaces that do not end in a slash:
        such extensions land behind the whole event.
        """
        placed: list[tuple[int, str]] = []
        rest: list[str] = []
        extensions: list[str] = []
        lists: dict[str, list[tuple[str, Any]]] = {}
        children, at_event_level = 0, False
        names = self._terms.names
        for member, value in node.items():
            slot = order.slots.get(member)
            if slot is not None:
                if value.__class__ is str and slot.inside is None:
                    children += 1
                    at_event_level = at_event_level or member in _EVENT_LEVEL
                    placed.append((slot.index, self._field(slot, value)))
                    continue
                if value.__class__ is list:
                    if text := self._epcs(slot, value):
                        children += 1
                        placed.append((slot.index, text))
                        continue
                elif value.__class__ is dict:
                    if slot.inside is not None and not slot.is_list:
                        children += 1
                        self._place(slot, value, member, placed, rest)
                        continue
                elif isinstance(value, float | int) and value.__class__ is not bool and _is_plain(slot):
                    children += 1
                    at_event_level = at_event_level or member in _EVENT_LEVEL
                    placed.append((slot.index, f"{member}={number_value(value)}"))
                    continue
            name, kind = names.get(member) or self._terms.name(member)
            if kind is IGNORED_KIND:
                continue
            if kind is PAIRS_KIND:
                if value != []:
                    children += 1
                    at_event_level = at_event_level or "action" in member
                    rest.append(self._pairs(member, value))
                continue
            if kind is LIST_KIND:
                if found := [(member, one) for one in _singles(value)]:
                    lists.setdefault(name, []).extend(found)
                continue
            for one in _singles(value):
                children += 1
                called = name if kind is None else _called(name, one)
                at_event_level = at_event_level or "eventTime" in called or "action" in called
                slot = order.slots.get(called)
                if slot is not None:
                    self._place(slot, one, member, placed, rest)
                elif _is_extension(called):
                    extensions.append(self._element(called, member, one, holder))
                elif called not in ignored:
                    rest.append(self._element(called, member, one, holder))
        for name, found in lists.items():
            children += 1
            at_event_level = at_event_level or "eventTime" in name or "action" in name
            slot = order.slots.get(name)
            if slot is not None and slot.inside is not None:
                self._place_list(slot, slot.inside, found, placed, rest)
            else:
                kept = extensions if _is_extension(name) else rest
                kept.append(self._list(name, found, holder))
        placed.sort()
        own = "".join([text for _, text in placed])
        if children > 1 and not at_event_level:
            return own + "".join(sorted(extensions)), rest
        rest += extensions
        return own, rest

    def _place(
        self, slot: Slot, one: Any, member: str, placed: list[tuple[int, str]], rest: list[str]
    ) -> None:
        """Write an element where it belongs, and what remains of it into `rest`."""
        if one.__class__ is not dict or _is_commitment(one):
            if text := self._value(one, slot.vocabulary, slot.is_time):
                placed.append((slot.index, slot.name + text))
            return
        if slot.inside is None:
            within, left = "", self._members(one, member)
        else:
            if len(one) == 1:
                ((name, value),) = one.items()
                only = slot.inside.slots.get(name)
                if only is not None and only.inside is None and value.__class__ is str:
                    if text := self._field(only, value):
                        placed.append((slot.index, slot.name + text))
                    return
            within, left = self.ordered(one, member, slot.inside)
        if within:
            placed.append((slot.index, slot.name + within))
        if left:
            rest.append(slot.name + "".join(sorted(left)))

    def _epcs(self, slot: Slot, values: list[Any]) -> str:
        """Text of a list of EPCs, nothing where they have to be looked at one by one."""
        if not self._plain or slot.inside is not EPCS:
            return ""
        known = usual_forms(values)
        return "" if known is None else f"{slot.name}epc={'epc='.join(sorted(known))}"

    def _place_list(
        self,
        slot: Slot,
        inside: Order,
        found: list[tuple[str, Any]],
        placed: list[tuple[int, str]],
        rest: list[str],
    ) -> None:
        within: list[tuple[int, str]] = []
        left: list[str] = []
        name = slot.name.removesuffix("List")
        for member, one in found:
            called = _called(name, one)
            if name == "childEPCs":
                called, one = "epc", _text_of(one)
            entry = inside.slots.get(called)
            if entry is not None:
                self._place(entry, one, member, within, left)
            else:
                left.append(self._element(called, member, one, ""))
        if within:
            within.sort()
            placed.append((slot.index, slot.name + "".join([text for _, text in within])))
        if left:
            rest.append(slot.name + "".join(sorted(left)))

    def _members(self, node: dict[str, Any], holder: str) -> list[str]:
        """Texts of an object's members where nothing has a place."""
        texts: list[str] = []
        lists: dict[str, list[tuple[str, Any]]] = {}
        names = self._terms.names
        for member, value in node.items():
            name, kind = names.get(member) or self._terms.name(member)
            if kind is None:
                if value.__class__ is list:
                    texts += [self._element(name, member, one, holder) for one in _flat(value)]
                elif value is not None:
                    texts.append(self._element(name, member, value, holder))
            elif kind is PAIRS_KIND:
                if value != []:
                    texts.append(self._pairs(member, value))
            elif kind is LIST_KIND:
                if found := [(member, one) for one in _singles(value)]:
                    lists.setdefault(name, []).extend(found)
            elif kind is RENAMED_KIND:
                texts += [self._element(_called(name, one), member, one, holder) for one in _singles(value)]
        for name, found in lists.items():
            texts.append(self._list(name, found, holder))
        return texts

    def _element(self, name: str, member: str, one: Any, holder: str) -> str:
        """Text of an element that has no place: name, value, all within it sorted."""
        self._budget.spend(len(name))
        if one.__class__ is str:
            vocabulary = FIELDS.get((holder, member)) if member in _IN_VOCABULARIES else None
            return name + self._value(one, vocabulary, False)
        if one.__class__ is dict and not _is_commitment(one):
            texts = self._members(one, member)
            texts.sort()
            return name + "".join(texts)
        return name + self._value(one, None, False)

    def _list(self, name: str, found: list[tuple[str, Any]], holder: str) -> str:
        if name == "childEPCs":
            texts = [self._element("epc", member, _text_of(one), holder) for member, one in found]
        else:
            single = name.removesuffix("List")
            texts = [self._element(_called(single, one), member, one, holder) for member, one in found]
        return name + "".join(sorted(texts))

    def _pairs(self, name: str, value: Any) -> str:
        """Business transactions, sources or destinations: type first, whatever the member order was."""
        texts = []
        for item in value if value.__class__ is list else (value,):
            text = ""
            if item.__class__ is dict:
                for member in ("type", PAIRS[name]):
                    for one in _singles(item.get(member)):
                        nested = one.__class__ is dict and not _is_commitment(one)
                        vocabulary = FIELDS.get((name, member))
                        text += member if nested else member + self._value(one, vocabulary, False)
            texts.append(text)
        return name + "".join(sorted(texts))

    def _field(self, slot: Slot, value: str) -> str:
        """Text of an ordered field whose value is text: the case that must be quick."""
        if self._plain:
            if slot.vocabulary is not None:
                if value in slot.vocabulary.names:
                    return f"{slot.name}={slot.vocabulary.prefix}{value}"
            elif slot.is_time and value[:1].isdecimal():
                return f"{slot.name}={time_value(value.strip())}"
        text = self._value(value, slot.vocabulary, slot.is_time)
        return slot.name + text if text else ""

    def _value(self, one: Any, vocabulary: Vocabulary | None, is_time: bool) -> str:
        """`=` and the value in its one form; nothing for blank text."""
        if one.__class__ is str:
            known = vocabulary.iri(one) if vocabulary is not None else one
            full = self._terms.full(known)
            if full is not known:
                self._budget.spend(len(full))
            text = full.strip()
            if not text:
                return ""
            return "=" + (time_value(text) if is_time else canonical_value(text))
        if one.__class__ is dict:
            return f"={one[COMMITMENT]}"
        if one is True or one is False:
            return "=true" if one else "=false"
        return f"={time_value(str(one)) if is_time else number_value(one)}"


def _is_plain(slot: Slot) -> bool:
    return slot.inside is None and not slot.is_time


def _text_of(one: Any) -> Any:
    """What of an element in childEPCs counts: never what is in it."""
    return "" if one.__class__ is dict and not _is_commitment(one) else one


def _is_extension(name: str) -> bool:
    return "{" in name and "/}" in name


def _called(name: str, one: Any) -> str:
    """Name in XML of what is called otherwise in JSON."""
    if name in ("inputEPC", "outputEPC"):
        return "epc"
    if name in QUANTITY_NAMES or (name == "quantity" and _holds_anything(one)):
        return "quantityElement"
    return name


def _holds_anything(one: Any) -> bool:
    """Whether an object is an element with others in it."""
    if one.__class__ is not dict or _is_commitment(one):
        return False
    for member, value in one.items():
        if member in IGNORED_ANYWHERE:
            continue
        if value.__class__ is not list:
            if value is not None or member in PAIRS:
                return True
        elif value if member in PAIRS else any(True for _ in _flat(value)):
            return True
    return False
