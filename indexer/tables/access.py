"""What council and member registry emit: seats and actions, organisations and their keys; and OpenZeppelin's
AccessManager, which guards the setters.

One append-only table per event: members of structs are columns, lists JSON, bytes 0x-hexadecimal text.
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger
from sqlmodel import Field

from indexer.columns import ChainText, Uint64, Uint256
from indexer.tables.base import EventRow


class ActionApproved(EventRow, table=True):
    """`seat` approved `action`."""

    __tablename__ = "action_approved"
    EVENT: ClassVar[str] = "ActionApproved/3"

    action: str = Field(index=True)
    seat: str = Field(index=True)


class ActionExecuted(EventRow, table=True):
    """`action` was carried out."""

    __tablename__ = "action_executed"
    EVENT: ClassVar[str] = "ActionExecuted/2"

    action: str = Field(index=True)


class ActionProposed(EventRow, table=True):
    """First approval of an action."""

    __tablename__ = "action_proposed"
    EVENT: ClassVar[str] = "ActionProposed/3"

    action: str = Field(index=True)
    seat: str = Field(index=True)
    target: str
    data: str
    salt: str
    deadline: int = Field(sa_type=Uint64)


class SeatsChanged(EventRow, table=True):
    """The seats or the number of approvals needed changed."""

    __tablename__ = "seats_changed"
    EVENT: ClassVar[str] = "SeatsChanged/1"

    seats: list[Any] = Field(sa_type=JSON)
    threshold: int = Field(sa_type=Uint256)


class AccountChanged(EventRow, table=True):
    """The account that holds a member's passports and tokens changed."""

    __tablename__ = "account_changed"
    EVENT: ClassVar[str] = "AccountChanged/3"

    gln: int = Field(sa_type=Uint64, index=True)
    account: str = Field(index=True)
    by: str


class KeyGranted(EventRow, table=True):
    """A key became a member's."""

    __tablename__ = "key_granted"
    EVENT: ClassVar[str] = "KeyGranted/3"

    gln: int = Field(sa_type=Uint64, index=True)
    key: str = Field(index=True)
    valid_from: int = Field(sa_type=BigInteger)
    valid_until: int = Field(sa_type=BigInteger)
    roles: int = Field(sa_type=BigInteger)
    by: str


class KeyRevoked(EventRow, table=True):
    """A key was ended at this block."""

    __tablename__ = "key_revoked"
    EVENT: ClassVar[str] = "KeyRevoked/3"

    gln: int = Field(sa_type=Uint64, index=True)
    key: str = Field(index=True)
    by: str


class MemberAdmitted(EventRow, table=True):
    """The council admitted a member."""

    __tablename__ = "member_admitted"
    EVENT: ClassVar[str] = "MemberAdmitted/3"

    gln: int = Field(sa_type=Uint64, index=True)
    country: str = Field(index=True)
    roles: int = Field(sa_type=BigInteger)
    account: str
    name: str = Field(sa_type=ChainText)


class MemberReinstated(EventRow, table=True):
    """The council reinstated a member."""

    __tablename__ = "member_reinstated"
    EVENT: ClassVar[str] = "MemberReinstated/2"

    gln: int = Field(sa_type=Uint64, index=True)


class MemberSuspended(EventRow, table=True):
    """The council suspended a member; `reason` is the SHA-256 of the published decision."""

    __tablename__ = "member_suspended"
    EVENT: ClassVar[str] = "MemberSuspended/2"

    gln: int = Field(sa_type=Uint64, index=True)
    reason: str


class RolesChanged(EventRow, table=True):
    """The council changed a member's roles."""

    __tablename__ = "roles_changed"
    EVENT: ClassVar[str] = "RolesChanged/2"

    gln: int = Field(sa_type=Uint64, index=True)
    roles: int = Field(sa_type=BigInteger)


class OperationCanceled(EventRow, table=True):
    """AccessManager: a scheduled operation was cancelled."""

    __tablename__ = "operation_canceled"
    EVENT: ClassVar[str] = "OperationCanceled/3"

    operation_id: str = Field(index=True)
    nonce: int = Field(sa_type=BigInteger, index=True)


class OperationExecuted(EventRow, table=True):
    """AccessManager: a scheduled operation was executed."""

    __tablename__ = "operation_executed"
    EVENT: ClassVar[str] = "OperationExecuted/3"

    operation_id: str = Field(index=True)
    nonce: int = Field(sa_type=BigInteger, index=True)


class OperationScheduled(EventRow, table=True):
    """AccessManager: an operation was scheduled."""

    __tablename__ = "operation_scheduled"
    EVENT: ClassVar[str] = "OperationScheduled/3"

    operation_id: str = Field(index=True)
    nonce: int = Field(sa_type=BigInteger, index=True)
    schedule: int = Field(sa_type=BigInteger)
    caller: str
    target: str
    data: str


class RoleAdminChanged(EventRow, table=True):
    """AccessManager: the role that administers a role changed."""

    __tablename__ = "role_admin_changed"
    EVENT: ClassVar[str] = "RoleAdminChanged/3"

    role_id: int = Field(sa_type=Uint64, index=True)
    admin: int = Field(sa_type=Uint64, index=True)


class RoleGrantDelayChanged(EventRow, table=True):
    """AccessManager: the delay of a role's grants changed."""

    __tablename__ = "role_grant_delay_changed"
    EVENT: ClassVar[str] = "RoleGrantDelayChanged/2"

    role_id: int = Field(sa_type=Uint64, index=True)
    delay: int = Field(sa_type=BigInteger)
    since: int = Field(sa_type=BigInteger)


class RoleGranted(EventRow, table=True):
    """AccessManager: an account holds a role from `since` (Unix seconds)."""

    __tablename__ = "role_granted"
    EVENT: ClassVar[str] = "RoleGranted/3"

    role_id: int = Field(sa_type=Uint64, index=True)
    account: str = Field(index=True)
    delay: int = Field(sa_type=BigInteger)
    since: int = Field(sa_type=BigInteger)
    new_member: bool


class RoleGuardianChanged(EventRow, table=True):
    """AccessManager: the role that may cancel for a role changed."""

    __tablename__ = "role_guardian_changed"
    EVENT: ClassVar[str] = "RoleGuardianChanged/3"

    role_id: int = Field(sa_type=Uint64, index=True)
    guardian: int = Field(sa_type=Uint64, index=True)


class RoleLabel(EventRow, table=True):
    """AccessManager: a role got a name."""

    __tablename__ = "role_label"
    EVENT: ClassVar[str] = "RoleLabel/2"

    role_id: int = Field(sa_type=Uint64, index=True)
    label: str = Field(sa_type=ChainText)


class RoleRevoked(EventRow, table=True):
    """AccessManager: an account lost a role."""

    __tablename__ = "role_revoked"
    EVENT: ClassVar[str] = "RoleRevoked/3"

    role_id: int = Field(sa_type=Uint64, index=True)
    account: str = Field(index=True)


class TargetAdminDelayUpdated(EventRow, table=True):
    """AccessManager: the delay of a target's configuration changed."""

    __tablename__ = "target_admin_delay_updated"
    EVENT: ClassVar[str] = "TargetAdminDelayUpdated/2"

    target: str = Field(index=True)
    delay: int = Field(sa_type=BigInteger)
    since: int = Field(sa_type=BigInteger)


class TargetClosed(EventRow, table=True):
    """AccessManager: a target was closed or opened."""

    __tablename__ = "target_closed"
    EVENT: ClassVar[str] = "TargetClosed/2"

    target: str = Field(index=True)
    closed: bool


class TargetFunctionRoleUpdated(EventRow, table=True):
    """AccessManager: a function of a target asks for a role."""

    __tablename__ = "target_function_role_updated"
    EVENT: ClassVar[str] = "TargetFunctionRoleUpdated/3"

    target: str = Field(index=True)
    selector: str
    role_id: int = Field(sa_type=Uint64, index=True)


class Eip712DomainChanged(EventRow, table=True):
    """ERC-5267: a contract announced that its EIP-712 domain changed."""

    __tablename__ = "eip712_domain_changed"
    EVENT: ClassVar[str] = "EIP712DomainChanged/1"


class AuthorityUpdated(EventRow, table=True):
    """AccessManaged: the authority that guards a contract's setters changed."""

    __tablename__ = "authority_updated"
    EVENT: ClassVar[str] = "AuthorityUpdated/1"

    authority: str


class EntrySet(EventRow, table=True):
    """Directory: `name` now stands for a contract; zero where it no longer stands for any."""

    __tablename__ = "entry_set"
    EVENT: ClassVar[str] = "EntrySet/1"

    name: str = Field(sa_type=ChainText)
    contract_address: str
