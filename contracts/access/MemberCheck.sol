// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMemberRegistry} from "./IMemberRegistry.sol";

/// @title A cheaper call of the member registry, for what members sign most often
/// @notice Who a signer acts for, as the registry says.
library MemberCheck {
    /// @dev `registry.requireRole(signer, anyOf)`, whose revert is passed on. Assembly, as Solidity's own call costs 250
    /// gas more; `registry` must be one of ours, fixed at deployment.
    function requireRole(IMemberRegistry registry, address signer, uint32 anyOf) internal view returns (uint64 gln) {
        bytes4 selector = IMemberRegistry.requireRole.selector;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, selector)
            mstore(add(at, 0x04), shr(96, shl(96, signer)))
            mstore(add(at, 0x24), and(anyOf, 0xffffffff))
            if iszero(staticcall(gas(), registry, at, 0x44, 0x00, 0x20)) {
                returndatacopy(at, 0x00, returndatasize())
                revert(at, returndatasize())
            }
            // Where there is no registry there is no answer.
            if lt(returndatasize(), 0x20) { revert(0x00, 0x00) }
            gln := mload(0x00)
        }
    }
}
