// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @title OpenZeppelin's ERC-721 as it is, with nothing around it
contract PlainToken is ERC721("Plain", "P") {
    /// @notice Mints; anybody may.
    function mint(address to, uint256 tokenId) external {
        _mint(to, tokenId);
    }
}
