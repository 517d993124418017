"""`tradeseal escrow release|confirm|dispute|rule|refund|withdraw`: what moves an order's money."""

from typing import Annotated, Any

import typer

from cli.failure import Exit, Failure
from cli.options import As, AsMaybe, Evidence, HashArgument
from cli.output import JsonFlag, emit, operation_text
from cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (release, confirm, dispute, rule, refund, withdraw):
        app.command(command.__name__)(command)


def release(order: HashArgument, signer: AsMaybe = None, json: JsonFlag = False) -> None:
    """Pay the seller, if that can be done now: relays what is outstanding, or the buyer's early consent.

    Without --as it applies a recorded delivery whose effect failed, or settles after the inspection window or
    ruling deadline; otherwise it says what is missing (exit 1). With --as it is the buyer account's consent.

    Example: tradeseal escrow release 0x5c…e1
    """
    from cli import ordering

    session = Session()
    record, terms = ordering.record_of(session, order)
    _done(session, order, session.do(ordering.release(session, record, terms, signer)), json)


def confirm(order: HashArgument, signer: As, json: JsonFlag = False) -> None:
    """Consent, as the buyer's account, to pay the seller at once.

    Example: tradeseal escrow confirm 0x5c…e1 --as buyer-account
    """
    from cli import acts, ordering

    session = Session()
    _, terms = ordering.record_of(session, order)
    ordering.require_buyer_account(session, signer, terms, "consent")
    _done(session, order, session.do(acts.confirm(session, signer, terms)), json)


def dispute(order: HashArgument, evidence: Evidence, signer: As, json: JsonFlag = False) -> None:
    """Dispute the delivery inside the inspection window, as the buyer's account.

    Example: tradeseal escrow dispute 0x5c…e1 --evidence photos.zip --as buyer-account
    """
    from cli import acts, ordering
    from cli.options import evidence_hash

    session = Session()
    _, terms = ordering.record_of(session, order)
    ordering.require_buyer_account(session, signer, terms, "a dispute")
    _done(session, order, session.do(acts.dispute(session, signer, terms, evidence_hash(evidence))), json)


def rule(
    order: HashArgument,
    seller_amount: Annotated[
        str, typer.Option(help="Decimal money that the seller gets, as 800.00; the buyer gets the rest.")
    ],
    evidence: Evidence,
    signer: As,
    json: JsonFlag = False,
) -> None:
    """Rule a dispute, as the order's arbiter.

    Example: tradeseal escrow rule 0x5c…e1 --seller-amount 800.00 --evidence ruling.pdf --as arbiter
    """
    from cli import acts, ordering
    from cli.money import parse_amount
    from cli.options import evidence_hash

    session = Session()
    record, terms = ordering.record_of(session, order)
    amount = parse_amount(seller_amount, int(record["amount"]["decimals"]), "seller-amount")
    if amount > terms.amount:
        whole = ordering.money_text(record["amount"])
        raise Failure(f"seller-amount {seller_amount}: is more than the order's {whole}", Exit.UNCHECKED)
    act = acts.rule(session, signer, terms, amount, evidence_hash(evidence))
    _done(session, order, session.do(act), json)


def refund(order: HashArgument, json: JsonFlag = False) -> None:
    """Give the money back where delivery was not proven in time; anybody may.

    Example: tradeseal escrow refund 0x5c…e1
    """
    from cli import acts, ordering

    session = Session()
    _, terms = ordering.record_of(session, order)
    _done(session, order, session.do(acts.refund(session, terms)), json)


def withdraw(
    account: Annotated[
        str, typer.Argument(metavar="NAME|ADDRESS|GLN", help="Whose credit; it is paid to that account only.")
    ],
    currency: Annotated[
        str | None, typer.Option(help="ISO 4217 code, where credits in several wait.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Pay out a credit that waits for an account; anybody may.

    Example: tradeseal escrow withdraw seller --currency EUR
    """
    from cli import acts, ordering

    session = Session()
    address = session.account_of(account)
    code = ordering.withdrawal_currency(session, address, currency)
    operation = session.do(acts.withdraw(session, code, address))
    emit(operation, json, operation_text(operation, account=address, currency=code))


def _done(session: Session, order: str, operation: dict[str, Any], json: bool) -> None:
    from cli import ordering

    record, _ = ordering.record_of(session, order)
    found = {"order": order, "status": record["status"], "outcome": record["outcome"], "operation": operation}
    text = operation_text(operation, order=order, status=ordering.status_text(record), next=record["next"])
    emit(found, json, text)
