"""Orders from the command line: from the order file to the signed document, and what is due next."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import acts
from cli.failure import Exit, Failure
from cli.licences import fitting, of_network
from cli.money import format_money
from cli.session import Session, salt

if TYPE_CHECKING:
    from chain.bindings.types import Order
    from cli.signed_order import SignedOrder


def load(session: Session, path: Path) -> "SignedOrder":
    """An order document, or one made of an order file, with a fresh salt and unsigned. Raises Failure."""
    from cli.files import read_table
    from cli.order_file import build_order, read_order
    from cli.signed_order import SignedOrder, is_signed_order, read_signed_order

    record = read_table(path)
    network = session.network
    if is_signed_order(record):
        found = read_signed_order(record)
        if (found.chain_id, found.escrow) != (network.chain_id, network.address("Escrow")):
            raise Failure(
                f"{path}: is an order of chain {found.chain_id}, escrow {found.escrow}; "
                f"the service serves chain {network.chain_id}, escrow {network.address('Escrow')}"
            )
        return found
    file = read_order(record)
    token = session.token(file.currency)
    members = session.api.get("/members")
    order = build_order(
        file,
        token=network.address(file.currency),
        decimals=int(token["decimals"]),
        account_of=lambda gln: session.member(members, gln).account,
        licence_of=lambda seller, gtin, to: fitting(of_network(session), seller, gtin, to),
        salt=salt(),
    )
    return SignedOrder(
        network.chain_id, network.address("Escrow"), acts.order_hash(session, order), file.currency, order
    )


def sign(session: Session, document: "SignedOrder", keys: Iterable[str]) -> "SignedOrder":
    """The document with signatures of local keys, each for the side that its member is. Raises Failure."""
    from cli.signed_order import SideSignature

    members = session.api.get("/members")
    for key in dict.fromkeys(keys):
        member = session.member(members, key)
        sides = {document.order.buyer: "buyer", document.order.seller: "seller"}
        if member.gln not in sides:
            raise Failure(f"{key}: acts for {member.name} ({member.gln:013d}), no side of this order")
        signer, signature = session.sign(key, "Escrow", document.order)
        document = document.with_signature(sides[member.gln], SideSignature(signer, signature))
    return document


def open_act(session: Session, document: "SignedOrder") -> acts.Act:
    """Opening an order that both sides signed. Raises Failure naming who did not."""
    missing = document.missing
    if missing:
        raise Failure(
            f"order 0x{document.hash.hex()}: {' and '.join(missing)} did not sign; "
            "see `tradeseal escrow sign --help`"
        )
    buyer, seller = (document.signatures[side] for side in ("buyer", "seller"))
    return acts.open_order(
        session, document.order, (buyer.signer, buyer.signature), (seller.signer, seller.signature)
    )


def record_of(session: Session, name: str) -> tuple[dict[str, Any], "Order"]:
    """The service's record of an order and its terms, checked to be those of the hash. Raises Failure."""
    acts.hash32(name, "order")
    record: dict[str, Any] = session.api.get(f"/escrows/{name.lower()}")
    order = acts.order_of(record)
    computed = "0x" + acts.order_hash(session, order).hex()
    if computed != name.lower():
        raise Failure(f"order {name}: the service shows the order {computed} under this hash")
    return record, order


def currency_of(session: Session, order: "Order") -> str:
    """ISO 4217 code of an order's token. Raises Failure for a token that the network does not list."""
    for code, address in session.network.tokens.items():
        if address == order.token:
            return code
    raise Failure(f"token {order.token}: is none of this network's")


def require_buyer_account(session: Session, signer: str, order: "Order", what: str) -> None:
    """Raises Failure, saying which account it must be, where a key is not the order's buyer account."""
    account = order.buyer_account
    if session.address_of(signer) == account:
        return
    known = [name for name in session.home.key_names() if session.home.key_address(name) == account]
    named = f", here `--as {known[0]}`" if known else ""
    raise Failure(f"{signer}: {what} is the buyer account's alone, which is {account}{named}")


def release(session: Session, record: Mapping[str, Any], order: "Order", signer: str | None) -> acts.Act:
    """What moves the money to the seller now: the buyer's consent, settlement, or an outstanding effect.

    Raises Failure saying what is missing.
    """
    status = str(record["status"])
    if status == "closed":
        raise Failure(f"order {record['hash']}: is closed already ({record['outcome'].replace('_', ' ')})")
    if signer is not None:
        require_buyer_account(session, signer, order, "early consent")
        return acts.confirm(session, signer, order)
    if any(one["action"] == "settle" and _over(one) for one in record["actions"]):
        return acts.settle(session, order)
    pending = _pending_effect(session, str(record["hash"])) if status == "funded" else None
    if pending is not None:
        return "/attestations/effects", pending
    raise Failure(f"order {record['hash']}: nothing can be released yet: {record['next']}")


def _over(action: Mapping[str, Any]) -> bool:
    after = action.get("after")
    return after is not None and datetime.fromisoformat(after) < datetime.now(UTC)


def _pending_effect(session: Session, order_hash: str) -> Any:
    """The request that applies a delivery whose effect failed when it was recorded; None where there is none.

    What was attested is read from this installation's own mirror: a service elsewhere does this by itself.
    """
    if session.settings.api_url is not None:
        return None
    from chain.database import reading
    from cli.installation import existing_mirror
    from oracle.keeper import effects_due

    with existing_mirror(session.settings, session.home) as mirror:
        if mirror is None:
            return None
        with reading(mirror) as view:
            due = next(effects_due(view, order_hash), None)
            return None if due is None else due.request


def summary(record: Mapping[str, Any]) -> dict[str, object]:
    """An order for people, and who must act next."""

    def party(name: str) -> str:
        one = record[name]
        return f"{one['name']} ({one['gln']})" if one.get("name") else one["gln"]

    said: dict[str, object] = {
        "order": record["hash"],
        "status": status_text(record),
        "amount": money_text(record["amount"]),
        "buyer": party("buyer"),
        "seller": party("seller"),
        "delivery proven by": party("prover"),
        "arbiter": party("arbiter") if int(record["arbiter"]["gln"]) else "none",
        "deliver by": record["deliverBy"],
        "refund after": record["refundAfter"],
    }
    for name, label in (("sellerAmount", "paid to seller"), ("buyerAmount", "returned to buyer")):
        if record.get(name) is not None:
            said[label] = money_text(record[name])
    for credit in record["credits"]:
        said[f"credit of {credit['account']}"] = money_text(credit["amount"])
    return said | {"next": record["next"]}


def status_text(record: Mapping[str, Any]) -> str:
    """Status, with the outcome where it is closed."""
    outcome = str(record["outcome"]).replace("_", " ")
    return f"closed: {outcome}" if record["status"] == "closed" else str(record["status"])


def money_text(record: Mapping[str, Any]) -> str:
    """The API's money as decimal text with its currency."""
    return format_money(int(record["amount"]), int(record["decimals"]), str(record["currency"]))


def withdrawal_currency(session: Session, account: str, currency: str | None) -> str:
    """The currency in which an account's credit waits, where it is not said. Raises Failure."""
    if currency is not None:
        session.token(currency)
        return currency
    found = {
        credit["amount"]["currency"]
        for order in session.api.get("/escrows")["orders"]
        for credit in order["credits"]
        if credit["account"] == account
    }
    if len(found) != 1:
        text = "no credit waits" if not found else f"credits in {', '.join(sorted(found))} wait"
        raise Failure(f"account {account}: {text}; name one with --currency", Exit.UNCHECKED)
    return str(found.pop())
