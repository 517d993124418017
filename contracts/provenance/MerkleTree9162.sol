// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Merkle trees of RFC 9162 with SHA-256
/// @notice Inclusion proofs of section 2.1.3.2, exact for every size and index.
/// @dev OpenZeppelin's MerkleProof sorts its pairs and knows neither index nor size, so it does not fit these trees.
library MerkleTree9162 {
    /// @dev Leaf hash of section 2.1.1: SHA-256(0x00 || data).
    function leafHash(bytes memory data) internal view returns (bytes32 leaf) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            let length := mload(data)
            mstore8(at, 0x00)
            mcopy(add(at, 0x01), add(data, 0x20), length)
            // The precompile fails only for want of gas, and then what lies there is no hash.
            if iszero(staticcall(gas(), 0x02, at, add(length, 0x01), 0x00, 0x20)) { revert(0, 0) }
            leaf := mload(0x00)
        }
    }

    /// @dev Whether `leaf` (a leaf hash) stands at `index` of the tree of `size` leaves with this root; `proof` holds
    /// the siblings, lowest first.
    function verify(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata proof, bytes32 root)
        internal
        view
        returns (bool)
    {
        (bool fits, bytes32 implied) = rootOf(leaf, index, size, proof);
        return fits && implied == root;
    }

    /// @dev The root that a proof leads to, and whether the proof is as long as `index` and `size` ask. Names `fn` and
    /// `sn` as in the RFC. Assembly, as 20 rounds of `sha256(bytes.concat(…))` cost 7,000 gas more.
    function rootOf(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata proof)
        internal
        view
        returns (bool fits, bytes32 root)
    {
        if (index >= size) return (false, 0);
        uint256 fn = index;
        uint256 sn = size - 1;
        root = leaf;
        assembly ("memory-safe") {
            // 0x01 || left || right, in memory that nobody uses.
            let node := mload(0x40)
            let left := add(node, 0x01)
            let right := add(node, 0x21)
            mstore8(node, 0x01)
            fits := 1
            let end := add(proof.offset, shl(5, proof.length))
            for { let at := proof.offset } lt(at, end) { at := add(at, 0x20) } {
                if iszero(sn) {
                    fits := 0
                    break
                }
                switch or(and(fn, 1), eq(fn, sn))
                case 0 {
                    mstore(left, root)
                    mstore(right, calldataload(at))
                }
                default {
                    mstore(left, calldataload(at))
                    mstore(right, root)
                    // An odd last node has risen to here without a sibling: skip the levels it skipped.
                    for {} iszero(or(and(fn, 1), iszero(fn))) {} {
                        fn := shr(1, fn)
                        sn := shr(1, sn)
                    }
                }
                fn := shr(1, fn)
                sn := shr(1, sn)
                if iszero(staticcall(gas(), 0x02, node, 0x41, 0x00, 0x20)) { revert(0, 0) }
                root := mload(0x00)
            }
            fits := and(fits, iszero(sn))
        }
    }
}
