"""Examples for the OpenAPI description: one request of each kind, each of the form that the service takes."""

import re
from typing import Any, Final

from pydantic import BaseModel

from chain import requests
from chain.bindings import types
from evidence.capture import AttestRequest

_HASH: Final = "0x" + "ab" * 32
_SIGNATURE: Final = "0x" + "5a" * 64 + "1b"
_ACCOUNT: Final = "0x00000000000000000000000000000000000000A1"
_CID: Final = "0x01551220" + "cd" * 32
_MAKER: Final = 9521300000015
_BUYER: Final = 9521305000010
_GTIN: Final = 9521234000174
_DEADLINE: Final = 1_790_000_000

_FIELDS: Final[dict[str, Any]] = {
    "gln": _MAKER,
    "licensee": _MAKER,
    "buyer": _BUYER,
    "seller": _MAKER,
    "prover": 9521303000012,
    "arbiter": 9521306000017,
    "place": 9521305000027,
    "gtin": _GTIN,
    "gtins": [_GTIN],
    "amount": "125000",
    "sellerAmount": "100000",
    "quantity": 1000,
    "size": 3,
    "roles": 2,
    "nonce": 0,
    "validFrom": 1_780_000_000,
    "validUntil": 1_800_000_000,
    "deliverBy": 1_785_000_000,
    "grace": 86_400,
    "inspectionWindow": 0,
    "rulingPeriod": 604_800,
    "unruledSellerBps": 5_000,
    "onRevocation": 1,
    "deadline": _DEADLINE,
    "eventTime": 1_762_334_100_000,
    "decidedAt": 1_762_334_100_000,
    "startTime": 1_762_330_500_000,
    "endTime": 1_762_334_100_000,
    "minimum": 3_100_000,
    "maximum": 5_400_000,
    "mean": 4_200_000,
    "count": 60,
    "decision": 1,
    "milestone": 1,
    "country": "0x4348",
    "destination": "0x4348",
    "territories": ["0x4445", "0x4348"],
    "unit": "0x43454c",
    "cid": _CID,
    "extension": "0x" + "00" * 32,
}
_ARRAY: Final = re.compile(r"(.+)\[\]")

EVENT: Final[dict[str, Any]] = {
    "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"],
    "type": "ObjectEvent",
    "eventID": "urn:uuid:5f2d6f0e-0d6c-4a0a-9a53-0e1f7f6b0008",
    "eventTime": "2026-11-05T10:15:00.000+01:00",
    "eventTimeZoneOffset": "+01:00",
    "epcList": ["https://id.gs1.org/00/095213000000000176"],
    "action": "OBSERVE",
    "bizStep": "receiving",
    "disposition": "in_progress",
    "bizLocation": {"id": "https://id.gs1.org/414/9521305000027"},
}

DOCUMENT: Final[dict[str, Any]] = {
    "@context": EVENT["@context"],
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-11-05T10:20:00Z",
    "epcisBody": {"eventList": [{name: value for name, value in EVENT.items() if name != "@context"}]},
}


def message(kind: type[Any]) -> dict[str, Any]:
    """A signed message of a generated type, as `chain.messages` reads it."""
    return {name: _value(name, solidity) for name, solidity in kind.MEMBERS[kind.__name__]}


def _value(name: str, solidity: str) -> Any:
    if name in _FIELDS:
        return _FIELDS[name]
    if array := _ARRAY.fullmatch(solidity):
        return [_value("", array[1])]
    if solidity == "address":
        return _ACCOUNT
    if solidity.startswith("bytes"):
        size = solidity.removeprefix("bytes")
        return "0x" + "ab" * int(size) if size else "0x1234"
    if solidity.startswith(("uint", "int")):
        return 1
    return message(getattr(types, solidity))


def _signed(kind: type[Any], **more: Any) -> dict[str, Any]:
    return {"message": message(kind), "signer": _ACCOUNT, "signature": _SIGNATURE, **more}


def _ordered(**more: Any) -> dict[str, Any]:
    return {"order": message(types.Order), **more}


def _claimed(kind: type[Any], **more: Any) -> dict[str, Any]:
    return _ordered(message=message(kind), signature=_SIGNATURE, **more)


def _endorsed(kind: type[Any]) -> dict[str, Any]:
    endorsements = [{"signer": _ACCOUNT, "signature": _SIGNATURE}]
    return {"message": message(kind), "endorsements": endorsements}


REQUESTS: Final[dict[type[BaseModel], dict[str, Any]]] = {
    requests.ApproveAction: _signed(types.CouncilAction),
    requests.ExecuteAction: {"message": message(types.CouncilAction)},
    requests.GrantKey: _signed(types.KeyGrant, keySignature=_SIGNATURE),
    requests.RevokeKey: _signed(types.KeyRevocation),
    requests.ChangeAccount: _signed(types.AccountChange, accountSignature=_SIGNATURE),
    requests.GrantLicence: _signed(types.Licence),
    requests.RevokeLicence: _signed(types.LicenceRevocation),
    requests.DeclareError: _signed(types.ErrorDeclaration),
    requests.ApplyEffect: {
        "attestation": message(types.Attestation),
        "member": _MAKER,
        "recordedAt": 1_762_334_160,
        "consumerData": "0x",
    },
    requests.IssueItems: _signed(types.Issue, serials=["ALP-0001", "ALP-0002", "ALP-0003"]),
    requests.Materialise: {"issueId": _HASH, "index": 0, "serial": "ALP-0001", "proof": [_HASH, _HASH]},
    requests.RecallItems: _signed(types.Recall),
    requests.MintTokens: _signed(types.Mint, currency="EUR"),
    requests.BurnTokens: _signed(types.Burn, currency="EUR"),
    requests.OpenOrder: _ordered(
        buyerSigner=_ACCOUNT, buyerSignature=_SIGNATURE, sellerSigner=_ACCOUNT, sellerSignature=_SIGNATURE
    ),
    requests.FundOrder: _ordered(validAfter=0, validBefore=_DEADLINE, signature=_SIGNATURE),
    requests.ConfirmOrder: _claimed(types.Consent),
    requests.DisputeOrder: _claimed(types.Dispute),
    requests.RuleOrder: _claimed(types.Ruling, signer=_ACCOUNT),
    requests.SettleOrder: _ordered(),
    requests.RefundOrder: _ordered(),
    requests.Withdraw: {"token": _ACCOUNT, "account": _ACCOUNT},
    requests.ReportCustoms: _endorsed(types.CustomsDecision),
    requests.ReportSensor: _endorsed(types.SensorWindow),
    AttestRequest: {
        "event": EVENT,
        "attestation": message(types.Attestation),
        "signer": _ACCOUNT,
        "signature": _SIGNATURE,
        "consumerData": "0x",
    },
}
"""by model: what may be posted, its signatures apart"""

OPERATION: Final[dict[str, Any]] = {
    "id": 17,
    "status": "mined",
    "purpose": "GrantLicence",
    "transaction": _HASH,
    "block": 12,
    "error": None,
    "waitsFor": None,
}

PROBLEM: Final[dict[str, Any]] = {
    "type": "https://tradeseal.example/problems/invalid-request",
    "title": "The request is not valid",
    "status": 400,
    "detail": "/message/gtin: is missing",
    "instance": "/rights/licences",
    "errors": [{"pointer": "/message", "detail": "field /gtin: is missing"}],
}
