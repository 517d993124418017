"""What the rights registry emits: prefixes, trademarks, licences.

One append-only table per event: members of structs are columns, lists JSON, bytes 0x-hexadecimal text.
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field

from indexer.columns import ChainText, Uint64
from indexer.tables.base import EventRow


class LicenceConsumed(EventRow, table=True):
    """Items were issued under a licence."""

    __tablename__ = "licence_consumed"
    EVENT: ClassVar[str] = "LicenceConsumed/3"

    licence: str = Field(index=True)
    gtin: int = Field(sa_type=Uint64, index=True)
    quantity: int = Field(sa_type=Uint64)
    consumed: int = Field(sa_type=Uint64)


class LicenceGranted(EventRow, table=True):
    """A brand owner granted a licence."""

    __tablename__ = "licence_granted"
    EVENT: ClassVar[str] = "LicenceGranted/4"

    licence: str = Field(index=True)
    licensor: int = Field(sa_type=Uint64, index=True)
    licensee: int = Field(sa_type=Uint64, index=True)
    mark: str
    gtins: list[Any] = Field(sa_type=JSON)
    territories: list[Any] = Field(sa_type=JSON)
    valid_from: int = Field(sa_type=BigInteger)
    valid_until: int = Field(sa_type=BigInteger)
    quantity: int = Field(sa_type=Uint64)
    salt: str
    deadline: int = Field(sa_type=Uint64)
    signer: str


class LicenceRevoked(EventRow, table=True):
    """A brand owner ended a licence."""

    __tablename__ = "licence_revoked"
    EVENT: ClassVar[str] = "LicenceRevoked/2"

    licence: str = Field(index=True)
    reason: str
    signer: str


class MarkCancelled(EventRow, table=True):
    """The council cancelled a trademark."""

    __tablename__ = "mark_cancelled"
    EVENT: ClassVar[str] = "MarkCancelled/2"

    mark: str = Field(index=True)
    reason: str


class MarkRegistered(EventRow, table=True):
    """The council recorded a trademark; `niceClasses` per the Nice Agreement (1–45)."""

    __tablename__ = "mark_registered"
    EVENT: ClassVar[str] = "MarkRegistered/3"

    mark: str = Field(index=True)
    owner: int = Field(sa_type=Uint64, index=True)
    name: str = Field(sa_type=ChainText)
    territories: list[Any] = Field(sa_type=JSON)
    nice_classes: list[Any] = Field(sa_type=JSON)
    valid_until: int = Field(sa_type=BigInteger)


class PrefixAssigned(EventRow, table=True):
    """The council recorded that GTINs beginning (after the indicator digit) with `prefix` are `owner`'s."""

    __tablename__ = "prefix_assigned"
    EVENT: ClassVar[str] = "PrefixAssigned/2"

    prefix: str = Field(sa_type=ChainText)
    owner: int = Field(sa_type=Uint64, index=True)
