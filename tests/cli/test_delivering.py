"""What is asked before a delivery is signed, and what is read from the service's answer afterwards."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chain.bindings.types import Attestation
from cli.delivering import _attested_before, effect_text, require_plausible
from cli.failure import Failure
from cli.member_acts import require_other_admin
from evidence.batch import attestation
from tests.evidence.documents import bare, delivery

_NOW = datetime(2026, 3, 9, 16, 0, tzinfo=UTC)
_KEYS = ("0x" + "11" * 20, "0x" + "22" * 20)


def _signed(**changes: Any) -> Attestation:
    event = delivery("2026-03-09T16:00:00Z") | changes
    return attestation(bare(event), deadline=int(time.time()) + 3600).message


@pytest.mark.parametrize("step", ["arriving", "receiving", "https://ref.gs1.org/cbv/BizStep-accepting"])
def test_an_arrival_of_now_is_plausible(step: str) -> None:
    require_plausible(_signed(bizStep=step), step, _NOW.timestamp())
    require_plausible(_signed(), step, _NOW.timestamp() - 299)  # clocks differ


@pytest.mark.parametrize("step", ["shipping", "loading", "commissioning", "https://example.org/steps/mine"])
def test_another_business_step_is_no_delivery(step: str) -> None:
    with pytest.raises(Failure, match="--force") as refused:
        require_plausible(_signed(bizStep=step), step, _NOW.timestamp())
    assert step in str(refused.value)


def test_the_future_is_no_delivery() -> None:
    with pytest.raises(Failure, match=r"eventTime 2026-03-09T16:00:00\+00:00: lies in the future"):
        require_plausible(_signed(), "arriving", _NOW.timestamp() - 301)


def test_an_attestation_made_before_it_was_asked_for_is_an_earlier_one() -> None:
    job = {"kind": "attestation", "createdAt": "2026-03-09T16:00:00.250Z"}
    assert not _attested_before(job, _NOW)
    assert _attested_before(job, _NOW + timedelta(seconds=1))
    assert _attested_before(job | {"kind": "existing"}, _NOW)
    assert not _attested_before(None, _NOW)


def test_the_effect_is_told_in_words() -> None:
    money = {"currency": "EUR", "decimals": 2}
    order = {"hash": "0x01", "outcome": "none", "windowEnd": "2026-03-11T16:00:00Z"}
    assert "once it is funded" in effect_text(order | {"status": "open"})
    assert "may dispute until 2026-03-11T16:00:00Z" in effect_text(order | {"status": "proven"})
    paid = {"sellerAmount": money | {"amount": "125000"}, "buyerAmount": money | {"amount": "0"}}
    closed = order | {"status": "closed", "outcome": "delivered"} | paid
    assert effect_text(closed) == "order 0x01: closed: delivered; seller was paid 1250.00 EUR"


def _member(*roles: list[str], **changes: Any) -> dict[str, Any]:
    keys = [
        {
            "address": key,
            "roles": held,
            "revokedAt": None,
            "validFrom": "2026-01-01T00:00:00Z",
            "validUntil": "2099-01-01T00:00:00Z",
        }
        for key, held in zip(_KEYS, roles, strict=False)
    ]
    keys[-1] |= changes
    return {"gln": "9506000000022", "name": "The maker", "keys": keys}


@pytest.mark.parametrize(
    "member",
    [
        _member(["MAKER", "KEY_ADMIN"]),
        _member(["KEY_ADMIN"], ["MAKER"]),
        _member(["KEY_ADMIN"], ["KEY_ADMIN"], revokedAt="2026-01-01T00:00:00Z"),
        _member(["KEY_ADMIN"], ["KEY_ADMIN"], validUntil="2026-01-01T00:00:00Z"),
        _member(["KEY_ADMIN"], ["KEY_ADMIN"], validFrom="2098-01-01T00:00:00Z"),
    ],
)
def test_the_last_key_that_administers_keys_stays(member: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="last key of The maker"):
        require_other_admin(member, _KEYS[0])


def test_another_key_may_go() -> None:
    require_other_admin(_member(["KEY_ADMIN"], ["KEY_ADMIN"]), _KEYS[0])
    require_other_admin(_member(["KEY_ADMIN"], ["MAKER"]), _KEYS[1])
