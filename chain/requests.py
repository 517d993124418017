"""What anybody may relay: requests as JSON, each turning into one contract call.

A request carries what members signed; whoever relays it adds nothing that matters. The API takes them, the
command line and the keeper make them.
"""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, FailFast, Field

from chain.bindings import (
    council,
    escrow,
    event_ledger,
    fiat_token,
    member_registry,
    product_passport,
    quorum_reports,
    rights_registry,
    types,
)
from chain.deployment import Deployment
from chain.fields import Address, Bytes32, Signature, Uint64
from chain.messages import MessageJson

MAX_SERIALS: Final = 300_000
"""of one issue: with the longest serials its request stays below 8 MiB, what a service takes by default"""


class Request(BaseModel):
    """Base of all requests: camelCase JSON, no other members."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        arbitrary_types_allowed=True,
        alias_generator=lambda name: "".join(
            part if place == 0 else part.capitalize() for place, part in enumerate(name.split("_"))
        ),
        validate_by_name=True,
        validate_by_alias=True,
    )

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        """Contract address and calldata. Raises DeploymentError where the network lacks the contract."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """The request's JSON object."""
        return self.model_dump(mode="json", by_alias=True)


class Signed(Request):
    """One message and one signature by a key of the registry."""

    signer: Address
    signature: Signature


# -- council and members


class ApproveAction(Signed):
    """A seat's approval of a council action; the first one proposes it. `signer` is the seat."""

    message: Annotated[types.CouncilAction, MessageJson(types.CouncilAction)]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Council"), council.encode_approve(
            self.message, self.signer, self.signature
        )


class ExecuteAction(Request):
    """Carries out an action that enough seats approved."""

    message: Annotated[types.CouncilAction, MessageJson(types.CouncilAction)]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Council"), council.encode_execute(self.message)


class GrantKey(Signed):
    """A member adds a key of its own; the key signs the same grant."""

    message: Annotated[types.KeyGrant, MessageJson(types.KeyGrant)]
    key_signature: Signature

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("MemberRegistry"), member_registry.encode_grant_key(
            self.message, self.signer, self.signature, self.key_signature
        )


class RevokeKey(Signed):
    """A member ends a key of its own."""

    message: Annotated[types.KeyRevocation, MessageJson(types.KeyRevocation)]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("MemberRegistry"), member_registry.encode_revoke_key(
            self.message, self.signer, self.signature
        )


class ChangeAccount(Signed):
    """A member changes the account that holds its passports; the account signs the same change."""

    message: Annotated[types.AccountChange, MessageJson(types.AccountChange)]
    account_signature: Signature

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("MemberRegistry"), member_registry.encode_change_account(
            self.message, self.signer, self.signature, self.account_signature
        )


# -- rights


class GrantLicence(Signed):
    """A brand owner grants a licence."""

    message: Annotated[types.Licence, MessageJson(types.Licence)]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("RightsRegistry"), rights_registry.encode_grant(
            self.message, self.signer, self.signature
        )


class RevokeLicence(Signed):
    """A brand owner ends a licence."""

    message: Annotated[types.LicenceRevocation, MessageJson(types.LicenceRevocation)]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("RightsRegistry"), rights_registry.encode_revoke(
            self.message, self.signer, self.signature
        )


# -- provenance


class DeclareError(Signed):
    """A member declares an event that it attested erroneous."""

    message: Annotated[types.ErrorDeclaration, MessageJson(types.ErrorDeclaration)]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("EventLedger"), event_ledger.encode_declare_error(
            self.message, self.signer, self.signature
        )


class ApplyEffect(Request):
    """Applies an attestation's effect that failed when it was recorded."""

    attestation: Annotated[types.Attestation, MessageJson(types.Attestation)]
    member: Uint64
    recorded_at: Uint64
    consumer_data: Signature

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("EventLedger"), event_ledger.encode_apply_effect(
            self.attestation, self.member, self.recorded_at, self.consumer_data
        )


class IssueItems(Signed):
    """A maker issues items by one root; `serials` are published as the issue's manifest."""

    message: Annotated[types.Issue, MessageJson(types.Issue)]
    serials: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=20)]],
        Field(min_length=1, max_length=MAX_SERIALS),
        FailFast(),  # of a list as long as this one error is enough
    ]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("ProductPassport"), product_passport.encode_issue(
            self.message, self.signer, self.signature
        )


class Materialise(Request):
    """Mints the passport of one issued item to its maker."""

    issue_id: Bytes32
    index: Uint64
    serial: Annotated[str, Field(min_length=1, max_length=20)]
    proof: list[Bytes32] = Field(max_length=64)

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("ProductPassport"), product_passport.encode_materialise(
            self.issue_id, self.index, self.serial, tuple(self.proof)
        )


class RecallItems(Signed):
    """A maker, licensor or authority stops an item or a whole issue."""

    message: Annotated[types.Recall, MessageJson(types.Recall)]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("ProductPassport"), product_passport.encode_recall(
            self.message, self.signer, self.signature
        )


# -- settlement


class MintTokens(Signed):
    """The issuer of a currency's token mints against a payment."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])]
    message: Annotated[types.Mint, MessageJson(types.Mint)]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address(self.currency), fiat_token.encode_mint(
            self.message, self.signer, self.signature
        )


class BurnTokens(Signed):
    """The issuer burns tokens of its own account."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])]
    message: Annotated[types.Burn, MessageJson(types.Burn)]

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address(self.currency), fiat_token.encode_burn(
            self.message, self.signer, self.signature
        )


class _OfOrder(Request):
    order: Annotated[types.Order, MessageJson(types.Order)]


class OpenOrder(_OfOrder):
    """An order that both sides signed."""

    buyer_signer: Address
    buyer_signature: Signature
    seller_signer: Address
    seller_signature: Signature

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Escrow"), escrow.encode_open(
            self.order, self.buyer_signer, self.buyer_signature, self.seller_signer, self.seller_signature
        )


class FundOrder(_OfOrder):
    """The buyer account's ERC-3009 authorisation, whose nonce is the order's hash; times are Unix seconds."""

    valid_after: Uint64
    valid_before: Uint64
    signature: Signature

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Escrow"), escrow.encode_fund(
            self.order, self.valid_after, self.valid_before, self.signature
        )


class ConfirmOrder(_OfOrder):
    """The buyer account's consent to pay at once."""

    message: Annotated[types.Consent, MessageJson(types.Consent)]
    signature: Signature

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Escrow"), escrow.encode_confirm(self.order, self.message, self.signature)


class DisputeOrder(_OfOrder):
    """The buyer account's dispute inside the inspection window."""

    message: Annotated[types.Dispute, MessageJson(types.Dispute)]
    signature: Signature

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Escrow"), escrow.encode_dispute(self.order, self.message, self.signature)


class RuleOrder(_OfOrder):
    """The arbiter's ruling of a dispute."""

    message: Annotated[types.Ruling, MessageJson(types.Ruling)]
    signer: Address
    signature: Signature

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Escrow"), escrow.encode_rule(
            self.order, self.message, self.signer, self.signature
        )


class SettleOrder(_OfOrder):
    """Pays an order whose inspection window or ruling deadline is over."""

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Escrow"), escrow.encode_settle(self.order)


class RefundOrder(_OfOrder):
    """Gives an undelivered order's money back after its deadline and grace."""

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Escrow"), escrow.encode_refund(self.order)


class Withdraw(Request):
    """Pays an account's credit to that account."""

    token: Address
    account: Address

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("Escrow"), escrow.encode_withdraw(self.token, self.account)


# -- oracle


class Endorsed(BaseModel):
    """One organisation's signature under a report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signer: Address
    signature: Signature

    def endorsement(self) -> types.Endorsement:
        """As the contract takes it."""
        return types.Endorsement(self.signer, self.signature)


class ReportCustoms(Request):
    """A customs decision signed by a quorum of customs offices."""

    message: Annotated[types.CustomsDecision, MessageJson(types.CustomsDecision)]
    endorsements: list[Endorsed] = Field(min_length=1, max_length=64)

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("QuorumReports"), quorum_reports.encode_report_customs(
            self.message, tuple(one.endorsement() for one in self.endorsements)
        )


class ReportSensor(Request):
    """A sensor window signed by a quorum of oracles."""

    message: Annotated[types.SensorWindow, MessageJson(types.SensorWindow)]
    endorsements: list[Endorsed] = Field(min_length=1, max_length=64)

    def call(self, deployment: Deployment) -> tuple[str, bytes]:
        return deployment.address("QuorumReports"), quorum_reports.encode_report_sensor(
            self.message, tuple(one.endorsement() for one in self.endorsements)
        )
