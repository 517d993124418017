// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEventLedger} from "./IEventLedger.sol";

/// @title The two forms of an attestation: its EIP-712 struct hash and the data of the event that records it
/// @notice Both hold the fields one word each and in the same order, so that they are laid out in memory once.
/// @dev Assembly, as `abi.encode` for either of them costs 3,900 gas more of the 70,000 that an attestation takes.
library AttestationForm {
    /// @dev EIP-712 type hash of `Attestation`.
    bytes32 internal constant TYPEHASH = keccak256(
        "Attestation(bytes32 sealId,bytes32 eventHash,bytes32 subject,bytes32 bizStep,bytes32 disposition,uint64 place,uint64 eventTime,uint128 quantity,bytes3 unit,bytes32 order,uint16 milestone,bytes cid,address consumer,bytes32 extension,uint64 deadline)"
    );

    /// @dev The struct hash, and `data` = `abi.encode(signer, attestation)`. Reverts, as the ABI decoder does, where a
    /// field holds more than its type may.
    function encode(IEventLedger.Attestation calldata attestation, address signer)
        internal
        pure
        returns (bytes32 structHash, bytes memory data)
    {
        bytes calldata cid = attestation.cid;
        if (cid.length == 0) revert IEventLedger.FieldEmpty("cid");
        bytes32 typehash = TYPEHASH;
        assembly ("memory-safe") {
            // length | signer | 0x40 | the struct's 15 words | length of the CID | the CID | zeros
            data := mload(0x40)
            let head := add(data, 0x60)
            calldatacopy(head, attestation, 0x1e0)
            let content := add(head, 0x200)
            let end := add(content, cid.length)
            calldatacopy(content, cid.offset, cid.length)
            mstore(end, 0)

            // What is left beside place, event time and deadline; quantity; unit; milestone; consumer.
            if or(
                or(
                    or(
                        shr(64, or(or(mload(add(head, 0xa0)), mload(add(head, 0xc0))), mload(add(head, 0x1c0)))),
                        shr(128, mload(add(head, 0xe0)))
                    ),
                    shl(24, mload(add(head, 0x100)))
                ),
                or(shr(16, mload(add(head, 0x140))), shr(160, mload(add(head, 0x180))))
            ) { revert(0, 0) }

            // To be hashed, the type stands before the fields and the CID's digest in the CID's place.
            mstore(add(data, 0x40), typehash)
            mstore(add(head, 0x160), keccak256(content, cid.length))
            structHash := keccak256(add(data, 0x40), 0x200)

            // As an event's data it begins with the signer; both dynamic parts are named by where they begin.
            let padded := and(add(cid.length, 0x1f), not(0x1f))
            mstore(data, add(0x240, padded))
            mstore(add(data, 0x20), signer)
            mstore(add(data, 0x40), 0x40)
            mstore(add(head, 0x160), 0x1e0)
            mstore(add(head, 0x1e0), cid.length)
            mstore(0x40, add(content, padded))
        }
    }

    /// @dev The fields that the ledger itself acts on, of an attestation that passed `encode`: read without checking
    /// their widths again.
    function acted(IEventLedger.Attestation calldata attestation)
        internal
        pure
        returns (uint16 milestone, address consumer, uint64 deadline)
    {
        assembly ("memory-safe") {
            milestone := calldataload(add(attestation, 0x140))
            consumer := calldataload(add(attestation, 0x180))
            deadline := calldataload(add(attestation, 0x1c0))
        }
    }

    /// @dev What the ledger keeps: `keccak256(abi.encode(structHash, member, recordedAt))`.
    function record(bytes32 structHash, uint64 member, uint64 recordedAt) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, structHash)
            mstore(add(at, 0x20), member)
            mstore(add(at, 0x40), recordedAt)
            digest := keccak256(at, 0x60)
        }
    }
}
