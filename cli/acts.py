"""Builds and signs what a member does: each function gives the API path and the request to post there."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chain import codec, requests
from chain.bindings import member_registry, rights_registry, types
from cli.failure import Exit, Failure
from cli.session import Member, Session, deadline, salt
from epcis.gs1 import Gs1KeyError, parse_gln, parse_gtin

Act = tuple[str, requests.Request]
_KEY_DAYS = 730


def role_mask(names: Sequence[str]) -> int:
    """Bits of role names (`MAKER`, `brand-owner`). Raises Failure naming the roles there are."""
    from indexer.read.values import ROLE_NAMES  # brings the database's libraries: half a second

    bits = {name: bit for bit, name in ROLE_NAMES.items()}
    mask = 0
    for name in names:
        bit = bits.get(name.upper().replace("-", "_"))
        if bit is None:
            raise Failure(f"role {name!r}: there are {', '.join(sorted(bits))}", Exit.UNCHECKED)
        mask |= bit
    return mask


def gln(text: str, what: str = "GLN") -> int:
    """A GLN as the contracts hold it. Raises Failure."""
    try:
        return int(parse_gln(text))
    except Gs1KeyError as error:
        text = str(error) if what == "GLN" else f"{what}: {error}"
        raise Failure(text, Exit.UNCHECKED) from None


def gtin(text: str) -> int:
    """A GTIN as the contracts hold it. Raises Failure."""
    try:
        return int(parse_gtin(text))
    except Gs1KeyError as error:
        raise Failure(str(error), Exit.UNCHECKED) from None


def country(text: str) -> bytes:
    """An ISO 3166-1 alpha-2 code as the contracts hold it. Raises Failure."""
    if len(text) != 2 or not text.isascii() or not text.isalpha() or not text.isupper():
        raise Failure(f"country {text!r}: must be two capital letters (ISO 3166-1 alpha-2)", Exit.UNCHECKED)
    return text.encode("ascii")


def hash32(text: str, what: str) -> bytes:
    """32 bytes from 0x-hexadecimal text. Raises Failure."""
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if not text.startswith("0x") or len(value) != 32:
        raise Failure(f"{what} {text[:80]!r}: must be 0x and 64 hexadecimal digits", Exit.UNCHECKED)
    return value


# -- council


@dataclass(frozen=True, slots=True)
class Setter:
    """A setter of the council: contract by name, calldata."""

    contract: str
    data: bytes


def admit(
    gln_text: str, country_code: str, roles: Sequence[str], name: str, account: str, key: str
) -> Setter:
    """Admission of an organisation with its first key, live for two years."""
    until = int(time.time()) + _KEY_DAYS * 86400
    return Setter(
        "MemberRegistry",
        member_registry.encode_admit(
            gln(gln_text), country(country_code), role_mask(roles), name, account, key, until
        ),
    )


def assign_prefix(prefix: str, owner: str) -> Setter:
    """A GS1 Company Prefix (4–12 digits) becomes a member's."""
    return Setter("RightsRegistry", rights_registry.encode_assign_prefix(prefix, gln(owner)))


def register_mark(
    mark: bytes, owner: str, name: str, territories: Sequence[str], nice: Sequence[int], valid_until: int
) -> Setter:
    """A trademark is recorded; `valid_until` is Unix seconds."""
    return Setter(
        "RightsRegistry",
        rights_registry.encode_register_mark(
            mark, gln(owner), name, tuple(country(one) for one in territories), tuple(nice), valid_until
        ),
    )


def council_action(session: Session, setter: Setter, days: int = 14) -> types.CouncilAction:
    """An action for seats to sign, open for some days."""
    return types.CouncilAction(
        session.network.address(setter.contract), setter.data, salt(), deadline(days * 86400)
    )


def approve(session: Session, action: types.CouncilAction, seat: str) -> Act:
    """A seat's approval, by a local key."""
    signer, signature = session.sign(seat, "Council", action)
    return "/council/approvals", requests.ApproveAction(message=action, signer=signer, signature=signature)


def execute(action: types.CouncilAction) -> Act:
    """Carrying out an action that has its approvals."""
    return "/council/executions", requests.ExecuteAction(message=action)


# -- rights and items


def grant_licence(
    session: Session,
    key: str,
    *,
    mark: bytes,
    licensee: str,
    gtins: Sequence[str],
    territories: Sequence[str],
    quantity: int,
    days: int,
) -> Act:
    """A brand owner's licence, valid from now for some days."""
    now = int(time.time())
    terms = types.Licence(
        mark=mark,
        licensee=gln(licensee),
        gtins=tuple(gtin(one) for one in gtins),
        territories=tuple(country(one) for one in territories),
        valid_from=now - 60,  # the chain's clock may be behind ours
        valid_until=now + days * 86400,
        quantity=quantity,
        salt=salt(),
        deadline=deadline(),
    )
    signer, signature = session.sign(key, "RightsRegistry", terms)
    return "/rights/licences", requests.GrantLicence(message=terms, signer=signer, signature=signature)


def revoke_licence(session: Session, key: str, licence: bytes, reason: bytes) -> Act:
    """The end of a licence."""
    message = types.LicenceRevocation(licence, reason, deadline())
    signer, signature = session.sign(key, "RightsRegistry", message)
    return "/rights/revocations", requests.RevokeLicence(message=message, signer=signer, signature=signature)


def issue(
    session: Session, key: str, gtin_text: str, serials: Sequence[str], licence: bytes, member: Member
) -> Act:
    """A maker's issue of serialised items under a licence."""
    from evidence.batch import BatchError, build_issue

    try:
        batch = build_issue(f"{gtin(gtin_text):014d}", serials, f"{member.gln:013d}")
    except (BatchError, ValueError) as error:
        raise Failure(str(error)) from None
    message = batch.issue(licence, deadline())
    signer, signature = session.sign(key, "ProductPassport", message)
    return "/items/issues", requests.IssueItems(
        message=message, signer=signer, signature=signature, serials=list(serials)
    )


def materialise(issue: Mapping[str, Any], serial: str) -> Act:
    """The passport of one issued item, from the API's record of its issue. Raises Failure."""
    try:
        return "/items/materialisations", requests.Materialise(
            issue_id=issue["issueId"], index=issue["index"], serial=serial, proof=issue["proof"]
        )
    except (KeyError, ValueError) as error:
        raise Failure(f"the service's issue cannot be read: {error}", Exit.UNREACHABLE) from None


def recall(session: Session, key: str, issue_id: bytes, item: bytes, evidence: bytes) -> Act:
    """A stop of one item, or of a whole issue where `item` is zero."""
    message = types.Recall(issue_id, item, evidence, deadline())
    signer, signature = session.sign(key, "ProductPassport", message)
    return "/items/recalls", requests.RecallItems(message=message, signer=signer, signature=signature)


# -- events


def capture(session: Session, key: str, document: bytes, member: Member, seed: bytes) -> str:
    """The `TradeSeal-Capture` header for an EPCIS document: sealed, batched and signed on this side."""
    return signed_batch(session, key, document, member, seed)[0]


def signed_batch(
    session: Session, key: str, document: bytes, member: Member, seed: bytes
) -> tuple[str, bytes]:
    """As `capture`, with the batch's root."""
    from evidence.batch import build_batch
    from evidence.errors import CaptureError
    from evidence.signature_header import SignatureHeader

    try:
        batch = build_batch(document, f"{member.gln:013d}", seed)
    except (CaptureError, ValueError) as error:
        raise Failure(str(error)) from None
    anchor = batch.anchor(deadline())
    signer, signature = session.sign(key, "EventLedger", anchor)
    return SignatureHeader(signer, seed, anchor.deadline, signature).serialise(), batch.root


def seal_event(
    session: Session, event: bytes, *, subject: str | None = None, order: types.Order | None = None
) -> types.Attestation:
    """What a member signs of one bare event; with an order as its proof of delivery. Raises Failure."""
    from evidence.batch import attestation
    from evidence.errors import CaptureError

    effect: dict[str, Any] = {}
    if order is not None:
        consumer = session.network.address("Escrow")
        effect = {"order": order_hash(session, order), "milestone": 1, "consumer": consumer}
    try:
        return attestation(event, subject=subject, deadline=deadline(), **effect).message
    except (CaptureError, ValueError) as error:
        raise Failure(str(error)) from None


def attest(
    session: Session, key: str, event: bytes, message: types.Attestation, order: types.Order | None = None
) -> tuple[str, dict[str, Any]]:
    """The attestation of one bare event, signed; `message` is of `seal_event` with the same order."""
    from oracle.keeper import order_data

    signer, signature = session.sign(key, "EventLedger", message)
    return "/attestations", {
        "event": json.loads(event),
        "attestation": message.message(),
        "signer": signer,
        "signature": "0x" + signature.hex(),
        "consumerData": "0x" + (order_data(order).hex() if order is not None else ""),
    }


# -- money and orders


def mint(session: Session, key: str, currency: str, to: str, amount: int, reference: bytes) -> Act:
    """The issuer's minting of minor units against a payment."""
    message = types.Mint(to, amount, reference, deadline())
    signer, signature = session.sign_domain(key, token_domain(session, currency), message)
    return "/tokens/mints", requests.MintTokens(
        currency=currency, message=message, signer=signer, signature=signature
    )


def token_domain(session: Session, currency: str) -> codec.Domain:
    """EIP-712 domain of a currency's token."""
    return codec.Domain(
        session.token(currency)["name"], "1", session.network.chain_id, session.network.address(currency)
    )


def open_order(
    session: Session, order: types.Order, buyer: tuple[str, bytes], seller: tuple[str, bytes]
) -> Act:
    """An order with the signatures (address, signature) of both sides."""
    return "/escrows", requests.OpenOrder(
        order=order,
        buyer_signer=buyer[0],
        buyer_signature=buyer[1],
        seller_signer=seller[0],
        seller_signature=seller[1],
    )


def order_hash(session: Session, order: types.Order) -> bytes:
    """An order's hash on this network."""
    return order.signing_hash(session.network.domain("Escrow"))


def fund(session: Session, key: str, order: types.Order, currency: str) -> Act:
    """The buyer account's authorisation of exactly this order's amount."""
    found = order_hash(session, order)
    message = types.ReceiveWithAuthorization(
        from_=order.buyer_account,
        to=session.network.address("Escrow"),
        value=order.amount,
        valid_after=0,
        valid_before=deadline(),
        nonce=found,
    )
    _, signature = session.sign_domain(key, token_domain(session, currency), message)
    return f"/escrows/0x{found.hex()}/funding", requests.FundOrder(
        order=order, valid_after=0, valid_before=message.valid_before, signature=signature
    )


def confirm(session: Session, key: str, order: types.Order) -> Act:
    """The buyer's consent to pay at once."""
    found = order_hash(session, order)
    message = types.Consent(found, deadline())
    _, signature = session.sign(key, "Escrow", message)
    return f"/escrows/0x{found.hex()}/consents", requests.ConfirmOrder(
        order=order, message=message, signature=signature
    )


def dispute(session: Session, key: str, order: types.Order, evidence: bytes) -> Act:
    """The buyer's dispute."""
    found = order_hash(session, order)
    message = types.Dispute(found, evidence, deadline())
    _, signature = session.sign(key, "Escrow", message)
    return f"/escrows/0x{found.hex()}/disputes", requests.DisputeOrder(
        order=order, message=message, signature=signature
    )


def rule(session: Session, key: str, order: types.Order, seller_amount: int, evidence: bytes) -> Act:
    """The arbiter's split; the buyer gets the rest."""
    found = order_hash(session, order)
    message = types.Ruling(found, seller_amount, evidence, deadline())
    signer, signature = session.sign(key, "Escrow", message)
    return f"/escrows/0x{found.hex()}/rulings", requests.RuleOrder(
        order=order, message=message, signer=signer, signature=signature
    )


def settle(session: Session, order: types.Order) -> Act:
    """Payment of an order whose window or ruling period is over; anybody's to ask for."""
    return _of_order(session, order, "settlement", requests.SettleOrder(order=order))


def refund(session: Session, order: types.Order) -> Act:
    """Money back where delivery was not proven in time; anybody's to ask for."""
    return _of_order(session, order, "refund", requests.RefundOrder(order=order))


def withdraw(session: Session, currency: str, account: str) -> Act:
    """A credit's payment to its account; anybody's to ask for."""
    return "/escrows/withdrawals", requests.Withdraw(token=session.network.address(currency), account=account)


def _of_order(session: Session, order: types.Order, what: str, request: requests.Request) -> Act:
    return f"/escrows/0x{order_hash(session, order).hex()}/{what}", request


# -- oracle


def endorse(session: Session, keys: Sequence[str], message: codec.TypedMessage) -> list[requests.Endorsed]:
    """Signatures of several organisations' keys under one report."""
    signed = (session.sign(key, "QuorumReports", message) for key in keys)
    return [requests.Endorsed(signer=signer, signature=signature) for signer, signature in signed]


def report_customs(session: Session, keys: Sequence[str], decision: types.CustomsDecision) -> Act:
    """A customs decision by a quorum."""
    return "/oracle/customs-decisions", requests.ReportCustoms(
        message=decision, endorsements=endorse(session, keys, decision)
    )


def report_sensor(session: Session, keys: Sequence[str], window: types.SensorWindow) -> Act:
    """A sensor window by a quorum."""
    return "/oracle/sensor-windows", requests.ReportSensor(
        message=window, endorsements=endorse(session, keys, window)
    )


def order_of(record: Mapping[str, Any]) -> types.Order:
    """The order in a record of the API. Raises Failure."""
    from chain.messages import read_message

    try:
        return read_message(types.Order, record["order"])
    except (KeyError, codec.FieldError) as error:
        raise Failure(f"the service's order cannot be read: {error}", Exit.UNREACHABLE) from None
