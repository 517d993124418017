// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Roles} from "./Roles.sol";

/// @dev A signing key in one slot, its member's standing included, so that a signed action reads that slot alone. From
/// the lowest bit: gln 64, validFrom 48, validUntil 48, roles 32, the member's roles 32, whether the member is active 1.
/// A word and not a struct: nothing is unpacked into memory only to be compared.
type KeyRecord is uint256;

using {
    gln, validFrom, validUntil, isLive, roles, effectiveRoles, memberActive, withEnd, withStanding
} for KeyRecord global;

/// @dev A key that was never a member's has the record zero.
function keyRecord(uint64 gln_, uint48 validFrom_, uint48 validUntil_, uint32 roles_) pure returns (KeyRecord) {
    return KeyRecord.wrap(
        uint256(gln_) | (uint256(validFrom_) << 64) | (uint256(validUntil_) << 112) | (uint256(roles_) << 160)
    );
}

function gln(KeyRecord record) pure returns (uint64) {
    return uint64(KeyRecord.unwrap(record));
}

function validFrom(KeyRecord record) pure returns (uint48) {
    return uint48(KeyRecord.unwrap(record) >> 64);
}

function validUntil(KeyRecord record) pure returns (uint48) {
    return uint48(KeyRecord.unwrap(record) >> 112);
}

/// @dev Whether this block lies in its validity; never where there is no such key.
function isLive(KeyRecord record) view returns (bool) {
    uint256 word = KeyRecord.unwrap(record);
    return block.timestamp >= (word >> 64) & type(uint48).max && block.timestamp < (word >> 112) & type(uint48).max;
}

/// @dev What the key is limited to.
function roles(KeyRecord record) pure returns (uint32) {
    return uint32(KeyRecord.unwrap(record) >> 160);
}

/// @dev What it is limited to and its member has; administering keys is the key's alone.
function effectiveRoles(KeyRecord record) pure returns (uint32) {
    uint256 word = KeyRecord.unwrap(record);
    return uint32((word >> 160) & ((word >> 192) | Roles.KEY_ADMIN));
}

function memberActive(KeyRecord record) pure returns (bool) {
    return KeyRecord.unwrap(record) >> 224 != 0;
}

/// @dev The same key, ended at `end`.
function withEnd(KeyRecord record, uint48 end) pure returns (KeyRecord) {
    uint256 rest = KeyRecord.unwrap(record) & ~(uint256(type(uint48).max) << 112);
    return KeyRecord.wrap(rest | (uint256(end) << 112));
}

/// @dev The same key under its member's present standing.
function withStanding(KeyRecord record, uint32 memberRoles_, bool active) pure returns (KeyRecord) {
    uint256 own = KeyRecord.unwrap(record) & type(uint192).max;
    return KeyRecord.wrap(own | (uint256(memberRoles_) << 192) | (active ? 1 << 224 : 0));
}
