// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AttestationForm} from "../../../contracts/provenance/AttestationForm.sol";
import {IEventLedger} from "../../../contracts/provenance/IEventLedger.sol";

/// @notice AttestationForm, and the same in plain Solidity.
contract AttestationForms {
    /// @notice Struct hash, event data and record; `whole`: whether the memory after them is still usable.
    function formed(IEventLedger.Attestation calldata a, address signer, uint64 member, uint64 recordedAt)
        external
        pure
        returns (bytes32 structHash, bytes memory data, bytes32 kept, bool whole)
    {
        (structHash, data) = AttestationForm.encode(a, signer);
        bytes32 before = keccak256(data);
        kept = AttestationForm.record(structHash, member, recordedAt);
        bytes memory after_ = new bytes(32);
        whole = bytes32(after_) == 0 && keccak256(data) == before;
    }

    /// @notice The fields that the ledger acts on.
    function acted(IEventLedger.Attestation calldata a) external pure returns (uint16, address, uint64) {
        return AttestationForm.acted(a);
    }

    /// @notice What `formed` must give.
    function plain(IEventLedger.Attestation calldata a, address signer, uint64 member, uint64 recordedAt)
        external
        pure
        returns (bytes32 structHash, bytes memory data, bytes32 kept, bool whole)
    {
        if (a.cid.length == 0) revert IEventLedger.FieldEmpty("cid");
        structHash = keccak256(bytes.concat(_head(a), _tail(a)));
        data = abi.encode(signer, a);
        kept = keccak256(abi.encode(structHash, member, recordedAt));
        whole = true;
    }

    // In two parts, for the stack's sake.
    function _head(IEventLedger.Attestation calldata a) private pure returns (bytes memory) {
        return abi.encode(
            AttestationForm.TYPEHASH,
            a.sealId,
            a.eventHash,
            a.subject,
            a.bizStep,
            a.disposition,
            a.place,
            a.eventTime,
            a.quantity
        );
    }

    function _tail(IEventLedger.Attestation calldata a) private pure returns (bytes memory) {
        return abi.encode(a.unit, a.order, a.milestone, keccak256(a.cid), a.consumer, a.extension, a.deadline);
    }
}
