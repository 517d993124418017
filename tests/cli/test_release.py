"""What `escrow release` relays in each state of an order, and what it says where nothing can be relayed."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from chain.deployment import CONTRACTS, Deployment
from chain.operation import ChainIdentity
from cli import ordering
from cli.failure import Failure
from cli.home import Home
from cli.session import Session
from tests.cli.test_order_file import built

HASH = "0x" + "5c" * 32


@pytest.fixture
def session(home: Path) -> Session:
    """A session that knows its network and has a key, without any service."""
    made = Session()
    contracts = {name: f"0x{number:040x}" for number, name in enumerate(CONTRACTS, 1)}
    made.__dict__["network"] = Deployment(ChainIdentity(7, bytes(32)), contracts, {"EUR": "0x" + "70" * 20})
    Home(home).create()
    Home(home).create_key("buyer")
    return made


def record(status: str, *actions: dict[str, Any], outcome: str = "none") -> dict[str, Any]:
    """As the API shows an order."""
    return {
        "hash": HASH,
        "status": status,
        "outcome": outcome,
        "actions": list(actions),
        "next": "wait for it",
    }


SETTLE = {"action": "settle", "who": None}


def test_after_the_window_or_ruling_deadline_it_settles(session: Session) -> None:
    for status in ("proven", "disputed"):
        past = record(status, {**SETTLE, "after": "2020-01-01T00:00:00Z"})
        path, request = ordering.release(session, past, built(), None)
        assert path.endswith("/settlement")
        assert request.to_json()["order"]["amount"] == "125000"


def test_before_that_it_says_what_is_missing(session: Session) -> None:
    future = record("proven", {**SETTLE, "after": "2999-01-01T00:00:00Z"})
    with pytest.raises(Failure, match="nothing can be released yet: wait for it"):
        ordering.release(session, future, built(), None)
    for status in ("open", "funded"):
        with pytest.raises(Failure, match="nothing can be released yet"):
            ordering.release(session, record(status), built(), None)


def test_a_closed_order_stays_closed(session: Session) -> None:
    with pytest.raises(Failure, match=r"closed already \(window elapsed\)"):
        ordering.release(session, record("closed", outcome="window_elapsed"), built(), "buyer")


def test_consent_is_the_buyer_accounts_alone(session: Session) -> None:
    with pytest.raises(Failure, match="buyer account's alone"):
        ordering.release(session, record("proven"), built(), "buyer")
    mine = built(buyerAccount=session.address_of("buyer"))
    path, request = ordering.release(session, record("proven"), mine, "buyer")
    assert path.endswith("/consents")
    assert len(bytes.fromhex(request.to_json()["signature"][2:])) == 65


def test_a_token_that_is_not_the_networks_has_no_currency(session: Session) -> None:
    assert ordering.currency_of(session, built()) == "EUR"
    with pytest.raises(Failure, match="none of this network's"):
        ordering.currency_of(session, dataclasses.replace(built(), token="0x" + "71" * 20))
