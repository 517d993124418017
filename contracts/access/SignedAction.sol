// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Actions that a member signs and anybody relays
/// @notice EIP-712 domain ("TradeSeal", "1", chain id, this contract); keys are accounts or ERC-1271 contracts.
abstract contract SignedAction is EIP712 {
    /// @notice The signed deadline (Unix seconds) lies before the including block.
    error DeadlineExpired(uint64 deadline, uint256 timestamp);
    /// @notice The signature is not `signer`'s over `digest`.
    error SignatureInvalid(address signer, bytes32 digest);

    constructor() EIP712("TradeSeal", "1") {}

    /// @dev Reverts unless `signer` signed `structHash` and `deadline` has not passed.
    function _requireSigned(bytes32 structHash, uint64 deadline, address signer, bytes calldata signature)
        internal
        view
    {
        if (deadline < block.timestamp) revert DeadlineExpired(deadline, block.timestamp);
        _requireSignature(structHash, signer, signature);
    }

    /// @dev As `_requireSigned`, for messages that carry no deadline of their own.
    function _requireSignature(bytes32 structHash, address signer, bytes calldata signature)
        internal
        view
        returns (bytes32 digest)
    {
        digest = _hashTypedDataV4(structHash);
        // Recovery first: it needs no look at the signer's code, which an account has none of (or, by EIP-7702, has).
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (problem == ECDSA.RecoverError.NoError && recovered == signer) return digest;
        if (!SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature)) {
            revert SignatureInvalid(signer, digest);
        }
    }
}
