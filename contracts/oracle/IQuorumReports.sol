// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Reports that count when enough distinct organisations sign the same one
/// @notice Customs decisions by CUSTOMS members, sensor windows by ORACLE members.
interface IQuorumReports {
    /// @notice A customs office's decision on `subject` (SHA-256 of a canonical Digital Link): `decision` is
    /// 1 released, 2 held, 3 refused, 4 seized; `declaration` is SHA-256 of the customs declaration's reference;
    /// `decidedAt` Unix milliseconds; `cid` binary CID of the decision's document, or empty.
    struct CustomsDecision {
        bytes32 subject;
        bytes2 country;
        uint8 decision;
        bytes32 declaration;
        uint64 decidedAt;
        bytes cid;
        uint64 deadline;
    }

    /// @notice What a device measured from `startTime` to `endTime` (Unix milliseconds): values are in millionths of
    /// `unit` (UN/ECE Rec 20), `measurement` SHA-256 of the CBV measurement type IRI, `device` SHA-256 of the device's
    /// canonical Digital Link or URI, `readingsRoot` RFC 9162 root over `count` raw readings.
    struct SensorWindow {
        bytes32 subject;
        bytes32 device;
        bytes32 measurement;
        bytes3 unit;
        int128 minimum;
        int128 maximum;
        int128 mean;
        uint32 count;
        uint64 startTime;
        uint64 endTime;
        bytes32 readingsRoot;
        bytes cid;
        uint64 deadline;
    }

    /// @notice One signature under a report.
    struct Endorsement {
        address signer;
        bytes signature;
    }

    /// @notice A quorum of customs offices reported a decision.
    event CustomsDecided(
        bytes32 indexed report, bytes32 indexed subject, bytes2 indexed country, CustomsDecision decision, uint64[] members
    );
    /// @notice A quorum of oracles reported a sensor window.
    event SensorWindowReported(
        bytes32 indexed report, bytes32 indexed subject, bytes32 indexed device, SensorWindow window, uint64[] members
    );

    /// @notice Fewer distinct organisations than needed.
    error QuorumMissing(uint256 organisations, uint256 quorum);
    /// @notice Two endorsements of one organisation.
    error OrganisationTwice(uint64 gln);
    /// @notice This report was recorded before.
    error AlreadyReported(bytes32 report);
    /// @notice None of the signing customs offices is of the deciding country.
    error CountryMissing(bytes2 country);
    /// @notice A field cannot be accepted.
    error ReportInvalid(string field);

    /// @notice Records a customs decision.
    function reportCustoms(CustomsDecision calldata decision, Endorsement[] calldata endorsements) external;
    /// @notice Records a sensor window.
    function reportSensor(SensorWindow calldata window, Endorsement[] calldata endorsements) external;
    /// @notice Distinct organisations needed: customs, sensors.
    function quorums() external view returns (uint256 customs, uint256 sensors);
    /// @notice Block time (Unix seconds) at which a report (its EIP-712 struct hash) was recorded; 0 where it was not.
    function reportedAt(bytes32 report) external view returns (uint48);
    /// @notice The latest decision of a country on a subject; 0 where there is none.
    function customsDecision(bytes32 subject, bytes2 country) external view returns (uint8 decision, uint64 decidedAt);
}
