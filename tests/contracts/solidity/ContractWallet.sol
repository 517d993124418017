// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title An ERC-1271 account with one owner
/// @notice What a firm's multi-signature wallet looks like to a contract.
contract ContractWallet is IERC1271 {
    /// @notice Whose signatures count.
    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }

    /// @notice Hands the account over: signatures of the owner before no longer count.
    function transferOwnership(address to) external {
        require(msg.sender == owner, "not the owner");
        owner = to;
    }

    /// @notice Calls on the owner's behalf.
    function execute(address target, bytes calldata data) external {
        require(msg.sender == owner, "not the owner");
        (bool done, bytes memory answer) = target.call(data);
        if (!done) {
            assembly {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(hash, signature);
        bool right = failure == ECDSA.RecoverError.NoError && signer == owner;
        return right ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
