"""The fields of a signed attestation as JSON (protocol, sections 7 and 9)."""

from typing import TYPE_CHECKING, Any, Final

from evidence.fields import Address, Bytes3, Bytes32, CidBytes, Record, Uint16, Uint64, Uint128

if TYPE_CHECKING:
    from chain.bindings.types import Attestation

ZERO_ADDRESS: Final = "0x" + "00" * 20
ZERO32: Final = bytes(32)


class AttestationFields(Record):
    """What was signed. Integers beyond ±(2^53-1) are decimal text, bytes are hexadecimal."""

    seal_id: Bytes32
    event_hash: Bytes32
    subject: Bytes32
    biz_step: Bytes32
    disposition: Bytes32
    place: Uint64
    event_time: Uint64
    quantity: Uint128
    unit: Bytes3
    order: Bytes32
    milestone: Uint16
    cid: CidBytes
    consumer: Address
    extension: Bytes32
    deadline: Uint64

    @classmethod
    def of(cls, attestation: "Attestation") -> "AttestationFields":
        """From the binding's struct."""
        return cls(**{name: getattr(attestation, name) for name in cls.model_fields})

    def struct(self) -> "Attestation":
        """As the binding's struct."""
        from chain.bindings.types import Attestation

        values: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        return Attestation(**values)
