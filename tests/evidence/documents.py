"""EPCIS documents that tests of this room are made of."""

import json
from typing import Any

CONTEXT = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"
GTIN = "09506000134352"
SSCC = "https://id.gs1.org/00/095060001343522226"
OTHER_SSCC = "https://id.gs1.org/00/095060001343522233"
SGLN = "https://id.gs1.org/414/9506000134369"


def item(serial: str) -> str:
    """Digital Link of one item."""
    return f"https://id.gs1.org/01/{GTIN}/21/{serial}"


def commissioning(*serials: str, time: str = "2026-03-01T08:00:00.000+01:00") -> dict[str, Any]:
    """A production event."""
    return {
        "type": "ObjectEvent",
        "eventTime": time,
        "eventTimeZoneOffset": "+01:00",
        "epcList": [item(serial) for serial in serials],
        "action": "ADD",
        "bizStep": "commissioning",
        "disposition": "active",
        "readPoint": {"id": SGLN},
        "bizLocation": {"id": SGLN},
    }


def packing(*serials: str, sscc: str = SSCC) -> dict[str, Any]:
    """Items go into a logistic unit."""
    return {
        "type": "AggregationEvent",
        "eventTime": "2026-03-02T09:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "parentID": sscc,
        "childEPCs": [item(serial) for serial in serials],
        "action": "ADD",
        "bizStep": "packing",
        "readPoint": {"id": SGLN},
    }


def delivery(time: str = "2026-03-09T17:30:15.123456+02:00", sscc: str = SSCC) -> dict[str, Any]:
    """The logistic unit arrives."""
    return {
        "type": "ObjectEvent",
        "eventTime": time,
        "eventTimeZoneOffset": "+02:00",
        "epcList": [sscc],
        "action": "OBSERVE",
        "bizStep": "arriving",
        "disposition": "in_progress",
        "bizLocation": {"id": SGLN},
    }


def document(*events: dict[str, Any]) -> bytes:
    """An EPCIS document of these events."""
    return json.dumps(
        {
            "@context": [CONTEXT],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-03-01T10:00:00Z",
            "epcisBody": {"eventList": list(events)},
        }
    ).encode()


def bare(event: dict[str, Any]) -> bytes:
    """An event with its own context."""
    return json.dumps({"@context": [CONTEXT], **event}).encode()
