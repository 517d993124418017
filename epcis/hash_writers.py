"""Texts of members in a pre-hash: functions that make the writer of one member, by what kind of member it is.

A writer does for the usual values of its member what `epcis.cbv_hash` does for every value.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from epcis.hash_identifier import usual_forms
from epcis.hash_order import COMMITMENT, PAIRS, Slot
from epcis.hash_terms import Budget, Terms
from epcis.hash_values import number_value, time_value
from epcis.vocabulary import FIELDS, Vocabulary

Write = Callable[[Any, list[str], Budget], None]
"""Append the texts of a member's value; raises UnusualError for a value that is not usual there."""


class UnusualError(Exception):
    """The quick way cannot tell."""


class Plan(Protocol):
    """What becomes of the members of objects that have the same names."""

    def text(self, node: dict[str, Any], budget: Budget) -> str:
        """Text of an object's members; raises UnusualError."""
        ...


Shapes = Mapping[tuple[str, ...], Plan]
"""Names of an object's members -> what becomes of them"""


def of_commitment(value: Any, out: list[str], budget: Budget) -> None:
    """A committed value, which stands as it is."""
    out.append(f"={value}")


def of_time(slot: Slot) -> Write:
    """A time that has its place."""
    lead = f"{slot.name}="

    def write(value: Any, out: list[str], budget: Budget) -> None:
        if value.__class__ is not str or not value[:1].isdecimal():
            raise UnusualError
        out.append(lead + time_value(value.strip()))

    return write


@lru_cache(maxsize=64)
def _standard_texts(lead: str, vocabulary: Vocabulary) -> dict[str, str]:
    return {name: f"{lead}{vocabulary.prefix}{name}" for name in vocabulary.names}


def of_value(slot: Slot, terms: Terms) -> Write:
    """One value or several that have their place."""
    lead = f"{slot.name}="
    vocabulary = slot.vocabulary
    names = {} if vocabulary is None else _standard_texts(lead, vocabulary)
    form = terms.form

    def write(value: Any, out: list[str], budget: Budget) -> None:
        if value.__class__ is str:
            if value in names:
                out.append(names[value])
            elif value.isalpha():
                out.append(lead + value)
            elif text := form(value, budget):
                out.append(lead + text)
        elif value.__class__ is float or value.__class__ is int:
            out.append(lead + number_value(value))
        elif value.__class__ is list:
            several: list[str] = []
            for one in value:
                if one.__class__ is list:
                    raise UnusualError
                write(one, several, budget)
            several.sort()
            out += several
        else:
            out.append(lead + _rare(value))

    return write


def _rare(value: Any) -> str:
    if value.__class__ is bool:
        return "true" if value else "false"
    if value.__class__ is dict and len(value) == 1 and COMMITMENT in value:
        return str(value[COMMITMENT])
    raise UnusualError


def of_object(slot: Slot, shapes: Shapes) -> Write:
    """One element or several, with others in them, that have their place."""
    lead = slot.name

    def write(value: Any, out: list[str], budget: Budget) -> None:
        if value.__class__ is dict:
            if text := shapes[tuple(value)].text(value, budget):
                out.append(lead + text)
        elif value.__class__ is list:
            out += sorted([lead + text for text in _texts(value, shapes, budget) if text])
        else:
            raise UnusualError

    return write


def _texts(values: list[Any], shapes: Shapes, budget: Budget) -> list[str]:
    texts = []
    for value in values:
        if value.__class__ is not dict:
            raise UnusualError
        texts.append(shapes[tuple(value)].text(value, budget))
    return texts


def of_objects(slot: Slot, entry: Slot, shapes: Shapes) -> Write:
    """A list of quantities or sensor elements."""
    lead, later = slot.name + entry.name, entry.name

    def write(value: Any, out: list[str], budget: Budget) -> None:
        if value.__class__ is not list:
            raise UnusualError
        texts = _texts(value, shapes, budget)
        for text in texts:
            if not text or text[0] == "=":  # empty, or a commitment: such an entry has another name
                raise UnusualError
        texts.sort()
        if texts:
            out.append(lead + later.join(texts))

    return write


def of_epcs(slot: Slot, terms: Terms) -> Write:
    """A list of EPCs."""
    lead = f"{slot.name}epc="

    def write(value: Any, out: list[str], budget: Budget) -> None:
        if value.__class__ is not list:
            raise UnusualError
        if not value:
            return
        forms = usual_forms(value)
        if forms is None:
            forms = []
            for one in value:
                if one.__class__ is not str:
                    raise UnusualError
                if form := terms.form(one, budget):
                    forms.append(form)
            if not forms:
                return
        forms.sort()
        out.append(lead + "epc=".join(forms))

    return write


def of_pairs(member: str, terms: Terms) -> Write:
    """Business transactions, sources or destinations: type first, whatever the member order was."""
    kind = FIELDS.get((member, "type"))
    prefix, names = ("", frozenset()) if kind is None else (kind.prefix, kind.names)
    identifier = PAIRS[member]

    def write(value: Any, out: list[str], budget: Budget) -> None:
        if value.__class__ is not list:
            raise UnusualError
        texts = []
        for pair in value:
            if pair.__class__ is not dict:
                raise UnusualError
            of, given = pair.get("type"), pair.get(identifier)
            if of.__class__ is not str or given.__class__ is not str:
                raise UnusualError
            of = prefix + of if of in names else terms.form(of, budget)
            given = terms.form(given, budget)
            if not of or not given:
                raise UnusualError
            texts.append(f"type={of}{identifier}={given}")
        if texts:
            texts.sort()
            out.append(member + "".join(texts))

    return write


def of_element(name: str, shapes: Shapes, terms: Terms, vocabulary: Vocabulary | None) -> Write:
    """One element or several that have no place."""
    lead = f"{name}="
    form = terms.form

    def write(value: Any, out: list[str], budget: Budget) -> None:
        kind = value.__class__
        if kind is str:
            if vocabulary is not None:
                value = vocabulary.iri(value)
            if value.isalpha():
                out.append(lead + value)
            else:
                text = form(value, budget)
                out.append(lead + text if text else name)
        elif kind is dict:
            out.append(name + shapes[tuple(value)].text(value, budget))
        elif kind is int or kind is float:
            out.append(lead + number_value(value))
        elif kind is list:
            budget.spend(len(name) * len(value))
            for one in value:
                if one.__class__ is list:
                    raise UnusualError
                write(one, out, budget)
        elif kind is bool:
            out.append(lead + ("true" if value else "false"))
        else:
            raise UnusualError

    return write


def of_list(name: str, element: Write) -> Write:
    """A list of elements that has no place."""

    def write(value: Any, out: list[str], budget: Budget) -> None:
        texts: list[str] = []
        element(value, texts, budget)
        if texts:
            texts.sort()
            out.append(name + "".join(texts))

    return write
