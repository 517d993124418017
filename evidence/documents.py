"""From a partner's EPCIS document to sealed events, or to all that is wrong with it, event by event."""

import re
from dataclasses import dataclass
from typing import Any, Final

from epcis import canonical, cbv_hash
from epcis.canonical import JsonError
from epcis.contexts import ContextError
from epcis.model import CapturedEvent, EpcisError, parse_document
from epcis.sealed import COMMITMENT, PersonalDataError, Sealed, SealError, personal_paths, seal, seal_id

MAX_DEPTH: Final = 60
"""of an event, so that a proof bundle, which nests it three deeper, can still be read"""

_EVENT_PATH: Final = re.compile(r"(?:/epcisBody(?:/queryResults/resultsBody)?/eventList/(\d+))(?=/|\Z)")


@dataclass(frozen=True, slots=True)
class EventError:
    """One fault. `event` is the event's index in the document, None where the document itself is at fault;
    `path` a JSON Pointer; `term` the IRI that makes a value personal, where that is the fault."""

    event: int | None
    path: str
    reason: str
    term: str | None = None

    def __str__(self) -> str:
        return f"{self.path or 'document'}: {self.reason}"


class Refused(ValueError):
    """A document that cannot be captured; `errors` lists everything that was found."""

    def __init__(self, errors: list[EventError]) -> None:
        super().__init__("; ".join(str(error) for error in errors[:20]))
        self.errors = errors

    @property
    def personal(self) -> bool:
        """Whether personal data is the only fault."""
        return all(error.term is not None for error in self.errors)


def read_document(document: bytes, most_events: int | None = None) -> list[Sealed]:
    """Validate a document and seal its events, in order. Raises Refused, TooManyEvents (epcis.model)."""
    return [sealed for _, sealed in read_events(document, most_events)]


def read_events(
    document: bytes | dict[str, Any], most_events: int | None = None
) -> list[tuple[CapturedEvent, Sealed]]:
    """Events of a document, or the one of a bare event, each with its sealed form.

    Raises Refused, TooManyEvents (epcis.model) before more than `most_events` are looked at.
    """
    try:
        parsed = parse_document(document, most_events)
    except EpcisError as error:
        faults = [
            EventError(_event_of(problem.path), problem.path, str(problem).partition(": ")[2])
            for problem in error.problems
        ]
        raise Refused(faults) from None
    errors: list[EventError] = []
    found: list[tuple[CapturedEvent, Sealed]] = []
    first: dict[bytes, int] = {}
    for index, captured in enumerate(parsed.events):
        sealed = _seal(index, captured, errors)
        if sealed is None:
            continue
        known = first.setdefault(sealed.seal_id, index)
        if known != index:
            errors.append(EventError(index, captured.path, f"is the same as event {known} of this document"))
        found.append((captured, sealed))
    if errors:
        raise Refused(errors)
    if not found:
        raise Refused([EventError(None, "/epcisBody/eventList", "holds no event")])
    return found


def read_event(document: bytes | dict[str, Any]) -> tuple[CapturedEvent, Sealed]:
    """The event of a bare event or of a document that holds exactly one. Raises Refused."""
    events = read_events(document)
    if len(events) != 1:
        raise Refused(
            [EventError(None, "/epcisBody/eventList", f"holds {len(events)} events, one is wanted")]
        )
    return events[0]


def read_sealed(document: Any) -> Sealed:
    """Identity and event hash of a sealed document that somebody else gives, checked to be an EPCIS event.

    `document`: any JSON value. Raises Refused for what is no event or not in sealed form.
    """
    if not isinstance(document, dict):
        raise Refused([EventError(None, "", "is no JSON object")])
    try:
        data = canonical.dumps(document)
        captured = parse_document(_uncommitted(document)).events
    except EpcisError as error:
        raise Refused([EventError(0, one.path, one.reason) for one in error.problems]) from None
    except JsonError as error:
        raise Refused([EventError(0, error.path, error.reason)]) from None
    if len(captured) != 1 or captured[0].path != "":
        raise Refused([EventError(None, "/type", "is no bare event")])
    if not isinstance(document.get("@context"), list) or "recordTime" in document:
        raise Refused([EventError(0, "", "is not in sealed form")])
    try:
        event_hash = cbv_hash.event_hash(document, document["@context"])
    except JsonError as error:
        raise Refused([EventError(0, error.path, error.reason)]) from None
    return Sealed(data, seal_id(data), event_hash)


def _uncommitted(value: Any) -> Any:
    """With each commitment as plain text, which is how the event hash takes it and the model can."""
    if isinstance(value, dict):
        if set(value) == {COMMITMENT} and isinstance(value[COMMITMENT], str):
            return value[COMMITMENT]
        return {name: _uncommitted(one) for name, one in value.items()}
    return [_uncommitted(one) for one in value] if isinstance(value, list) else value


def _seal(index: int, captured: CapturedEvent, errors: list[EventError]) -> Sealed | None:
    try:
        if _is_deep(captured.event):
            errors.append(EventError(index, captured.path, f"is nested deeper than {MAX_DEPTH}"))
            return None
        return seal(captured.event, captured.context)
    except PersonalDataError:
        for value in personal_paths(captured.event, captured.context):
            reason = f"holds personal data ({value.term}), which is not accepted"
            errors.append(EventError(index, captured.path + value.path, reason, value.term))
    except SealError as error:
        errors.append(EventError(index, captured.path + error.path, error.reason))
    except ContextError as error:
        errors.append(EventError(index, captured.path + error.path, error.reason))
    except JsonError as error:
        errors.append(EventError(index, captured.path + error.path, error.reason))
    return None


def _event_of(path: str) -> int | None:
    match = _EVENT_PATH.match(path)
    return int(match[1]) if match else None


def _is_deep(event: dict[str, Any]) -> bool:
    """Whether an event is nested deeper than `MAX_DEPTH`."""
    level: list[Any] = [event]
    for _ in range(MAX_DEPTH):
        level = [
            one
            for node in level
            for one in (node.values() if isinstance(node, dict) else node)
            if one.__class__ is dict or one.__class__ is list
        ]
        if not level:
            return False
    return True
