"""Ethereum Attestation Service, driven with the facts that our ledger takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import encode

from tests.bench.gas_peers import packages
from tests.bench.gas_peers.peer import Peer
from tests.contracts.evm import RELAYER, ZERO_ADDRESS, Evm
from tests.contracts.harness import Signer, typed_digest

PACKAGE = "@ethereum-attestation-service/eas-contracts"

# The fields of our Attestation but the deadline, which EAS signs beside its data.
SCHEMA = (
    "bytes32 sealId,bytes32 eventHash,bytes32 subject,bytes32 bizStep,bytes32 disposition,uint64 place,"
    "uint64 eventTime,uint128 quantity,bytes3 unit,bytes32 order,uint16 milestone,bytes cid,address consumer,"
    "bytes32 extension"
)
_ATTEST = (
    "address attester,bytes32 schema,address recipient,uint64 expirationTime,bool revocable,bytes32 refUID,"
    "bytes data,uint256 value,uint256 nonce,uint64 deadline"
)


class Eas:
    """EAS and its schema registry, without resolver; every figure is gas of one transaction."""

    def __init__(self, evm: Evm) -> None:
        registry = Peer(evm, "SchemaRegistry", packages.compiled(PACKAGE, "SchemaRegistry"))
        self.version = packages.version(PACKAGE)
        self._evm = evm
        self._eas = Peer(evm, "EAS", packages.compiled(PACKAGE, "EAS"), registry.address)
        self._facts = registry.transact("register", SCHEMA, ZERO_ADDRESS, False)[1]
        self._hash = registry.transact("register", "bytes32 sealId", ZERO_ADDRESS, False)[1]

    def attest(self, fields: Mapping[str, Any]) -> int:
        """The sender attests all fields; nothing is signed but the transaction."""
        request = {"schema": self._facts, "data": _request(_facts(fields))}
        return self._eas.transact("attest", request)[0]

    def attest_signed(self, fields: Mapping[str, Any], by: Signer, nonce: int) -> int:
        """All fields, signed by the attester (EIP-712) and sent by somebody else."""
        data = _request(_facts(fields))
        message = {"attester": by.address, "schema": self._facts, "nonce": nonce}
        message |= data | {"deadline": fields["deadline"]}
        domain = {"name": "EAS", "version": self._eas.transact("version")[1]}
        domain |= {"chainId": self._evm.chain_id, "verifyingContract": self._eas.address}
        types = [dict(zip(("type", "name"), field.split(), strict=True)) for field in _ATTEST.split(",")]
        signed = by.sign_digest(typed_digest(domain, "Attest", {"Attest": types}, message))
        request = {
            "schema": self._facts,
            "data": data,
            "signature": {"v": signed[64], "r": signed[:32], "s": signed[32:64]},
            "attester": by.address,
            "deadline": fields["deadline"],
        }
        return self._eas.transact("attestByDelegation", request)[0]

    def attest_hash(self, seal_id: bytes) -> int:
        """The sender attests 32 bytes: the least that EAS can hold."""
        return self._eas.transact("attest", {"schema": self._hash, "data": _request(seal_id)})[0]

    def attest_many(self, many: Sequence[Mapping[str, Any]]) -> int:
        """All fields of each, in one transaction."""
        request = {"schema": self._facts, "data": [_request(_facts(fields)) for fields in many]}
        return self._eas.transact("multiAttest", [request])[0]

    def attest_many_hashes(self, seal_ids: list[bytes]) -> int:
        """32 bytes each, in one transaction."""
        request = {"schema": self._hash, "data": [_request(seal_id) for seal_id in seal_ids]}
        return self._eas.transact("multiAttest", [request])[0]

    def timestamp(self, data: bytes) -> int:
        """32 bytes are known at a time: by whom is not recorded."""
        return self._eas.transact("timestamp", data)[0]

    def timestamp_many(self, data: list[bytes]) -> int:
        """As `timestamp`, many in one transaction."""
        return self._eas.transact("multiTimestamp", data)[0]


def _facts(fields: Mapping[str, Any]) -> bytes:
    names = [field.split() for field in SCHEMA.split(",")]
    return encode([kind for kind, _ in names], [fields[name] for _, name in names])


def _request(data: bytes) -> dict[str, Any]:
    return {
        "recipient": RELAYER,
        "expirationTime": 0,
        "revocable": False,
        "refUID": bytes(32),
        "data": data,
        "value": 0,
    }
