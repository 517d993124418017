// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DigitalLink} from "../../../contracts/provenance/DigitalLink.sol";
import {MerkleTree9162} from "../../../contracts/provenance/MerkleTree9162.sol";

/// @notice Shows the libraries of contracts/provenance to tests.
contract ProvenanceLibraries {
    /// @notice Leaf hash.
    function leafHash(bytes calldata data) external view returns (bytes32) {
        return MerkleTree9162.leafHash(data);
    }

    /// @notice Inclusion of leaf data.
    function includes(bytes calldata data, uint64 index, uint64 size, bytes32[] calldata proof, bytes32 root)
        external
        view
        returns (bool)
    {
        return MerkleTree9162.verify(MerkleTree9162.leafHash(data), index, size, proof, root);
    }

    /// @notice All (size, index) below `limit` (at most 16) for which the proof is accepted: bit size * limit + index.
    function accepted(bytes calldata data, uint64 limit, bytes32[] calldata proof, bytes32 root)
        external
        view
        returns (uint256 places)
    {
        bytes32 leaf = MerkleTree9162.leafHash(data);
        for (uint64 size = 0; size < limit; ++size) {
            for (uint64 index = 0; index < limit; ++index) {
                if (MerkleTree9162.verify(leaf, index, size, proof, root)) places |= 1 << (size * limit + index);
            }
        }
    }

    /// @notice Canonical link, and whether the memory after it is still whole.
    function canonical(uint64 gtin, string calldata serial) external pure returns (string memory uri, bool whole) {
        uri = DigitalLink.canonical(gtin, serial);
        bytes memory after_ = new bytes(32);
        whole = after_.length == 32 && bytes32(after_) == 0;
    }

    /// @notice Refuses what is no GTIN.
    function requireGtin(uint64 gtin) external pure {
        DigitalLink.requireGtin(gtin);
    }
}
