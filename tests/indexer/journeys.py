"""Stories of goods under way, as EPCIS events with the members who told them."""

from typing import Any

from indexer.read.route.facts import Fact
from tests.indexer.recorded import event, fact

GTIN = "09506000134352"
MAKER, FIRST, SECOND, BUYER, STRANGER = (
    "9506000000015",
    "9506000000022",
    "9506000000039",
    "9506000000046",
    "9506000000053",
)
ITEM, OTHER = (f"https://id.gs1.org/01/{GTIN}/21/{serial}" for serial in ("R1", "R2"))
LOT = f"https://id.gs1.org/01/{GTIN}/10/MILK-7"
CASE, PALLET, PALLET_2 = (
    f"https://id.gs1.org/00/{sscc}"
    for sscc in ("095060001343522226", "095060001343522233", "095060001343522240")
)
TRUCK, LORRY = ("https://id.gs1.org/8004/9506000TRUCK1", "https://id.gs1.org/8004/9506000LORRY2")
LOGGER = "https://id.gs1.org/8004/9506000LOGGER1"
DAIRY, HUB, SHOP = (
    f"https://id.gs1.org/414/{gln}" for gln in ("9506000134369", "9506000134376", "9506000134383")
)
BERN, BASEL, FREIBURG = "geo:46.948,7.447", "geo:47.559,7.588;u=50", "geo:47.999,7.842"
BOL = "urn:epcglobal:cbv:bt:9506000000015:BOL-1"
Told = tuple[dict[str, Any], str]


def party(gln: str) -> str:
    """A party's link."""
    return f"https://id.gs1.org/417/{gln}"


def between(giver: str, taker: str) -> dict[str, Any]:
    """Source and destination of a hand-over."""
    return {
        "sourceList": [{"type": "possessing_party", "source": party(giver)}],
        "destinationList": [{"type": "possessing_party", "destination": party(taker)}],
    }


def at(place: str) -> dict[str, Any]:
    """A read point."""
    return {"readPoint": {"id": place}}


def step(when: float, name: str, *things: str, **more: Any) -> dict[str, Any]:
    """An object event of a business step."""
    return event("Object", when, epcList=list(things), bizStep=name, **more)


def pack(when: float, parent: str, *children: str, action: str = "ADD", **more: Any) -> dict[str, Any]:
    """Things go into a unit, or out of it."""
    return event("Aggregation", when, parentID=parent, childEPCs=list(children), action=action, **more)


def facts(told: list[Told]) -> list[Fact]:
    """What members told, as facts."""
    return [fact(body, member) for body, member in told]


def good() -> list[Told]:
    """An item is made, packed, carried by two carriers over a border, received, unpacked and sold."""
    warm = {"type": "Temperature", "minValue": 3.5, "maxValue": 7.25, "meanValue": 5, "uom": "CEL"}
    where = [
        {"type": "Angle", "component": "latitude", "value": 47.7, "uom": "DD"},
        {"type": "Angle", "component": "longitude", "value": 7.6, "uom": "DD"},
    ]
    bol: dict[str, Any] = {"bizTransactionList": [{"type": "bol", "bizTransaction": BOL}]}
    return [
        (step(0, "commissioning", ITEM, action="ADD", **at(DAIRY)), MAKER),
        (pack(10, CASE, ITEM, OTHER, bizStep="packing", **at(DAIRY)), MAKER),
        (pack(20, PALLET, CASE, bizStep="packing", **at(DAIRY)), MAKER),
        (event("Association", 21, parentID=PALLET, childEPCs=[LOGGER], action="ADD"), MAKER),
        (step(60, "shipping", PALLET, **between(MAKER, BUYER), **bol, **at(BERN)), MAKER),
        (pack(70, TRUCK, PALLET, bizStep="loading", **bol), FIRST),
        (step(80, "departing", PALLET, **bol, **at(BERN)), FIRST),
        (event("Object", 100, epcList=[LOGGER], bizStep="sensor_reporting",
               sensorElementList=[{"sensorReport": [warm, *where]}]), FIRST),
        (step(200, "arriving", PALLET, **bol, **at(BASEL)), FIRST),
        (step(201, "shipping", PALLET, **between(FIRST, SECOND), **at(BASEL)), FIRST),
        (step(210, "receiving", PALLET, **between(FIRST, SECOND), **at(BASEL)), SECOND),
        (pack(211, TRUCK, PALLET, action="DELETE", bizStep="unloading"), SECOND),
        (step(220, "shipping", PALLET, **between(SECOND, BUYER), **at(BASEL)), SECOND),
        (pack(221, LORRY, PALLET, bizStep="loading"), SECOND),
        (step(300, "arriving", PALLET, **at(FREIBURG)), SECOND),
        (step(310, "receiving", PALLET, **between(SECOND, BUYER), **at(SHOP)), BUYER),
        (event("Aggregation", 311, parentID=LORRY, action="DELETE", bizStep="unloading"), BUYER),
        (event("Aggregation", 320, parentID=PALLET, action="DELETE", bizStep="unpacking", **at(SHOP)), BUYER),
        (pack(330, CASE, ITEM, action="DELETE", bizStep="unpacking", **at(SHOP)), BUYER),
        (step(400, "retail_selling", ITEM, disposition="retail_sold", **at(SHOP)), BUYER),
    ]  # fmt: skip
