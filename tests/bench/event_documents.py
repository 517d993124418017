"""EPCIS documents to hash: variants of the public ones and made ones of every class, never twice the same."""

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.epcis.xml_form import to_document

CONTEXT: Final[list[Any]] = [
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    {"gs1": "https://gs1.org/voc/", "cbvmda": "urn:epcglobal:cbv:mda:"},
    {"ex": "https://ns.example.com/epcis/", "hash": "https://ns.example.com/terms#"},
]
_SERIAL: Final = re.compile(
    r"(urn:epc:id:(?:sgtin|sscc|grai|gdti|giai):[0-9.]+\.|/21/|urn:epcglobal:cbv:bt:[0-9]+:)[0-9A-Za-z]+"
)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT)\d\d:\d\d:\d\d(\.\d{3})?")


@dataclass(frozen=True, slots=True)
class DocumentClass:
    """Documents of one kind and form; `make` gives the text of another one for every seed."""

    name: str
    events: int
    make: Callable[[int], str]


def classes() -> Iterator[DocumentClass]:
    """Every class in JSON-LD, then in XML; public documents only where their folder is."""
    for name, events, make in _MADE:
        yield DocumentClass(f"{name} (JSON)", events, _json(make))
    yield from _public("*.jsonld", "JSON")
    for name, events, make in _MADE:
        yield DocumentClass(f"{name} (XML)", events, _xml(make))
    yield from _public("*.xml", "XML")


def _json(make: Callable[[random.Random], list[dict[str, Any]]]) -> Callable[[int], str]:
    def text(seed: int) -> str:
        document = {
            "@context": CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-07-22T06:45:00Z",
            "epcisBody": {"eventList": make(random.Random(seed))},
        }
        return json.dumps(document, indent=2)

    return text


def _xml(make: Callable[[random.Random], list[dict[str, Any]]]) -> Callable[[int], str]:
    return lambda seed: to_document(make(random.Random(seed)), CONTEXT).decode("utf-8")


def _public(pattern: str, form: str) -> Iterator[DocumentClass]:
    folder = Path(os.environ.get("TRADESEAL_CONFORMANCE") or Path(__file__).parents[3] / "shared" / "data")
    for path in sorted((folder / "epcis" / "event-hash").glob(pattern)):
        events = len(path.with_suffix(".hashes").read_text("utf-8").split())
        yield DocumentClass(f"{path.stem} ({form})", events, _varied(path.read_text("utf-8")))


def _varied(text: str) -> Callable[[int], str]:
    """A public document with fresh serials and times of day."""

    def vary(seed: int) -> str:
        chance = random.Random(seed)
        fresh = _SERIAL.sub(lambda match: match[1] + _digits(chance, len(match[0]) - len(match[1])), text)
        return _TIME.sub(lambda match: match[1] + _clock(chance), fresh)

    return vary


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("0123456789", k=count))


def _clock(chance: random.Random) -> str:
    hour, minute, second = chance.randrange(24), chance.randrange(60), chance.randrange(60)
    return f"{hour:02}:{minute:02}:{second:02}.{chance.randrange(999):03}"


def _event(chance: random.Random, **fields: Any) -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "eventTime": f"2026-07-{chance.randrange(1, 29):02}T{_clock(chance)}+02:00",
        "eventTimeZoneOffset": "+02:00",
        **fields,
    }


def _sgtin(chance: random.Random) -> str:
    return f"urn:epc:id:sgtin:4012345.0{chance.randrange(20):05}.{chance.randrange(10**9)}"


def _link(chance: random.Random) -> str:
    return f"https://id.gs1.org/01/04012345111118/21/{chance.randrange(10**9)}"


def _sscc(chance: random.Random) -> str:
    return f"urn:epc:id:sscc:4012345.{_digits(chance, 10)}"


def _tiny(chance: random.Random) -> list[dict[str, Any]]:
    return [_event(chance, epcList=[_sgtin(chance)], action="OBSERVE", bizStep="shipping")]


def _plain(chance: random.Random) -> dict[str, Any]:
    return _event(
        chance,
        epcList=[_link(chance) for _ in range(chance.randrange(1, 4))],
        action="OBSERVE",
        bizStep="shipping",
        disposition="in_transit",
        readPoint={"id": "urn:epc:id:sgln:4012345.00011.987"},
        bizTransactionList=[
            {"type": "po", "bizTransaction": f"urn:epcglobal:cbv:bt:4012345000009:{chance.randrange(10**6)}"}
        ],
    )


def _many(epc: Callable[[random.Random], str]) -> Callable[[random.Random], list[dict[str, Any]]]:
    return lambda chance: [_event(chance, epcList=[epc(chance) for _ in range(1000)], action="OBSERVE")]


def _sensors(chance: random.Random) -> list[dict[str, Any]]:
    def report() -> dict[str, Any]:
        return {
            "type": "Temperature",
            "time": f"2026-07-22T{_clock(chance)}Z",
            "deviceID": f"https://id.gs1.org/8004/4012345{chance.randrange(10**6)}",
            "value": round(chance.uniform(-20, 30), 2),
            "minValue": -20.5,
            "maxValue": 30,
            "uom": "CEL",
        }

    elements = [
        {"sensorMetadata": {"time": f"2026-07-22T{_clock(chance)}Z"}, "sensorReport": [report(), report()]}
        for _ in range(5)
    ]
    return [
        _event(chance, epcList=[_sscc(chance)], action="OBSERVE", sensorElementList=elements)
        for _ in range(20)
    ]


def _extended(chance: random.Random) -> list[dict[str, Any]]:
    def extension() -> dict[str, Any]:
        return {
            "ex:grower": {"ex:name": f"Farm {chance.randrange(10**6)}", "ex:lots": [1, 2.5, "007"]},
            "ex:words": ["one", "ex:two", "three"],
            "hash:depth": {"hash:a": {"hash:b": {"hash:c": chance.randrange(10**6)}}},
            "cbvmda:lotNumber": f"L{chance.randrange(10**6)}",
            "ex:madeAt": f"2026-07-22T{_clock(chance)}Z",
        }

    return [
        _event(chance, epcList=[_sgtin(chance)], action="ADD", ilmd=extension(), **extension())
        for _ in range(20)
    ]


def _transformations(chance: random.Random) -> list[dict[str, Any]]:
    def quantity() -> dict[str, Any]:
        lot = f"urn:epc:class:lgtin:4012345.011111.{chance.randrange(10**6)}"
        return {"epcClass": lot, "quantity": round(chance.uniform(1, 900), 1), "uom": "KGM"}

    return [
        _event(
            chance,
            type="TransformationEvent",
            inputEPCList=[_sgtin(chance) for _ in range(5)],
            inputQuantityList=[quantity() for _ in range(3)],
            outputEPCList=[_link(chance) for _ in range(5)],
            outputQuantityList=[quantity()],
            transformationID=f"urn:epc:id:gdti:4012345.55555.{chance.randrange(10**6)}",
            bizStep="commissioning",
        )
        for _ in range(20)
    ]


_MADE: Final[list[tuple[str, int, Callable[[random.Random], list[dict[str, Any]]]]]] = [
    ("one tiny event", 1, _tiny),
    ("1,000 SGTIN URNs in one event", 1, _many(_sgtin)),
    ("1,000 SSCC URNs in one event", 1, _many(_sscc)),
    ("1,000 Digital Links in one event", 1, _many(_link)),
    ("20 sensor events", 20, _sensors),
    ("20 events with extensions and ILMD", 20, _extended),
    ("20 transformations", 20, _transformations),
    ("1,000 plain events", 1000, lambda chance: [_plain(chance) for _ in range(1000)]),
]
