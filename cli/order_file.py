"""The order file: what buyer and seller agree on, as people write it (docs/orders.md)."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cli import acts
from cli.durations import parse_duration, unix_seconds
from cli.failure import Exit, Failure
from cli.files import Fractional
from cli.item_names import subject_id
from cli.money import parse_amount

if TYPE_CHECKING:
    from chain.bindings.types import Order

_ON_REVOCATION: Final = {"pay": 0, "refund": 1}
_BASIS_POINT_DECIMALS: Final = 2


def _text(value: object) -> object:
    """A key or amount written as a number is refused: leading zeros would be lost."""
    if isinstance(value, int | Fractional) and not isinstance(value, bool):
        raise ValueError("must be text in quotes")  # noqa: TRY004 - pydantic wants ValueError
    return value


Text = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=400)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_alias=True)


class OrderLineFile(_Part):
    """What is bought: a number of items of a GTIN, under a licence, for a country."""

    gtin: Text
    licence: Text | None = None
    quantity: Annotated[int, Field(gt=0, lt=1 << 64, strict=True)]
    destination: Text


class OrderFile(_Part):
    """An order before anybody signed it. Parties are GLNs; `buyer_account` and `payee` addresses."""

    buyer: Text
    seller: Text
    prover: Text
    arbiter: Text | None = None
    buyer_account: Text | None = None
    payee: Text | None = None
    amount: Text
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    shipment: Text
    deliver_by: Text
    grace: Text = "2d"
    inspection_window: Text = "0s"
    ruling_period: Text = "14d"
    unruled_seller_share: Text = "50%"
    on_revocation: Literal["pay", "refund"] = "pay"
    terms: Text | None = None
    lines: Annotated[list[OrderLineFile], Field(min_length=1, max_length=50)]


def read_order(record: Mapping[str, Any]) -> OrderFile:
    """The order in a file's object. Raises Failure naming each field (JSON Pointer) that is wrong."""
    try:
        return OrderFile.model_validate(record)
    except ValidationError as error:
        faults = [
            f"/{'/'.join(str(part) for part in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_url=False)
        ]
        raise Failure("order file: " + "; ".join(faults[:10]), Exit.UNCHECKED) from None


def parse_share(text: str, field: str) -> int:
    """Ten-thousandths of a percentage such as `50%` or `33.33%`. Raises Failure."""
    if not text.endswith("%"):
        raise Failure(f"{field} {text!r}: must be a percentage, as 50%", Exit.UNCHECKED)
    share = parse_amount(text.removesuffix("%"), _BASIS_POINT_DECIMALS, field)
    if share > 10_000:
        raise Failure(f"{field} {text!r}: is more than 100%", Exit.UNCHECKED)
    return share


def build_order(
    file: OrderFile,
    *,
    token: str,
    decimals: int,
    account_of: Callable[[str], str],
    licence_of: Callable[[str, str, str], bytes],
    salt: bytes,
) -> "Order":
    """The order as both sides sign it.

    `token` is the currency's contract, `account_of` gives the registered account of a GLN, `licence_of` the
    licence of a seller (GLN) for a GTIN and a destination where a line names none, `salt` 32 bytes that are
    fixed from the first signature on. Raises Failure naming the field.
    """
    from chain.bindings.types import Order, OrderLine
    from chain.codec import FieldError, address

    def party(field: str, text: str) -> int:
        return acts.gln(text, field)

    def account(field: str, given: str | None, gln: str) -> str:
        try:
            return account_of(gln) if given is None else address(field, given)
        except FieldError as error:
            raise Failure(str(error), Exit.UNCHECKED) from None

    def licence(place: int, line: OrderLineFile) -> bytes:
        if line.licence is not None:
            return acts.hash32(line.licence, f"lines/{place}/licence")
        return licence_of(file.seller, f"{acts.gtin(line.gtin):014d}", line.destination)

    try:
        return Order(
            buyer=party("buyer", file.buyer),
            seller=party("seller", file.seller),
            buyer_account=account("buyerAccount", file.buyer_account, file.buyer),
            payee=account("payee", file.payee, file.seller),
            token=token,
            amount=_positive(parse_amount(file.amount, decimals), file.amount),
            shipment=subject_id(file.shipment, "shipment"),
            prover=party("prover", file.prover),
            arbiter=0 if file.arbiter is None else party("arbiter", file.arbiter),
            deliver_by=unix_seconds(file.deliver_by, "deliverBy"),
            grace=parse_duration(file.grace, "grace"),
            inspection_window=parse_duration(file.inspection_window, "inspectionWindow"),
            ruling_period=parse_duration(file.ruling_period, "rulingPeriod"),
            unruled_seller_bps=parse_share(file.unruled_seller_share, "unruledSellerShare"),
            on_revocation=_ON_REVOCATION[file.on_revocation],
            lines=tuple(
                OrderLine(
                    acts.gtin(line.gtin),
                    licence(place, line),
                    line.quantity,
                    acts.country(line.destination),
                )
                for place, line in enumerate(file.lines)
            ),
            terms=bytes(32) if file.terms is None else acts.hash32(file.terms, "terms"),
            salt=salt,
        )
    except FieldError as error:
        raise Failure(f"order file: {error}", Exit.UNCHECKED) from None


def _positive(amount: int, text: str) -> int:
    if amount == 0:
        raise Failure(f"amount {text!r}: must be more than zero", Exit.UNCHECKED)
    return amount
