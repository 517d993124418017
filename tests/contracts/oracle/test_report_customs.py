"""QuorumReports.reportCustoms: a decision counts when enough customs offices sign it."""

from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.evm import Contract, Reverted
from tests.contracts.gas import GasSnapshot
from tests.contracts.harness import CUSTOMS, World, party, sign, signer
from tests.contracts.oracle.scene import HELD, REFUSED, RELEASED, SEIZED, SHIPMENT, decision, report_customs
from tests.contracts.provenance.scene import struct_hash


def test_a_quorum_decides(world: World, reports: Contract) -> None:
    values = decision(world)
    report = struct_hash(reports, "CustomsDecision", values)
    assert reports.call("reportedAt", report) == 0
    receipt = report_customs(reports, values, world.customs_a, world.customs_b)
    assert receipt.event("CustomsDecided") == {
        "report": report,
        "subject": SHIPMENT,
        "country": b"DE",
        "decision": values,
        "members": [world.customs_a.gln, world.customs_b.gln],
    }
    assert reports.call("reportedAt", report) == world.now
    assert reports.call("customsDecision", SHIPMENT, b"DE") == (RELEASED, values["decidedAt"])
    assert reports.call("customsDecision", SHIPMENT, b"CN") == (0, 0)
    assert reports.call("quorums") == (2, 2)


def test_rule_6_one_member_alone_decides_nothing(world: World, reports: Contract) -> None:
    values = decision(world)
    for by in ((), (world.customs_b,)):
        with pytest.raises(Reverted) as refused:
            report_customs(reports, values, *by)
        assert refused.value.name == "QuorumMissing"
        assert refused.value.values == {"organisations": len(by), "quorum": 2}


def test_rule_6_two_keys_of_one_organisation_are_one_voice(world: World, reports: Contract) -> None:
    second = signer("second key of customs_b")
    world.grant_key(world.customs_b, second)
    for keys in ((world.customs_b, second), (world.customs_b, world.customs_b)):
        with pytest.raises(Reverted) as refused:
            report_customs(reports, decision(world), *keys)
        assert (refused.value.name, refused.value.values) == (
            "OrganisationTwice",
            {"gln": world.customs_b.gln},
        )
    with pytest.raises(Reverted, match="OrganisationTwice"):
        report_customs(reports, decision(world), world.customs_a, world.customs_b, second)


def test_rule_6_only_live_keys_with_the_customs_role(world: World, reports: Contract) -> None:
    with pytest.raises(Reverted) as refused:
        report_customs(reports, decision(world), world.customs_b, world.regulator)
    assert refused.value.name == "RoleMissing"
    assert refused.value.values["required"] == CUSTOMS
    with pytest.raises(Reverted, match="KeyNotLive"):
        report_customs(reports, decision(world), world.customs_b, signer("stranger"))
    world.as_council(world.registry, "suspend", world.customs_a.gln, keccak(text="why"))
    with pytest.raises(Reverted, match="MemberNotActive"):
        report_customs(reports, decision(world), world.customs_b, world.customs_a)


def test_one_office_is_of_the_deciding_country(world: World, reports: Contract) -> None:
    with pytest.raises(Reverted) as refused:
        report_customs(reports, decision(world, country=b"US"), world.customs_a, world.customs_b)
    assert (refused.value.name, refused.value.values) == ("CountryMissing", {"country": b"US"})
    report_customs(reports, decision(world, country=b"CN"), world.customs_b, world.customs_a)
    assert reports.call("customsDecision", SHIPMENT, b"CN")[0] == RELEASED
    assert reports.call("customsDecision", SHIPMENT, b"DE") == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"subject": keccak(text="other")},
        {"country": b"CN"},
        {"decision": SEIZED},
        {"declaration": keccak(text="other")},
        {"decidedAt": 1},
        {"cid": b"other"},
        {"deadline": 2**40},
    ],
)
def test_rule_6_no_field_can_be_changed_after_signing(
    world: World, reports: Contract, change: dict[str, Any]
) -> None:
    values = decision(world)
    endorsements = [
        {"signer": who.key.address, "signature": sign(reports, "CustomsDecision", values, who.key)}
        for who in (world.customs_a, world.customs_b)
    ]
    with pytest.raises(Reverted, match="SignatureInvalid"):
        reports.transact("reportCustoms", values | change, endorsements)


def test_a_report_counts_once(world: World, reports: Contract) -> None:
    values = decision(world)
    report_customs(reports, values, world.customs_a, world.customs_b)
    with pytest.raises(Reverted) as refused:
        report_customs(reports, values, world.customs_b, world.customs_a)
    assert (refused.value.name, refused.value.values) == (
        "AlreadyReported",
        {"report": struct_hash(reports, "CustomsDecision", values)},
    )


def test_fields_that_cannot_be(world: World, reports: Contract) -> None:
    for field, value in (
        ("subject", bytes(32)),
        ("decision", 0),
        ("decision", 5),
        ("decision", 255),
        ("decidedAt", 0),
        ("decidedAt", (world.now + 901) * 1000),
        ("decidedAt", 2**64 - 1),
    ):
        with pytest.raises(Reverted) as refused:
            report_customs(reports, decision(world, **{field: value}), world.customs_a, world.customs_b)
        assert (refused.value.name, refused.value.values) == ("ReportInvalid", {"field": field})
    with pytest.raises(Reverted, match="DeadlineExpired"):
        report_customs(reports, decision(world, deadline=world.now - 1), world.customs_a, world.customs_b)


def test_a_late_older_decision_does_not_overwrite(world: World, reports: Contract) -> None:
    newer, older = decision(world, decision=HELD), decision(world, decidedAt=1)
    report_customs(reports, newer, world.customs_a, world.customs_b)
    assert report_customs(reports, older, world.customs_a, world.customs_b).named("CustomsDecided")
    assert reports.call("customsDecision", SHIPMENT, b"DE") == (HELD, newer["decidedAt"])


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    order=st.permutations([(1000, RELEASED), (2000, HELD), (3000, REFUSED), (3000, SEIZED), (3000, HELD)]),
    taken=st.integers(1, 5),
)
def test_the_order_of_recording_decides_nothing(
    world: World, reports: Contract, order: list[tuple[int, int]], taken: int
) -> None:
    with world.evm.sandbox():
        for decided_at, what in order[:taken]:
            values = decision(world, decidedAt=decided_at, decision=what)
            report_customs(reports, values, world.customs_a, world.customs_b)
        latest, strictest = max(order[:taken])
        assert reports.call("customsDecision", SHIPMENT, b"DE") == (strictest, latest)


@pytest.mark.parametrize("quorums", [(0, 2), (1, 2), (2, 1), (2, 0)])
def test_rule_6_no_quorum_below_two(world: World, quorums: tuple[int, int]) -> None:
    with pytest.raises(Reverted) as refused:
        world.evm.deploy("QuorumReports", world.registry, *quorums, label=str(quorums))
    assert (refused.value.name, refused.value.values) == (
        "QuorumMissing",
        {"organisations": min(quorums), "quorum": 2},
    )


def test_a_quorum_of_three(world: World) -> None:
    reports = world.evm.deploy("QuorumReports", world.registry, 3, 2, label="of three")
    third = party("customs_c", 952_000_000_097, b"FR", CUSTOMS)
    world.admit(third)
    with pytest.raises(Reverted, match="QuorumMissing"):
        report_customs(reports, decision(world), world.customs_a, world.customs_b)
    report_customs(reports, decision(world), world.customs_a, third, world.customs_b)


def test_gas_report_customs(world: World, reports: Contract, gas_snapshot: GasSnapshot) -> None:
    gas_snapshot.record(
        "QuorumReports.reportCustoms, 2 offices",
        report_customs(reports, decision(world), world.customs_a, world.customs_b).gas,
    )
