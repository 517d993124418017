// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IMemberRegistry} from "../access/IMemberRegistry.sol";
import {Roles} from "../access/Roles.sol";
import {SignedAction} from "../access/SignedAction.sol";
import {IRightsRegistry} from "./IRightsRegistry.sol";

/// @title Rights registry
/// @notice Who owns which GTINs and marks, and who may make or sell what where. Issuing passports and opening escrows
/// ask here. Prefixes and marks are recorded by the council, licences are signed by the mark's owner.
contract RightsRegistry is IRightsRegistry, AccessManaged, SignedAction {
    /// @dev What a check reads is in one slot, beside the mark: a GLN has 44 bits.
    struct KeptLicence {
        bytes32 mark;
        uint48 licensor;
        uint48 licensee;
        uint48 validFrom;
        uint48 validUntil;
        uint48 revokedAt;
        uint64 quantity;
        uint64 consumed;
    }

    /// @notice EIP-712 type hash of `Licence`.
    bytes32 public constant LICENCE_TYPEHASH = keccak256(
        "Licence(bytes32 mark,uint64 licensee,uint64[] gtins,bytes2[] territories,uint48 validFrom,"
        "uint48 validUntil,uint64 quantity,bytes32 salt,uint64 deadline)"
    );
    /// @notice EIP-712 type hash of `LicenceRevocation`.
    bytes32 public constant LICENCE_REVOCATION_TYPEHASH =
        keccak256("LicenceRevocation(bytes32 licence,bytes32 reason,uint64 deadline)");

    uint256 private constant MIN_PREFIX = 4;
    uint256 private constant MAX_PREFIX = 12;
    // Digits of a GTIN-14 between indicator and check digit.
    uint256 private constant GTIN_BODY = 12;

    /// @notice Where members and their keys are looked up.
    IMemberRegistry public immutable registry;

    mapping(uint256 prefixKey => uint64 owner) private _prefixOwner;
    // Every proper beginning of an assigned prefix, so that a shorter one is refused later.
    mapping(uint256 prefixKey => uint64 owner) private _extensionOwner;
    mapping(bytes32 mark => MarkRecord) private _marks;
    mapping(bytes32 licence => KeptLicence) private _licences;
    mapping(bytes32 licence => mapping(uint64 gtin => bool)) private _covers;
    // One bit for each pair of letters, 676 in three words. Marks and licences apart: a mark's id is chosen freely, and
    // one that is a licence's would add its territories to the licence's.
    mapping(bytes32 mark => mapping(uint256 word => uint256 bits)) private _markTerritories;
    mapping(bytes32 licence => mapping(uint256 word => uint256 bits)) private _licenceTerritories;

    /// @notice Binds the registry to the authority and, for good, to the member registry.
    constructor(address authority_, IMemberRegistry registry_) AccessManaged(authority_) {
        registry = registry_;
    }

    // ---- council

    /// @inheritdoc IRightsRegistry
    function assignPrefix(string calldata prefix, uint64 owner) external restricted {
        registry.member(owner);
        uint256 length = bytes(prefix).length;
        uint256 value = _digits(prefix);
        uint256 whole = _prefixKey(length, value);
        uint64 holder = _prefixOwner[whole];
        if (holder == 0) holder = _extensionOwner[whole];
        if (holder != 0) revert PrefixTaken(prefix, holder);
        for (uint256 shorter = length - 1; shorter >= MIN_PREFIX; --shorter) {
            value /= 10;
            uint256 part = _prefixKey(shorter, value);
            if (_prefixOwner[part] != 0) revert PrefixTaken(prefix, _prefixOwner[part]);
            _extensionOwner[part] = owner;
        }
        _prefixOwner[whole] = owner;
        emit PrefixAssigned(prefix, owner);
    }

    /// @inheritdoc IRightsRegistry
    function registerMark(
        bytes32 mark,
        uint64 owner,
        string calldata name,
        bytes2[] calldata territories,
        uint8[] calldata niceClasses,
        uint48 validUntil
    ) external restricted {
        if (mark == bytes32(0) || _marks[mark].owner != 0) revert MarkTaken(mark);
        registry.member(owner);
        if (bytes(name).length == 0) revert FieldEmpty("name");
        if (niceClasses.length == 0) revert FieldEmpty("niceClasses");
        for (uint256 i = 0; i < niceClasses.length; ++i) {
            if (niceClasses[i] == 0 || niceClasses[i] > 45) revert NiceClassInvalid(niceClasses[i]);
        }
        if (validUntil <= block.timestamp) revert ValidityInvalid(uint48(block.timestamp), validUntil);

        _marks[mark] = MarkRecord({owner: owner, validUntil: validUntil, cancelledAt: 0});
        _storeTerritories(_markTerritories[mark], territories);
        emit MarkRegistered(mark, owner, name, territories, niceClasses, validUntil);
    }

    /// @inheritdoc IRightsRegistry
    function cancelMark(bytes32 mark, bytes32 reason) external restricted {
        if (reason == bytes32(0)) revert FieldEmpty("reason");
        _requireMarkLive(mark);
        _marks[mark].cancelledAt = uint48(block.timestamp);
        emit MarkCancelled(mark, reason);
    }

    // ---- brand owner

    /// @inheritdoc IRightsRegistry
    function grant(Licence calldata terms, address signer, bytes calldata signature)
        external
        returns (bytes32 licence)
    {
        licence = licenceId(terms);
        _requireSigned(licence, terms.deadline, signer, signature);
        uint64 owner = registry.requireRole(signer, Roles.BRAND_OWNER);
        if (_licences[licence].licensor != 0) revert LicenceExists(licence);
        _requireMarkLive(terms.mark);
        uint64 markOwner = _marks[terms.mark].owner;
        if (owner != markOwner) revert NotMarkOwner(terms.mark, owner, markOwner);
        registry.member(terms.licensee);
        if (terms.quantity == 0) revert FieldEmpty("quantity");
        if (terms.validUntil <= terms.validFrom || terms.validUntil <= block.timestamp) {
            revert ValidityInvalid(terms.validFrom, terms.validUntil);
        }

        _storeGtins(licence, terms.gtins, owner);
        _storeTerritories(_licenceTerritories[licence], terms.territories);
        for (uint256 i = 0; i < terms.territories.length; ++i) {
            bytes2 territory = terms.territories[i];
            if (!_includes(_markTerritories[terms.mark], territory)) revert MarkNotInTerritory(terms.mark, territory);
        }
        // Both are GLNs of members.
        _licences[licence] = KeptLicence({
            mark: terms.mark,
            licensor: uint48(owner),
            licensee: uint48(terms.licensee),
            validFrom: terms.validFrom,
            validUntil: terms.validUntil,
            revokedAt: 0,
            quantity: terms.quantity,
            consumed: 0
        });
        emit LicenceGranted(licence, owner, terms.licensee, terms, signer);
    }

    /// @inheritdoc IRightsRegistry
    function revoke(LicenceRevocation calldata revocation, address signer, bytes calldata signature) external {
        _requireSigned(
            keccak256(abi.encode(LICENCE_REVOCATION_TYPEHASH, revocation)), revocation.deadline, signer, signature
        );
        if (revocation.reason == bytes32(0)) revert FieldEmpty("reason");
        KeptLicence storage record = _existing(revocation.licence);
        registry.requireMember(signer, record.licensor, Roles.BRAND_OWNER);
        if (record.revokedAt != 0) revert LicenceIsRevoked(revocation.licence, record.revokedAt);
        record.revokedAt = uint48(block.timestamp);
        emit LicenceRevoked(revocation.licence, revocation.reason, signer);
    }

    // ---- passport contract

    /// @inheritdoc IRightsRegistry
    /// @dev The licensee alone: the mark's owner, who may sell under the licence, must not eat up its quantity.
    function consume(bytes32 licence, uint64 licensee, uint64 gtin, uint64 quantity) external restricted {
        if (quantity == 0) revert FieldEmpty("quantity");
        KeptLicence storage record = _requireLive(licence);
        if (licensee != record.licensee) revert NotLicensee(licence, licensee, record.licensee);
        _requireCovered(licence, gtin);
        _requireIncluded(licence, registry.member(licensee).country);
        uint64 consumed = record.consumed;
        uint64 left = record.quantity - consumed;
        if (quantity > left) revert QuantityExceeded(licence, quantity, left);
        consumed += quantity;
        record.consumed = consumed;
        emit LicenceConsumed(licence, gtin, quantity, consumed);
    }

    // ---- views

    /// @inheritdoc IRightsRegistry
    /// @dev From the licence's standing to the single item: the first reason given is the one that matters most.
    function check(bytes32 licence, uint64 member, uint64 gtin, bytes2 territory) external view {
        KeptLicence storage record = _requireLive(licence);
        if (member != record.licensee && member != record.licensor) {
            revert NotLicensee(licence, member, record.licensee);
        }
        _requireCovered(licence, gtin);
        _requireIncluded(licence, territory);
    }

    /// @inheritdoc IRightsRegistry
    function checkTerritory(bytes32 licence, bytes2 territory) external view {
        _requireLive(licence);
        _requireIncluded(licence, territory);
    }

    /// @inheritdoc IRightsRegistry
    function licenceRecord(bytes32 licence) external view returns (LicenceRecord memory) {
        KeptLicence memory record = _existing(licence);
        return LicenceRecord({
            mark: record.mark,
            licensor: record.licensor,
            licensee: record.licensee,
            validFrom: record.validFrom,
            validUntil: record.validUntil,
            quantity: record.quantity,
            consumed: record.consumed,
            revokedAt: record.revokedAt
        });
    }

    /// @inheritdoc IRightsRegistry
    function markRecord(bytes32 mark) external view returns (MarkRecord memory) {
        return _marks[mark];
    }

    /// @inheritdoc IRightsRegistry
    function ownerOfGtin(uint64 gtin) external view returns (uint64 owner) {
        return _isGtin(gtin) ? _prefixOwnerOf(gtin) : 0;
    }

    /// @inheritdoc IRightsRegistry
    function licenceId(Licence calldata terms) public pure returns (bytes32) {
        return keccak256(
            abi.encode(
                LICENCE_TYPEHASH,
                terms.mark,
                terms.licensee,
                keccak256(abi.encodePacked(terms.gtins)),
                keccak256(abi.encodePacked(terms.territories)),
                terms.validFrom,
                terms.validUntil,
                terms.quantity,
                terms.salt,
                terms.deadline
            )
        );
    }

    // ---- inner rules

    function _existing(bytes32 licence) private view returns (KeptLicence storage record) {
        record = _licences[licence];
        if (record.licensor == 0) revert LicenceUnknown(licence);
    }

    function _requireLive(bytes32 licence) private view returns (KeptLicence storage record) {
        record = _existing(licence);
        if (record.revokedAt != 0) revert LicenceIsRevoked(licence, record.revokedAt);
        _requireMarkLive(record.mark);
        if (block.timestamp < record.validFrom || block.timestamp >= record.validUntil) {
            revert LicenceNotLive(licence, record.validFrom, record.validUntil);
        }
    }

    function _requireMarkLive(bytes32 mark) private view {
        MarkRecord storage record = _marks[mark];
        // Of an unknown mark `validUntil` is zero.
        if (record.cancelledAt != 0 || block.timestamp >= record.validUntil) revert MarkNotLive(mark);
    }

    function _requireCovered(bytes32 licence, uint64 gtin) private view {
        if (!_covers[licence][gtin]) revert GtinNotLicensed(licence, gtin);
    }

    function _requireIncluded(bytes32 licence, bytes2 territory) private view {
        if (!_isTerritory(territory)) revert TerritoryInvalid(territory);
        if (!_includes(_licenceTerritories[licence], territory)) revert TerritoryNotLicensed(licence, territory);
    }

    function _storeGtins(bytes32 licence, uint64[] calldata gtins, uint64 owner) private {
        if (gtins.length == 0) revert FieldEmpty("gtins");
        for (uint256 i = 0; i < gtins.length; ++i) {
            uint64 gtin = gtins[i];
            if (!_isGtin(gtin)) revert GtinInvalid(gtin);
            if (_prefixOwnerOf(gtin) != owner) revert GtinNotOwned(gtin, owner);
            _covers[licence][gtin] = true;
        }
    }

    function _storeTerritories(mapping(uint256 word => uint256 bits) storage kept, bytes2[] calldata territories)
        private
    {
        if (territories.length == 0) revert FieldEmpty("territories");
        uint256[3] memory words;
        for (uint256 i = 0; i < territories.length; ++i) {
            if (!_isTerritory(territories[i])) revert TerritoryInvalid(territories[i]);
            uint256 bit = _territoryBit(territories[i]);
            words[bit >> 8] |= 1 << (bit & 0xff);
        }
        for (uint256 word = 0; word < 3; ++word) {
            if (words[word] != 0) kept[word] = words[word];
        }
    }

    /// @dev `territory` must be two upper-case letters.
    function _includes(mapping(uint256 word => uint256 bits) storage kept, bytes2 territory)
        private
        view
        returns (bool)
    {
        uint256 bit = _territoryBit(territory);
        return kept[bit >> 8] & (1 << (bit & 0xff)) != 0;
    }

    function _territoryBit(bytes2 territory) private pure returns (uint256) {
        return (uint256(uint8(territory[0])) - 65) * 26 + uint256(uint8(territory[1])) - 65;
    }

    function _isTerritory(bytes2 territory) private pure returns (bool) {
        bytes1 first = territory[0];
        bytes1 second = territory[1];
        return first >= "A" && first <= "Z" && second >= "A" && second <= "Z";
    }

    function _prefixOwnerOf(uint64 gtin) private view returns (uint64 owner) {
        uint256 value = (gtin / 10) % 10 ** GTIN_BODY;
        for (uint256 length = MAX_PREFIX; length >= MIN_PREFIX && owner == 0; --length) {
            owner = _prefixOwner[_prefixKey(length, value)];
            value /= 10;
        }
    }

    /// @dev Leading zeros count, so the length is part of a prefix's identity.
    function _prefixKey(uint256 length, uint256 value) private pure returns (uint256) {
        return (length << 64) | value;
    }

    function _digits(string calldata prefix) private pure returns (uint256 value) {
        bytes calldata text = bytes(prefix);
        if (text.length < MIN_PREFIX || text.length > MAX_PREFIX) revert PrefixInvalid(prefix);
        for (uint256 i = 0; i < text.length; ++i) {
            if (text[i] < "0" || text[i] > "9") revert PrefixInvalid(prefix);
            value = value * 10 + (uint8(text[i]) - 48);
        }
    }

    /// @dev 14 digits, the last of them the check digit (GS1 General Specifications, 7.9.1).
    function _isGtin(uint64 gtin) private pure returns (bool) {
        if (gtin == 0 || gtin >= 10 ** 14) return false;
        uint256 rest = gtin / 10;
        uint256 sum = gtin % 10;
        for (uint256 weight = 3; rest != 0; weight = 4 - weight) {
            sum += (rest % 10) * weight;
            rest /= 10;
        }
        return sum % 10 == 0;
    }
}
