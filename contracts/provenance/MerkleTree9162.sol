// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Merkle trees of RFC 9162 with SHA-256
/// @notice Inclusion proofs of section 2.1.3.2, exact for every size and index.
/// @dev OpenZeppelin's MerkleProof sorts its pairs and knows neither index nor size, so it does not fit these trees.
library MerkleTree9162 {
    /// @dev Leaf hash of section 2.1.1: SHA-256(0x00 || data).
    function leafHash(bytes memory data) internal pure returns (bytes32) {
        return sha256(bytes.concat(bytes1(0x00), data));
    }

    /// @dev Names as in the RFC. Whether `leaf` (a leaf hash) stands at `index` of the tree of `size` leaves with this root; `proof` holds
    /// the siblings, lowest first.
    function verify(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata proof, bytes32 root)
        internal
        view
        returns (bool)
    {
        if (index >= size) return false;
        uint256 fn = index;
        uint256 sn = size - 1;
        bytes32 r = leaf;
        for (uint256 i = 0; i < proof.length; ++i) {
            if (sn == 0) return false;
            if (fn & 1 == 1 || fn == sn) {
                r = nodeHash(proof[i], r);
                // An odd last node has risen to here without a sibling: skip the levels it skipped.
                while (fn & 1 == 0 && fn != 0) {
                    fn >>= 1;
                    sn >>= 1;
                }
            } else {
                r = nodeHash(r, proof[i]);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && r == root;
    }

    /// @dev Node hash of section 2.1.1: SHA-256(0x01 || left || right). Assembly, as `sha256(bytes.concat(…))` would
    /// leave 97 bytes of memory behind at every level.
    function nodeHash(bytes32 left, bytes32 right) internal view returns (bytes32 result) {
        bool done;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 0x01)
            mstore(add(free, 0x01), left)
            mstore(add(free, 0x21), right)
            done := staticcall(gas(), 0x02, free, 0x41, 0x00, 0x20)
            result := mload(0x00)
        }
        // The precompile fails only for want of gas, and then `result` is no hash.
        if (!done) revert();
    }
}
