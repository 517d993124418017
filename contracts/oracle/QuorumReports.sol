// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IMemberRegistry} from "../access/IMemberRegistry.sol";
import {Roles} from "../access/Roles.sol";
import {SignedAction} from "../access/SignedAction.sol";
import {IQuorumReports} from "./IQuorumReports.sol";

/// @title Reports under which enough distinct organisations put their signature
/// @notice Keys are counted by organisation: many keys of one member are one voice. Quorums are fixed for ever.
contract QuorumReports is IQuorumReports, SignedAction {
    struct Decision {
        uint8 decision;
        uint64 decidedAt;
    }

    bytes32 private constant DECISION_TYPEHASH = keccak256(
        "CustomsDecision(bytes32 subject,bytes2 country,uint8 decision,bytes32 declaration,uint64 decidedAt,bytes cid,uint64 deadline)"
    );
    bytes32 private constant WINDOW_TYPEHASH = keccak256(
        "SensorWindow(bytes32 subject,bytes32 device,bytes32 measurement,bytes3 unit,int128 minimum,int128 maximum,int128 mean,uint32 count,uint64 startTime,uint64 endTime,bytes32 readingsRoot,bytes cid,uint64 deadline)"
    );

    uint8 private constant SEIZED = 4;
    /// @dev A decision dated further ahead than clocks differ would keep every later one from counting.
    uint256 private constant CLOCK_TOLERANCE = 15 minutes;

    /// @notice Whose keys count.
    IMemberRegistry public immutable registry;

    uint256 private immutable _customsQuorum;
    uint256 private immutable _sensorQuorum;
    mapping(bytes32 report => uint48) private _reportedAt;
    mapping(bytes32 subject => mapping(bytes2 country => Decision)) private _decisions;

    /// @notice Binds the contract to one registry and two quorums (each at least 2) for ever.
    constructor(IMemberRegistry registry_, uint256 customsQuorum, uint256 sensorQuorum) {
        if (customsQuorum < 2) revert QuorumMissing(customsQuorum, 2);
        if (sensorQuorum < 2) revert QuorumMissing(sensorQuorum, 2);
        registry = registry_;
        _customsQuorum = customsQuorum;
        _sensorQuorum = sensorQuorum;
    }

    /// @inheritdoc IQuorumReports
    function reportCustoms(CustomsDecision calldata decision, Endorsement[] calldata endorsements) external {
        if (decision.subject == 0) revert ReportInvalid("subject");
        if (decision.decision == 0 || decision.decision > SEIZED) revert ReportInvalid("decision");
        if (decision.decidedAt == 0 || decision.decidedAt > (block.timestamp + CLOCK_TOLERANCE) * 1000) {
            revert ReportInvalid("decidedAt");
        }
        bytes32 report = _hashDecision(decision);
        uint64[] memory members = _endorsed(report, decision.deadline, endorsements, Roles.CUSTOMS, _customsQuorum);
        _requireCountry(decision.country, members);

        Decision storage latest = _decisions[decision.subject][decision.country];
        // Of two decisions at one instant the stricter counts, whichever is recorded first.
        if (
            decision.decidedAt > latest.decidedAt
                || (decision.decidedAt == latest.decidedAt && decision.decision > latest.decision)
        ) {
            latest.decision = decision.decision;
            latest.decidedAt = decision.decidedAt;
        }
        emit CustomsDecided(report, decision.subject, decision.country, decision, members);
    }

    /// @inheritdoc IQuorumReports
    function reportSensor(SensorWindow calldata window, Endorsement[] calldata endorsements) external {
        if (window.subject == 0) revert ReportInvalid("subject");
        if (window.device == 0) revert ReportInvalid("device");
        if (window.measurement == 0) revert ReportInvalid("measurement");
        if (window.readingsRoot == 0) revert ReportInvalid("readingsRoot");
        if (window.count == 0) revert ReportInvalid("count");
        if (window.startTime > window.endTime) revert ReportInvalid("startTime");
        if (window.mean < window.minimum || window.mean > window.maximum) revert ReportInvalid("mean");
        bytes32 report = _hashWindow(window);
        uint64[] memory members = _endorsed(report, window.deadline, endorsements, Roles.ORACLE, _sensorQuorum);
        emit SensorWindowReported(report, window.subject, window.device, window, members);
    }

    /// @inheritdoc IQuorumReports
    function quorums() external view returns (uint256 customs, uint256 sensors) {
        return (_customsQuorum, _sensorQuorum);
    }

    /// @inheritdoc IQuorumReports
    function reportedAt(bytes32 report) external view returns (uint48) {
        return _reportedAt[report];
    }

    /// @inheritdoc IQuorumReports
    function customsDecision(bytes32 subject, bytes2 country)
        external
        view
        returns (uint8 decision, uint64 decidedAt)
    {
        Decision storage latest = _decisions[subject][country];
        return (latest.decision, latest.decidedAt);
    }

    /// @dev Records the report once; the organisations behind its signatures, in the order given.
    function _endorsed(
        bytes32 report,
        uint64 deadline,
        Endorsement[] calldata endorsements,
        uint32 role,
        uint256 quorum
    ) private returns (uint64[] memory members) {
        if (_reportedAt[report] != 0) revert AlreadyReported(report);
        uint256 count = endorsements.length;
        if (count < quorum) revert QuorumMissing(count, quorum);
        members = new uint64[](count);
        for (uint256 i = 0; i < count; ++i) {
            address signer = endorsements[i].signer;
            _requireSigned(report, deadline, signer, endorsements[i].signature);
            uint64 gln = registry.requireRole(signer, role);
            for (uint256 j = 0; j < i; ++j) {
                if (members[j] == gln) revert OrganisationTwice(gln);
            }
            members[i] = gln;
        }
        _reportedAt[report] = uint48(block.timestamp);
    }

    function _requireCountry(bytes2 country, uint64[] memory members) private view {
        for (uint256 i = 0; i < members.length; ++i) {
            if (registry.member(members[i]).country == country) return;
        }
        revert CountryMissing(country);
    }

    function _hashDecision(CustomsDecision calldata d) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                DECISION_TYPEHASH,
                d.subject,
                d.country,
                d.decision,
                d.declaration,
                d.decidedAt,
                keccak256(d.cid),
                d.deadline
            )
        );
    }

    /// @dev In two parts, for the stack's sake.
    function _hashWindow(SensorWindow calldata w) private pure returns (bytes32) {
        bytes memory head =
            abi.encode(WINDOW_TYPEHASH, w.subject, w.device, w.measurement, w.unit, w.minimum, w.maximum, w.mean);
        bytes memory tail =
            abi.encode(w.count, w.startTime, w.endTime, w.readingsRoot, keccak256(w.cid), w.deadline);
        return keccak256(bytes.concat(head, tail));
    }
}
