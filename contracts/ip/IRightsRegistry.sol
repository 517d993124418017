// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title GS1 Company Prefixes, trademarks and licences
/// @notice The council records prefixes and marks; the brand owner licenses GTINs under its own prefix and mark.
interface IRightsRegistry {
    /// @notice Signed by a key of the mark's owner. `territories` are ISO 3166-1 alpha-2 where the goods may be made
    /// or sold; `quantity` counts items; times are Unix seconds, `validUntil` exclusive. Its EIP-712 struct hash is
    /// the licence's id.
    struct Licence {
        bytes32 mark;
        uint64 licensee;
        uint64[] gtins;
        bytes2[] territories;
        uint48 validFrom;
        uint48 validUntil;
        uint64 quantity;
        bytes32 salt;
        uint64 deadline;
    }

    /// @notice Signed by a key of the licensor; `reason` is SHA-256 of the published reason.
    struct LicenceRevocation {
        bytes32 licence;
        bytes32 reason;
        uint64 deadline;
    }

    /// @notice A licence's standing.
    struct LicenceRecord {
        bytes32 mark;
        uint64 licensor;
        uint64 licensee;
        uint48 validFrom;
        uint48 validUntil;
        uint64 quantity;
        uint64 consumed;
        uint48 revokedAt;
    }

    /// @notice A trademark's standing; times Unix seconds, `validUntil` exclusive, `cancelledAt` zero while it stands.
    struct MarkRecord {
        uint64 owner;
        uint48 validUntil;
        uint48 cancelledAt;
    }

    /// @notice The council recorded that GTINs beginning (after the indicator digit) with `prefix` are `owner`'s.
    event PrefixAssigned(string prefix, uint64 indexed owner);
    /// @notice The council recorded a trademark; `niceClasses` per the Nice Agreement (1–45).
    event MarkRegistered(
        bytes32 indexed mark, uint64 indexed owner, string name, bytes2[] territories, uint8[] niceClasses, uint48 validUntil
    );
    /// @notice The council cancelled a trademark.
    event MarkCancelled(bytes32 indexed mark, bytes32 reason);
    /// @notice A brand owner granted a licence.
    event LicenceGranted(
        bytes32 indexed licence, uint64 indexed licensor, uint64 indexed licensee, Licence terms, address signer
    );
    /// @notice A brand owner ended a licence.
    event LicenceRevoked(bytes32 indexed licence, bytes32 reason, address signer);
    /// @notice Items were issued under a licence.
    event LicenceConsumed(bytes32 indexed licence, uint64 indexed gtin, uint64 quantity, uint64 consumed);

    /// @notice Not 4 to 12 digits.
    error PrefixInvalid(string prefix);
    /// @notice The prefix, a part of it or an extension of it is `owner`'s.
    error PrefixTaken(string prefix, uint64 owner);
    /// @notice Not a GTIN with a right check digit.
    error GtinInvalid(uint64 gtin);
    /// @notice No prefix of this owner covers the GTIN.
    error GtinNotOwned(uint64 gtin, uint64 owner);
    /// @notice The mark was registered before, or its id is zero.
    error MarkTaken(bytes32 mark);
    /// @notice Unknown, cancelled or expired.
    error MarkNotLive(bytes32 mark);
    /// @notice The signer's member does not own the mark.
    error NotMarkOwner(bytes32 mark, uint64 member, uint64 owner);
    /// @notice Not two upper-case letters.
    error TerritoryInvalid(bytes2 territory);
    /// @notice A Nice class outside 1–45.
    error NiceClassInvalid(uint8 niceClass);
    /// @notice The mark is not registered there.
    error MarkNotInTerritory(bytes32 mark, bytes2 territory);
    /// @notice A validity that is empty or over.
    error ValidityInvalid(uint48 validFrom, uint48 validUntil);
    /// @notice A list that must not be empty is, or a digest or quantity is zero.
    error FieldEmpty(string field);
    /// @notice The licence was granted before.
    error LicenceExists(bytes32 licence);
    /// @notice There is no such licence.
    error LicenceUnknown(bytes32 licence);
    /// @notice The licence is not valid at this block.
    error LicenceNotLive(bytes32 licence, uint48 validFrom, uint48 validUntil);
    /// @notice The licence was revoked at `revokedAt`.
    error LicenceIsRevoked(bytes32 licence, uint48 revokedAt);
    /// @notice The licence is `licensee`'s, not `member`'s.
    error NotLicensee(bytes32 licence, uint64 member, uint64 licensee);
    /// @notice The licence does not cover the GTIN.
    error GtinNotLicensed(bytes32 licence, uint64 gtin);
    /// @notice The licence does not cover the territory.
    error TerritoryNotLicensed(bytes32 licence, bytes2 territory);
    /// @notice More items than the licence has left.
    error QuantityExceeded(bytes32 licence, uint64 wanted, uint64 left);

    /// @notice Council: records a GS1 Company Prefix (4–12 digits).
    function assignPrefix(string calldata prefix, uint64 owner) external;
    /// @notice Council: records a trademark.
    function registerMark(
        bytes32 mark,
        uint64 owner,
        string calldata name,
        bytes2[] calldata territories,
        uint8[] calldata niceClasses,
        uint48 validUntil
    ) external;
    /// @notice Council: cancels a trademark, and with it its licences.
    function cancelMark(bytes32 mark, bytes32 reason) external;
    /// @notice Brand owner: grants a licence.
    function grant(Licence calldata terms, address signer, bytes calldata signature) external returns (bytes32 licence);
    /// @notice Brand owner: ends a licence at once.
    function revoke(LicenceRevocation calldata revocation, address signer, bytes calldata signature) external;
    /// @notice Passport contract (an AccessManager role): uses up `quantity` items; the licensee's country is the
    /// territory of make.
    function consume(bytes32 licence, uint64 licensee, uint64 gtin, uint64 quantity) external;

    /// @notice Reverts with the reason unless `member` may bring `gtin` to `territory` under `licence` at this block.
    /// The mark's owner may, too, under any live licence of its mark.
    function check(bytes32 licence, uint64 member, uint64 gtin, bytes2 territory) external view;
    /// @notice Reverts with the reason unless the licence is live and covers the territory, whoever asks.
    function checkTerritory(bytes32 licence, bytes2 territory) external view;
    /// @notice The licence's record; reverts where there is none.
    function licenceRecord(bytes32 licence) external view returns (LicenceRecord memory);
    /// @notice The mark's record; zeros where there is none.
    function markRecord(bytes32 mark) external view returns (MarkRecord memory);
    /// @notice The member whose prefix covers the GTIN; 0 where none does.
    function ownerOfGtin(uint64 gtin) external view returns (uint64 owner);
    /// @notice The id a licence has: its EIP-712 struct hash.
    function licenceId(Licence calldata terms) external pure returns (bytes32);
}
