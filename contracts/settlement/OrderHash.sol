// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IEscrow} from "./IEscrow.sol";

/// @title EIP-712 struct hashes of what is signed about an order
/// @notice The type strings are those of docs/protocol.md, section 7.
library OrderHash {
    bytes32 private constant _LINE_TYPEHASH =
        keccak256("OrderLine(uint64 gtin,bytes32 licence,uint64 quantity,bytes2 destination)");
    bytes32 private constant _ORDER_TYPEHASH = keccak256(
        "Order(uint64 buyer,uint64 seller,address buyerAccount,address payee,address token,uint256 amount,bytes32 shipment,uint64 prover,uint64 arbiter,uint48 deliverBy,uint32 grace,uint32 inspectionWindow,uint32 rulingPeriod,uint16 unruledSellerBps,uint8 onRevocation,OrderLine[] lines,bytes32 terms,bytes32 salt)OrderLine(uint64 gtin,bytes32 licence,uint64 quantity,bytes2 destination)"
    );
    bytes32 private constant _CONSENT_TYPEHASH = keccak256("Consent(bytes32 order,uint64 deadline)");
    bytes32 private constant _DISPUTE_TYPEHASH = keccak256("Dispute(bytes32 order,bytes32 evidence,uint64 deadline)");
    bytes32 private constant _RULING_TYPEHASH =
        keccak256("Ruling(bytes32 order,uint256 sellerAmount,bytes32 evidence,uint64 deadline)");

    /// @dev Struct hash of an order; its digest under the escrow's domain is the order's hash.
    function structHash(IEscrow.Order calldata order) internal pure returns (bytes32) {
        // In two halves, because nineteen values at once are more than the stack holds.
        bytes memory head = abi.encode(
            _ORDER_TYPEHASH,
            order.buyer,
            order.seller,
            order.buyerAccount,
            order.payee,
            order.token,
            order.amount,
            order.shipment,
            order.prover,
            order.arbiter
        );
        bytes memory tail = abi.encode(
            order.deliverBy,
            order.grace,
            order.inspectionWindow,
            order.rulingPeriod,
            order.unruledSellerBps,
            order.onRevocation,
            _hashLines(order.lines),
            order.terms,
            order.salt
        );
        return keccak256(bytes.concat(head, tail));
    }

    /// @dev Struct hash of a buyer's consent.
    function structHash(IEscrow.Consent calldata consent) internal pure returns (bytes32) {
        return keccak256(abi.encode(_CONSENT_TYPEHASH, consent.order, consent.deadline));
    }

    /// @dev Struct hash of a buyer's dispute.
    function structHash(IEscrow.Dispute calldata claim) internal pure returns (bytes32) {
        return keccak256(abi.encode(_DISPUTE_TYPEHASH, claim.order, claim.evidence, claim.deadline));
    }

    /// @dev Struct hash of an arbiter's ruling.
    function structHash(IEscrow.Ruling calldata ruling) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(_RULING_TYPEHASH, ruling.order, ruling.sellerAmount, ruling.evidence, ruling.deadline)
        );
    }

    function _hashLines(IEscrow.OrderLine[] calldata lines) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](lines.length);
        for (uint256 i; i < lines.length; ++i) {
            hashes[i] = keccak256(abi.encode(_LINE_TYPEHASH, lines[i]));
        }
        return keccak256(abi.encodePacked(hashes));
    }
}
