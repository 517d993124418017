// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Who takes part: organisations, their roles and their signing keys
/// @notice A member is known by its party GLN (GS1 AI 417) as a number. The council admits and suspends;
/// a member grants and revokes its own keys; a key belongs to one member for ever.
interface IMemberRegistry {
    /// @notice An organisation. `country` is ISO 3166-1 alpha-2; `account` holds its passports and tokens.
    struct Member {
        address account;
        uint32 roles;
        bytes2 country;
        bool active;
        uint48 admittedAt;
    }

    /// @notice A signing key, live from `validFrom` to before `validUntil` (Unix seconds).
    /// `roles` limits the member's roles for this key.
    struct Key {
        uint64 gln;
        uint48 validFrom;
        uint48 validUntil;
        uint32 roles;
    }

    /// @notice Signed by a live KEY_ADMIN key of the member and by the key itself. EIP-712 type
    /// `KeyGrant(uint64 gln,address key,uint48 validFrom,uint48 validUntil,uint32 roles,uint64 deadline)`.
    struct KeyGrant {
        uint64 gln;
        address key;
        uint48 validFrom;
        uint48 validUntil;
        uint32 roles;
        uint64 deadline;
    }

    /// @notice Signed by a live KEY_ADMIN key of the member, or by the key itself. EIP-712 type
    /// `KeyRevocation(uint64 gln,address key,uint64 deadline)`.
    struct KeyRevocation {
        uint64 gln;
        address key;
        uint64 deadline;
    }

    /// @notice Signed by a live KEY_ADMIN key of the member and by the account. EIP-712 type
    /// `AccountChange(uint64 gln,address account,uint64 nonce,uint64 deadline)`; `nonce` counts such changes from 0.
    struct AccountChange {
        uint64 gln;
        address account;
        uint64 nonce;
        uint64 deadline;
    }

    /// @notice The council admitted a member.
    event MemberAdmitted(uint64 indexed gln, bytes2 indexed country, uint32 roles, address account, string name);
    /// @notice The council changed a member's roles.
    event RolesChanged(uint64 indexed gln, uint32 roles);
    /// @notice The council suspended a member; `reason` is the SHA-256 of the published decision.
    event MemberSuspended(uint64 indexed gln, bytes32 reason);
    /// @notice The council reinstated a member.
    event MemberReinstated(uint64 indexed gln);
    /// @notice A key became a member's.
    event KeyGranted(
        uint64 indexed gln, address indexed key, uint48 validFrom, uint48 validUntil, uint32 roles, address by
    );
    /// @notice A key was ended at this block.
    event KeyRevoked(uint64 indexed gln, address indexed key, address by);
    /// @notice The account that holds a member's passports and tokens changed.
    event AccountChanged(uint64 indexed gln, address indexed account, address by);

    /// @notice Not a GLN of 13 digits with a right check digit.
    error GlnInvalid(uint64 gln);
    /// @notice The GLN was admitted before.
    error MemberExists(uint64 gln);
    /// @notice No member has this GLN.
    error MemberUnknown(uint64 gln);
    /// @notice The member is suspended.
    error MemberNotActive(uint64 gln);
    /// @notice The member is not suspended.
    error MemberActive(uint64 gln);
    /// @notice Not two upper-case letters.
    error CountryInvalid(bytes2 country);
    /// @notice A role bit that no role has, or none at all.
    error RolesInvalid(uint32 roles);
    /// @notice A key address was zero or belongs, or once belonged, to a member.
    error KeyTaken(address key, uint64 gln);
    /// @notice A key's validity is empty, too long (more than 1,096 days) or over already.
    error ValidityInvalid(uint48 validFrom, uint48 validUntil);
    /// @notice `key` is no key of a member, or not live at this block.
    error KeyNotLive(address key, uint64 gln, uint48 validFrom, uint48 validUntil);
    /// @notice `signer` acts for `actual`, not for `expected`.
    error WrongMember(address signer, uint64 actual, uint64 expected);
    /// @notice None of the roles in `required` is among the signer's effective `roles`.
    error RoleMissing(uint64 gln, uint32 required, uint32 roles);
    /// @notice The council may not give a key to a member who has a live one.
    error LiveKeyExists(uint64 gln, address key);
    /// @notice The member has as many keys that have not ended as it may.
    error KeyLimitReached(uint64 gln, uint256 limit);
    /// @notice The account is zero or another member's.
    error AccountTaken(address account, uint64 gln);
    /// @notice An account change out of turn.
    error NonceInvalid(uint64 gln, uint64 nonce, uint64 expected);

    /// @notice Council: admits an organisation with its first key (live from now, all of its roles and KEY_ADMIN).
    function admit(
        uint64 gln,
        bytes2 country,
        uint32 roles,
        string calldata name,
        address account,
        address key,
        uint48 keyValidUntil
    ) external;
    /// @notice Council: replaces a member's roles.
    function setRoles(uint64 gln, uint32 roles) external;
    /// @notice Council: suspends a member.
    function suspend(uint64 gln, bytes32 reason) external;
    /// @notice Council: reinstates a suspended member.
    function reinstate(uint64 gln) external;
    /// @notice Council: gives a key to a member whose keys have all ended (lost keys); refused while one is live.
    function recoverKey(uint64 gln, address key, uint48 validUntil) external;
    /// @notice Member: adds a key, which signs the same grant, so that nobody takes a key that is not its own.
    function grantKey(
        KeyGrant calldata grant,
        address signer,
        bytes calldata signature,
        bytes calldata keySignature
    ) external;
    /// @notice Member: ends a key at once.
    function revokeKey(KeyRevocation calldata revocation, address signer, bytes calldata signature) external;
    /// @notice Member: changes the account that holds its passports; the account signs the same change, so that nobody
    /// passes off another's account, or what it holds, as its own.
    function changeAccount(
        AccountChange calldata change,
        address signer,
        bytes calldata signature,
        bytes calldata accountSignature
    ) external;

    /// @notice The member that `signer` acts for; reverts unless key and member are live and one of `anyOf`
    /// (0: any role at all) is among its effective roles.
    function requireRole(address signer, uint32 anyOf) external view returns (uint64 gln);
    /// @notice As `requireRole`, and the member must be `gln`.
    function requireMember(address signer, uint64 gln, uint32 anyOf) external view;
    /// @notice A member's record; reverts where there is none.
    function member(uint64 gln) external view returns (Member memory);
    /// @notice A key's record; `gln` is 0 where there is none.
    function key(address signer) external view returns (Key memory);
    /// @notice The member whose account this is; 0 where there is none.
    function memberOfAccount(address account) external view returns (uint64 gln);
    /// @notice The next nonce of an account change.
    function accountNonce(uint64 gln) external view returns (uint64);
}
