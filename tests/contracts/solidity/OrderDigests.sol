// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SignedAction} from "../../../contracts/access/SignedAction.sol";
import {IEscrow} from "../../../contracts/settlement/IEscrow.sol";
import {OrderHash} from "../../../contracts/settlement/OrderHash.sol";

/// @notice Shows the digests that the escrow asks for only in a certain status of an order.
contract OrderDigests is SignedAction {
    using OrderHash for IEscrow.Consent;
    using OrderHash for IEscrow.Dispute;
    using OrderHash for IEscrow.Ruling;

    /// @notice Digest of a buyer's consent.
    function consentDigest(IEscrow.Consent calldata message) external view returns (bytes32) {
        return _hashTypedDataV4(message.structHash());
    }

    /// @notice Digest of a buyer's dispute.
    function disputeDigest(IEscrow.Dispute calldata message) external view returns (bytes32) {
        return _hashTypedDataV4(message.structHash());
    }

    /// @notice Digest of an arbiter's ruling.
    function rulingDigest(IEscrow.Ruling calldata message) external view returns (bytes32) {
        return _hashTypedDataV4(message.structHash());
    }
}
