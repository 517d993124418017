// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Activity roles of members, one bit each
/// @notice A member's roles are granted by the council; a key may be limited to some of them.
library Roles {
    /// @dev Owns marks and GS1 Company Prefixes, grants licences.
    uint32 internal constant BRAND_OWNER = 1 << 0;
    /// @dev Makes goods and issues their passports.
    uint32 internal constant MAKER = 1 << 1;
    /// @dev Inspects goods.
    uint32 internal constant INSPECTOR = 1 << 2;
    /// @dev Carries goods and proves their delivery.
    uint32 internal constant CARRIER = 1 << 3;
    /// @dev Customs authority of the member's country.
    uint32 internal constant CUSTOMS = 1 << 4;
    /// @dev Buys and sells through escrow.
    uint32 internal constant TRADER = 1 << 5;
    /// @dev Rules disputes.
    uint32 internal constant ARBITER = 1 << 6;
    /// @dev Issues a fiat-pegged token.
    uint32 internal constant TOKEN_ISSUER = 1 << 7;
    /// @dev Reports sensor windows.
    uint32 internal constant ORACLE = 1 << 8;
    /// @dev Supervises; reads everything, may recall.
    uint32 internal constant REGULATOR = 1 << 9;
    /// @dev Those that see goods change hands: a key limited to other work proves no milestone of an order.
    uint32 internal constant HANDLING = MAKER | INSPECTOR | CARRIER | CUSTOMS | TRADER;
    /// @dev All of the above.
    uint32 internal constant ACTIVITIES = (1 << 10) - 1;
    /// @dev Of a key only: may grant and revoke the member's keys.
    uint32 internal constant KEY_ADMIN = 1 << 31;
}
