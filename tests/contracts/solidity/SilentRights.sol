// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title A rights registry that lets everything pass and then fails without a reason
/// @notice Stands for one that ran out of gas.
contract SilentRights {
    /// @notice Lets every order open.
    function check(bytes32, uint64, uint64, bytes2) external pure {}

    /// @notice Gives no answer.
    function checkTerritory(bytes32, bytes2) external pure {
        assembly {
            revert(0, 0)
        }
    }
}
