"""The order file: every field becomes what both sides sign, or is refused by name."""

from pathlib import Path
from typing import Any

import pytest

from cli.failure import Exit, Failure
from cli.files import read_table
from cli.order_file import build_order, parse_share, read_order

BUYER, SELLER, PROVER, ARBITER = "9506000000046", "9506000000022", "9506000000039", "9506000000015"
ACCOUNTS = {BUYER: "0x" + "b1" * 20, SELLER: "0x" + "5e" * 20}
TOKEN = "0x" + "70" * 20
LICENCE = "0x" + "ab" * 32


def record(**changes: Any) -> dict[str, Any]:
    """A whole order file; None leaves a field out."""
    whole = {
        "buyer": BUYER,
        "seller": SELLER,
        "prover": PROVER,
        "arbiter": ARBITER,
        "amount": "1250.00",
        "currency": "EUR",
        "shipment": "095060001343522226",
        "deliverBy": "2027-03-31T18:00:00+02:00",
        "grace": "1d",
        "inspectionWindow": "48h",
        "rulingPeriod": "7d",
        "unruledSellerShare": "33.33%",
        "onRevocation": "refund",
        "lines": [{"gtin": "9506000134352", "licence": LICENCE, "quantity": 2, "destination": "DE"}],
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def built(**changes: Any) -> Any:
    """The order of a file."""
    return build_order(
        read_order(record(**changes)),
        token=TOKEN,
        decimals=2,
        account_of=ACCOUNTS.__getitem__,
        licence_of=lambda seller, gtin, to: (seller + gtin + to).encode().ljust(32, b"\0"),
        salt=b"\x01" * 32,
    )


@pytest.mark.parametrize("name", ["order.toml", "order.json"])
def test_an_amount_without_quotes_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("amount = 1250.00\n" if name.endswith("toml") else '{"amount": 1250.00}')
    with pytest.raises(Failure, match="/amount: must be text in quotes"):
        read_order(record() | read_table(path))


def test_every_field_becomes_what_the_contract_takes() -> None:
    order = built()
    assert (order.buyer, order.seller, order.prover, order.arbiter) == (
        9506000000046,
        9506000000022,
        9506000000039,
        9506000000015,
    )
    assert order.amount == 125000
    assert order.deliver_by == 1806508800
    assert (order.grace, order.inspection_window, order.ruling_period) == (86400, 172800, 604800)
    assert (order.unruled_seller_bps, order.on_revocation) == (3333, 1)
    assert (order.buyer_account.lower(), order.payee.lower()) == (ACCOUNTS[BUYER], ACCOUNTS[SELLER])
    line = order.lines[0]
    assert (line.gtin, line.licence, line.quantity, line.destination) == (
        9506000134352,
        b"\xab" * 32,
        2,
        b"DE",
    )
    assert (order.terms, order.salt) == (bytes(32), b"\x01" * 32)


def test_what_is_left_out_has_the_documented_default() -> None:
    order = built(
        arbiter=None,
        grace=None,
        inspectionWindow=None,
        rulingPeriod=None,
        unruledSellerShare=None,
        onRevocation=None,
    )
    assert (order.arbiter, order.grace, order.inspection_window) == (0, 172800, 0)
    assert (order.ruling_period, order.unruled_seller_bps, order.on_revocation) == (1209600, 5000, 0)


def test_accounts_given_are_taken_instead_of_registered_ones() -> None:
    other = "0x" + "cc" * 20
    order = built(buyerAccount=other, payee=other)
    assert order.buyer_account.lower() == order.payee.lower() == other


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"buyer": None}, "/buyer: Field required"),
        ({"buyer": 9506000000046}, "/buyer: must be text in quotes"),
        ({"amount": 1250}, "/amount: must be text in quotes"),
        ({"colour": "red"}, "/colour: Extra inputs"),
        ({"currency": "eur"}, "/currency"),
        ({"onRevocation": "maybe"}, "/onRevocation"),
        ({"lines": []}, "/lines"),
        (
            {"lines": [{"gtin": "9506000134352", "licence": LICENCE, "quantity": 0, "destination": "DE"}]},
            "/lines/0/quantity",
        ),
        (
            {"lines": [{"gtin": "9506000134352", "licence": LICENCE, "quantity": "2", "destination": "DE"}]},
            "/lines/0/quantity",
        ),
        ({"buyer": "9506000000047"}, "buyer: GLN '9506000000047': check digit"),
        ({"amount": "0.00"}, "amount '0.00': must be more than zero"),
        ({"amount": "10.001"}, "amount '10.001': the currency has 2 decimals"),
        ({"shipment": "095060001343522227"}, "shipment: SSCC"),
        ({"deliverBy": "2027-03-31"}, "deliverBy"),
        ({"grace": "1 day"}, "grace '1 day'"),
        ({"inspectionWindow": "200y"}, "inspectionWindow"),
        ({"grace": "99999999999w"}, "outside uint32"),
        ({"unruledSellerShare": "101%"}, "unruledSellerShare '101%': is more than 100%"),
        ({"payee": "0x12"}, "payee"),
        ({"terms": "none"}, "terms 'none'"),
        (
            {"lines": [{"gtin": "9506000134353", "licence": LICENCE, "quantity": 1, "destination": "DE"}]},
            "GTIN",
        ),
        (
            {"lines": [{"gtin": "9506000134352", "licence": "0x1", "quantity": 1, "destination": "DE"}]},
            "lines/0/licence",
        ),
        (
            {"lines": [{"gtin": "9506000134352", "licence": LICENCE, "quantity": 1, "destination": "de"}]},
            "country 'de'",
        ),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(Failure) as caught:
        built(**changes)
    assert named in str(caught.value)
    assert caught.value.code is Exit.UNCHECKED


def test_a_share_is_exact_to_a_hundredth_of_a_percent() -> None:
    assert [parse_share(text, "share") for text in ("0%", "50%", "33.33%", "100%")] == [0, 5000, 3333, 10000]
    for text in ("50", "0.5", "33.333%", "%", "-1%"):
        with pytest.raises(Failure, match=r"^share"):
            parse_share(text, "share")


def test_a_line_without_a_licence_takes_the_sellers_only_one() -> None:
    order = built(lines=[{"gtin": "9506000134352", "quantity": 2, "destination": "DE"}])
    assert order.lines[0].licence == f"{order.seller:013d}09506000134352DE".encode().ljust(32, b"\0")
