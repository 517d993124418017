"""Documents that carry events: EPCISDocument, EPCISQueryDocument, or one bare event (EPCIS 2.0)."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from pydantic import Field, ValidationError

from epcis import canonical
from epcis.canonical import JsonError, pointer
from epcis.contexts import ActiveContext, Context
from epcis.model.events import Event, read_event
from epcis.model.parts import Part, member_problems
from epcis.model.problems import MAX_PROBLEMS, EpcisError, Problem, from_validation
from epcis.model.values import Time, Uri, Version, is_uri

MAX_POINTER: Final = 4096
"""Characters of a JSON Pointer to anything in a document: names are strangers', and every place is named by
one while a document is checked."""
MAX_CONTEXT_TEXT: Final = 2048
"""Characters of an IRI in a context: it may be put before every name and value."""
MAX_CONTEXTS: Final = 32 * 1024 * 1024
"""Bytes of a document's `@context` times its events: each sealed event carries it."""


class TooManyEvents(ValueError):
    """A document of more events than the reader takes."""

    def __init__(self, count: int, most: int) -> None:
        super().__init__(f"events of one document: {count} given, {most} are allowed")
        self.count = count
        self.most = most


class Attribute(Part):
    """Attribute of a vocabulary element; its value may be text, number or object."""

    id: Uri


class VocabularyElement(Part):
    id: Uri
    attributes: list[Attribute] | None = None
    children: list[Uri] | None = None


class VocabularyList(Part):
    """One vocabulary with its elements (section 7.1.4)."""

    type: Uri
    vocabulary_element_list: list[VocabularyElement] | None = None


class MasterData(Part):
    vocabulary_list: list[VocabularyList] | None = None


class Header(Part):
    epcis_master_data: MasterData | None = None


class _Carrier(Part):
    any_name: ClassVar[frozenset[str]] = frozenset({"@context", "epcisBody"})


class EpcisDocument(_Carrier):
    """Head of an EPCISDocument; the body's events are read one by one."""

    type: Literal["EPCISDocument"]
    id: Uri | None = None
    schema_version: Version
    creation_date: Time
    instance_identifier: str | None = None
    sender: str | None = None
    receiver: str | None = None
    epcis_header: Header | None = None


class EpcisQueryDocument(_Carrier):
    """Head of an EPCISQueryDocument."""

    type: Literal["EPCISQueryDocument"]
    id: Uri | None = None
    schema_version: Version | None = None
    creation_date: Time | None = None


class _QueryResults(Part):
    any_name: ClassVar[frozenset[str]] = frozenset({"resultsBody"})

    query_name: str
    subscription_id: str | None = Field(default=None, alias="subscriptionID")


class _QueryBody(Part):
    any_name: ClassVar[frozenset[str]] = frozenset({"queryResults"})


class _ResultsBody(Part):
    any_name: ClassVar[frozenset[str]] = frozenset({"eventList"})

    vocabulary_list: list[VocabularyList] | None = None


_HEADS: Final[dict[str, type[_Carrier]]] = {
    "EPCISDocument": EpcisDocument,
    "EPCISQueryDocument": EpcisQueryDocument,
}


@dataclass(frozen=True, slots=True)
class CapturedEvent:
    """One event of a document: as captured, its effective context, where it stood, and its typed view."""

    event: dict[str, Any]
    context: Context
    path: str
    model: Event


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document. `raw` is equal to what was captured; `head` is None for a bare event."""

    raw: dict[str, Any]
    events: tuple[CapturedEvent, ...]
    head: EpcisDocument | EpcisQueryDocument | None = None


@dataclass(slots=True)
class _Reading:
    most_events: int | None = None
    problems: list[Problem] = field(default_factory=list)

    def part(self, cls: type[Part], node: Any, active: ActiveContext, path: str) -> Part | None:
        """Typed view of a carrier's part, its problems noted."""
        if not isinstance(node, dict):
            self.problems.append(_absent_or(path, node, "must be an object"))
            return None
        found = member_problems(cls, node, active, path)
        try:
            return cls.model_validate(node)
        except ValidationError as error:
            seen = {problem.path for problem in found}
            found += [p for p in from_validation(error, path) if p.path not in seen]
            return None
        finally:
            self.problems += found

    def context(self, given: Any, path: str) -> Context:
        """Entries of an `@context`; what is no context is noted and left out.

        An entry may repeat, as JSON-LD allows and GS1's schema does not: a sealed event, which carries its
        document's entries and its own, must be a document again.
        """
        entries = given if isinstance(given, list) else [given]
        kept: Context = []
        for i, entry in enumerate(entries):
            where = pointer(path, i) if isinstance(given, list) else path
            if not isinstance(entry, (str, dict)) or (isinstance(entry, str) and not is_uri(entry)):
                self.problems.append(Problem(where, entry, "a context must be a URI or an object"))
            else:
                kept.append(entry)
        return kept

    def events(self, listed: Any, context: Context, path: str) -> list[CapturedEvent]:
        if not isinstance(listed, list):
            self.problems.append(_absent_or(path, listed, "must be a list"))
            return []
        if self.most_events is not None and len(listed) > self.most_events:
            raise TooManyEvents(len(listed), self.most_events)
        if len(listed) * len(canonical.dumps(context)) > MAX_CONTEXTS:
            reason = (
                f"is too large to stand in each of {len(listed)} events: {MAX_CONTEXTS} bytes are allowed"
            )
            self.problems.append(Problem("/@context", None, reason))
            return []
        captured = []
        for i, event in enumerate(listed):
            where = pointer(path, i)
            effective = context
            if isinstance(event, dict) and "@context" in event:
                effective = context + self.context(event["@context"], pointer(where, "@context"))
            typed, problems = read_event(event, effective, where)
            self.problems += problems
            if len(self.problems) >= MAX_PROBLEMS:
                break
            if typed is not None:
                captured.append(CapturedEvent(event, effective, where, typed))
        return captured


_ABSENT: Final = object()


def _absent_or(path: str, value: Any, reason: str) -> Problem:
    return Problem(path, None, "is required") if value is _ABSENT else Problem(path, value, reason)


def parse_document(data: bytes | str | dict[str, Any], most_events: int | None = None) -> Document:
    """Read and check an EPCIS 2.0 JSON document, or a bare event with its own `@context`.

    `data`: JSON text in UTF-8, or an already read object, which is held to the same limits
    (`canonical.loads`). Raises EpcisError with the problems found (the first 1,000 or so), each naming field,
    value and reason; TooManyEvents before more than `most_events` are looked at.
    """
    try:
        raw = data if isinstance(data, dict) else canonical.loads(data)
        if isinstance(data, dict):
            canonical.loads(canonical.dumps(data))
    except JsonError as error:
        raise EpcisError([Problem(error.path, error.value or None, error.reason)]) from None
    if not isinstance(raw, dict):
        raise EpcisError([Problem("", raw, "must be an object")])
    _refuse_long(raw, 0, False)
    reading = _Reading(most_events)
    context: Context = []
    if "@context" in raw:
        context = reading.context(raw["@context"], "/@context")
    else:
        reading.problems.append(Problem("/@context", None, "is required"))
    document = _read(raw, context, reading)
    if reading.problems:
        raise EpcisError(reading.problems)
    return document


def _refuse_long(value: Any, length: int, in_context: bool) -> None:
    """Raise EpcisError for names and contexts that would cost many times their length.

    `length`: characters of the pointer to `value`; `in_context`: whether it stands in an `@context`.
    """
    if isinstance(value, list):
        for item in value:
            if in_context or isinstance(item, list | dict):
                _refuse_long(item, length + 1 + len(str(len(value))), in_context)
    elif isinstance(value, dict):
        for name, item in value.items():
            inner = length + 1 + len(name) + name.count("~") + name.count("/")
            if inner > MAX_POINTER:
                reason = f"the names leading to a value have more than {MAX_POINTER} characters"
                raise EpcisError([Problem("", name, reason)])
            _refuse_long(item, inner, in_context or name == "@context")
    elif in_context and isinstance(value, str) and len(value) > MAX_CONTEXT_TEXT:
        raise EpcisError([Problem("/@context", value, f"has more than {MAX_CONTEXT_TEXT} characters")])


def _read(raw: dict[str, Any], context: Context, reading: _Reading) -> Document:
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in _HEADS:
        typed, problems = read_event(raw, context, "")
        reading.problems += problems
        return Document(raw, () if typed is None else (CapturedEvent(raw, context, "", typed),))
    active = ActiveContext.of(context)
    head = reading.part(_HEADS[kind], raw, active, "")
    body, path = raw.get("epcisBody", _ABSENT), "/epcisBody"
    if kind == "EPCISQueryDocument":
        for cls, name in ((_QueryBody, "queryResults"), (_QueryResults, "resultsBody")):
            if reading.part(cls, body, active, path) is None:
                return Document(raw, ())
            body, path = body.get(name, _ABSENT), pointer(path, name)
        if reading.part(_ResultsBody, body, active, path) is None:
            return Document(raw, ())
    elif not isinstance(body, dict):
        reading.problems.append(_absent_or(path, body, "must be an object"))
        return Document(raw, ())
    else:
        reading.problems += [
            Problem(pointer(path, name), value, "is not a field of EPCIS 2.0 here")
            for name, value in body.items()
            if name != "eventList" and not active.declares(name)
        ]
    events = reading.events(body.get("eventList", _ABSENT), context, pointer(path, "eventList"))
    assert head is None or isinstance(head, (EpcisDocument, EpcisQueryDocument))  # noqa: S101 - narrows a type
    return Document(raw, tuple(events), head)
