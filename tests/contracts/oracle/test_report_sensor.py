"""QuorumReports.reportSensor: a window of readings counts when enough oracles sign it."""

from typing import Any

import pytest

from tests.contracts.evm import Contract, Reverted
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import ORACLE, World, sign, signer
from tests.contracts.oracle.scene import SHIPMENT, report_sensor, window
from tests.contracts.provenance.scene import struct_hash


def test_a_quorum_reports(world: World, reports: Contract) -> None:
    values = window(world)
    report = struct_hash(reports, "SensorWindow", values)
    receipt = report_sensor(reports, values, world.oracle3, world.oracle1)
    assert receipt.event("SensorWindowReported") == {
        "report": report,
        "subject": SHIPMENT,
        "device": values["device"],
        "window": values,
        "members": [world.oracle3.gln, world.oracle1.gln],
    }
    assert reports.call("reportedAt", report) == world.now
    with pytest.raises(Reverted) as refused:
        report_sensor(reports, values, world.oracle1, world.oracle2)
    assert (refused.value.name, refused.value.values) == ("AlreadyReported", {"report": report})


def test_rule_6_one_oracle_alone_reports_nothing(world: World, reports: Contract) -> None:
    with pytest.raises(Reverted) as refused:
        report_sensor(reports, window(world), world.oracle1)
    assert (refused.value.name, refused.value.values) == ("QuorumMissing", {"organisations": 1, "quorum": 2})
    second = signer("second key of oracle1")
    world.grant_key(world.oracle1, second)
    with pytest.raises(Reverted, match="OrganisationTwice"):
        report_sensor(reports, window(world), world.oracle1, second)


def test_rule_6_only_live_keys_with_the_oracle_role(world: World, reports: Contract) -> None:
    with pytest.raises(Reverted) as refused:
        report_sensor(reports, window(world), world.oracle1, world.customs_a)
    assert refused.value.name == "RoleMissing"
    assert refused.value.values["required"] == ORACLE
    world.revoke_key(world.oracle1, world.oracle1.key)
    with pytest.raises(Reverted, match="KeyNotLive"):
        report_sensor(reports, window(world), world.oracle1, world.oracle2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": bytes(32)}, "subject"),
        ({"device": bytes(32)}, "device"),
        ({"measurement": bytes(32)}, "measurement"),
        ({"readingsRoot": bytes(32)}, "readingsRoot"),
        ({"count": 0}, "count"),
        ({"startTime": 2, "endTime": 1}, "startTime"),
        ({"mean": -2_500_001}, "mean"),
        ({"mean": 7_250_001}, "mean"),
        ({"minimum": 1, "maximum": 0, "mean": 0}, "mean"),
        ({"minimum": 1, "maximum": 0, "mean": 1}, "mean"),
    ],
)
def test_fields_that_cannot_be(world: World, reports: Contract, change: dict[str, Any], field: str) -> None:
    with pytest.raises(Reverted) as refused:
        report_sensor(reports, window(world, **change), world.oracle1, world.oracle2)
    assert (refused.value.name, refused.value.values) == ("ReportInvalid", {"field": field})


def test_the_edges_that_can_be(world: World, reports: Contract) -> None:
    lowest = {"minimum": -(2**127), "mean": -(2**127), "maximum": 2**127 - 1, "startTime": 5, "endTime": 5}
    one = {"minimum": 0, "mean": 0, "maximum": 0, "count": 1}
    for changes in (lowest, one):
        report_sensor(reports, window(world, **changes), world.oracle1, world.oracle2)


@pytest.mark.parametrize(
    "change",
    [
        {"subject": b"\x01" * 32},
        {"device": b"\x01" * 32},
        {"measurement": b"\x01" * 32},
        {"unit": b"FAH"},
        {"minimum": -2_500_001},
        {"maximum": 7_250_001},
        {"mean": 0},
        {"count": 61},
        {"startTime": 0},
        {"endTime": 2**64 - 1},
        {"readingsRoot": b"\x01" * 32},
        {"cid": b"other"},
        {"deadline": 2**40},
    ],
    ids=lambda change: next(iter(change)),
)
def test_rule_6_no_field_can_be_changed_after_signing(
    world: World, reports: Contract, change: dict[str, Any]
) -> None:
    values = window(world)
    assert set(change) <= set(values)
    endorsements = [
        {"signer": who.key.address, "signature": sign(reports, "SensorWindow", values, who.key)}
        for who in (world.oracle1, world.oracle2)
    ]
    with pytest.raises(Reverted, match="SignatureInvalid"):
        reports.transact("reportSensor", values | change, endorsements)


def test_gas_report_sensor(world: World, reports: Contract, gas_snapshot: GasSnapshot) -> None:
    two = report_sensor(reports, window(world), world.oracle1, world.oracle2).gas
    three = report_sensor(reports, window(world, count=61), world.oracle1, world.oracle2, world.oracle3).gas
    gas_snapshot.record("QuorumReports.reportSensor, 2 oracles", two)
    gas_snapshot.record("QuorumReports.reportSensor, 3 oracles", three)
