// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IMemberRegistry} from "./IMemberRegistry.sol";
import {KeyRecord, keyRecord} from "./KeyRecord.sol";
import {Roles} from "./Roles.sol";
import {SignedAction} from "./SignedAction.sol";

/// @title Member registry
/// @notice Organisations, their activity roles and signing keys. Setters are the council's through the authority;
/// everything about a member's keys but the first is signed by the member and relayed by anybody.
contract MemberRegistry is IMemberRegistry, AccessManaged, SignedAction {
    /// @dev A member in one slot.
    struct KeptMember {
        address account;
        uint32 roles;
        bytes2 country;
        bool active;
        uint40 admittedAt;
    }

    /// @notice EIP-712 type hash of `KeyGrant`.
    bytes32 public constant KEY_GRANT_TYPEHASH = keccak256(
        "KeyGrant(uint64 gln,address key,uint48 validFrom,uint48 validUntil,uint32 roles,uint64 deadline)"
    );
    /// @notice EIP-712 type hash of `KeyRevocation`.
    bytes32 public constant KEY_REVOCATION_TYPEHASH =
        keccak256("KeyRevocation(uint64 gln,address key,uint64 deadline)");
    /// @notice EIP-712 type hash of `AccountChange`.
    bytes32 public constant ACCOUNT_CHANGE_TYPEHASH =
        keccak256("AccountChange(uint64 gln,address account,uint64 nonce,uint64 deadline)");
    /// @notice Longest validity of a key, and furthest start of one, in seconds.
    uint48 public constant MAX_KEY_VALIDITY = 1096 days;
    /// @notice Most keys of one member that have not ended.
    uint256 public constant MAX_KEYS = 32;

    mapping(uint64 gln => KeptMember) private _members;
    mapping(address key => KeyRecord) private _keys;
    // Holds every key that has not ended; the place of an ended one is used again, its record in _keys stays.
    mapping(uint64 gln => address[]) private _keyList;
    mapping(address account => uint64 gln) private _memberOfAccount;
    mapping(uint64 gln => uint64) private _accountNonces;

    /// @notice Binds the registry to the authority whose administrator is the council.
    constructor(address authority_) AccessManaged(authority_) {}

    // ---- council

    /// @inheritdoc IMemberRegistry
    function admit(
        uint64 gln,
        bytes2 country,
        uint32 roles,
        string calldata name,
        address account,
        address key_,
        uint48 keyValidUntil
    ) external restricted {
        if (!_isGln(gln)) revert GlnInvalid(gln);
        if (_members[gln].admittedAt != 0) revert MemberExists(gln);
        if (!_isCountry(country)) revert CountryInvalid(country);
        _requireMemberRoles(roles);
        _requireFreeAccount(account, 0);

        _members[gln] = KeptMember({
            account: account,
            roles: roles,
            country: country,
            active: true,
            admittedAt: uint40(block.timestamp)
        });
        _memberOfAccount[account] = gln;
        emit MemberAdmitted(gln, country, roles, account, name);
        _addUnlimitedKey(gln, key_, keyValidUntil);
    }

    /// @inheritdoc IMemberRegistry
    function setRoles(uint64 gln, uint32 roles) external restricted {
        KeptMember storage record = _existing(gln);
        _requireMemberRoles(roles);
        record.roles = roles;
        _spread(gln, record);
        emit RolesChanged(gln, roles);
    }

    /// @inheritdoc IMemberRegistry
    function suspend(uint64 gln, bytes32 reason) external restricted {
        KeptMember storage record = _existing(gln);
        if (!record.active) revert MemberNotActive(gln);
        record.active = false;
        _spread(gln, record);
        emit MemberSuspended(gln, reason);
    }

    /// @inheritdoc IMemberRegistry
    function reinstate(uint64 gln) external restricted {
        KeptMember storage record = _existing(gln);
        if (record.active) revert MemberActive(gln);
        record.active = true;
        _spread(gln, record);
        emit MemberReinstated(gln);
    }

    /// @inheritdoc IMemberRegistry
    function recoverKey(uint64 gln, address key_, uint48 validUntil) external restricted {
        _existing(gln);
        address[] storage list = _keyList[gln];
        for (uint256 i = 0; i < list.length; ++i) {
            // A key that starts later counts: a member that still holds one has not lost its keys.
            if (!_hasEnded(_keys[list[i]])) revert LiveKeyExists(gln, list[i]);
        }
        _addUnlimitedKey(gln, key_, validUntil);
    }

    // ---- member

    /// @inheritdoc IMemberRegistry
    function grantKey(
        KeyGrant calldata grant,
        address signer,
        bytes calldata signature,
        bytes calldata keySignature
    ) external {
        bytes32 structHash = keccak256(abi.encode(KEY_GRANT_TYPEHASH, grant));
        _requireSigned(structHash, grant.deadline, signer, signature);
        _requireLive(signer, grant.gln, Roles.KEY_ADMIN, true);
        if (grant.roles == 0 || grant.roles & ~(Roles.ACTIVITIES | Roles.KEY_ADMIN) != 0) {
            revert RolesInvalid(grant.roles);
        }
        uint32 limit = _keys[signer].roles();
        if (grant.roles & ~limit != 0) revert RoleMissing(grant.gln, grant.roles, limit);
        _addKey(grant.gln, grant.key, grant.validFrom, grant.validUntil, grant.roles, signer);
        // Without the key's own consent a member could take another's key for itself, and what it signs with it.
        _requireSignature(structHash, grant.key, keySignature);
    }

    /// @inheritdoc IMemberRegistry
    /// @dev Open to suspended members too: suspension must not keep a stolen key alive.
    function revokeKey(KeyRevocation calldata revocation, address signer, bytes calldata signature) external {
        _requireSigned(
            keccak256(abi.encode(KEY_REVOCATION_TYPEHASH, revocation)), revocation.deadline, signer, signature
        );
        if (signer != revocation.key) _requireLive(signer, revocation.gln, Roles.KEY_ADMIN, false);

        KeyRecord record = _keys[revocation.key];
        uint64 gln = record.gln();
        if (gln == 0 || _hasEnded(record)) {
            revert KeyNotLive(revocation.key, gln, record.validFrom(), record.validUntil());
        }
        if (gln != revocation.gln) revert WrongMember(revocation.key, gln, revocation.gln);
        _keys[revocation.key] = record.withEnd(uint48(block.timestamp));
        emit KeyRevoked(gln, revocation.key, signer);
    }

    /// @inheritdoc IMemberRegistry
    function changeAccount(
        AccountChange calldata change,
        address signer,
        bytes calldata signature,
        bytes calldata accountSignature
    ) external {
        bytes32 structHash = keccak256(abi.encode(ACCOUNT_CHANGE_TYPEHASH, change));
        _requireSigned(structHash, change.deadline, signer, signature);
        uint64 gln = change.gln;
        _requireLive(signer, gln, Roles.KEY_ADMIN, true);
        uint64 expected = _accountNonces[gln];
        if (change.nonce != expected) revert NonceInvalid(gln, change.nonce, expected);
        _requireFreeAccount(change.account, gln);
        // Without it a member could keep an account from whoever it belongs to, or show as its own what it holds.
        _requireSignature(structHash, change.account, accountSignature);

        _accountNonces[gln] = expected + 1;
        KeptMember storage record = _members[gln];
        delete _memberOfAccount[record.account];
        record.account = change.account;
        _memberOfAccount[change.account] = gln;
        emit AccountChanged(gln, change.account, signer);
    }

    // ---- views

    /// @inheritdoc IMemberRegistry
    function requireRole(address signer, uint32 anyOf) external view returns (uint64 gln) {
        KeyRecord record = _liveKey(signer);
        gln = record.gln();
        if (!record.memberActive()) revert MemberNotActive(gln);
        _requireEffective(record, anyOf);
    }

    /// @inheritdoc IMemberRegistry
    function requireMember(address signer, uint64 gln, uint32 anyOf) external view {
        _requireLive(signer, gln, anyOf, true);
    }

    /// @inheritdoc IMemberRegistry
    function member(uint64 gln) external view returns (Member memory) {
        KeptMember memory record = _existing(gln);
        return Member({
            account: record.account,
            roles: record.roles,
            country: record.country,
            active: record.active,
            admittedAt: record.admittedAt
        });
    }

    /// @inheritdoc IMemberRegistry
    function key(address signer) external view returns (Key memory) {
        KeyRecord record = _keys[signer];
        return Key({
            gln: record.gln(),
            validFrom: record.validFrom(),
            validUntil: record.validUntil(),
            roles: record.roles()
        });
    }

    /// @inheritdoc IMemberRegistry
    function memberOfAccount(address account) external view returns (uint64 gln) {
        return _memberOfAccount[account];
    }

    /// @inheritdoc IMemberRegistry
    function accountNonce(uint64 gln) external view returns (uint64) {
        return _accountNonces[gln];
    }

    // ---- inner rules

    /// @dev Reverts unless `signer` is a live key of `gln`, the member is active (where `mustBeActive`) and one of
    /// `anyOf` is effective.
    function _requireLive(address signer, uint64 gln, uint32 anyOf, bool mustBeActive) private view {
        KeyRecord record = _liveKey(signer);
        if (record.gln() != gln) revert WrongMember(signer, record.gln(), gln);
        if (mustBeActive && !record.memberActive()) revert MemberNotActive(gln);
        _requireEffective(record, anyOf);
    }

    /// @dev Reverts where `signer` is no key, or none that is live at this block.
    function _liveKey(address signer) private view returns (KeyRecord record) {
        record = _keys[signer];
        if (!record.isLive()) revert KeyNotLive(signer, record.gln(), record.validFrom(), record.validUntil());
    }

    /// @dev Reverts unless one of `anyOf` is effective. 0 asks for any activity: a key that only administers keys does
    /// not act.
    function _requireEffective(KeyRecord record, uint32 anyOf) private pure {
        uint32 roles = record.effectiveRoles();
        if (roles & (anyOf == 0 ? Roles.ACTIVITIES : anyOf) == 0) revert RoleMissing(record.gln(), anyOf, roles);
    }

    /// @dev Copies a member's standing to its keys, at most MAX_KEYS. Those no longer listed have ended, and an ended key
    /// is refused before its member's standing is looked at.
    function _spread(uint64 gln, KeptMember storage standing) private {
        address[] storage list = _keyList[gln];
        uint256 length = list.length;
        (uint32 roles, bool active) = (standing.roles, standing.active);
        for (uint256 i = 0; i < length; ++i) {
            address key_ = list[i];
            _keys[key_] = _keys[key_].withStanding(roles, active);
        }
    }

    /// @dev The council's keys carry every activity, so that a role granted to the member later needs no new key:
    /// what is effective is what the member has, too.
    function _addUnlimitedKey(uint64 gln, address key_, uint48 validUntil) private {
        _addKey(
            gln, key_, uint48(block.timestamp), validUntil, Roles.ACTIVITIES | Roles.KEY_ADMIN, msg.sender
        );
    }

    function _addKey(uint64 gln, address key_, uint48 validFrom, uint48 validUntil, uint32 roles, address by)
        private
    {
        if (key_ == address(0) || _keys[key_].gln() != 0) revert KeyTaken(key_, _keys[key_].gln());
        // A start without limit would let one stolen key bar the council's recovery for ever.
        if (
            validUntil <= validFrom || validUntil - validFrom > MAX_KEY_VALIDITY || validUntil <= block.timestamp
                || validFrom > block.timestamp + MAX_KEY_VALIDITY
        ) revert ValidityInvalid(validFrom, validUntil);

        address[] storage list = _keyList[gln];
        uint256 length = list.length;
        uint256 place = 0;
        while (place < length && !_hasEnded(_keys[list[place]])) ++place;
        if (place < length) {
            list[place] = key_;
        } else {
            if (length == MAX_KEYS) revert KeyLimitReached(gln, MAX_KEYS);
            list.push(key_);
        }
        KeptMember storage standing = _members[gln];
        _keys[key_] = keyRecord(gln, validFrom, validUntil, roles).withStanding(standing.roles, standing.active);
        emit KeyGranted(gln, key_, validFrom, validUntil, roles, by);
    }

    function _existing(uint64 gln) private view returns (KeptMember storage record) {
        record = _members[gln];
        if (record.admittedAt == 0) revert MemberUnknown(gln);
    }

    function _hasEnded(KeyRecord record) private view returns (bool) {
        return record.validUntil() <= block.timestamp;
    }

    function _requireFreeAccount(address account, uint64 gln) private view {
        uint64 holder = _memberOfAccount[account];
        if (account == address(0) || (holder != 0 && holder != gln)) revert AccountTaken(account, holder);
    }

    function _requireMemberRoles(uint32 roles) private pure {
        if (roles == 0 || roles & ~Roles.ACTIVITIES != 0) revert RolesInvalid(roles);
    }

    function _isCountry(bytes2 country) private pure returns (bool) {
        bytes1 first = country[0];
        bytes1 second = country[1];
        return first >= "A" && first <= "Z" && second >= "A" && second <= "Z";
    }

    /// @dev 13 digits, the last of them the check digit (GS1 General Specifications, 7.9.1). Zero is "no member".
    function _isGln(uint64 gln) private pure returns (bool) {
        if (gln == 0 || gln >= 10 ** 13) return false;
        uint256 rest = gln / 10;
        uint256 sum = gln % 10;
        for (uint256 weight = 3; rest != 0; weight = 4 - weight) {
            sum += (rest % 10) * weight;
            rest /= 10;
        }
        return sum % 10 == 0;
    }
}
