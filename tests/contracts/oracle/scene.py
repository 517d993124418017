"""Reports and their endorsements."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from tests.contracts.evm import Contract, Receipt
from tests.contracts.harness import Party, Signer, World, sign

SHIPMENT = sha256(b"https://id.gs1.org/00/095213210000000019").digest()
RELEASED, HELD, REFUSED, SEIZED = 1, 2, 3, 4


def decision(world: World, **changes: Any) -> dict[str, Any]:
    """Germany releases the shipment."""
    return {
        "subject": SHIPMENT,
        "country": b"DE",
        "decision": RELEASED,
        "declaration": sha256(b"25DE000000000000J0").digest(),
        "decidedAt": (world.now - 60) * 1000,
        "cid": bytes.fromhex("01551220") + sha256(b"decision").digest(),
        "deadline": world.deadline,
    } | changes


def window(world: World, **changes: Any) -> dict[str, Any]:
    """An hour of temperatures between -2.5 and 7.25 degrees Celsius."""
    return {
        "subject": SHIPMENT,
        "device": sha256(b"https://id.gs1.org/8004/9521321401").digest(),
        "measurement": sha256(b"https://gs1.org/voc/Temperature").digest(),
        "unit": b"CEL",
        "minimum": -2_500_000,
        "maximum": 7_250_000,
        "mean": 3_125_000,
        "count": 60,
        "startTime": (world.now - 3700) * 1000,
        "endTime": (world.now - 100) * 1000,
        "readingsRoot": sha256(b"root").digest(),
        "cid": b"",
        "deadline": world.deadline,
    } | changes


def report(
    reports: Contract, function: str, struct: str, values: Mapping[str, Any], by: Sequence[Party | Signer]
) -> Receipt:
    """Relay a report with everybody's signature."""
    keys = [who.key if isinstance(who, Party) else who for who in by]
    endorsements = [{"signer": key.address, "signature": sign(reports, struct, values, key)} for key in keys]
    return reports.transact(function, values, endorsements)


def report_customs(reports: Contract, values: Mapping[str, Any], *by: Party | Signer) -> Receipt:
    """Report a customs decision."""
    return report(reports, "reportCustoms", "CustomsDecision", values, by)


def report_sensor(reports: Contract, values: Mapping[str, Any], *by: Party | Signer) -> Receipt:
    """Report a sensor window."""
    return report(reports, "reportSensor", "SensorWindow", values, by)
