"""`tradeseal token`: fiat-pegged tokens; amounts are decimal money, exact."""

from hashlib import sha256
from typing import Annotated, Any

import typer

from cli.failure import Failure
from cli.options import As
from cli.output import JsonFlag, emit, facts, operation_text, table
from cli.session import Session

_app = typer.Typer(help="Fiat-pegged tokens.", no_args_is_help=True, rich_markup_mode=None)
_Currency = Annotated[str, typer.Argument(help="ISO 4217 code, as EUR.")]
_Account = Annotated[
    str, typer.Argument(metavar="NAME|ADDRESS|GLN", help="Local key, address, or a member's GLN.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="token")


@_app.command("list")
def list_tokens(json: JsonFlag = False) -> None:
    """List the network's tokens with their issuers and supply.

    Example: tradeseal token list
    """
    found = Session().api.get("/tokens")
    if json:
        emit(found, json)
        return
    rows = [
        (one["currency"], one["name"], one["issuer"], _money(one["totalSupply"]), one["address"])
        for one in found["tokens"]
    ]
    table("Tokens", ("currency", "name", "issuer", "supply", "address"), rows)


@_app.command("mint")
def mint(
    currency: _Currency,
    account: _Account,
    amount: Annotated[str, typer.Argument(help="Decimal money, as 1250.00.")],
    reference: Annotated[str, typer.Option(help="The payment's reference; its SHA-256 is recorded.")],
    signer: As,
    json: JsonFlag = False,
) -> None:
    """Mint against a payment, as the issuer of the currency's token.

    Example: tradeseal token mint EUR 9521300000046 1250.00 --reference RF18539007547034 --as bank
    """
    from cli import acts
    from cli.money import format_money, parse_amount
    from cli.reasons import refusal_of

    session = Session()
    decimals = int(session.token(currency)["decimals"])
    minor = parse_amount(amount, decimals)
    to = session.account_of(account)
    hashed = sha256(reference.encode()).digest()
    try:
        operation = session.do(acts.mint(session, signer, currency, to, minor, hashed))
    except Failure as failure:
        if refusal_of(failure.problem) != "PaymentReferenceUsed":
            raise
        text = (
            f"payment reference {reference!r}: was minted before, and is minted once (PaymentReferenceUsed)"
        )
        raise Failure(text, failure.code, failure.problem) from None
    money = format_money(minor, decimals, currency)
    emit(
        {"to": to, "amount": str(minor), "currency": currency, "decimals": decimals, "operation": operation},
        json,
        operation_text(operation, minted=money, to=to),
    )


@_app.command("balance")
def balance(currency: _Currency, account: _Account, json: JsonFlag = False) -> None:
    """Show what an account holds.

    Example: tradeseal token balance EUR buyer
    """
    session = Session()
    found = session.api.get(f"/tokens/{currency}/balances/{session.account_of(account)}")
    emit(found, json, facts({"account": found["account"], "balance": _money(found["balance"])}))


def _money(record: dict[str, Any]) -> str:
    from cli.money import format_money

    return format_money(int(record["amount"]), int(record["decimals"]), str(record["currency"]))
