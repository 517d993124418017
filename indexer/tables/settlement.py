"""What escrow and fiat tokens emit.

One append-only table per event: members of structs are columns, lists JSON, bytes 0x-hexadecimal text.
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field

from indexer.columns import Uint64, Uint256
from indexer.tables.base import EventRow


class Credited(EventRow, table=True):
    """A transfer to `account` failed and waits as credit."""

    __tablename__ = "credited"
    EVENT: ClassVar[str] = "Credited/4"

    order: str = Field(index=True)
    token: str = Field(index=True)
    account: str = Field(index=True)
    amount: int = Field(sa_type=Uint256)


class DeliveryProven(EventRow, table=True):
    """Delivery was proven by `seal_id`; the inspection window ends at `window_end` (Unix seconds)."""

    __tablename__ = "delivery_proven"
    EVENT: ClassVar[str] = "DeliveryProven/4"

    order: str = Field(index=True)
    prover: int = Field(sa_type=Uint64, index=True)
    seal_id: str = Field(index=True)
    window_end: int = Field(sa_type=BigInteger)


class OrderClosed(EventRow, table=True):
    """The order ended; the two amounts add up to what was funded."""

    __tablename__ = "order_closed"
    EVENT: ClassVar[str] = "OrderClosed/3"

    order: str = Field(index=True)
    outcome: int = Field(sa_type=BigInteger, index=True)
    seller_amount: int = Field(sa_type=Uint256)
    buyer_amount: int = Field(sa_type=Uint256)


class OrderDisputed(EventRow, table=True):
    """The buyer disputes; unruled, anybody settles after `rulingDeadline` (Unix seconds)."""

    __tablename__ = "order_disputed"
    EVENT: ClassVar[str] = "OrderDisputed/2"

    order: str = Field(index=True)
    evidence: str
    ruling_deadline: int = Field(sa_type=BigInteger)


class OrderFunded(EventRow, table=True):
    """The buyer's money is locked."""

    __tablename__ = "order_funded"
    EVENT: ClassVar[str] = "OrderFunded/4"

    order: str = Field(index=True)
    token: str = Field(index=True)
    buyer_account: str = Field(index=True)
    amount: int = Field(sa_type=Uint256)


class OrderOpened(EventRow, table=True):
    """Both sides agreed."""

    __tablename__ = "order_opened"
    EVENT: ClassVar[str] = "OrderOpened/4"

    order: str = Field(index=True)
    buyer: int = Field(sa_type=Uint64, index=True)
    seller: int = Field(sa_type=Uint64, index=True)
    buyer_account: str
    payee: str
    token: str
    amount: int = Field(sa_type=Uint256)
    shipment: str
    prover: int = Field(sa_type=Uint64)
    arbiter: int = Field(sa_type=Uint64)
    deliver_by: int = Field(sa_type=BigInteger)
    grace: int = Field(sa_type=BigInteger)
    inspection_window: int = Field(sa_type=BigInteger)
    ruling_period: int = Field(sa_type=BigInteger)
    unruled_seller_bps: int = Field(sa_type=BigInteger)
    on_revocation: int = Field(sa_type=BigInteger)
    lines: list[Any] = Field(sa_type=JSON)
    terms: str
    salt: str


class OrderRuled(EventRow, table=True):
    """The arbiter ruled."""

    __tablename__ = "order_ruled"
    EVENT: ClassVar[str] = "OrderRuled/3"

    order: str = Field(index=True)
    arbiter: int = Field(sa_type=Uint64, index=True)
    seller_amount: int = Field(sa_type=Uint256)
    evidence: str


class Withdrawn(EventRow, table=True):
    """Credit left."""

    __tablename__ = "withdrawn"
    EVENT: ClassVar[str] = "Withdrawn/3"

    token: str = Field(index=True)
    account: str = Field(index=True)
    to: str
    amount: int = Field(sa_type=Uint256)


class AuthorizationCanceled(EventRow, table=True):
    """??"""

    __tablename__ = "authorization_canceled"
    EVENT: ClassVar[str] = "AuthorizationCanceled/3"

    authorizer: str = Field(index=True)
    nonce: str = Field(index=True)


class AuthorizationUsed(EventRow, table=True):
    """??"""

    __tablename__ = "authorization_used"
    EVENT: ClassVar[str] = "AuthorizationUsed/3"

    authorizer: str = Field(index=True)
    nonce: str = Field(index=True)


class Burnt(EventRow, table=True):
    """The issuer burnt against a fiat payout."""

    __tablename__ = "burnt"
    EVENT: ClassVar[str] = "Burnt/3"

    from_: str = Field(index=True)
    amount: int = Field(sa_type=Uint256)
    payment_reference: str = Field(index=True)
    signer: str


class Minted(EventRow, table=True):
    """The issuer minted against a fiat payment."""

    __tablename__ = "minted"
    EVENT: ClassVar[str] = "Minted/3"

    to: str = Field(index=True)
    amount: int = Field(sa_type=Uint256)
    payment_reference: str = Field(index=True)
    signer: str


class TokenTransfer(EventRow, table=True):
    """ERC-20: money moved, minor units; from zero it was minted, to zero it was burnt."""

    __tablename__ = "token_transfer"
    EVENT: ClassVar[str] = "Transfer/3"

    from_: str = Field(index=True)
    to: str = Field(index=True)
    value: int = Field(sa_type=Uint256)


class TokenApproval(EventRow, table=True):
    """ERC-20: an allowance was set, minor units."""

    __tablename__ = "token_approval"
    EVENT: ClassVar[str] = "Approval/3"

    owner: str = Field(index=True)
    spender: str = Field(index=True)
    value: int = Field(sa_type=Uint256)
